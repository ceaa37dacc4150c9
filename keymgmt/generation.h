/*
 * New terminal keys into the library, a chunk at a time: while one is on its way to the disk, with
 * its audit record, the next one is made. A chunk is sent off when the one in front of it is on
 * disk, so an interruption costs nothing: what was counted is there, and nothing behind a gap. A
 * batch never has more keys than a key file may.
 */
#ifndef POS_KEYMGMT_GENERATION_H
#define POS_KEYMGMT_GENERATION_H

#include "keymgmt/home.h"

struct pos_generation {
    /* asked for */
    uint32_t count;
    enum pos_algorithm algorithm;
    enum pos_key_form form; /* of the working keys */
    /* what comes next, by the caller at first */
    uint32_t next_index;
    struct pos_batch_row batch; /* under way; its count is of what was made */
    /* on disk */
    uint32_t done;
    uint32_t last_batch; /* of the last key */
};

/* The batch that follows. */
void pos_generation_begin_batch(struct pos_generation *generation, uint32_t number);

/* Makes and stores generation->count keys, with home->hsm. POS_ERR_BUSY: interrupted by a signal,
 * *error says how to go on. Whatever it returns, `done` keys are stored. */
POS_MUST_USE enum pos_status pos_generation_run(struct pos_generation *generation,
                                                struct pos_home *home, struct pos_error *error);

#endif
