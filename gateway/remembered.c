#include "gateway/remembered.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SET_SIZE = 8 };

/* A cache line: which rows of a set may be the one. */
struct set {
    uint32_t tags[SET_SIZE]; /* of the SMN's hash */
    uint8_t filled;          /* a bit a row */
    uint8_t asked;           /* likewise: since the hand passed */
    uint8_t hand;
    uint8_t pad[29];
};
_Static_assert(sizeof(struct set) == 64, "a set is a cache line");

struct row {
    struct pos_smn smn;
    uint64_t changes;
    struct pos_terminal_hot hot;
};
_Static_assert(sizeof(struct row) + sizeof(struct set) / SET_SIZE <= POS_REMEMBERED_ROW_SIZE_MAX,
               "what docs say a row takes");

struct pos_remembered {
    uint32_t set_mask; /* their number, a power of two, less 1 */
    size_t sets_size, rows_size;
    struct set *sets;
    struct row *rows; /* SET_SIZE for each set */
};

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

enum pos_status pos_remembered_create(uint32_t count, struct pos_remembered **remembered)
{
    if (count < POS_REMEMBERED_COUNT_MIN || count > POS_REMEMBERED_COUNT_MAX)
        return POS_ERR_LENGTH;
    struct pos_remembered *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    uint32_t set_count = 1;
    while (set_count * SET_SIZE < count)
        set_count *= 2;
    made->set_mask = set_count - 1;
    made->sets_size = set_count * sizeof *made->sets;
    made->rows_size = (size_t)set_count * SET_SIZE * sizeof *made->rows;
    made->sets = map(made->sets_size);
    made->rows = map(made->rows_size);
    if (made->sets == NULL || made->rows == NULL) {
        pos_remembered_destroy(made);
        return POS_ERR_MEMORY;
    }
    *remembered = made;
    return POS_OK;
}

void pos_remembered_destroy(struct pos_remembered *remembered)
{
    if (remembered == NULL)
        return;
    if (remembered->sets != NULL)
        (void)munmap(remembered->sets, remembered->sets_size);
    if (remembered->rows != NULL)
        (void)munmap(remembered->rows, remembered->rows_size);
    free(remembered);
}

/* Where an SMN belongs; the shard of the change counter comes from other bits of its hash. */
struct place {
    struct set *set;
    struct row *rows;
    uint32_t tag;
};

static struct place place_of(const struct pos_remembered *remembered, const struct pos_smn *smn)
{
    uint64_t hash = pos_smn_hash(smn);
    uint32_t number = (uint32_t)(hash >> 12) & remembered->set_mask;
    return (struct place){.set = &remembered->sets[number],
                          .rows = &remembered->rows[(size_t)number * SET_SIZE],
                          .tag = (uint32_t)(hash >> 32)};
}

/* SET_SIZE: nowhere. */
static unsigned find_in(const struct place *place, const struct pos_smn *smn)
{
    for (unsigned i = 0; i < SET_SIZE; i++)
        if (place->set->tags[i] == place->tag && (place->set->filled >> i & 1) != 0 &&
            memcmp(place->rows[i].smn.text, smn->text, POS_SMN_SIZE) == 0)
            return i;
    return SET_SIZE;
}

const struct pos_terminal_hot *pos_remembered_find(struct pos_remembered *remembered,
                                                   const struct pos_smn *smn, uint64_t changes)
{
    struct place place = place_of(remembered, smn);
    unsigned i = find_in(&place, smn);
    if (i == SET_SIZE || place.rows[i].changes != changes)
        return NULL;
    place.set->asked |= (uint8_t)(1U << i);
    return &place.rows[i].hot;
}

/* An empty place, else that of a row which was not asked for since the hand passed it. */
static unsigned make_room(struct set *set)
{
    for (unsigned i = 0; i < SET_SIZE; i++)
        if ((set->filled >> i & 1) == 0)
            return i;
    for (;;) {
        unsigned i = set->hand;
        set->hand = (uint8_t)((i + 1) % SET_SIZE);
        if ((set->asked >> i & 1) == 0)
            return i;
        set->asked &= (uint8_t) ~(1U << i);
    }
}

void pos_remembered_keep(struct pos_remembered *remembered, const struct pos_smn *smn,
                         uint64_t changes, const struct pos_terminal_hot *row)
{
    struct place place = place_of(remembered, smn);
    unsigned i = find_in(&place, smn);
    if (i == SET_SIZE)
        i = make_room(place.set);
    place.set->tags[i] = place.tag;
    place.set->filled |= (uint8_t)(1U << i);
    place.rows[i] = (struct row){.smn = *smn, .changes = changes, .hot = *row};
}
