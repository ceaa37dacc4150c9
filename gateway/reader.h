/*
 * The readers: a few threads that look rows up in the terminal table where the cache does not hold
 * it, so that the event loops never wait for a disk. They also look, once a second, whether it
 * still does.
 */
#ifndef POS_GATEWAY_READER_H
#define POS_GATEWAY_READER_H

#include "core/store/terminal_table.h"

struct pos_readers;

/* Intrusive; the caller's memory until `done` was called, on a reader's thread. */
struct pos_read_job {
    void (*done)(struct pos_read_job *job);
    struct pos_smn smn;
    /* as pos_terminal_table_find fills them */
    struct pos_terminal_hot *row;
    enum pos_status *found;
    /* the readers' own */
    struct pos_read_job *next;
};

/* 1 to POS_READER_THREAD_COUNT_MAX threads; the table is borrowed. */
POS_MUST_USE enum pos_status pos_readers_start(struct pos_terminal_table *table,
                                               uint32_t thread_count, struct pos_readers **readers);
/* Does what is queued, then ends the threads. Nobody submits any more. NULL is fine. */
void pos_readers_stop(struct pos_readers *readers);

/* Any thread. POS_ERR_BUSY: POS_READER_QUEUE_COUNT_MAX wait already. */
POS_MUST_USE enum pos_status pos_readers_submit(struct pos_readers *readers,
                                                struct pos_read_job *job);
uint64_t pos_readers_queue_length(struct pos_readers *readers);

#endif
