/* The anchor's file and the database's row of the same numbers, for the committer. */
#ifndef POS_STORE_ANCHOR_INSIDE_H
#define POS_STORE_ANCHOR_INSIDE_H

#include "core/base/bytes.h"
#include "core/store/anchor.h"
#include "core/store/rocks.h"

enum { POS_ANCHOR_IDENTITY_SIZE = 16, POS_ANCHOR_STAMP_SIZE = 8, POS_ANCHOR_HASH_SIZE = 32 };

/* Where a database stands after a synced batch. */
struct pos_anchor_state {
    uint8_t identity[POS_ANCHOR_IDENTITY_SIZE];
    uint64_t epoch, batches;
    uint32_t high_water;
    uint64_t audit_sequence;
    uint8_t audit_hash[POS_ANCHOR_HASH_SIZE];
    uint8_t stamp[POS_ANCHOR_STAMP_SIZE];
    uint8_t stamp_before[POS_ANCHOR_STAMP_SIZE]; /* of the batch before; not in the file */
    bool anchored;                               /* it has had an anchor; not in the file */
};

extern const char pos_anchor_key[]; /* of the row in meta */
void pos_anchor_state_encode(const struct pos_anchor_state *state, struct pos_buffer *buffer);
POS_MUST_USE enum pos_status pos_anchor_state_decode(struct pos_bytes bytes,
                                                     struct pos_anchor_state *state);

/* The state of a database that is being made. POS_ERR_IO: no random bytes. */
POS_MUST_USE enum pos_status pos_anchor_state_born(struct pos_anchor_state *state);
/* The next batch's: counted and stamped. POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_anchor_state_step(struct pos_anchor_state *state);

/* One row of meta that a new database is born with (pos_rocks_options). */
struct pos_anchor_birth {
    uint8_t memory[128];
    struct pos_rocks_item item;
};
POS_MUST_USE enum pos_status pos_anchor_birth(size_t meta_family, struct pos_anchor_birth *birth,
                                              struct pos_error *error);

/* Before a database is made: POS_ERR_STATE (FOREIGN) when its anchor is there already. */
POS_MUST_USE enum pos_status pos_anchor_check_new(const struct pos_anchor_options *options,
                                                  const char *database, struct pos_error *error);

struct pos_anchor;

/* Compares. *anchor is NULL when none was asked for. When *stale is set the caller writes the
 * state, stepped, into the database and then the anchor; else with a state that is not in the file
 * yet only the anchor (*behind). */
POS_MUST_USE enum pos_status pos_anchor_open(const struct pos_anchor_options *options,
                                             const char *database, struct pos_anchor_state *state,
                                             struct pos_anchor **anchor, bool *stale, bool *behind,
                                             struct pos_error *error);
void pos_anchor_close(struct pos_anchor *anchor); /* NULL is fine */

/* Writes one slot and syncs it. NULL is fine. POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_anchor_write(struct pos_anchor *anchor,
                                              const struct pos_anchor_state *state);

#endif
