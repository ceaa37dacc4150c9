/*
 * The gateway's front end with doubles for everything around it: a table in memory, a key library
 * of two keys, a host and a clock that the test moves. The security module is the real software
 * one. For tests with Criterion and without: what must hold and does not ends the process.
 */
#ifndef POS_TESTS_GATEWAY_WORLD_H
#define POS_TESTS_GATEWAY_WORLD_H

#include "core/hsm/hsm.h"
#include "core/terminal/terminal.h"
#include "gateway/session.h"

enum {
    WORLD_ROW_COUNT_MAX = 16,
    WORLD_REPLY_COUNT_MAX = 512,
    WORLD_WAIT_COUNT_MAX = 64,
    WORLD_KEY_COUNT = 2,
    WORLD_KEY_FIRST = 278
};

struct world_row {
    struct pos_smn smn;
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
};

enum world_waits_for { WORLD_FETCH, WORLD_COMMIT, WORLD_HOST };

struct world_wait {
    struct pos_request *request;
    enum world_waits_for what;
};

struct world {
    struct pos_session *session;
    struct pos_gateway_counters counters;
    struct pos_hsm *hsm;
    struct pos_hsm_session *hsm_session;
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
    /* faults */
    bool low_on_disk;
    enum pos_status fetch_fails, commit_fails, commit_result, forward_fails, rrn_fails, find_fails;
    enum pos_status dossier_fails;        /* what the key library says of any index */
    enum pos_terminal_outcome outcome_is; /* not NONE: what the committer says, doing nothing */
    uint32_t rrn;
    /* what was seen */
    unsigned finds, commits, promotions, records; /* records: writes that carried an audit event */
    struct pos_bytes replies[WORLD_REPLY_COUNT_MAX];
    size_t reply_count;
    uint8_t reply_bytes[WORLD_REPLY_COUNT_MAX * 512];
    size_t reply_size;
};

struct world *world_create(const struct pos_policy *policy, uint32_t pending_count_max);
void world_destroy(struct world *world);
/* As after world_create, but with the same module and keys, which take their time to make. */
void world_renew(struct world *world, const struct pos_policy *policy, uint32_t pending_count_max);

/* The same world with limits on requests from one address; what was under way is gone. */
void world_limit(struct world *world, uint32_t registrations_per_second,
                 uint32_t requests_per_second);

/* The terminal that holds key `number` (0 or 1), its TMK loaded, confirmed to the mother POS. */
void world_terminal(struct world *world, size_t number, const char *serial,
                    struct pos_terminal *terminal);

/* Bytes in; then a turn. Nothing that waits is completed. */
enum pos_session_close world_send(struct world *world, struct pos_bytes bytes);
/* The same for a message, which gets its frame, and the MAC under `key` where it has room for one;
 * NULL: as it is. */
enum pos_session_close world_send_message(struct world *world, struct pos_bytes message,
                                          const struct pos_key *key, enum pos_mac_purpose purpose);
/* Completes whatever waits for the key library or the committer, until nothing does. */
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

struct world_row *world_row(struct world *world, const struct pos_smn *smn);

extern const struct pos_sale world_sale;

#endif
