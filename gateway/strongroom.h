/*
 * The strongroom: a few threads that may wait for the security module, so that the event loops
 * never do. It is there only where the module waits (pos_hsm_waits).
 *
 * Jobs are intrusive and wait in one queue with a bound. One that nobody has begun within the time
 * it may wait is given up, also when every thread hangs in the module: whoever asked is answered.
 * What a thread has begun it finishes; a module that does not come back holds that thread, its job
 * and nothing else.
 */
#ifndef POS_GATEWAY_STRONGROOM_H
#define POS_GATEWAY_STRONGROOM_H

#include "core/base/error.h"
#include "gateway/strong_work.h"

struct pos_strongroom;

struct pos_strongroom_options {
    struct pos_hsm *hsm;   /* borrowed */
    uint32_t thread_count; /* each has a session of its own; 1 to POS_STRONGROOM_THREAD_COUNT_MAX */
    uint32_t patience_ms;  /* how long a job may wait to be begun */
};

POS_MUST_USE enum pos_status pos_strongroom_start(const struct pos_strongroom_options *options,
                                                  struct pos_strongroom **room,
                                                  struct pos_error *error);
/* Gives up what is queued, takes no more and ends the threads. False: one is still in the module
 * after `patience_ms`; the room and that job's memory must stay as they are then, and nobody may
 * close the module. */
POS_MUST_USE bool pos_strongroom_stop(struct pos_strongroom *room, uint32_t patience_ms);
/* After a stop that was true, and when everything that was done has been handed over. */
void pos_strongroom_destroy(struct pos_strongroom *room);

/* Any thread. POS_ERR_BUSY: POS_STRONGROOM_QUEUE_COUNT_MAX wait already, or it is stopping. The
 * job's `done` follows on another thread: one of the room's, or whose pos_strongroom_expire it was.
 */
POS_MUST_USE enum pos_status pos_strongroom_submit(struct pos_strongroom *room,
                                                   struct pos_strong_job *job);
/* Gives up what has waited too long (POS_ERR_TIMEOUT). Any thread, now and then. */
void pos_strongroom_expire(struct pos_strongroom *room);

/* A fetched key: gives it to the local session and the parcel back to the room; what the session
 * says, when the job went well. On that session's thread, once for each fetch that is done. */
void pos_strongroom_hand_over(struct pos_strongroom *room, struct pos_strong_job *job,
                              struct pos_hsm_session *local);

struct pos_strongroom_stats {
    uint32_t threads, busy, queue_length;
    uint64_t expired;
};
void pos_strongroom_stats(struct pos_strongroom *room, struct pos_strongroom_stats *stats);

#endif
