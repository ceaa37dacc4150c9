/*
 * The key library: opening it as its writer or as a follower, and reading it.
 *
 * Export and load move whole batches, up to a million keys, and must not be half visible. So they
 * change one row, the batch's. What a key's row says and what its batch's row says are joined on
 * reading: the key's state is the later of both (a key that went its own way, issued or burned or
 * destroyed, is later than any state of a batch), and destination, export and load times are the
 * batch's. The key's row is read before the batch's, so a key is never seen without its batch.
 */
#include <stdlib.h>
#include <string.h>

#include "core/store/anchor_inside.h"
#include "core/store/key_library_inside.h"

enum { CACHE_SIZE = 8 << 20 };

static const char *const families[POS_LIBRARY_FAMILY_COUNT] = {
    [POS_LIBRARY_KEYS] = "keys",       [POS_LIBRARY_BATCHES] = "batches",
    [POS_LIBRARY_MOTHERS] = "mothers", [POS_LIBRARY_LINKS] = "links",
    [POS_LIBRARY_PEOPLE] = "people",   [POS_LIBRARY_APPROVALS] = "approvals",
    [POS_LIBRARY_AUDITS] = "audit",    [POS_LIBRARY_META] = "meta",
};
static const char policy_key[] = "policy";
const char pos_library_floor_key[] = "floor";

const char *pos_key_state_name(enum pos_key_state state)
{
    static const char *const names[POS_KEY_STATE_COUNT] = {
        [POS_KEY_NONE] = "none",         [POS_KEY_GENERATED] = "generated",
        [POS_KEY_EXPORTED] = "exported", [POS_KEY_LOADED] = "loaded",
        [POS_KEY_ISSUED] = "issued",     [POS_KEY_DESTROYED] = "destroyed",
        [POS_KEY_BURNED] = "burned",     [POS_KEY_COMPROMISED] = "compromised",
    };
    return (unsigned)state < POS_KEY_STATE_COUNT ? names[state] : "unknown";
}

/* ---- open and close ---- */

static struct pos_rocks_options rocks_options(const char *path)
{
    return (struct pos_rocks_options){
        .path = path,
        .families = families,
        .family_count = POS_LIBRARY_FAMILY_COUNT,
        .format = "key-library",
        .writer = "posgate-keymgmt",
        .exclusive = true,
        .cache_size = CACHE_SIZE,
        .found_families = UINT32_MAX,
    };
}

static enum pos_status open_writer(struct pos_key_library *library,
                                   const struct pos_key_library_options *options,
                                   struct pos_error *error)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer policy = pos_buffer(memory, sizeof memory);
    pos_library_policy_encode(&options->policy, &policy);
    struct pos_anchor_birth birth;
    enum pos_status status = pos_anchor_birth(POS_LIBRARY_META, &birth, error);
    if (status == POS_OK && options->create && !pos_rocks_there(options->path))
        status = pos_anchor_check_new(&options->anchor, options->path, error);
    if (status != POS_OK)
        return status;
    struct pos_rocks_item born[] = {
        {POS_LIBRARY_META, pos_bytes_text(policy_key), pos_buffer_view(&policy)}, birth.item};
    struct pos_rocks_options rocks = rocks_options(options->path);
    rocks.create = options->create;
    rocks.born = born;
    rocks.born_count = sizeof born / sizeof born[0];
    status = pos_rocks_open(&rocks, &library->rocks, error);
    if (status != POS_OK)
        return status;
    struct pos_committer_options committer = {
        .rocks = library->rocks,
        .audit = options->audit,
        .audit_family = POS_LIBRARY_AUDITS,
        .blind = true,
        .anchor = &options->anchor,
        .path = options->path,
        .meta_family = POS_LIBRARY_META,
        .context = library,
    };
    return pos_committer_create(&committer, &library->committer, error);
}

/* Hands the library over, or closes what there is of it. */
static enum pos_status opened(struct pos_key_library *made, enum pos_status status,
                              struct pos_key_library **library)
{
    if (status == POS_OK)
        *library = made;
    else
        pos_key_library_close(made);
    return status;
}

static struct pos_key_library *make(struct pos_error *error)
{
    struct pos_key_library *made = calloc(1, sizeof *made);
    if (made == NULL)
        (void)pos_error_set(error, POS_ERR_MEMORY, "no memory for the key library");
    else
        (void)pthread_mutex_init(&made->writing, NULL);
    return made;
}

enum pos_status pos_key_library_open(const struct pos_key_library_options *options,
                                     struct pos_key_library **library, struct pos_error *error)
{
    *library = NULL;
    struct pos_key_library *made = make(error);
    return made == NULL ? POS_ERR_MEMORY : opened(made, open_writer(made, options, error), library);
}

enum pos_status pos_key_library_follow(const char *path, const char *scratch,
                                       struct pos_key_library **library, struct pos_error *error)
{
    *library = NULL;
    struct pos_key_library *made = make(error);
    if (made == NULL)
        return POS_ERR_MEMORY;
    struct pos_rocks_options rocks = rocks_options(path);
    rocks.follower = true;
    rocks.scratch = scratch;
    return opened(made, pos_rocks_open(&rocks, &made->rocks, error), library);
}

void pos_key_library_close(struct pos_key_library *library)
{
    if (library == NULL)
        return;
    pos_committer_destroy(library->committer);
    pos_rocks_close(library->rocks);
    (void)pthread_mutex_destroy(&library->writing);
    free(library);
}

enum pos_status pos_key_library_catch_up(struct pos_key_library *library)
{
    return pos_rocks_catch_up(library->rocks);
}

/* ---- one row ---- */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Joins what the batch says to what the key says. The first three states of a batch are the first
 * three of a key, and in the same order; a burned batch was never exported, so its keys are burned
 * unless they went further. */
static enum pos_status join(struct pos_key_row *row, const struct pos_batch_row *batch)
{
    _Static_assert((int)POS_BATCH_GENERATED == (int)POS_KEY_GENERATED &&
                       (int)POS_BATCH_EXPORTED == (int)POS_KEY_EXPORTED &&
                       (int)POS_BATCH_LOADED == (int)POS_KEY_LOADED,
                   "a batch's state is a key's state");
    if (row->index < batch->first || row->index - batch->first >= batch->count)
        return POS_ERR_CORRUPT;
    if (batch->state == POS_BATCH_BURNED)
        row->state = row->state == POS_KEY_GENERATED ? POS_KEY_BURNED : row->state;
    else if ((unsigned)batch->state > (unsigned)row->state)
        row->state = (enum pos_key_state)(unsigned)batch->state;
    memcpy(row->mother, batch->mother, sizeof row->mother);
    row->exported_ms = batch->exported_ms;
    row->loaded_ms = batch->loaded_ms;
    row->changed_ms = later(row->changed_ms, later(batch->exported_ms, batch->loaded_ms));
    row->changed_ms = later(row->changed_ms, batch->burned_ms);
    return POS_OK;
}

/* The batch of a key that was found: it must be there. */
static enum pos_status find_batch_of(struct pos_key_library *library, const struct pos_key_row *row,
                                     struct pos_batch_row *batch)
{
    enum pos_status status = pos_key_library_find_batch(library, row->batch, batch);
    return status == POS_ERR_NOT_FOUND ? POS_ERR_CORRUPT : status;
}

enum pos_status pos_key_library_find(struct pos_key_library *library, uint32_t index,
                                     struct pos_key_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(index);
    struct pos_batch_row batch;
    enum pos_status status =
        pos_rocks_get(library->rocks, POS_LIBRARY_KEYS, pos_key4_view(&key), &value);
    if (status == POS_OK)
        status = pos_key_row_decode(index, pos_buffer_view(&value), row);
    if (status == POS_OK)
        status = find_batch_of(library, row, &batch);
    return status == POS_OK ? join(row, &batch) : status;
}

enum pos_status pos_key_library_find_batch(struct pos_key_library *library, uint32_t number,
                                           struct pos_batch_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(number);
    enum pos_status status =
        pos_rocks_get(library->rocks, POS_LIBRARY_BATCHES, pos_key4_view(&key), &value);
    return status == POS_OK ? pos_batch_row_decode(number, pos_buffer_view(&value), row) : status;
}

enum pos_status pos_key_library_find_mother(struct pos_key_library *library, const char *name,
                                            struct pos_mother_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_bytes key = pos_bytes_text(name);
    enum pos_status status = pos_rocks_get(library->rocks, POS_LIBRARY_MOTHERS, key, &value);
    return status == POS_OK ? pos_mother_row_decode(key, pos_buffer_view(&value), row) : status;
}

enum pos_status pos_key_library_find_link(struct pos_key_library *library, const char *name,
                                          enum pos_key_usage usage, struct pos_link_row *row)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    if (!pos_key_name_valid(pos_bytes_text(name)))
        return POS_ERR_NOT_FOUND;
    struct pos_link_key key = pos_link_key(name, usage);
    struct pos_bytes view = pos_bytes(key.data, sizeof key.data);
    enum pos_status status = pos_rocks_get(library->rocks, POS_LIBRARY_LINKS, view, &value);
    return status == POS_OK ? pos_link_row_decode(view, pos_buffer_view(&value), row) : status;
}

enum pos_status pos_key_library_policy(struct pos_key_library *library,
                                       struct pos_library_policy *policy)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_rocks_get(library->rocks, POS_LIBRARY_META, pos_bytes_text(policy_key), &value);
    if (status == POS_ERR_NOT_FOUND)
        return POS_ERR_CORRUPT; /* every library is born with one */
    return status == POS_OK ? pos_library_policy_decode(pos_buffer_view(&value), policy) : status;
}

enum pos_status pos_library_next_number(struct pos_key_library *library, size_t family,
                                        uint32_t *next)
{
    uint8_t memory[sizeof(uint32_t)];
    struct pos_buffer key = pos_buffer(memory, sizeof memory);
    uint32_t last = 0;
    enum pos_status status = pos_rocks_last(library->rocks, family, &key, NULL);
    if (status == POS_OK)
        status = pos_key4_read(pos_buffer_view(&key), &last);
    *next = last + 1;
    return status == POS_ERR_NOT_FOUND ? POS_OK : status;
}

enum pos_status pos_key_library_next(struct pos_key_library *library, uint32_t *index,
                                     uint32_t *batch)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer value = pos_buffer(memory, sizeof memory);
    struct pos_library_floor floor = {0};
    enum pos_status status = pos_rocks_get(library->rocks, POS_LIBRARY_META,
                                           pos_bytes_text(pos_library_floor_key), &value);
    if (status == POS_OK)
        status = pos_library_floor_decode(pos_buffer_view(&value), &floor);
    if (status == POS_OK || status == POS_ERR_NOT_FOUND)
        status = pos_library_next_number(library, POS_LIBRARY_KEYS, index);
    if (status == POS_OK)
        status = pos_library_next_number(library, POS_LIBRARY_BATCHES, batch);
    *index = *index > floor.index ? *index : floor.index + 1;
    *batch = *batch > floor.batch ? *batch : floor.batch + 1;
    return status;
}

/* ---- walks ---- */

struct key_walk {
    struct pos_key_library *library;
    bool (*each)(void *context, const struct pos_key_row *row);
    void *context;
    enum pos_status status;
    struct pos_batch_row batch; /* of the row before: neighbours share it */
};

static enum pos_status read_key(struct key_walk *walk, struct pos_bytes key, struct pos_bytes value,
                                struct pos_key_row *row)
{
    uint32_t index;
    enum pos_status status = pos_key4_read(key, &index);
    if (status == POS_OK)
        status = pos_key_row_decode(index, value, row);
    if (status != POS_OK)
        return status;
    struct pos_batch_row *batch = &walk->batch;
    /* a batch that is still growing is read again */
    if (batch->number != row->batch || index - batch->first >= batch->count)
        status = find_batch_of(walk->library, row, batch);
    return status == POS_OK ? join(row, batch) : status;
}

static bool walk_key(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct key_walk *walk = context;
    struct pos_key_row row;
    walk->status = read_key(walk, key, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_key_library_walk(struct pos_key_library *library, uint32_t first,
                                     bool (*each)(void *context, const struct pos_key_row *row),
                                     void *context)
{
    struct key_walk walk = {.library = library, .each = each, .context = context};
    struct pos_key4 from = pos_key4(first);
    enum pos_status status = pos_rocks_walk(library->rocks, POS_LIBRARY_KEYS, pos_key4_view(&from),
                                            false, walk_key, &walk);
    return status == POS_OK ? walk.status : status;
}

struct batch_walk {
    bool (*each)(void *context, const struct pos_batch_row *row);
    void *context;
    enum pos_status status;
};

static bool walk_batch(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct batch_walk *walk = context;
    struct pos_batch_row row;
    uint32_t number;
    walk->status = pos_key4_read(key, &number);
    if (walk->status == POS_OK)
        walk->status = pos_batch_row_decode(number, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_key_library_walk_batches(struct pos_key_library *library,
                                             bool (*each)(void *context,
                                                          const struct pos_batch_row *row),
                                             void *context)
{
    struct batch_walk walk = {.each = each, .context = context, .status = POS_OK};
    enum pos_status status = pos_rocks_walk(library->rocks, POS_LIBRARY_BATCHES, pos_bytes(NULL, 0),
                                            false, walk_batch, &walk);
    return status == POS_OK ? walk.status : status;
}

struct mother_walk {
    bool (*each)(void *context, const struct pos_mother_row *row);
    void *context;
    enum pos_status status;
};

static bool walk_mother(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct mother_walk *walk = context;
    struct pos_mother_row row;
    walk->status = pos_mother_row_decode(key, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_key_library_walk_mothers(struct pos_key_library *library,
                                             bool (*each)(void *context,
                                                          const struct pos_mother_row *row),
                                             void *context)
{
    struct mother_walk walk = {.each = each, .context = context, .status = POS_OK};
    enum pos_status status = pos_rocks_walk(library->rocks, POS_LIBRARY_MOTHERS, pos_bytes(NULL, 0),
                                            false, walk_mother, &walk);
    return status == POS_OK ? walk.status : status;
}

struct link_walk {
    bool (*each)(void *context, const struct pos_link_row *row);
    void *context;
    enum pos_status status;
};

static bool walk_link(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct link_walk *walk = context;
    struct pos_link_row row;
    walk->status = pos_link_row_decode(key, value, &row);
    return walk->status == POS_OK && walk->each(walk->context, &row);
}

enum pos_status pos_key_library_walk_links(struct pos_key_library *library,
                                           bool (*each)(void *context,
                                                        const struct pos_link_row *row),
                                           void *context)
{
    struct link_walk walk = {.each = each, .context = context, .status = POS_OK};
    enum pos_status status = pos_rocks_walk(library->rocks, POS_LIBRARY_LINKS, pos_bytes(NULL, 0),
                                            false, walk_link, &walk);
    return status == POS_OK ? walk.status : status;
}

enum pos_status pos_key_library_walk_audit(struct pos_key_library *library, uint64_t first,
                                           bool (*each)(void *context, struct pos_bytes record),
                                           void *context)
{
    return pos_audit_walk(library->rocks, POS_LIBRARY_AUDITS, first, each, context);
}
