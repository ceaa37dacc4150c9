/*
 * `lookup`: the terminal table alone, without a gateway: rows that are there and SMNs that are not,
 * one at a time and in batches, beside the same rows in memory.
 *
 * Rows hold keys of the right size and no meaning, each its own, so that they take the room of real
 * ones. What is asked for was drawn beforehand, uniformly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/folder.h"
#include "bench/hash_rows.h"
#include "bench/interrupt.h"
#include "bench/micro.h"
#include "bench/terminals.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/crypto/random.h"
#include "core/store/terminal_bulk.h"

enum {
    LOAD_BATCH = 4096,
    ASKED_COUNT_MAX = 1 << 20, /* SMNs drawn of each kind */
    ROW_CACHE_SIZE = 160,      /* bytes of cache a row when none is stated: row, key, their part */
    CACHE_MB_MIN = 64,
    KEY_ROWS = 0x500,
    KEY_BATCH,
    KEY_CACHE_MB,
};
#define MISS_RATIO 0.25 /* the target: of a look-up that finds */

struct asking {
    struct pos_smn *smns;
    size_t count, next;
    enum pos_status expected;
};

/* What a subject asks: one of the two kinds, by so many at once. */
struct way {
    struct asking *asking;
    uint32_t batch;
};

static struct lookup {
    struct pos_micro micro;
    uint64_t rows, cache_mb;
    uint32_t batch;
    char folder[POS_PATH_SIZE_MAX], path[POS_PATH_SIZE_MAX + 16];
    struct pos_terminal_table *table;
    struct pos_audit_chain chain;
    struct pos_hash_rows *memory;
    struct asking hits, misses;
    struct way ways[4];
} lookup = {.micro = {.command = "lookup"}, .rows = 1000000, .batch = 32};

/* ---- what is measured ---- */

static const struct pos_smn *next_smns(struct asking *asking, size_t count)
{
    if (asking->next + count > asking->count)
        asking->next = 0;
    const struct pos_smn *smns = asking->smns + asking->next;
    asking->next += count;
    return smns;
}

static enum pos_status find_in_table(void *context, uint64_t count)
{
    struct pos_terminal_hot rows[POS_TURN_REQUEST_COUNT_MAX];
    enum pos_status found[POS_TURN_REQUEST_COUNT_MAX];
    const struct way *way = context;
    for (uint64_t i = 0; i < count; i++) {
        pos_terminal_table_find(lookup.table, next_smns(way->asking, way->batch), way->batch, rows,
                                found);
        for (size_t n = 0; n < way->batch; n++)
            if (found[n] != way->asking->expected)
                return POS_ERR_MISMATCH;
    }
    return POS_OK;
}

static enum pos_status find_in_memory(void *context, uint64_t count)
{
    struct asking *asking = context;
    struct pos_terminal_hot row;
    for (uint64_t i = 0; i < count; i++)
        if (pos_hash_rows_find(lookup.memory, next_smns(asking, 1), &row) != asking->expected)
            return POS_ERR_MISMATCH;
    return POS_OK;
}

/* ---- the rows ---- */

static enum pos_status make_row(struct pos_terminal_hot *row)
{
    *row = (struct pos_terminal_hot){.state = POS_TERMINAL_ACTIVE,
                                     .algorithm = POS_ALGORITHM_A256,
                                     .proved = true,
                                     .version = 1};
    row->tak[0] = (struct pos_key){
        .usage = POS_USAGE_TAK, .algorithm = POS_ALGORITHM_A256, .size = POS_KEY_VALUE_SIZE_MAX};
    return pos_random(row->tak[0].data, POS_KEY_VALUE_SIZE_MAX);
}

static enum pos_status fill(struct pos_smn *smns, struct pos_terminal_hot *rows, uint64_t first,
                            size_t count)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++) {
        smns[i] = pos_terminals_smn(first + i);
        status = make_row(&rows[i]);
        if (status == POS_OK)
            status = pos_hash_rows_add(lookup.memory, &smns[i], &rows[i]);
    }
    return status;
}

static enum pos_status load_rows(void)
{
    static struct pos_smn smns[LOAD_BATCH];
    static struct pos_terminal_hot rows[LOAD_BATCH];
    enum pos_status status = POS_OK;
    for (uint64_t first = 0; first < lookup.rows && status == POS_OK; first += LOAD_BATCH) {
        uint64_t left = lookup.rows - first;
        size_t count = left < LOAD_BATCH ? (size_t)left : LOAD_BATCH;
        status = fill(smns, rows, first, count);
        if (status == POS_OK)
            status = pos_terminal_table_load(lookup.table, smns, rows, count);
        if (pos_interrupted())
            status = POS_ERR_BUSY;
    }
    return status == POS_OK ? pos_terminal_table_flush(lookup.table) : status;
}

static enum pos_status open_table(double *seconds, struct pos_error *error)
{
    struct pos_terminal_table_options options = {.path = lookup.path,
                                                 .create_if_missing = true,
                                                 .cache_size = (size_t)lookup.cache_mb << 20};
    options.audit = pos_audit_chain_init(&lookup.chain);
    uint64_t start = pos_clock_monotonic_ns();
    enum pos_status status = pos_terminal_table_open(&options, &lookup.table, error);
    *seconds = (double)(pos_clock_monotonic_ns() - start) / 1e9;
    return status;
}

/* Makes it, and opens it again: the second time with all rows. */
static enum pos_status make_table(struct pos_error *error)
{
    double seconds;
    (void)snprintf(lookup.path, sizeof lookup.path, "%s/terminals", lookup.folder);
    enum pos_status status = open_table(&seconds, error);
    if (status != POS_OK)
        return status;
    uint64_t start = pos_clock_monotonic_ns();
    status = load_rows();
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot load rows: %s", pos_status_text(status));
    double loading = (double)(pos_clock_monotonic_ns() - start) / 1e9;
    pos_terminal_table_close(lookup.table);
    lookup.table = NULL;
    double size = (double)pos_folder_size(lookup.path);
    status = open_table(&seconds, error);
    pos_micro_fact(&lookup.micro, "rows", (double)lookup.rows, "");
    pos_micro_fact(&lookup.micro, "block cache", (double)lookup.cache_mb, "MiB");
    pos_micro_fact(&lookup.micro, "loading", loading, "s");
    pos_micro_fact(&lookup.micro, "opening", seconds, "s");
    pos_micro_fact(&lookup.micro, "on disk, a row", size / (double)lookup.rows, "bytes");
    pos_micro_fact(&lookup.micro, "hash table in memory, a row",
                   (double)pos_hash_rows_size(lookup.memory) / (double)lookup.rows, "bytes");
    pos_micro_fact(&lookup.micro, "memory of both, a row",
                   (double)pos_process_memory(getpid()) / (double)lookup.rows, "bytes");
    return status;
}

/* ---- what is asked for ---- */

static enum pos_status draw(struct asking *asking, struct pos_smn (*of)(uint64_t),
                            enum pos_status expected)
{
    asking->count = ASKED_COUNT_MAX;
    asking->expected = expected;
    asking->smns = malloc(asking->count * sizeof *asking->smns);
    if (asking->smns == NULL)
        return POS_ERR_MEMORY;
    for (size_t i = 0; i < asking->count; i++) {
        uint64_t number;
        enum pos_status status = pos_random(&number, sizeof number);
        if (status != POS_OK)
            return status;
        asking->smns[i] = of((uint64_t)(((unsigned __int128)number * lookup.rows) >> 64));
    }
    return POS_OK;
}

static int add_way(size_t place, struct asking *asking, uint32_t batch, int floor, const char *name)
{
    struct way *way = &lookup.ways[place];
    *way = (struct way){asking, batch};
    struct pos_micro_subject subject = {
        .run = find_in_table, .context = way, .each = batch, .floor = floor};
    return pos_micro_add(&lookup.micro, &subject, "RocksDB, %s, %u at once", name, batch);
}

static void add_pair(size_t place, uint32_t batch, int hit_floor, int miss_floor)
{
    int hit = add_way(place, &lookup.hits, batch, hit_floor, "registered");
    int miss = add_way(place + 1, &lookup.misses, batch, miss_floor, "unregistered");
    pos_micro_check(&lookup.micro,
                    (struct pos_micro_check){.of = miss, .to = hit, .target = MISS_RATIO},
                    "unregistered/%u", batch);
}

static void add_subjects(void)
{
    struct pos_micro_subject subject = {
        .run = find_in_memory, .context = &lookup.hits, .floor = POS_MICRO_NONE};
    int hit = pos_micro_add(&lookup.micro, &subject, "in memory, registered");
    subject.context = &lookup.misses;
    int miss = pos_micro_add(&lookup.micro, &subject, "in memory, unregistered");
    add_pair(0, 1, hit, miss);
    if (lookup.batch > 1)
        add_pair(2, lookup.batch, hit, miss);
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
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status prepare(struct pos_error *error)
{
    if (lookup.cache_mb == 0)
        lookup.cache_mb = lookup.rows * ROW_CACHE_SIZE / 1048576 + CACHE_MB_MIN;
    struct pos_terminal_hot sample;
    if (make_row(&sample) == POS_OK)
        lookup.memory = pos_hash_rows_create(lookup.rows, &sample);
    if (lookup.memory == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %llu rows",
                             (unsigned long long)lookup.rows);
    enum pos_status status = pos_folder_make(NULL, lookup.folder, error);
    if (status == POS_OK)
        status = make_table(error);
    if (status != POS_OK)
        return status;
    status = draw(&lookup.hits, pos_terminals_smn, POS_OK);
    if (status == POS_OK)
        status = draw(&lookup.misses, pos_terminals_stranger, POS_ERR_NOT_FOUND);
    add_subjects();
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot draw what to ask for");
}

static void release(void)
{
    if (lookup.table != NULL)
        pos_terminal_table_close(lookup.table);
    pos_hash_rows_destroy(lookup.memory);
    free(lookup.hits.smns);
    free(lookup.misses.smns);
    if (lookup.folder[0] != '\0')
        pos_folder_remove(lookup.folder);
}

int pos_command_lookup(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"rows", KEY_ROWS, "N", 0, "Rows of the table; default 1000000", 0},
        {"batch", KEY_BATCH, "N", 0, "Looked up at once beside one by one; default 32", 0},
        {"cache-mb", KEY_CACHE_MB, "MIB", 0, "RocksDB's block cache; default: enough for all rows",
         0},
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
    int code = pos_micro_finish(&lookup.micro, status, &error);
    release();
    return code;
}
