/*
 * What one loop counts. Written on that loop's thread alone, read by the metrics thread; nothing is
 * shared between loops.
 */
#ifndef POS_GATEWAY_COUNTERS_H
#define POS_GATEWAY_COUNTERS_H

#include "core/base/counter.h"
#include "core/base/histogram.h"
#include "core/wire/message.h"

/* Why a request was not done: more than its response code tells the peer. */
#define POS_REFUSAL_LIST(X)                                                                        \
    X(NONE, "none")                                                                                \
    X(FORMAT, "format")                                                                            \
    X(UNSUPPORTED, "unsupported")                                                                  \
    X(RATE, "rate")                                                                                \
    X(UNKNOWN_SMN, "unknown-smn")                                                                  \
    X(UNKNOWN_INDEX, "unknown-index")                                                              \
    X(INDEX_NOT_ISSUED, "index-not-issued")                                                        \
    X(BAD_PROOF, "bad-proof")                                                                      \
    X(BAD_MAC, "bad-mac")                                                                          \
    X(NO_MAC, "no-mac")                                                                            \
    X(NO_KEY, "no-key")                                                                            \
    X(WEAKER_LISTENER, "weaker-listener")                                                          \
    X(SUSPENDED, "suspended")                                                                      \
    X(REVOKED, "revoked")                                                                          \
    X(REPLACED, "replaced")                                                                        \
    X(SIGNED_OFF, "signed-off")                                                                    \
    X(INDEX_TAKEN, "index-taken")                                                                  \
    X(OTHER_SERIAL, "other-serial")                                                                \
    X(WRONG_TERMINAL, "wrong-terminal")                                                            \
    X(NOT_PROVISIONED, "not-provisioned")                                                          \
    X(PIN_OFF, "pin-not-configured")                                                               \
    X(PIN, "pin")                                                                                  \
    X(PIN_LIMIT, "pin-limit")                                                                      \
    X(DUPLICATE, "duplicate")                                                                      \
    X(OVERLOAD, "overload")                                                                        \
    X(DATABASE, "database")                                                                        \
    X(LOW_DISK, "low-disk")                                                                        \
    X(SECURITY_MODULE, "security-module")                                                          \
    X(HOST_AWAY, "host-away")                                                                      \
    X(HOST_FULL, "host-window-full")                                                               \
    X(HOST_LATE, "host-late")                                                                      \
    X(HOST_LOST, "host-lost")                                                                      \
    X(HOST_DECLINED, "host-declined")

enum pos_refusal {
#define X(name, text) POS_REFUSAL_##name,
    POS_REFUSAL_LIST(X)
#undef X
        POS_REFUSAL_COUNT
};
const char *pos_refusal_text(enum pos_refusal refusal);

/* What the security module was asked for, and how it went. */
#define POS_VERB_LIST(X)                                                                           \
    X(VERIFY_MAC, "verify-mac")                                                                    \
    X(MAKE_MAC, "make-mac")                                                                        \
    X(FETCH_MAC_KEY, "fetch-mac-key")                                                              \
    X(GENERATE, "generate")                                                                        \
    X(WRAP, "wrap")                                                                                \
    X(TRANSLATE_PIN, "translate-pin")

enum pos_verb {
#define X(name, text) POS_VERB_##name,
    POS_VERB_LIST(X)
#undef X
        POS_VERB_COUNT
};
const char *pos_verb_text(enum pos_verb verb);

enum pos_verb_outcome {
    POS_VERB_DONE,
    POS_VERB_REFUSED, /* what it was given is wrong: a MAC, a PIN block */
    POS_VERB_LACKING, /* the loop has not got the key: fetched, and tried again */
    POS_VERB_FAILED,
    POS_VERB_OUTCOME_COUNT
};
enum pos_verb_outcome pos_verb_outcome(enum pos_status status);
const char *pos_verb_outcome_text(enum pos_verb_outcome outcome);

enum {
    POS_COUNT_KIND_OTHER = POS_KIND_COUNT,         /* not decoded far enough to have a kind */
    POS_COUNT_RESPONSE_OTHER = POS_RESPONSE_COUNT, /* a code of the host's own */
};

struct pos_gateway_counters {
    struct pos_counter replies[POS_KIND_COUNT + 1][POS_RESPONSE_COUNT + 1];
    struct pos_counter refusals[POS_REFUSAL_COUNT];
    struct pos_counter keep_alives;
    struct pos_counter lookups, lookup_batches;
    struct pos_counter remembered;  /* requests that needed no look-up */
    struct pos_counter reads;       /* look-ups that had to wait for the disk */
    struct pos_counter blocks_read; /* by the loop itself, as they were just written */
    struct pos_counter host_requests, host_replies, host_replies_late, host_replies_unmatched;
    struct pos_counter host_connects, host_connect_failures, host_up; /* host_up: a gauge */
    struct pos_counter host_replies_bad_mac;
    struct pos_counter pending; /* a gauge: requests waiting for disk, host or security module */
    struct pos_counter module[POS_VERB_COUNT][POS_VERB_OUTCOME_COUNT];
    /* nanoseconds */
    struct pos_histogram reply_time;  /* from the turn that read the request to its reply */
    struct pos_histogram lookup_time; /* a turn's look-ups, together */
    struct pos_histogram commit_time; /* a durable write, from submit to on disk */
    struct pos_histogram host_time;   /* from forward to the host's reply */
};

#endif
