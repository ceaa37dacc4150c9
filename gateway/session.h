/*
 * The front end from frame to reply: what is asked, by whom, whether it may be, and what is
 * answered.
 *
 * Free of sockets, libuv, threads and clocks. Bytes and times come in as arguments; the terminal
 * table, the key library, the committer and the host are functions in struct pos_world; the
 * security module is an interface of its own. So the whole of it runs in a test from a list of
 * frames, with every split and every fault.
 *
 * One session a loop, one thread a session. The order of checks is docs/protocol.md's: frame and
 * fields, rates, SMN, MAC, state, then the request itself; so only the holder of a key learns
 * anything, and what fails before its proof is counted, never written.
 */
#ifndef POS_GATEWAY_SESSION_H
#define POS_GATEWAY_SESSION_H

#include "gateway/pin_limit.h"
#include "gateway/rate.h"
#include "gateway/request.h"

/* What the front end needs from outside. Every function is called on the session's thread. */
struct pos_world {
    void *context;
    /* Looks up `count` SMNs together, as pos_terminal_table_find_now. */
    void (*find)(void *context, const struct pos_smn *smns, size_t count,
                 struct pos_terminal_hot *rows, enum pos_status *found);
    /* How often rows of the SMN's shard changed, as pos_terminal_table_changes. Asked for only
     * where rows are remembered. */
    uint64_t (*changes)(void *context, const struct pos_smn *smn);
    /* Starts to look up request->smn where that may wait, into request->hot and request->found;
     * pos_session_looked_up follows, never from inside this call. POS_ERR_BUSY: too many wait. */
    enum pos_status (*read)(void *context, struct pos_request *request);
    /* Starts to fill request->dossier, the key row for all but transactions;
     * pos_session_fetched follows, never from inside this call. */
    enum pos_status (*fetch)(void *context, struct pos_request *request);
    /* False: the disk has too little room to write for terminals. */
    bool (*may_write)(void *context);
    /* Submits request->write; pos_session_committed follows likewise. */
    enum pos_status (*commit)(void *context, struct pos_request *request);
    /* Promotes the pending pair whose TAK verified: nobody waits for it, a failure is harmless (the
     * next message under that TAK promotes it again). */
    void (*promote)(void *context, const struct pos_smn *smn, const struct pos_key *tak);
    /* Does request->job, with a module session that may wait; pos_session_secured follows, maybe
     * from inside this call. A MAC key that was fetched is then with the session's own module
     * session. POS_ERR_BUSY: too many wait. */
    enum pos_status (*secure)(void *context, struct pos_request *request);
    /* Chooses the host link for a request with a PIN. POS_ERR_NOT_FOUND: none has a PIN key;
     * POS_ERR_UNREACHABLE: none of those that have is up. */
    enum pos_status (*choose_link)(void *context, struct pos_host_link *link);
    /* Sends `message` to the host for this request, over request->link when that says which;
     * pos_session_host_answered follows likewise. POS_ERR_UNREACHABLE, POS_ERR_LIMIT (window full),
     * POS_ERR_EXISTS (same key under way), POS_ERR_FORMAT and POS_ERR_LENGTH (the host's dialect
     * cannot carry it); POS_ERR_HSM and others: it could not be given its MAC. */
    enum pos_status (*forward)(void *context, struct pos_request *request,
                               const struct pos_draft *message);
    /* The next number for an RRN, 0 to 999999. POS_ERR_BUSY when none is reserved yet. */
    enum pos_status (*take_rrn)(void *context, uint32_t *rrn);
    /* A whole frame for the connection, if it is still there. */
    void (*reply)(void *context, uint64_t connection, struct pos_bytes frame);
};

struct pos_session_options {
    struct pos_world world;
    struct pos_hsm_session *hsm;           /* borrowed; local where the module waits */
    struct pos_pin_limit *pin_limit;       /* borrowed, shared by all sessions */
    struct pos_gateway_counters *counters; /* borrowed */
    uint32_t pending_count_max;            /* requests in all stages */
    uint32_t pipeline_count_max;           /* unanswered ones of one connection */
    uint32_t remembered_count;             /* rows; 0: every request is looked up */
    uint32_t registrations_per_second;     /* per address; 0: no limit */
    uint32_t requests_per_second;          /* per address; 0: no limit */
};

POS_MUST_USE enum pos_status pos_session_create(const struct pos_session_options *options,
                                                struct pos_session **session);
void pos_session_destroy(struct pos_session *session);

/* What time it is, for everything until the next call: monotonic and wall. */
void pos_session_set_time(struct pos_session *session, uint64_t now_ns, uint64_t utc_ms);

enum pos_session_close {
    POS_SESSION_OPEN,
    POS_SESSION_BAD_FRAME,  /* a length out of bounds */
    POS_SESSION_NO_REQUEST, /* no readable request MTI */
    POS_SESSION_PIPELINE,   /* too many unanswered requests */
};

/* Takes whole frames off the front of `stream`; returns the bytes used. Requests that need the
 * table wait for pos_session_turn. *close says whether the connection must end (and *reason why).
 */
size_t pos_session_receive(struct pos_session *session, struct pos_peer *peer,
                           struct pos_bytes stream, enum pos_session_close *close,
                           const char **reason);

/* The end of a turn: looks up what was collected, together, and answers what can be answered. */
void pos_session_turn(struct pos_session *session);

/* Behind the turn: the time at its end, for the latencies of what it answered. */
void pos_session_turn_done(struct pos_session *session, uint64_t now_ns);

/* ---- completions ---- */

void pos_session_looked_up(struct pos_request *request);
void pos_session_fetched(struct pos_request *request);
void pos_session_secured(struct pos_request *request);
void pos_session_committed(struct pos_request *request, enum pos_status status);
/* POS_OK with the host's reply (borrowed); POS_ERR_TIMEOUT; POS_ERR_NETWORK: the link broke after
 * the request was sent. */
void pos_session_host_answered(struct pos_request *request, enum pos_status status,
                               const struct pos_message *reply);

/* Requests that wait for disk, host or security module: 0 means that the front end may go. */
uint32_t pos_session_pending(const struct pos_session *session);

#endif
