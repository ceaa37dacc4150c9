/*
 * The ways in which `lookup` asks the terminal table: SMNs that are there or are not, so many at
 * once, drawn beforehand, uniformly.
 */
#ifndef POS_BENCH_WAYS_H
#define POS_BENCH_WAYS_H

#include "bench/micro.h"
#include "core/store/terminal_table.h"

struct pos_asking {
    struct pos_smn *smns;
    size_t count, next;
    enum pos_status expected; /* of every look-up */
};

/* Draws a million of rows 0 to rows - 1; `of` is pos_terminals_smn or _stranger. */
POS_MUST_USE enum pos_status pos_asking_draw(struct pos_asking *asking, uint64_t rows,
                                             struct pos_smn (*of)(uint64_t row),
                                             enum pos_status expected);
/* The next `count`, at most POS_TURN_REQUEST_COUNT_MAX; borrowed until destroy. */
const struct pos_smn *pos_asking_next(struct pos_asking *asking, size_t count);
void pos_asking_destroy(struct pos_asking *asking);

struct pos_way {
    struct pos_terminal_table *table;
    struct pos_asking *asking;
    uint32_t batch;
    /* from the disk */
    const char *folder; /* of the table's files */
    const struct pos_micro *micro;
    uint64_t lookups, blocks, disk_bytes; /* in rounds that count; see below */
};

/* For a subject's `run`: as fast as it goes. */
enum pos_status pos_way_run(void *way, uint64_t count);
/* For a subject's `take`, by the clock on the wall: the kernel forgets the table's files before, so
 * what the block cache does not have comes from the disk. Adds up what RocksDB read (`blocks`) and
 * what the disk was asked for (`disk_bytes`, by /proc/self/io: 0 where that is not there). */
enum pos_status pos_way_take_from_disk(void *way, double seconds,
                                       struct pos_micro_reading *reading);

#endif
