/*
 * One request on its way through the gateway, and the pool it comes from.
 *
 * A request holds its own copy of the frame, because the read buffer is shared and it may have to
 * wait for the turn's look-up, for the disk or for the host. It names its connection by a handle,
 * never by a pointer: the connection may be gone when the answer is there. Where it stands is one
 * state, moved by one function over a table of allowed moves.
 */
#ifndef POS_GATEWAY_REQUEST_H
#define POS_GATEWAY_REQUEST_H

#include "core/audit/audit.h"
#include "core/hsm/hsm.h"
#include "core/store/key_library.h"
#include "core/store/terminal_table.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"
#include "gateway/counters.h"

enum pos_request_state {
    POS_REQUEST_FREE,
    POS_REQUEST_TURN,    /* waits for the look-up at the end of the turn */
    POS_REQUEST_DOSSIER, /* waits for the key library */
    POS_REQUEST_COMMIT,  /* waits for the committer */
    POS_REQUEST_HOST,    /* waits for the acquirer host */
    POS_REQUEST_STATE_COUNT
};

/* What a listener asks of its terminals. Outlives its requests. */
struct pos_policy {
    const struct pos_dialect *dialect;
    bool proof_to_register;   /* registration = "proof" */
    bool mac_required;        /* authentication = "mac" */
    bool provisioned;         /* binding = "provisioned" */
    bool sign_on_without_mac; /* sign_on_mac = "absent" */
};

/* One connection as the front end sees it; kept by whoever owns the connection. */
struct pos_peer {
    uint64_t connection; /* handle, opaque here */
    uint64_t address;    /* for rates: the same for the same source address */
    const struct pos_policy *policy;
    uint32_t unanswered; /* requests taken and not answered yet */
};

/* The key under which a request's MAC verified; its reply carries one under the same. */
struct pos_proof {
    bool verified;
    enum pos_mac_purpose purpose;
    struct pos_key key;
};

/* What the key library says of an index, fetched off the loop. */
struct pos_dossier {
    enum pos_status status; /* POS_OK, POS_ERR_NOT_FOUND, or why it could not be read */
    struct pos_key_row row;
    struct pos_terminal_detail detail; /* sign_on only; zeroed when the SMN has no row */
};

enum { POS_REQUEST_EVENT_COUNT_MAX = 2 };

struct pos_session;

struct pos_request {
    struct pos_session *session;
    uint32_t slot; /* in the pool */
    enum pos_request_state state;

    uint64_t connection, address;
    const struct pos_policy *policy;
    uint64_t received_ns; /* monotonic, the turn that read it */
    uint64_t waiting_ns;  /* monotonic, since when it waits for disk or host */

    struct pos_frame frame; /* views into `bytes` */
    struct pos_message message;
    const struct pos_kind_rule *rule;
    struct pos_smn smn;
    struct pos_proof proof;

    struct pos_terminal_hot hot; /* as of the turn's look-up */
    enum pos_status found;       /* of that look-up */
    struct pos_dossier dossier;
    struct pos_terminal_write write;
    void *carrier; /* what brings a completion back: the world's own */
    struct pos_audit_event events[POS_REQUEST_EVENT_COUNT_MAX]; /* of that write */
    uint32_t event_count;
    uint32_t rrn; /* six-digit counter; valid once taken */
    char rrn_text[12];

    uint8_t bytes[POS_FRAME_SIZE_MAX];
};

struct pos_request_pool;

/* Memory for `count` requests, touched as it is used. */
POS_MUST_USE enum pos_status pos_request_pool_create(uint32_t count,
                                                     struct pos_request_pool **pool);
void pos_request_pool_destroy(struct pos_request_pool *pool);
/* NULL when all are taken. Last released, first acquired: the warm one. */
struct pos_request *pos_request_acquire(struct pos_request_pool *pool);
void pos_request_release(struct pos_request_pool *pool, struct pos_request *request);
uint32_t pos_request_pool_taken(const struct pos_request_pool *pool);

/* The only way a request changes its state; asserts that the move is allowed. */
void pos_request_move(struct pos_request *request, enum pos_request_state state);

static inline struct pos_request *pos_request_of_write(struct pos_terminal_write *write)
{
    return (struct pos_request *)(void *)((char *)write - offsetof(struct pos_request, write));
}

#endif
