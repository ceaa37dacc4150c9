/*
 * The gateway's front end with doubles for everything around it: a table in memory, a key library
 * of a few keys, a host and a clock that the test moves. The security module is the real software
 * one, as it is or behind a double that waits. For tests with Criterion and without: what must hold
 * and does not ends the process.
 */
#ifndef POS_TESTS_GATEWAY_WORLD_H
#define POS_TESTS_GATEWAY_WORLD_H

#include "core/base/log.h"
#include "core/hsm/hsm.h"
#include "core/terminal/terminal.h"
#include "gateway/session.h"

enum {
    WORLD_ROW_COUNT_MAX = 16,
    WORLD_REPLY_COUNT_MAX = 512,
    WORLD_WAIT_COUNT_MAX = 64,
    WORLD_KEY_COUNT = 10, /* of WORLD_KEYS; the first two are A256 */
    WORLD_KEY_FIRST = 278,
    WORLD_PIN_FAILURES = 5, /* of one terminal in an hour */
};

/* Which keys those are, by number. */
struct world_key {
    enum pos_algorithm algorithm;
    enum pos_key_form form;
};
extern const struct world_key world_keys[WORLD_KEY_COUNT];

struct world_row {
    struct pos_smn smn;
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
};

enum world_waits_for { WORLD_FETCH, WORLD_COMMIT, WORLD_HOST, WORLD_SECURE, WORLD_READ };

struct world_wait {
    struct pos_request *request;
    enum world_waits_for what;
};

struct world {
    struct pos_session *session;
    struct pos_gateway_counters counters;
    struct pos_hsm *hsm;
    struct pos_hsm_session *hsm_session; /* one that may wait */
    struct pos_hsm_session *local;       /* the session's own */
    struct pos_mac_parcel *parcel;
    struct pos_pin_limit *pin_limit;
    enum pos_status (*secure)(void *context, struct pos_request *request); /* NULL: the world's */
    struct pos_policy policy;
    struct pos_peer peer;
    uint64_t now_ns, utc_ms;

    struct pos_key_row keys[WORLD_KEY_COUNT];
    uint8_t tmks[WORLD_KEY_COUNT][POS_KEY_SIZE_MAX]; /* as the terminals know them */
    struct world_row rows[WORLD_ROW_COUNT_MAX];
    size_t row_count;

    /* what the session asked for and waits for, in that order */
    struct world_wait waits[WORLD_WAIT_COUNT_MAX];
    size_t wait_count;
    uint8_t host_message[POS_FRAME_SIZE_MAX];
    size_t host_message_size;
    /* the host link that PINs go over; a pin_key of size 0: none */
    struct pos_host_link link;
    /* faults */
    bool waiting;                 /* the module waits: jobs are done when the world is settled */
    enum pos_status secure_fails; /* nothing can wait for it */
    enum pos_status job_fails;    /* what becomes of every job, */
    unsigned job_fails_at;        /* or of the one with this number alone; 0: of every one */
    unsigned job_count;           /* jobs done, failed ones too; a test may set it */
    bool forgets;                 /* the local session, each key as soon as it has it */
    enum pos_status link_fails;
    bool low_on_disk, promotes_nothing;
    bool on_disk;               /* no row is in memory: each has to be read */
    enum pos_status read_fails; /* nothing can wait for that */
    enum pos_status fetch_fails, commit_fails, commit_result, forward_fails, rrn_fails, find_fails;
    enum pos_status dossier_fails;        /* what the key library says of any index */
    enum pos_terminal_outcome outcome_is; /* not NONE: what the committer says, doing nothing */
    uint32_t rrn;
    uint32_t remembered_count; /* of the session */
    uint64_t changes;          /* of all shards; moves with every change of a row that was there */
    /* Called in a look-up, before its rows are read and after; NULL: nothing. */
    void (*before_find)(struct world *world), (*after_find)(struct world *world);
    /* what was seen */
    unsigned finds, commits, promotions, records; /* records: writes that carried an audit event */
    unsigned jobs[POS_STRONG_WORK_COUNT];
    struct pos_bytes replies[WORLD_REPLY_COUNT_MAX];
    size_t reply_count;
    uint8_t reply_bytes[WORLD_REPLY_COUNT_MAX * 512];
    size_t reply_size;
};

struct world *world_create(const struct pos_policy *policy, uint32_t pending_count_max);
void world_destroy(struct world *world);
/* The same with a module that waits (slow_module.h): every key has to be fetched once. */
struct world *world_create_waiting(const struct pos_policy *policy, uint32_t pending_count_max);
/* Jobs go here instead, from now on; the sessions' requests that wait are gone. */
void world_use_secure(struct world *world,
                      enum pos_status (*secure)(void *context, struct pos_request *request));
/* As after world_create, but with the same module and keys, which take their time to make. */
void world_renew(struct world *world, const struct pos_policy *policy, uint32_t pending_count_max);

/* The same world with limits on requests from one address; what was under way is gone. */
void world_limit(struct world *world, uint32_t registrations_per_second,
                 uint32_t requests_per_second);

/* The same world where the session remembers rows; what was under way is gone. */
void world_remember(struct world *world, uint32_t remembered_count);

/* The terminal that holds key `number`, its TMK loaded, confirmed to the mother POS. */
void world_terminal(struct world *world, size_t number, const char *serial,
                    struct pos_terminal *terminal);

/* Bytes in; then a turn. Nothing that waits is completed. */
enum pos_session_close world_send(struct world *world, struct pos_bytes bytes);
/* The same for a message, which gets its frame, and the MAC under `key` where it has room for one;
 * NULL: as it is. */
enum pos_session_close world_send_message(struct world *world, struct pos_bytes message,
                                          const struct pos_key *key, enum pos_mac_purpose purpose);
/* Completes whatever waits for key library, committer or module, until nothing does. */
void world_settle(struct world *world);
/* The first of them alone; false when none waits. */
bool world_settle_one(struct world *world);
bool world_waits_for(const struct world *world, enum world_waits_for what);
/* The host's answer, or its absence, for the first request that waits for it. */
void world_host_sends(struct world *world, enum pos_status status,
                      const struct pos_message *answer);
/* The host answers what it was sent with field 39 = code; NULL: too late. */
void world_host_answers(struct world *world, const char *code);

/* A whole exchange: request, settled, reply judged. `code` in verdict is what the terminal saw. */
void world_exchange(struct world *world, struct pos_terminal *terminal, enum pos_kind kind,
                    struct pos_verdict *verdict);
/* Whether the last reply has a MAC field at all, good or bad. */
bool world_last_reply_has_mac(const struct world *world);
/* Register, sign on and authenticate, so that the pair is current. */
void world_admit(struct world *world, struct pos_terminal *terminal);
/* A whole exchange of one sale with this PIN. */
void world_sell(struct world *world, struct pos_terminal *terminal, const struct pos_sale *sale,
                struct pos_verdict *verdict);
/* Gives the host link a PIN key of this algorithm; its clear value is 16 or 32 bytes of `clear`. */
void world_share_pin_key(struct world *world, enum pos_algorithm algorithm,
                         enum pos_pin_format format, uint8_t clear[POS_KEY_SIZE_MAX]);

/* What bounds the lines about refused PINs. */
struct pos_log_limit *world_pin_log(struct world *world);

struct world_row *world_row(struct world *world, const struct pos_smn *smn);
/* As the operator's command does: the row changes, then the count does. */
void world_set_state(struct world *world, const struct pos_smn *smn, enum pos_terminal_state state);

extern const struct pos_sale world_sale;

#endif
