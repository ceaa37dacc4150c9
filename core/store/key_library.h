/*
 * The key library table: key index -> state, algorithm, keys under the LMK, batch, mother POS,
 * times. Written by posgate-keymgmt alone; the gateway follows it read-only (a RocksDB secondary),
 * also while keymgmt runs and after it ended.
 *
 * Column families: keys (index, 4 bytes big endian -> row), batches (number, 4 bytes -> row),
 * mothers (name -> KTK), links (name -> ZPK or ZAK), people (name -> operator), approvals (number,
 * 4 bytes -> row), audit (sequence, 8 bytes -> record), meta. Byte layouts: rows_key.c and
 * rows_people.c.
 */
#ifndef POS_STORE_KEY_LIBRARY_H
#define POS_STORE_KEY_LIBRARY_H

#include "core/store/anchor.h"
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
    enum pos_key_form form;            /* of its working keys */
    struct pos_key tmk, tpk, tak, tdk; /* size 0 once destroyed; tdk only where the form has one */
    struct pos_kcv tmk_kcv, tpk_kcv, tak_kcv, tdk_kcv;
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
    POS_BATCH_BURNED = 4, /* never to be exported: it may have been, before a restored backup */
};

struct pos_batch_row {
    uint32_t number;
    enum pos_batch_state state;
    enum pos_algorithm algorithm;
    enum pos_key_form form;
    uint32_t first, count; /* indexes first to first + count - 1 */
    char mother[POS_KEY_NAME_SIZE_MAX + 1];
    uint64_t created_ms, exported_ms, loaded_ms, burned_ms; /* UTC; 0: not yet */
};

struct pos_mother_row {
    char name[POS_KEY_NAME_SIZE_MAX + 1];
    struct pos_key ktk;
    struct pos_kcv ktk_kcv;
    uint64_t created_ms;
    bool compromised; /* nothing is exported to it any more */
};

/* A key shared with a host: its ZPK or ZAK. The name is the link's, the usage part of the row's
 * key: a link may have one of each. */
struct pos_link_row {
    char name[POS_KEY_NAME_SIZE_MAX + 1];
    struct pos_key key; /* its usage is ZPK or ZAK */
    struct pos_kcv kcv;
    uint64_t created_ms;
};

/* ---- people ---- */

/* What a person may do; bits. Stored; never renumber. */
enum pos_role {
    POS_ROLE_OPERATOR = 1,  /* ask for and do the daily work */
    POS_ROLE_CUSTODIAN = 2, /* hold a component */
    POS_ROLE_APPROVER = 4,  /* agree to what somebody else asked for */
    POS_ROLE_AUDITOR = 8,   /* read the audit chain */
    POS_ROLE_ALL = 15,
};
enum { POS_PERSON_NAME_SIZE_MAX = 40, POS_PERSON_PASSWORD_SIZE = 52 };

struct pos_person_row {
    char name[POS_PERSON_NAME_SIZE_MAX + 1];    /* printable, as typed; unique whatever its case */
    unsigned roles;                             /* 0: left, may do nothing; the name stays taken */
    uint8_t password[POS_PERSON_PASSWORD_SIZE]; /* core/crypto/password.h */
    uint64_t created_ms, changed_ms;
};

/* Stored; never renumber. */
enum pos_approval_state {
    POS_APPROVAL_NONE = 0,
    POS_APPROVAL_ASKED = 1,
    POS_APPROVAL_GIVEN = 2,
    POS_APPROVAL_REFUSED = 3, /* by an approver */
    POS_APPROVAL_USED = 4,    /* what it was for was begun; good for once */
};
enum { POS_APPROVAL_ACTION_SIZE_MAX = 24, POS_APPROVAL_SUBJECT_SIZE_MAX = 400 };

/* One thing that needs two people. It expires by the clock, without a write. */
struct pos_approval_row {
    uint32_t number;
    enum pos_approval_state state;
    char action[POS_APPROVAL_ACTION_SIZE_MAX + 1];   /* "export" */
    char subject[POS_APPROVAL_SUBJECT_SIZE_MAX + 1]; /* everything that it does, in words that are
                                                        the same for the same thing */
    char asked_by[POS_PERSON_NAME_SIZE_MAX + 1];
    char answered_by[POS_PERSON_NAME_SIZE_MAX + 1];
    uint64_t asked_ms, answered_ms, used_ms;
    uint64_t expires_ms; /* not to be given or used from then on */
};

/* How the library is run; fixed when it is made. */
struct pos_library_policy {
    bool single_operator;      /* no credentials, no approvals: for demonstrations */
    uint32_t approval_minutes; /* from asking to use */
};

struct pos_key_library;

struct pos_key_library_options {
    const char *path;                 /* folder of the database; exists or is made by `create` */
    bool create;                      /* make a new one; POS_ERR_EXISTS when there is one */
    struct pos_audit_writer audit;    /* writers only */
    struct pos_library_policy policy; /* with create */
    struct pos_anchor_options anchor; /* writers only */
};

/* For the one writer. POS_ERR_NOT_FOUND, POS_ERR_BUSY (another process has it open),
 * POS_ERR_VERSION, POS_ERR_DATABASE; *error says what to do. */
POS_MUST_USE enum pos_status pos_key_library_open(const struct pos_key_library_options *options,
                                                  struct pos_key_library **library,
                                                  struct pos_error *error);

/* For readers: a secondary instance with its own small folder `scratch` for RocksDB's log, or NULL:
 * one that is there only while the library is opened, now and in later catch-ups. */
POS_MUST_USE enum pos_status pos_key_library_follow(const char *path, const char *scratch,
                                                    struct pos_key_library **library,
                                                    struct pos_error *error);
void pos_key_library_close(struct pos_key_library *library);

/* Followers: reads what the writer has written since. About 5 ms; not on an event loop.
 * POS_ERR_BUSY: writers came and went so fast that some of it may be missing until the next time.
 */
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

/* `usage` ZPK or ZAK. */
POS_MUST_USE enum pos_status pos_key_library_find_link(struct pos_key_library *library,
                                                       const char *name, enum pos_key_usage usage,
                                                       struct pos_link_row *row);
/* In whatever case. */
POS_MUST_USE enum pos_status pos_key_library_find_person(struct pos_key_library *library,
                                                         const char *name,
                                                         struct pos_person_row *row);
POS_MUST_USE enum pos_status pos_key_library_find_approval(struct pos_key_library *library,
                                                           uint32_t number,
                                                           struct pos_approval_row *row);
POS_MUST_USE enum pos_status pos_key_library_policy(struct pos_key_library *library,
                                                    struct pos_library_policy *policy);

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
POS_MUST_USE enum pos_status
pos_key_library_walk_links(struct pos_key_library *library,
                           bool (*each)(void *context, const struct pos_link_row *row),
                           void *context);
POS_MUST_USE enum pos_status
pos_key_library_walk_people(struct pos_key_library *library,
                            bool (*each)(void *context, const struct pos_person_row *row),
                            void *context);
/* From `first` on, oldest first. */
POS_MUST_USE enum pos_status
pos_key_library_walk_approvals(struct pos_key_library *library, uint32_t first,
                               bool (*each)(void *context, const struct pos_approval_row *row),
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
/* Its two halves, so that the next rows can be made while these are on their way to the disk:
 * `rows` and `event` are borrowed until await returned, which says what became of them and gives
 * the addition's memory back. When start fails there is none; POS_ERR_MEMORY. Between the two this
 * thread writes nothing else here, and other threads' writes wait. */
struct pos_key_addition;
POS_MUST_USE enum pos_status pos_key_library_add_start(struct pos_key_library *library,
                                                       const struct pos_key_row *rows, size_t count,
                                                       const struct pos_batch_row *batch,
                                                       const void *event,
                                                       struct pos_key_addition **addition);
POS_MUST_USE enum pos_status pos_key_library_add_await(struct pos_key_addition *addition);
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
/* POS_ERR_EXISTS when the link has a key of that usage. */
POS_MUST_USE enum pos_status pos_key_library_add_link(struct pos_key_library *library,
                                                      const struct pos_link_row *row,
                                                      const void *event);
/* Adds or changes a person. POS_ERR_STATE when nobody with ROLE_OPERATOR or nobody else with
 * ROLE_APPROVER would be left in a library that is not for a single operator and had them. */
POS_MUST_USE enum pos_status pos_key_library_put_person(struct pos_key_library *library,
                                                        const struct pos_person_row *row,
                                                        const void *event);
/* Asks: *number is the next. */
POS_MUST_USE enum pos_status pos_key_library_add_approval(struct pos_key_library *library,
                                                          const struct pos_approval_row *row,
                                                          uint32_t *number, const void *event);
/* Asked -> given or refused, given -> used, decided on the row as it is on disk: POS_ERR_STATE when
 * it is in another state, POS_ERR_TIMEOUT when it has expired at utc_ms, POS_ERR_NOT_ALLOWED when
 * `who` answers what `who` asked for. Only used is for the person who asked. */
POS_MUST_USE enum pos_status pos_key_library_move_approval(struct pos_key_library *library,
                                                           uint32_t number,
                                                           enum pos_approval_state state,
                                                           const char *who, uint64_t utc_ms,
                                                           const void *event);

/* Takes key material out of the rows of these indexes, in order, whatever their state;
 * destroyed rows keep index, check values and history. One synced batch of at most
 * POS_COMMIT_BATCH_COUNT_MAX rows. What the rows held before is still in files until
 * pos_key_library_scrub. */
POS_MUST_USE enum pos_status pos_key_library_destroy(struct pos_key_library *library,
                                                     const uint32_t *indexes, size_t count,
                                                     uint64_t utc_ms, const void *event);
/* Marks keys compromised, from every state but destroyed; those that are stay so. As destroy. */
POS_MUST_USE enum pos_status pos_key_library_compromise(struct pos_key_library *library,
                                                        const uint32_t *indexes, size_t count,
                                                        uint64_t utc_ms, const void *event);
POS_MUST_USE enum pos_status pos_key_library_compromise_mother(struct pos_key_library *library,
                                                               const char *name, const void *event);
/* After it no file of the database holds what was overwritten or deleted before: flush, compaction
 * of every level, old logs and tables gone. Minutes for a large library. POS_ERR_BUSY: a walk keeps
 * old files; POS_ERR_DATABASE: tables could not be written anew, for want of room perhaps. Both:
 * what was deleted may still be in a file. */
POS_MUST_USE enum pos_status pos_key_library_scrub(struct pos_key_library *library);
/* Followers: lets go of files that the writer has deleted since; reads go on meanwhile. */
POS_MUST_USE enum pos_status pos_key_library_let_go(struct pos_key_library *library);

/* For the rotation of the LMK: puts each key of every row (keys, mothers, links) through `move`,
 * from `first` on in the order keys by index, mothers, links, and writes the rows in synced
 * batches. `move` returns POS_OK with *moved, or POS_ERR_EXISTS when the key is under the new LMK
 * already; anything else ends it. So it can be interrupted and run again. `progress` is told the
 * rows done; false ends with POS_ERR_BUSY. */
POS_MUST_USE enum pos_status pos_key_library_move_keys(
    struct pos_key_library *library,
    enum pos_status (*move)(void *context, const struct pos_key *key, struct pos_key *moved),
    bool (*progress)(void *context, uint64_t rows), void *context);

/* A copy that is whole and can be opened, in the new folder `path` (same file system: links). The
 * anchor moves on, so that the copy is older than the original from then on. */
POS_MUST_USE enum pos_status pos_key_library_checkpoint(struct pos_key_library *library,
                                                        const char *path, const void *event);
/* For a library that is older than its anchor (anchor.h): indexes up to `high_water` are never
 * given out, and every batch that is only generated becomes burned, because it may have been
 * exported since. *indexes counts the indexes of both, *batches the batches. Numbers of batches
 * that may have been used are passed over as well. Once more changes nothing. To be called before
 * the open that accepts, on the library opened without its anchor: so a crash in between leaves one
 * that is still refused. */
POS_MUST_USE enum pos_status pos_key_library_burn_since(struct pos_key_library *library,
                                                        uint32_t high_water, uint64_t utc_ms,
                                                        uint64_t *indexes, uint32_t *batches,
                                                        const void *event);

/* An audit record by itself. */
POS_MUST_USE enum pos_status pos_key_library_audit(struct pos_key_library *library,
                                                   const void *event);

#endif
