/*
 * A terminal's three rows are those of register and sign-on, by the same encoders. To fill a table
 * its rows are parted by number; each part becomes a sorted file of each family, as large as
 * RocksDB's own tables, and threads take parts as they come. Files of one family do not overlap
 * because the rows ascend from part to part, which is checked where parts meet.
 */
#include "core/store/terminal_bulk.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/store/terminal_table_inside.h"

enum {
    LOAD_CHUNK = 1024,
    PART_SIZE = 1024 * POS_TERMINAL_FILL_CHUNK, /* rows: some 124 MiB of hot ones */
};

/* ---- a terminal's rows ---- */

/* Where they stand in the lists below. */
enum { HOT, DETAIL, BY_INDEX, FAMILIES_FILLED };
static const size_t families_filled[FAMILIES_FILLED] = {
    [HOT] = POS_TERMINAL_HOT,
    [DETAIL] = POS_TERMINAL_DETAIL,
    [BY_INDEX] = POS_TERMINAL_BY_INDEX,
};

struct encoded {
    uint8_t hot[POS_HOT_ROW_SIZE_MAX], detail[POS_ROW_SIZE_MAX], holder[32];
    struct pos_key4 index;
};

/* The items point into *memory and *smn. */
static enum pos_status encode(const struct pos_smn *smn, const struct pos_terminal_hot *hot,
                              const struct pos_terminal_detail *detail, struct encoded *memory,
                              struct pos_rocks_item items[FAMILIES_FILLED])
{
    struct pos_buffer hot_bytes = pos_buffer(memory->hot, sizeof memory->hot);
    struct pos_buffer detail_bytes = pos_buffer(memory->detail, sizeof memory->detail);
    struct pos_buffer holder_bytes = pos_buffer(memory->holder, sizeof memory->holder);
    struct pos_terminal_holder holder = {.smn = *smn, .proved = hot->proved};
    enum pos_status status = pos_terminal_hot_encode(hot, &hot_bytes);
    if (status == POS_OK)
        status = pos_terminal_detail_encode(detail, &detail_bytes);
    if (status == POS_OK)
        status = pos_terminal_holder_encode(&holder, &holder_bytes);
    if (status != POS_OK)
        return status;
    memory->index = pos_key4(pos_smn_key_index(smn));
    items[HOT] = (struct pos_rocks_item){POS_TERMINAL_HOT, pos_terminal_key(smn),
                                         pos_buffer_view(&hot_bytes)};
    items[DETAIL] = (struct pos_rocks_item){POS_TERMINAL_DETAIL, pos_terminal_key(smn),
                                            pos_buffer_view(&detail_bytes)};
    items[BY_INDEX] = (struct pos_rocks_item){POS_TERMINAL_BY_INDEX, pos_key4_view(&memory->index),
                                              pos_buffer_view(&holder_bytes)};
    return POS_OK;
}

/* ---- some rows ---- */

static enum pos_status load_chunk(struct pos_terminal_table *table, const struct pos_smn *smns,
                                  const struct pos_terminal_hot *rows, size_t count,
                                  struct encoded *memory)
{
    struct pos_rocks_item items[LOAD_CHUNK * FAMILIES_FILLED];
    enum pos_status status = POS_OK;
    for (size_t i = 0; status == POS_OK && i < count; i++) {
        struct pos_terminal_detail detail = {.first_pair_given = rows[i].tak[0].size > 0};
        status = encode(&smns[i], &rows[i], &detail, &memory[i], &items[i * FAMILIES_FILLED]);
    }
    if (status == POS_OK)
        status = pos_rocks_load(table->rocks, items, count * FAMILIES_FILLED);
    if (status != POS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        pos_counter_add(&table->tally.counts[rows[i].state], 1);
    return POS_OK;
}

enum pos_status pos_terminal_table_load(struct pos_terminal_table *table,
                                        const struct pos_smn *smns,
                                        const struct pos_terminal_hot *rows, size_t count)
{
    struct encoded *memory = calloc(LOAD_CHUNK, sizeof *memory);
    if (memory == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status = POS_OK;
    for (size_t at = 0; status == POS_OK && at < count; at += LOAD_CHUNK) {
        size_t left = count - at;
        status =
            load_chunk(table, smns + at, rows + at, left < LOAD_CHUNK ? left : LOAD_CHUNK, memory);
    }
    free(memory);
    return status;
}

enum pos_status pos_terminal_table_flush(struct pos_terminal_table *table)
{
    return pos_rocks_flush(table->rocks);
}

/* ---- a whole table ---- */

/* The ends of a part, to be held against its neighbours'. */
struct part {
    struct pos_smn first, last;
};

struct filling {
    struct pos_terminal_table *table;
    const struct pos_terminal_fill *fill;
    struct part *parts;
    size_t part_count;
    pthread_mutex_t lock;
    size_t part_next; /* below: under the lock */
    uint64_t done;
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    enum pos_status status; /* the first that was not POS_OK */
};

/* One thread's. */
struct filler {
    struct filling *filling;
    size_t number;
    pthread_t thread;
    struct pos_terminal_row rows[POS_TERMINAL_FILL_CHUNK];
    struct pos_smn last; /* "" at a part's begin */
    struct pos_rocks_sorted *files[FAMILIES_FILLED];
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
};

static bool ascend(const struct pos_smn *before, const struct pos_smn *after)
{
    return memcmp(before->text, after->text, POS_SMN_SIZE) < 0 &&
           pos_smn_key_index(before) < pos_smn_key_index(after);
}

static enum pos_status put_row(struct filler *filler, const struct pos_terminal_row *row)
{
    struct encoded memory;
    struct pos_rocks_item items[FAMILIES_FILLED];
    enum pos_status status = encode(&row->smn, &row->hot, &row->detail, &memory, items);
    if (status == POS_OK && filler->last.text[0] != '\0' && !ascend(&filler->last, &row->smn))
        status = POS_ERR_ORDER;
    for (size_t i = 0; status == POS_OK && i < FAMILIES_FILLED; i++)
        status = pos_rocks_sorted_put(filler->files[i], items[i].key, items[i].value);
    if (status != POS_OK)
        return status;
    filler->last = row->smn;
    filler->counts[row->hot.state]++;
    return POS_OK;
}

static enum pos_status put_chunk(struct filler *filler, uint64_t first, size_t count)
{
    const struct pos_terminal_fill *fill = filler->filling->fill;
    memset(filler->rows, 0, sizeof filler->rows);
    enum pos_status status = fill->make(fill->context, filler->number, first, count, filler->rows);
    for (size_t i = 0; status == POS_OK && i < count; i++)
        status = put_row(filler, &filler->rows[i]);
    return status;
}

static enum pos_status put_rows(struct filler *filler, size_t number, uint64_t *count)
{
    struct part *part = &filler->filling->parts[number];
    uint64_t at = (uint64_t)number * PART_SIZE, left = filler->filling->fill->count - at;
    enum pos_status status = POS_OK;
    *count = left < PART_SIZE ? left : PART_SIZE;
    filler->last.text[0] = '\0';
    for (uint64_t end = at + *count; status == POS_OK && at < end; at += POS_TERMINAL_FILL_CHUNK) {
        left = end - at;
        status = put_chunk(filler, at,
                           left < POS_TERMINAL_FILL_CHUNK ? (size_t)left : POS_TERMINAL_FILL_CHUNK);
        if (at == (uint64_t)number * PART_SIZE)
            part->first = filler->rows[0].smn;
    }
    part->last = filler->last;
    return status;
}

static enum pos_status write_part(struct filler *filler, size_t number, uint64_t *count)
{
    struct pos_rocks *rocks = filler->filling->table->rocks;
    enum pos_status status = POS_OK;
    for (size_t i = 0; status == POS_OK && i < FAMILIES_FILLED; i++)
        status = pos_rocks_sorted_create(rocks, families_filled[i], number, &filler->files[i]);
    if (status == POS_OK)
        status = put_rows(filler, number, count);
    for (size_t i = 0; i < FAMILIES_FILLED; i++) {
        if (status == POS_OK)
            status = pos_rocks_sorted_finish(filler->files[i]);
        pos_rocks_sorted_destroy(filler->files[i]);
        filler->files[i] = NULL;
    }
    return status;
}

/* ---- threads ---- */

/* False: there is none left, or no use in going on. */
static bool next_part(struct filling *filling, size_t *number)
{
    (void)pthread_mutex_lock(&filling->lock);
    bool any = filling->status == POS_OK && filling->part_next < filling->part_count;
    if (any)
        *number = filling->part_next++;
    (void)pthread_mutex_unlock(&filling->lock);
    return any;
}

static void part_done(struct filling *filling, uint64_t count, enum pos_status status)
{
    const struct pos_terminal_fill *fill = filling->fill;
    (void)pthread_mutex_lock(&filling->lock);
    if (status == POS_OK) {
        filling->done += count;
        if (fill->progress != NULL && !fill->progress(fill->context, filling->done))
            status = POS_ERR_CLOSED;
    }
    if (filling->status == POS_OK)
        filling->status = status;
    (void)pthread_mutex_unlock(&filling->lock);
}

static void *fill_parts(void *context)
{
    struct filler *filler = context;
    struct filling *filling = filler->filling;
    uint64_t count = 0;
    for (size_t number; next_part(filling, &number);)
        part_done(filling, count, write_part(filler, number, &count));
    (void)pthread_mutex_lock(&filling->lock);
    for (unsigned i = 0; i < POS_TERMINAL_STATE_COUNT; i++)
        filling->counts[i] += filler->counts[i];
    (void)pthread_mutex_unlock(&filling->lock);
    return NULL;
}

/* The calling thread is one of them; with those that can be started it gets done too. */
static void run_fillers(struct filling *filling, struct filler *fillers)
{
    size_t started = 1;
    for (size_t i = 0; i < filling->fill->thread_count; i++)
        fillers[i] = (struct filler){.filling = filling, .number = i};
    while (started < filling->fill->thread_count &&
           pthread_create(&fillers[started].thread, NULL, fill_parts, &fillers[started]) == 0)
        started++;
    (void)fill_parts(&fillers[0]);
    for (size_t i = 1; i < started; i++)
        (void)pthread_join(fillers[i].thread, NULL);
}

/* ---- taking them in ---- */

static enum pos_status check_order(const struct filling *filling)
{
    for (size_t i = 1; i < filling->part_count; i++)
        if (!ascend(&filling->parts[i - 1].last, &filling->parts[i].first))
            return POS_ERR_ORDER;
    return POS_OK;
}

/* Hot rows last: each has its other rows then, whenever the process dies. */
static enum pos_status take_parts(struct filling *filling)
{
    enum pos_status status = check_order(filling);
    for (size_t i = FAMILIES_FILLED; status == POS_OK && i-- > 0;)
        status =
            pos_rocks_take_sorted(filling->table->rocks, families_filled[i], filling->part_count);
    return status;
}

static enum pos_status fill_table(struct filling *filling)
{
    struct filler *fillers = calloc(filling->fill->thread_count, sizeof *fillers);
    filling->parts = calloc(filling->part_count, sizeof *filling->parts);
    if (fillers == NULL || filling->parts == NULL)
        filling->status = POS_ERR_MEMORY;
    else
        run_fillers(filling, fillers);
    free(fillers);
    enum pos_status status = filling->status == POS_OK ? take_parts(filling) : filling->status;
    for (size_t i = 0; status != POS_OK && i < FAMILIES_FILLED; i++)
        pos_rocks_drop_sorted(filling->table->rocks, families_filled[i], filling->part_count);
    free(filling->parts);
    return status;
}

static bool any_row(struct pos_terminal_table *table, enum pos_status *status)
{
    *status = pos_rocks_last(table->rocks, POS_TERMINAL_HOT, NULL, NULL);
    return *status != POS_ERR_NOT_FOUND;
}

enum pos_status pos_terminal_table_fill(struct pos_terminal_table *table,
                                        const struct pos_terminal_fill *fill)
{
    assert(fill->count > 0 && fill->thread_count > 0);
    assert(fill->thread_count <= POS_TERMINAL_FILL_THREAD_COUNT_MAX);
    enum pos_status status;
    if (table->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    if (any_row(table, &status))
        return status == POS_OK ? POS_ERR_EXISTS : status;
    struct filling filling = {.table = table,
                              .fill = fill,
                              .part_count = (size_t)((fill->count + PART_SIZE - 1) / PART_SIZE)};
    (void)pthread_mutex_init(&filling.lock, NULL);
    status = fill_table(&filling);
    (void)pthread_mutex_destroy(&filling.lock);
    for (unsigned i = 0; status == POS_OK && i < POS_TERMINAL_STATE_COUNT; i++)
        pos_counter_add(&table->tally.counts[i], filling.counts[i]);
    return status;
}
