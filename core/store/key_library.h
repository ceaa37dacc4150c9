/*
 * The key library table: key index -> state, algorithm, keys under the LMK, batch, mother POS,
 * times. Written by posgate-keymgmt alone; the gateway follows it read-only (a RocksDB secondary),
 * also while keymgmt runs and after it ended.
 *
 * Column families: keys (index, 4 bytes big endian -> row), batches (number, 4 bytes -> row),
 * mothers (name -> KTK), audit (sequence, 8 bytes -> record), meta. Byte layouts: rows_key.c.
 */
#ifndef POS_STORE_KEY_LIBRARY_H
#define POS_STORE_KEY_LIBRARY_H

#include "core/store/committer.h"

/* Stored; never renumber. */
enum pos_key_state {
    POS_KEY_NONE = 0,
    POS_KEY_GENERATED = 1,
    POS_KEY_EXPORTED = 2,
    POS_KEY_LOADED = 3,
    POS_KEY_ISSUED = 4,
    POS_KEY_DESTROYED = 5,
    POS_KEY_BURNED = 6,
    POS_KEY_COMPROMISED = 7,
    POS_KEY_STATE_COUNT
};
const char *pos_key_state_name(enum pos_key_state state);

struct pos_key_row {
    uint32_t index;
    enum pos_key_state state;
    enum pos_algorithm algorithm;
    struct pos_key tmk, tpk, tak; /* size 0 once destroyed */
    struct pos_kcv tmk_kcv, tpk_kcv, tak_kcv;
    uint32_t batch;
    char mother[POS_KEY_NAME_SIZE_MAX + 1];                    /* destination; "" before export */
    char serial[POS_SERIAL_SIZE + 1];                          /* from a return file; "" before */
    uint64_t generated_ms, exported_ms, loaded_ms, changed_ms; /* UTC; 0: not yet */
};

/* Stored; never renumber. */
enum pos_batch_state {
    POS_BATCH_NONE = 0,
    POS_BATCH_GENERATED = 1,
    POS_BATCH_EXPORTED = 2,
    POS_BATCH_LOADED = 3,
};

struct pos_batch_row {
    uint32_t number;
    enum pos_batch_state state;
    enum pos_algorithm algorithm;
    uint32_t first, count; /* indexes first to first + count - 1 */
    char mother[POS_KEY_NAME_SIZE_MAX + 1];
    uint64_t created_ms, exported_ms, loaded_ms;
};

struct pos_mother_row {
    char name[POS_KEY_NAME_SIZE_MAX + 1];
    struct pos_key ktk;
    struct pos_kcv ktk_kcv;
    uint64_t created_ms;
};

struct pos_key_library;

struct pos_key_library_options {
    const char *path;              /* folder of the database; exists or is made by `create` */
    bool create;                   /* make a new one; POS_ERR_EXISTS when there is one */
    struct pos_audit_writer audit; /* writers only */
};

/* For the one writer. POS_ERR_NOT_FOUND, POS_ERR_BUSY (another process has it open),
 * POS_ERR_VERSION, POS_ERR_DATABASE; *error says what to do. */
POS_MUST_USE enum pos_status pos_key_library_open(const struct pos_key_library_options *options,
                                                  struct pos_key_library **library,
                                                  struct pos_error *error);

/* For readers: a secondary instance with its own small folder `scratch` for RocksDB's log. */
POS_MUST_USE enum pos_status pos_key_library_follow(const char *path, const char *scratch,
                                                    struct pos_key_library **library,
                                                    struct pos_error *error);
void pos_key_library_close(struct pos_key_library *library);

/* Followers: reads what the writer has written since. About 5 ms; not on an event loop. */
POS_MUST_USE enum pos_status pos_key_library_catch_up(struct pos_key_library *library);

/* Any thread. POS_ERR_NOT_FOUND, POS_ERR_CORRUPT, POS_ERR_VERSION, POS_ERR_DATABASE. May read the
 * disk. */
POS_MUST_USE enum pos_status pos_key_library_find(struct pos_key_library *library, uint32_t index,
                                                  struct pos_key_row *row);
POS_MUST_USE enum pos_status pos_key_library_find_batch(struct pos_key_library *library,
                                                        uint32_t number, struct pos_batch_row *row);
POS_MUST_USE enum pos_status pos_key_library_find_mother(struct pos_key_library *library,
                                                         const char *name,
                                                         struct pos_mother_row *row);

/* Calls `each` for the rows from `first` on, in order, until it returns false. */
POS_MUST_USE enum pos_status
pos_key_library_walk(struct pos_key_library *library, uint32_t first,
                     bool (*each)(void *context, const struct pos_key_row *row), void *context);
POS_MUST_USE enum pos_status
pos_key_library_walk_batches(struct pos_key_library *library,
                             bool (*each)(void *context, const struct pos_batch_row *row),
                             void *context);
POS_MUST_USE enum pos_status
pos_key_library_walk_mothers(struct pos_key_library *library,
                             bool (*each)(void *context, const struct pos_mother_row *row),
                             void *context);
/* Every audit record in order, as core/audit wrote it. */
POS_MUST_USE enum pos_status
pos_key_library_walk_audit(struct pos_key_library *library, uint64_t first,
                           bool (*each)(void *context, struct pos_bytes record), void *context);

/* The index and batch number that the next generation gets. */
POS_MUST_USE enum pos_status pos_key_library_next(struct pos_key_library *library, uint32_t *index,
                                                  uint32_t *batch);

/*
 * Writing, for the one writer: each call is one synced batch with its audit event (`event` is what
 * the audit writer's append understands; NULL: no record) and returns when it is on disk. Any
 * thread. POS_ERR_NOT_ALLOWED on a follower.
 */

/* Appends `rows` (consecutive indexes from pos_key_library_next on, state generated, of the batch's
 * number and algorithm) to the batch's row, which is made (the next number) or extended (the newest
 * batch, while it is generated); batch->first and count are not read. POS_ERR_ORDER when the
 * indexes or the number are not the next ones, POS_ERR_STATE when the batch may not grow,
 * POS_ERR_EXHAUSTED at the end of the range, POS_ERR_FORMAT for a row that is not a new key. */
POS_MUST_USE enum pos_status pos_key_library_add(struct pos_key_library *library,
                                                 const struct pos_key_row *rows, size_t count,
                                                 const struct pos_batch_row *batch,
                                                 const void *event);
/* Moves all keys of a batch and the batch itself to exported (from generated; `mother` is the
 * destination) or loaded (from exported; `mother` the same or NULL). One row is written however
 * many keys there are, and they move together: a key's state is the later of its own and its
 * batch's. POS_ERR_STATE for any other move, POS_ERR_MISMATCH for another mother POS,
 * POS_ERR_NOT_FOUND. */
POS_MUST_USE enum pos_status pos_key_library_move_batch(struct pos_key_library *library,
                                                        uint32_t number, enum pos_key_state state,
                                                        const char *mother, uint64_t utc_ms,
                                                        const void *event);
/* What became of a key at its mother POS. */
struct pos_key_settlement {
    uint32_t index;
    enum pos_key_state state;         /* issued or burned */
    char serial[POS_SERIAL_SIZE + 1]; /* to whom it was given */
    uint64_t utc_ms;                  /* when */
};
/* Moves keys, in order of their indexes, from exported or loaded to issued or burned: all of them
 * or none. POS_ERR_STATE for a key in any other state, POS_ERR_ORDER, POS_ERR_NOT_FOUND,
 * POS_ERR_FORMAT for a settlement that is none. */
POS_MUST_USE enum pos_status pos_key_library_settle(struct pos_key_library *library,
                                                    const struct pos_key_settlement *settlements,
                                                    size_t count, const void *event);
/* POS_ERR_EXISTS when the name is there. */
POS_MUST_USE enum pos_status pos_key_library_add_mother(struct pos_key_library *library,
                                                        const struct pos_mother_row *row,
                                                        const void *event);
/* An audit record by itself. */
POS_MUST_USE enum pos_status pos_key_library_audit(struct pos_key_library *library,
                                                   const void *event);

#endif
