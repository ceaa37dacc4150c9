/*
 * The terminal table: SMN -> whether and how a terminal is admitted. Owned by posgate-gateway.
 *
 * Column families: hot (SMN, 16 bytes -> what every request needs, at most POS_HOT_ROW_SIZE_MAX
 * bytes), detail (SMN -> the rest), by_index (key index, 4 bytes big endian -> SMN and whether it
 * proved its key), audit, meta. Byte layouts: rows_terminal.c.
 *
 * Reads come from any thread and never sync. Every change is one of the writes below, decided in
 * the committer one after the other: so a race for an index has one winner.
 */
#ifndef POS_STORE_TERMINAL_TABLE_H
#define POS_STORE_TERMINAL_TABLE_H

#include "core/store/anchor.h"
#include "core/store/committer.h"

/* Stored; never renumber. */
enum pos_terminal_state {
    POS_TERMINAL_NONE = 0,
    POS_TERMINAL_ACTIVE = 1,
    POS_TERMINAL_SUSPENDED = 2,
    POS_TERMINAL_REVOKED = 3,
    POS_TERMINAL_REPLACED = 4, /* another SMN stands in its place */
    POS_TERMINAL_STATE_COUNT
};
const char *pos_terminal_state_name(enum pos_terminal_state state);

enum { POS_TID_SIZE = 8, POS_MID_SIZE = 15 };

/* The hot row, decoded. `tak[0]` is current, `tak[1]` pending; size 0: none. */
struct pos_terminal_hot {
    enum pos_terminal_state state;
    enum pos_algorithm algorithm;
    bool proved; /* registered with a proof of its TMK */
    bool ecb;    /* that was where later MACs are UnionPay's ECB MAC: less than a proof elsewhere */
    bool signed_off;            /* both pairs were dropped by a sign-off */
    char tid[POS_TID_SIZE + 1]; /* "" until bound */
    char mid[POS_MID_SIZE + 1];
    uint32_t version; /* moves with every change of the row */
    struct pos_key tak[2];
};

struct pos_terminal_detail {
    struct pos_kcv tak_kcv[2];
    struct pos_key tpk[2];
    struct pos_kcv tpk_kcv[2];
    struct pos_key tdk[2]; /* size 0 where the form has none */
    struct pos_kcv tdk_kcv[2];
    bool first_pair_given; /* the key library's pair went out; later sign-ons make new ones */
    uint64_t registered_ms, signed_on_ms, changed_ms; /* UTC */
};

struct pos_terminal_table;

struct pos_terminal_table_options {
    const char *path;
    bool create_if_missing;
    size_t cache_size; /* bytes of block cache for the hot rows; should hold them all */
    struct pos_audit_writer audit;
    struct pos_anchor_options anchor; /* its high-water mark is not used here */
};

POS_MUST_USE enum pos_status
pos_terminal_table_open(const struct pos_terminal_table_options *options,
                        struct pos_terminal_table **table, struct pos_error *error);
/* For readers, also while the gateway runs: a secondary instance as of now, with its own small
 * folder `scratch` for RocksDB's log, or NULL: one that is there only while it is opened. It has no
 * tallies, and refuses writes with POS_ERR_NOT_ALLOWED. */
POS_MUST_USE enum pos_status pos_terminal_table_follow(const char *path, const char *scratch,
                                                       struct pos_terminal_table **table,
                                                       struct pos_error *error);
void pos_terminal_table_close(struct pos_terminal_table *table); /* drains the committer */

/*
 * Looks up `count` SMNs (at most POS_TURN_REQUEST_COUNT_MAX) together. found[i] is POS_OK with
 * rows[i] filled, POS_ERR_NOT_FOUND, POS_ERR_CORRUPT, POS_ERR_VERSION or POS_ERR_DATABASE; rows[i]
 * is undefined then. Any thread; may read the disk when the cache does not hold the table.
 */
void pos_terminal_table_find(struct pos_terminal_table *table, const struct pos_smn *smns,
                             size_t count, struct pos_terminal_hot *rows, enum pos_status *found);

/*
 * As find, for an event loop: never reads the disk where the cache does not hold the table.
 * found[i] may be POS_ERR_BUSY then: find it, on a thread that may wait.
 *
 * Where the cache holds the table a batch can still meet blocks that were just written (a flush, a
 * compaction) and reads them; how many is returned. From then on nobody's find_now reads, as above,
 * until pos_terminal_table_settle: so that is at most one turn a loop in the time between two.
 */
size_t pos_terminal_table_find_now(struct pos_terminal_table *table, const struct pos_smn *smns,
                                   size_t count, struct pos_terminal_hot *rows,
                                   enum pos_status *found);
/* Now and then, by whoever finds for the loops: when no find_now was busy since the last time, they
 * batch again. Any thread. */
void pos_terminal_table_settle(struct pos_terminal_table *table);

/* Whether the cache holds what every request needs. */
struct pos_terminal_room {
    uint64_t hot_size;     /* bytes of the tables with hot rows */
    uint64_t cache_size;   /* bytes of cache for them */
    uint64_t filters_size; /* bytes of memory beside it, for their filters and indexes */
    bool holds;            /* the one fits the other, an eighth to spare */
};
/* As it is now; find_now goes by it from then on, as it does by what open measured. Any thread. */
void pos_terminal_table_measure(struct pos_terminal_table *table, struct pos_terminal_room *room);

/*
 * How often rows changed in the SMN's shard, for whoever remembers a row: read it before the
 * look-up, and the row stands for as long as the number does. It moves once the change can be read
 * and before anybody is told of it, so what was acknowledged is never overlooked. A new row moves
 * nothing: that there is none must not be remembered. Any thread; the writer's table alone (a
 * follower's never moves), and not of load and move_keys, which are for tables that nobody serves
 * from.
 */
uint64_t pos_terminal_table_changes(const struct pos_terminal_table *table,
                                    const struct pos_smn *smn);

POS_MUST_USE enum pos_status pos_terminal_table_find_detail(struct pos_terminal_table *table,
                                                            const struct pos_smn *smn,
                                                            struct pos_terminal_detail *detail);

/* The SMN that holds an index. */
POS_MUST_USE enum pos_status pos_terminal_table_find_index(struct pos_terminal_table *table,
                                                           uint32_t index, struct pos_smn *smn,
                                                           bool *proved);

/* In SMN order from `first` (NULL: the first) until `each` returns false. */
POS_MUST_USE enum pos_status pos_terminal_table_walk(
    struct pos_terminal_table *table, const struct pos_smn *first,
    bool (*each)(void *context, const struct pos_smn *smn, const struct pos_terminal_hot *hot),
    void *context);
POS_MUST_USE enum pos_status
pos_terminal_table_walk_audit(struct pos_terminal_table *table, uint64_t first,
                              bool (*each)(void *context, struct pos_bytes record), void *context);

/* ---- writes ---- */

enum pos_terminal_operation {
    /* In: smn, proved, ecb, algorithm, utc_ms. Out: outcome CREATED, UNCHANGED (the same SMN
     * again), RAISED (was there with less: unproven, proved, proved without ecb), DISPLACED (took
     * an unproven holder's index; that holder's row becomes replaced and `other` names it) or TAKEN
     * (another SMN, `other`, holds the index and may not be displaced: it proved its key, this one
     * does not, or it is not active), WEAKER (the row proved its key and this one does less,
     * whatever the row's state), STATE (the row is suspended, revoked or replaced; it is not
     * changed; of a replaced row `other` is who holds its index now). */
    POS_TERMINAL_REGISTER,
    /* In: smn, tpk, tak and their KCVs, first_pair, utc_ms. When a pair is pending already the row
     * is not changed and nothing is written: outcome UNCHANGED, and `hot` and `detail` show that
     * pair. Else the pair becomes pending: CHANGED. STATE when the row is not active. */
    POS_TERMINAL_SIGN_ON,
    /* In: smn, tak = the one that verified. Pending -> current when it still is that one:
     * CHANGED, else UNCHANGED. Relaxed: not synced. */
    POS_TERMINAL_PROMOTE,
    /* In: smn. Drops both pairs, sets signed_off: CHANGED; was so already: UNCHANGED; STATE when
     * the row is not active. */
    POS_TERMINAL_SIGN_OFF,
    /* In: smn, tid, mid, force. Unbound or `force` (operator): CHANGED; the same: UNCHANGED; bound
     * to something else: TAKEN; not active and not `force`: STATE. An empty tid or mid leaves what
     * is bound, with `force` it unbinds. */
    POS_TERMINAL_BIND,
    /* In: smn, state. CHANGED, UNCHANGED (is in that state) or STATE (not an allowed move). Active
     * and suspended go to each other, to revoked and to replaced; those two are final. */
    POS_TERMINAL_SET_STATE,
    /* In: smn. The row's keys leave it and it is revoked, whatever it was: CHANGED; it had none and
     * was revoked or replaced: UNCHANGED. What it held is in files until pos_terminal_table_scrub.
     */
    POS_TERMINAL_ERASE,
    /* In: events[POS_OUTCOME_NONE]: an audit record by itself. */
    POS_TERMINAL_AUDIT,
    POS_TERMINAL_OPERATION_COUNT
};

enum pos_terminal_outcome {
    POS_OUTCOME_NONE,
    POS_OUTCOME_CREATED,
    POS_OUTCOME_CHANGED,
    POS_OUTCOME_UNCHANGED,
    POS_OUTCOME_RAISED,
    POS_OUTCOME_DISPLACED,
    POS_OUTCOME_TAKEN,
    POS_OUTCOME_WEAKER,
    POS_OUTCOME_STATE,
    POS_OUTCOME_UNKNOWN, /* no such SMN */
    POS_OUTCOME_COUNT
};

/*
 * One write. The caller's memory, kept until `done` was called with the write's own commit (use
 * pos_terminal_write_of). Outcome and `hot` (the row as it is after the write) are valid when the
 * status is POS_OK. What stands in `events` for the outcome is appended to the audit chain in the
 * same batch: so a compare-and-set and its record cannot part.
 */
struct pos_terminal_write {
    struct pos_commit commit; /* set `done`; submit fills the rest */
    enum pos_terminal_operation operation;
    struct pos_smn smn;
    uint64_t utc_ms;
    /* in, by operation */
    bool proved, ecb, first_pair, force;
    enum pos_algorithm algorithm;
    struct pos_key tpk, tak, tdk; /* tdk of size 0: none */
    struct pos_kcv tpk_kcv, tak_kcv, tdk_kcv;
    char tid[POS_TID_SIZE + 1], mid[POS_MID_SIZE + 1];
    enum pos_terminal_state state;
    const void *events[POS_OUTCOME_COUNT]; /* borrowed until done; NULL: no record */
    /* out */
    enum pos_terminal_outcome outcome;
    struct pos_smn other;
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
};

static inline struct pos_terminal_write *pos_terminal_write_of(struct pos_commit *commit)
{
    return (struct pos_terminal_write *)(void *)((char *)commit -
                                                 offsetof(struct pos_terminal_write, commit));
}

/* Any thread; see pos_committer_submit for errors. */
POS_MUST_USE enum pos_status pos_terminal_table_submit(struct pos_terminal_table *table,
                                                       struct pos_terminal_write *write);
/* Submits and waits; commit.done need not be set. Never on an event loop. */
POS_MUST_USE enum pos_status pos_terminal_table_run(struct pos_terminal_table *table,
                                                    struct pos_terminal_write *write);

void pos_terminal_table_stats(struct pos_terminal_table *table, struct pos_committer_stats *stats);
/* Rows by state, counted on open and kept by the committer. */
void pos_terminal_table_counts(struct pos_terminal_table *table,
                               uint64_t counts[POS_TERMINAL_STATE_COUNT]);

/* A durable number that only grows, for RRNs: reserves `count` values and returns the first. One
 * synced write; not on an event loop. */
POS_MUST_USE enum pos_status pos_terminal_table_reserve(struct pos_terminal_table *table,
                                                        uint64_t count, uint64_t *first);

/* As pos_key_library_scrub, _move_keys and _checkpoint (core/store/key_library.h). move_keys is for
 * a table that nobody serves from. */
POS_MUST_USE enum pos_status pos_terminal_table_scrub(struct pos_terminal_table *table);
POS_MUST_USE enum pos_status pos_terminal_table_move_keys(
    struct pos_terminal_table *table,
    enum pos_status (*move)(void *context, const struct pos_key *key, struct pos_key *moved),
    bool (*progress)(void *context, uint64_t rows), void *context);
POS_MUST_USE enum pos_status pos_terminal_table_checkpoint(struct pos_terminal_table *table,
                                                           const char *path, const void *event);

#endif
