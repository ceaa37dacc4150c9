/*
 * The audit record and its chain: each record holds the SHA-256 of the one before, so nothing can
 * be changed, cut out or swapped without the next record saying so.
 *
 * A record is one line of text, fields separated by '|', values percent-encoded where they hold
 * '|', '%', or a character outside 20 to 7E:
 *
 *   2|sequence|time|who|what|on what|outcome|hash of the record before, 64 hex|MAC, 32 hex or -
 *
 * The first record's hash before is 64 zeros. What is hashed is the record's own bytes, complete;
 * a line end is no part of them. The MAC is over everything in front of it, the bar included, under
 * a key that belongs to the LMK; it is "-" only before there is an LMK, so never again once a
 * record had one. A change to the last record shows by its MAC, a cut end against the anchored
 * head. Never a key, PAN, PIN block or track in any field.
 */
#ifndef POS_AUDIT_AUDIT_H
#define POS_AUDIT_AUDIT_H

#include "core/base/error.h"
#include "core/base/limits.h"

enum { POS_AUDIT_HASH_SIZE = 32 };

struct pos_audit_event {
    uint64_t utc_ms;
    /* Sizes count as written, percent-encoding included; what is longer is cut. */
    const char *who;     /* operator, "gateway", a custodian: up to 64 characters count */
    const char *what;    /* "generate", "register-refused": stable word, up to 64 */
    const char *on_what; /* "batch=1 count=500", an SMN: up to 256 characters count */
    const char *outcome; /* "done", "refused: index-taken": up to 128 characters count */
};

/* The head of a chain: what the next record continues. Zeroed starts a new chain. */
struct pos_audit_head {
    uint64_t sequence; /* of the last record; 0: none */
    uint8_t hash[POS_AUDIT_HASH_SIZE];
    bool sealed; /* the last record had a MAC, so all that follow must */
};

/* Who makes the MACs: the security module, by way of the program. Zeroed: no MACs are made, and
 * those that are there are not checked. One thread at a time. */
enum { POS_AUDIT_MAC_SIZE = 16 };
struct pos_audit_sealer {
    enum pos_status (*mac)(void *context, struct pos_bytes record, uint8_t mac[POS_AUDIT_MAC_SIZE]);
    void *context;
};

/* Appends the next record to `record` (POS_AUDIT_RECORD_SIZE_MAX always suffice) and moves *head
 * behind it. POS_ERR_LENGTH: no room; neither has changed then. */
POS_MUST_USE enum pos_status pos_audit_append(struct pos_audit_head *head,
                                              const struct pos_audit_sealer *sealer,
                                              const struct pos_audit_event *event,
                                              struct pos_buffer *record);

/* Checks the record that should come next and moves *head behind it. POS_ERR_FORMAT, POS_ERR_ORDER
 * (sequence), POS_ERR_CORRUPT (hash), POS_ERR_MAC (wrong, or gone), or what the sealer says;
 * *error names the record and the reason. */
POS_MUST_USE enum pos_status pos_audit_verify_next(struct pos_audit_head *head,
                                                   const struct pos_audit_sealer *sealer,
                                                   struct pos_bytes record,
                                                   struct pos_error *error);

/* The head after `record`, which is trusted to be the last one: sequence and hash. For going on
 * with a chain; POS_ERR_FORMAT, POS_ERR_CRYPTO. */
POS_MUST_USE enum pos_status pos_audit_head_of(struct pos_bytes record,
                                               struct pos_audit_head *head);

/* Takes a record apart for showing; borrowed from `text`, which gets the decoded values
 * (POS_AUDIT_RECORD_SIZE_MAX suffice). Decoded values may hold any byte: not to be printed as they
 * are. POS_ERR_FORMAT, POS_ERR_LENGTH. */
struct pos_audit_record {
    uint64_t sequence;
    struct pos_bytes time, who, what, on_what, outcome;
};
POS_MUST_USE enum pos_status pos_audit_read(struct pos_bytes record, char *text, size_t capacity,
                                            struct pos_audit_record *out);

#endif
