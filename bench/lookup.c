/*
 * `lookup`: the terminal table alone, without a gateway: rows that are there and SMNs that are not,
 * one at a time and in batches, beside the same rows in memory. Where the cache does not hold the
 * table it is read from the disk, and says how often.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/folder.h"
#include "bench/hash_rows.h"
#include "bench/interrupt.h"
#include "bench/machine.h"
#include "bench/table.h"
#include "bench/terminals.h"
#include "bench/ways.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"

enum {
    CACHE_MB_MIN = 64,
    WAY_COUNT = 4,
    KEY_ROWS = 0x500,
    KEY_BATCH,
    KEY_CACHE_MB,
    KEY_KEEP,
    KEY_TABLE,
};
#define MISS_RATIO  0.25 /* the target: of a look-up that finds */
#define CACHE_EXTRA 1.1  /* what a block cache takes for what it holds, at most */

static struct lookup {
    struct pos_micro micro;
    uint64_t rows, cache_mb;
    uint32_t batch;
    const char *keep, *kept; /* folders to leave the table in, and that has it; NULL: none */
    char folder[POS_PATH_SIZE_MAX], path[POS_PATH_SIZE_MAX + 16];
    struct pos_table_made made;
    double opening_s;
    struct pos_terminal_table *table;
    struct pos_terminal_room room;
    struct pos_audit_chain chain;
    struct pos_hash_rows *memory; /* NULL: there was no room */
    struct pos_asking hits, misses;
    struct pos_way ways[WAY_COUNT];
    size_t way_count;
} lookup = {.micro = {.command = "lookup"}, .rows = 1000000, .batch = 32};

/* ---- the table ---- */

static enum pos_status find_folder(struct pos_error *error)
{
    struct pos_table table;
    enum pos_status status = lookup.kept != NULL
                                 ? pos_table_borrow(lookup.kept, lookup.folder, &table, error)
                                 : pos_folder_make(lookup.keep, lookup.folder, error);
    if (status != POS_OK) {
        lookup.folder[0] = '\0'; /* not ours to remove */
        return status;
    }
    if (lookup.kept == NULL)
        return pos_table_make(lookup.folder, lookup.rows, &lookup.made, error);
    return pos_table_expect(&table, lookup.rows, error);
}

/* From the disk: what the kernel still has of making it is not there after a restart. */
static enum pos_status open_table(struct pos_error *error)
{
    struct pos_terminal_table_options options = {.path = lookup.path,
                                                 .cache_size = (size_t)lookup.cache_mb << 20};
    options.audit = pos_audit_chain_init(&lookup.chain);
    pos_folder_forget(lookup.path);
    uint64_t start = pos_clock_monotonic_ns();
    enum pos_status status = pos_terminal_table_open(&options, &lookup.table, error);
    lookup.opening_s = (double)(pos_clock_monotonic_ns() - start) / 1e9;
    if (status == POS_OK)
        pos_terminal_table_measure(lookup.table, &lookup.room);
    return status;
}

/* ---- the same in memory ---- */

static bool add_row(void *context, const struct pos_smn *smn, const struct pos_terminal_hot *row)
{
    enum pos_status *status = context;
    *status = pos_hash_rows_add(lookup.memory, smn, row);
    if (pos_interrupted())
        *status = POS_ERR_CLOSED;
    return *status == POS_OK;
}

static bool take_first(void *context, const struct pos_smn *smn, const struct pos_terminal_hot *row)
{
    (void)smn;
    *(struct pos_terminal_hot *)context = *row;
    return false;
}

static enum pos_status copy_to_memory(struct pos_error *error)
{
    struct pos_terminal_hot sample = {0};
    enum pos_status status = pos_terminal_table_walk(lookup.table, NULL, take_first, &sample);
    if (status == POS_OK)
        lookup.memory = pos_hash_rows_create(lookup.rows, &sample);
    if (lookup.memory == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %llu rows",
                             (unsigned long long)lookup.rows);
    enum pos_status added = POS_OK;
    status = pos_terminal_table_walk(lookup.table, NULL, add_row, &added);
    status = status == POS_OK ? added : status;
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot copy the rows to memory: %s",
                                            pos_status_text(status));
}

static enum pos_status find_in_memory(void *context, uint64_t count)
{
    struct pos_asking *asking = context;
    struct pos_terminal_hot row;
    for (uint64_t i = 0; i < count; i++)
        if (pos_hash_rows_find(lookup.memory, pos_asking_next(asking, 1), &row) != asking->expected)
            return POS_ERR_MISMATCH;
    return POS_OK;
}

/* ---- what is measured ---- */

static int add_way(struct pos_asking *asking, uint32_t batch, int floor, const char *name)
{
    struct pos_way *way = &lookup.ways[lookup.way_count++];
    *way = (struct pos_way){.table = lookup.table,
                            .asking = asking,
                            .batch = batch,
                            .folder = lookup.path,
                            .micro = &lookup.micro};
    struct pos_micro_subject subject = {.context = way, .floor = floor};
    if (lookup.room.holds) {
        subject.run = pos_way_run;
        subject.each = batch;
    } else {
        subject.take = pos_way_take_from_disk;
    }
    return pos_micro_add(&lookup.micro, &subject, "RocksDB, %s, %u at once", name, batch);
}

static void add_pair(uint32_t batch, int hit_floor, int miss_floor)
{
    int hit = add_way(&lookup.hits, batch, hit_floor, "registered");
    int miss = add_way(&lookup.misses, batch, miss_floor, "unregistered");
    if (lookup.room.holds)
        pos_micro_check(&lookup.micro,
                        (struct pos_micro_check){.of = miss, .to = hit, .target = MISS_RATIO},
                        "unregistered/%u", batch);
}

static void add_subjects(void)
{
    int hit = POS_MICRO_NONE, miss = POS_MICRO_NONE;
    struct pos_micro_subject subject = {
        .run = find_in_memory, .context = &lookup.hits, .floor = POS_MICRO_NONE};
    if (lookup.memory != NULL) {
        hit = pos_micro_add(&lookup.micro, &subject, "in memory, registered");
        subject.context = &lookup.misses;
        miss = pos_micro_add(&lookup.micro, &subject, "in memory, unregistered");
    }
    add_pair(1, hit, miss);
    if (lookup.batch > 1)
        add_pair(lookup.batch, hit, miss);
}

/* ---- what is said ---- */

static void add_fact(const char *name, double value, const char *unit)
{
    pos_micro_fact(&lookup.micro, name, value, unit);
}

static void add_facts(void)
{
    double rows = (double)lookup.rows;
    add_fact("rows", rows, "");
    add_fact("block cache", (double)lookup.cache_mb, "MiB");
    if (lookup.made.seconds > 0)
        add_fact("making", lookup.made.seconds, "s");
    add_fact("opening, from the disk", lookup.opening_s, "s");
    add_fact("on disk, a row", (double)pos_folder_size(lookup.path) / rows, "bytes");
    add_fact("on disk, what every request needs, a row", (double)lookup.room.hot_size / rows,
             "bytes");
    add_fact("filters and indexes of it in memory, a row", (double)lookup.room.filters_size / rows,
             "bytes");
    if (lookup.memory != NULL)
        add_fact("hash table in memory, a row", (double)pos_hash_rows_size(lookup.memory) / rows,
                 "bytes");
    add_fact("memory of all that, a row", (double)pos_process_memory(getpid()) / rows, "bytes");
}

/* After the rounds: what a registered SMN costs where the cache does not hold the table. */
static void add_disk_facts(void)
{
    char name[POS_MICRO_NAME_SIZE];
    for (size_t i = 0; i < lookup.way_count && !lookup.room.holds; i++) {
        const struct pos_way *way = &lookup.ways[i];
        const char *who = way->asking == &lookup.hits ? "registered" : "unregistered";
        (void)snprintf(name, sizeof name, "blocks read, %s, %u at once", who, way->batch);
        add_fact(name, (double)way->blocks / (double)way->lookups, "a look-up");
        (void)snprintf(name, sizeof name, "from the disk, %s, %u at once", who, way->batch);
        add_fact(name, (double)way->disk_bytes / (double)way->lookups, "bytes a look-up");
    }
    (void)snprintf(lookup.micro.note, sizeof lookup.micro.note, "%s%s",
                   lookup.room.holds
                       ? "the cache holds the table: nothing is read from the disk"
                       : "the cache does not hold the table: times by the clock on the wall, the "
                         "kernel forgets the table's files before each round",
                   lookup.memory != NULL ? "" : "; no hash table in memory");
}

/* ---- the command ---- */

static error_t parse(int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case KEY_ROWS:
        lookup.rows = pos_option_number(state, "--rows", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_BATCH:
        lookup.batch =
            (uint32_t)pos_option_number(state, "--batch", argument, 1, POS_TURN_REQUEST_COUNT_MAX);
        return 0;
    case KEY_CACHE_MB:
        lookup.cache_mb = pos_option_number(state, "--cache-mb", argument, 1, 1 << 20);
        return 0;
    case KEY_KEEP:
        lookup.keep = argument;
        return 0;
    case KEY_TABLE:
        lookup.kept = argument;
        return 0;
    case ARGP_KEY_END:
        if (lookup.keep != NULL && lookup.kept != NULL)
            argp_error(state, "--keep and --table: only one of them, there is one table");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The hash table too, where it has room beside the cache. */
static bool memory_has_room(void)
{
    uint64_t available = pos_machine_available();
    double wanted = (double)(lookup.cache_mb << 20) * CACHE_EXTRA +
                    (double)pos_hash_rows_size_of(lookup.rows, POS_HOT_ROW_SIZE_MAX);
    return available == 0 || wanted < (double)available;
}

static enum pos_status prepare(struct pos_error *error)
{
    if (lookup.cache_mb == 0)
        lookup.cache_mb = lookup.rows * POS_TABLE_ROW_CACHE_SIZE / 1048576 + CACHE_MB_MIN;
    enum pos_status status = find_folder(error);
    if (status != POS_OK)
        return status;
    (void)snprintf(lookup.path, sizeof lookup.path, "%s/terminals", lookup.folder);
    bool copies = memory_has_room();
    status = open_table(error);
    if (status == POS_OK && copies && lookup.room.holds)
        status = copy_to_memory(error);
    if (status != POS_OK)
        return status;
    status = pos_asking_draw(&lookup.hits, lookup.rows, pos_terminals_smn, POS_OK);
    if (status == POS_OK)
        status =
            pos_asking_draw(&lookup.misses, lookup.rows, pos_terminals_stranger, POS_ERR_NOT_FOUND);
    add_subjects();
    add_facts();
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot draw what to ask for");
}

static void release(void)
{
    if (lookup.table != NULL)
        pos_terminal_table_close(lookup.table);
    pos_hash_rows_destroy(lookup.memory);
    pos_asking_destroy(&lookup.hits);
    pos_asking_destroy(&lookup.misses);
    if (lookup.folder[0] != '\0' && lookup.keep == NULL)
        pos_folder_remove(lookup.folder);
}

int pos_command_lookup(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"rows", KEY_ROWS, "N", 0, "Rows of the table; default 1000000", 0},
        {"batch", KEY_BATCH, "N", 0, "Looked up at once beside one by one; default 32", 0},
        {"cache-mb", KEY_CACHE_MB, "MIB", 0,
         "RocksDB's block cache; default: enough for all rows. With less the table is read from "
         "the disk",
         0},
        {"keep", KEY_KEEP, "FOLDER", 0, "Make the table in a new FOLDER and leave it there", 0},
        {"table", KEY_TABLE, "FOLDER", 0,
         "On a copy of a table that auth or lookup --keep left, of as many rows", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    pos_micro_begin(&lookup.micro,
                    "Measures look-ups in the terminal table without a gateway, registered and "
                    "unregistered SMNs, beside a hash table of the same rows in memory.",
                    &argp, NULL, argc, argv);
    pos_micro_number(&lookup.micro, "rows", lookup.rows);
    pos_micro_number(&lookup.micro, "batch", lookup.batch);
    enum pos_status status = prepare(&error);
    pos_micro_number(&lookup.micro, "cache_mb", lookup.cache_mb);
    if (status == POS_OK)
        status = pos_micro_measure(&lookup.micro, &error);
    if (status == POS_OK)
        add_disk_facts();
    int code = pos_micro_finish(&lookup.micro, status, &error);
    release();
    return code;
}
