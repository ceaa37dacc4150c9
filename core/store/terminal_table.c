/*
 * The terminal table: opening it, reading it, and the doors to the committer. How a write is
 * decided stands in terminal_write.c.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/store/anchor_inside.h"
#include "core/store/terminal_table_inside.h"

static const char *const families[POS_TERMINAL_FAMILY_COUNT] = {
    [POS_TERMINAL_HOT] = "hot",           [POS_TERMINAL_DETAIL] = "detail",
    [POS_TERMINAL_BY_INDEX] = "by_index", [POS_TERMINAL_AUDITS] = "audit",
    [POS_TERMINAL_META] = "meta",
};
static const char reserved_key[] = "reserved";
enum {
    FOLLOWER_CACHE_SIZE = 8 << 20,
    REST_CACHE_SIZE = 8 << 20, /* of the families that no request needs */
    GATHER_NS = 4000000,
};

const char *pos_terminal_state_name(enum pos_terminal_state state)
{
    static const char *const names[POS_TERMINAL_STATE_COUNT] = {
        [POS_TERMINAL_NONE] = "none",           [POS_TERMINAL_ACTIVE] = "active",
        [POS_TERMINAL_SUSPENDED] = "suspended", [POS_TERMINAL_REVOKED] = "revoked",
        [POS_TERMINAL_REPLACED] = "replaced",
    };
    return (unsigned)state < POS_TERMINAL_STATE_COUNT ? names[state] : "unknown";
}

/* ---- open and close ---- */

struct count_walk {
    struct pos_tally *tally;
    uint64_t bad_count;
};

static bool count_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct count_walk *walk = context;
    struct pos_terminal_hot hot;
    (void)key;
    if (pos_terminal_hot_decode(value, &hot) == POS_OK)
        pos_tally_move(walk->tally, POS_TERMINAL_NONE, hot.state, 1);
    else
        walk->bad_count++;
    return true;
}

/* Counts the rows, which also fills the cache. A damaged row is that terminal's trouble, not a
 * reason to serve nobody. */
static enum pos_status count_rows(struct pos_terminal_table *table, struct pos_error *error)
{
    struct count_walk walk = {.tally = &table->tally};
    enum pos_status status =
        pos_rocks_walk(table->rocks, POS_TERMINAL_HOT, pos_bytes(NULL, 0), true, count_row, &walk);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the terminal table");
    pos_tally_apply(&table->tally);
    if (walk.bad_count > 0)
        pos_log(POS_LOG_ERROR, "terminal-rows-damaged",
                "count=%llu action=\"those terminals get a system error; restore a backup\"",
                (unsigned long long)walk.bad_count);
    return POS_OK;
}

static void apply_counts(void *context)
{
    struct pos_terminal_table *table = context;
    pos_tally_apply(&table->tally);
}

static void show_changes(void *context)
{
    struct pos_terminal_table *table = context;
    pos_changes_show(&table->changes);
}

static struct pos_rocks_options rocks_options(const char *path, size_t cache_size)
{
    return (struct pos_rocks_options){
        .path = path,
        .families = families,
        .family_count = POS_TERMINAL_FAMILY_COUNT,
        .format = "terminal-table",
        .writer = "posgate-gateway",
        .cache_size = cache_size,
        .found_families =
            1 << POS_TERMINAL_DETAIL | 1 << POS_TERMINAL_AUDITS | 1 << POS_TERMINAL_META,
    };
}

static enum pos_status open_parts(struct pos_terminal_table *table,
                                  const struct pos_terminal_table_options *options,
                                  struct pos_error *error)
{
    struct pos_rocks_options rocks = rocks_options(options->path, options->cache_size);
    struct pos_anchor_birth birth;
    enum pos_status status = pos_anchor_birth(POS_TERMINAL_META, &birth, error);
    if (status == POS_OK && options->create_if_missing && !pos_rocks_there(options->path))
        status = pos_anchor_check_new(&options->anchor, options->path, error);
    rocks.create = options->create_if_missing;
    rocks.rest_cache_size = REST_CACHE_SIZE;
    table->cache_size = options->cache_size;
    rocks.born = &birth.item;
    rocks.born_count = 1;
    if (status == POS_OK)
        status = pos_rocks_open(&rocks, &table->rocks, error);
    if (status == POS_OK)
        status = count_rows(table, error);
    if (status != POS_OK)
        return status;
    struct pos_terminal_room room;
    pos_terminal_table_measure(table, &room);
    struct pos_committer_options committer = {
        .rocks = table->rocks,
        .audit = options->audit,
        .audit_family = POS_TERMINAL_AUDITS,
        .anchor = &options->anchor,
        .path = options->path,
        .meta_family = POS_TERMINAL_META,
        .written = apply_counts,
        .tried = show_changes,
        .context = table,
        .gather_ns = GATHER_NS,
    };
    return pos_committer_create(&committer, &table->committer, error);
}

enum pos_status pos_terminal_table_open(const struct pos_terminal_table_options *options,
                                        struct pos_terminal_table **table, struct pos_error *error)
{
    *table = NULL;
    struct pos_terminal_table *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the terminal table");
    enum pos_status status = open_parts(made, options, error);
    if (status != POS_OK) {
        pos_terminal_table_close(made);
        return status;
    }
    *table = made;
    return POS_OK;
}

enum pos_status pos_terminal_table_follow(const char *path, const char *scratch,
                                          struct pos_terminal_table **table,
                                          struct pos_error *error)
{
    *table = NULL;
    struct pos_terminal_table *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the terminal table");
    struct pos_rocks_options rocks = rocks_options(path, FOLLOWER_CACHE_SIZE);
    rocks.follower = true;
    rocks.scratch = scratch;
    enum pos_status status = pos_rocks_open(&rocks, &made->rocks, error);
    if (status != POS_OK) {
        pos_terminal_table_close(made);
        return status;
    }
    *table = made;
    return POS_OK;
}

void pos_terminal_table_close(struct pos_terminal_table *table)
{
    if (table == NULL)
        return;
    pos_committer_destroy(table->committer);
    pos_rocks_close(table->rocks);
    free(table);
}

/* ---- reading ---- */

struct find {
    struct pos_terminal_hot *rows;
    enum pos_status *found;
};

static void found_one(void *context, size_t i, enum pos_status status, struct pos_bytes value)
{
    struct find *find = context;
    find->found[i] = status == POS_OK ? pos_terminal_hot_decode(value, &find->rows[i]) : status;
}

void pos_terminal_table_find(struct pos_terminal_table *table, const struct pos_smn *smns,
                             size_t count, struct pos_terminal_hot *rows, enum pos_status *found)
{
    assert(count <= POS_TURN_REQUEST_COUNT_MAX);
    const char *keys[POS_TURN_REQUEST_COUNT_MAX];
    struct find find = {.rows = rows, .found = found};
    for (size_t i = 0; i < count; i++)
        keys[i] = smns[i].text;
    pos_rocks_get_many(table->rocks, POS_TERMINAL_HOT, keys, POS_SMN_SIZE, count, found_one, &find);
}

static enum pos_status find_in_memory(struct pos_terminal_table *table, const struct pos_smn *smn,
                                      struct pos_terminal_hot *row)
{
    uint8_t memory[POS_HOT_ROW_SIZE_MAX];
    struct pos_buffer bytes = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_rocks_get_in_memory(table->rocks, POS_TERMINAL_HOT, pos_terminal_key(smn), &bytes);
    return status == POS_OK ? pos_terminal_hot_decode(pos_buffer_view(&bytes), row) : status;
}

/* A batch reads the disk whatever it is told, but RocksDB counts what it read. */
static size_t find_counted(struct pos_terminal_table *table, const struct pos_smn *smns,
                           size_t count, struct pos_terminal_hot *rows, enum pos_status *found)
{
    static _Thread_local bool counts;
    if (!counts)
        pos_rocks_count_reads(counts = true);
    uint64_t before = pos_rocks_reads().blocks;
    pos_terminal_table_find(table, smns, count, rows, found);
    return (size_t)(pos_rocks_reads().blocks - before);
}

static bool is_set(const atomic_bool *flag)
{
    return atomic_load_explicit(flag, memory_order_relaxed);
}

size_t pos_terminal_table_find_now(struct pos_terminal_table *table, const struct pos_smn *smns,
                                   size_t count, struct pos_terminal_hot *rows,
                                   enum pos_status *found)
{
    if (!is_set(&table->cache_too_small) && !is_set(&table->blocks_missing)) {
        size_t read = find_counted(table, smns, count, rows, found);
        if (read > 0)
            atomic_store_explicit(&table->blocks_missing, true, memory_order_relaxed);
        return read;
    }
    bool missed = false;
    for (size_t i = 0; i < count; i++) {
        found[i] = find_in_memory(table, &smns[i], &rows[i]);
        missed |= found[i] == POS_ERR_BUSY;
    }
    if (missed)
        atomic_store_explicit(&table->missed, true, memory_order_relaxed);
    return 0;
}

void pos_terminal_table_settle(struct pos_terminal_table *table)
{
    if (!atomic_exchange_explicit(&table->missed, false, memory_order_relaxed))
        atomic_store_explicit(&table->blocks_missing, false, memory_order_relaxed);
}

void pos_terminal_table_measure(struct pos_terminal_table *table, struct pos_terminal_room *room)
{
    room->cache_size = table->cache_size;
    room->hot_size = pos_rocks_tables_size(table->rocks, POS_TERMINAL_HOT);
    room->filters_size = pos_rocks_filters_size(table->rocks, POS_TERMINAL_HOT);
    room->holds = room->hot_size + room->hot_size / 8 <= room->cache_size;
    atomic_store_explicit(&table->cache_too_small, !room->holds, memory_order_relaxed);
}

uint64_t pos_terminal_table_changes(const struct pos_terminal_table *table,
                                    const struct pos_smn *smn)
{
    return pos_changes_read(&table->changes, smn);
}

enum pos_status pos_terminal_table_find_detail(struct pos_terminal_table *table,
                                               const struct pos_smn *smn,
                                               struct pos_terminal_detail *detail)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_rocks_get(table->rocks, POS_TERMINAL_DETAIL, pos_terminal_key(smn), &row);
    return status == POS_OK ? pos_terminal_detail_decode(pos_buffer_view(&row), detail) : status;
}

enum pos_status pos_terminal_table_find_index(struct pos_terminal_table *table, uint32_t index,
                                              struct pos_smn *smn, bool *proved)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    struct pos_key4 key = pos_key4(index);
    struct pos_terminal_holder holder;
    enum pos_status status =
        pos_rocks_get(table->rocks, POS_TERMINAL_BY_INDEX, pos_key4_view(&key), &row);
    if (status == POS_OK)
        status = pos_terminal_holder_decode(pos_buffer_view(&row), &holder);
    if (status != POS_OK)
        return status;
    *smn = holder.smn;
    *proved = holder.proved;
    return POS_OK;
}

struct walk {
    bool (*each)(void *context, const struct pos_smn *smn, const struct pos_terminal_hot *hot);
    void *context;
    enum pos_status status;
};

static bool walk_row(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct walk *walk = context;
    struct pos_smn smn;
    struct pos_terminal_hot hot;
    walk->status =
        pos_smn_parse(key, &smn) == POS_OK ? pos_terminal_hot_decode(value, &hot) : POS_ERR_CORRUPT;
    return walk->status == POS_OK && walk->each(walk->context, &smn, &hot);
}

enum pos_status pos_terminal_table_walk(struct pos_terminal_table *table,
                                        const struct pos_smn *first,
                                        bool (*each)(void *context, const struct pos_smn *smn,
                                                     const struct pos_terminal_hot *hot),
                                        void *context)
{
    struct walk walk = {.each = each, .context = context, .status = POS_OK};
    struct pos_bytes from = first == NULL ? pos_bytes(NULL, 0) : pos_terminal_key(first);
    enum pos_status status =
        pos_rocks_walk(table->rocks, POS_TERMINAL_HOT, from, false, walk_row, &walk);
    return status == POS_OK ? walk.status : status;
}

enum pos_status pos_terminal_table_walk_audit(struct pos_terminal_table *table, uint64_t first,
                                              bool (*each)(void *context, struct pos_bytes record),
                                              void *context)
{
    return pos_audit_walk(table->rocks, POS_TERMINAL_AUDITS, first, each, context);
}

void pos_terminal_table_stats(struct pos_terminal_table *table, struct pos_committer_stats *stats)
{
    pos_committer_stats(table->committer, stats);
}

void pos_terminal_table_counts(struct pos_terminal_table *table,
                               uint64_t counts[POS_TERMINAL_STATE_COUNT])
{
    for (unsigned i = 0; i < POS_TERMINAL_STATE_COUNT; i++)
        counts[i] = pos_counter_read(&table->tally.counts[i]);
}

/* ---- writing ---- */

static void prepare(struct pos_terminal_write *write)
{
    write->commit.decide = pos_terminal_decide;
    write->commit.relaxed = write->operation == POS_TERMINAL_PROMOTE;
}

enum pos_status pos_terminal_table_submit(struct pos_terminal_table *table,
                                          struct pos_terminal_write *write)
{
    if (table->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    prepare(write);
    return pos_committer_submit(table->committer, &write->commit);
}

enum pos_status pos_terminal_table_run(struct pos_terminal_table *table,
                                       struct pos_terminal_write *write)
{
    if (table->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    prepare(write);
    return pos_committer_run(table->committer, &write->commit);
}

struct reservation {
    struct pos_commit commit;
    uint64_t count, first;
};

static enum pos_status decide_reservation(struct pos_commit *commit,
                                          struct pos_transaction *transaction)
{
    struct reservation *reservation = (struct reservation *)(void *)commit;
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer row = pos_buffer(memory, sizeof memory);
    struct pos_bytes key = pos_bytes_text(reserved_key);
    enum pos_status status = pos_transaction_get(transaction, POS_TERMINAL_META, key, &row);
    reservation->first = 0;
    if (status == POS_OK)
        status = pos_terminal_reserved_decode(pos_buffer_view(&row), &reservation->first);
    else if (status == POS_ERR_NOT_FOUND)
        status = POS_OK;
    if (status != POS_OK)
        return status;
    if (reservation->count > UINT64_MAX - reservation->first)
        return POS_ERR_EXHAUSTED;
    row.size = 0;
    pos_terminal_reserved_encode(reservation->first + reservation->count, &row);
    pos_transaction_put(transaction, POS_TERMINAL_META, key, pos_buffer_view(&row));
    return POS_OK;
}

enum pos_status pos_terminal_table_reserve(struct pos_terminal_table *table, uint64_t count,
                                           uint64_t *first)
{
    _Static_assert(offsetof(struct reservation, commit) == 0, "the commit is the reservation");
    if (table->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    struct reservation reservation = {.commit.decide = decide_reservation, .count = count};
    enum pos_status status = pos_committer_run(table->committer, &reservation.commit);
    *first = reservation.first;
    return status;
}

/* ---- its files ---- */

enum pos_status pos_terminal_table_checkpoint(struct pos_terminal_table *table, const char *path,
                                              const void *event)
{
    if (table->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    struct pos_terminal_write record = {.operation = POS_TERMINAL_AUDIT,
                                        .events[POS_OUTCOME_NONE] = event};
    enum pos_status status = event == NULL ? POS_OK : pos_terminal_table_run(table, &record);
    if (status == POS_OK)
        status = pos_rocks_checkpoint(table->rocks, path);
    return status == POS_OK ? pos_committer_move_epoch(table->committer) : status;
}

enum pos_status pos_terminal_table_scrub(struct pos_terminal_table *table)
{
    return pos_rocks_scrub(table->rocks);
}
