/*
 * The clerk: one thread for what the event loops need and must not wait for: reading the key
 * library (which may read the disk, and sometimes has to catch up with keymgmt first), reserving
 * RRNs, and looking how much room the disk has.
 *
 * Strangers can make it look for indexes that do not exist; so the queue is bounded, and catching
 * up after a miss happens at most five times a second, once for everybody who waits; no more than a
 * few hundred wait, the others are told what is known.
 */
#ifndef POS_GATEWAY_CLERK_H
#define POS_GATEWAY_CLERK_H

#include "core/store/key_library.h"
#include "core/store/terminal_table.h"
#include "gateway/disk.h"
#include "gateway/request.h"
#include "gateway/rrn_blocks.h"

struct pos_clerk;

/* Intrusive; the caller's memory until `done` was called, on the clerk's thread. */
struct pos_clerk_job {
    enum pos_clerk_work {
        POS_CLERK_DOSSIER,
        POS_CLERK_RESERVE,
        POS_CLERK_CATCH_UP,
        POS_CLERK_LINK
    } work;
    void (*done)(struct pos_clerk_job *job);
    /* DOSSIER: whose key, whose row, or both; `dossier` is filled */
    struct pos_smn smn;
    bool with_key, with_detail;
    struct pos_dossier *dossier;
    /* RESERVE: how many numbers; first is set */
    uint32_t count;
    uint64_t first;
    /* CATCH_UP: with the key library, now, and lets go of the files that keymgmt has deleted;
     * status is set, as for */
    enum pos_status status;
    /* LINK: a host link's key by name and usage, into link->key and link->kcv */
    struct pos_link_row *link;
    /* the clerk's own */
    struct pos_clerk_job *next;
};

struct pos_clerk_options {
    struct pos_key_library *library;  /* borrowed */
    struct pos_terminal_table *table; /* borrowed */
    struct pos_disk *disk;            /* borrowed */
    struct pos_rrn_blocks *rrns;      /* borrowed; started */
    uint32_t follow_interval_ms;      /* catches up and looks at the disk so often, asked or not */
};

POS_MUST_USE enum pos_status pos_clerk_start(const struct pos_clerk_options *options,
                                             struct pos_clerk **clerk);
/* Does what is queued, then ends the thread. Nobody submits any more. */
void pos_clerk_stop(struct pos_clerk *clerk);

/* Any thread. POS_ERR_BUSY: the queue is full. */
POS_MUST_USE enum pos_status pos_clerk_submit(struct pos_clerk *clerk, struct pos_clerk_job *job);

struct pos_clerk_stats {
    uint64_t jobs, misses, catch_ups, catch_up_failures, queue_length;
};
void pos_clerk_stats(struct pos_clerk *clerk, struct pos_clerk_stats *stats);

#endif
