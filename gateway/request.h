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
#include "gateway/strong_work.h"

enum pos_request_state {
    POS_REQUEST_FREE,
    POS_REQUEST_TURN,       /* waits for the look-up at the end of the turn */
    POS_REQUEST_READER,     /* waits for the disk, as its row is not in memory */
    POS_REQUEST_DOSSIER,    /* waits for the key library, or for the terminal's own keys */
    POS_REQUEST_STRONGROOM, /* waits for the security module */
    POS_REQUEST_COMMIT,     /* waits for the committer */
    POS_REQUEST_HOST,       /* waits for the acquirer host */
    POS_REQUEST_STATE_COUNT
};

/* What a listener asks of its terminals. Outlives its requests. */
struct pos_policy {
    const struct pos_dialect *dialect;
    bool proof_to_register;   /* registration = "proof" */
    bool mac_required;        /* authentication = "mac" */
    bool provisioned;         /* binding = "provisioned" */
    bool sign_on_without_mac; /* sign_on_mac = "absent" */
    bool mac_ecb;             /* mac = "cup-ecb": how two-key TDES TAKs make their MACs */
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

/* What the key library says of an index, and the terminal's row of one moment; fetched off the
 * loop. */
struct pos_dossier {
    enum pos_status status; /* POS_OK, POS_ERR_NOT_FOUND, or why it could not be read */
    struct pos_key_row row; /* to register and to sign on */
    /* to sign on and for a PIN; zeroed when the SMN has no row */
    struct pos_terminal_hot hot;
    struct pos_terminal_detail detail;
};

/* A request's PIN on its way: read from its fields, translated, put into the message to the host.
 */
struct pos_pin_transit {
    bool translated;
    bool refused; /* too often: its record is being written */
    struct pos_pin_cryptogram in, out;
    char pan[POS_PAN_SIZE_MAX];
    uint8_t pan_size;
};

/* A host link as a PIN sees it. */
struct pos_host_link {
    uint32_t number;
    const struct pos_dialect *dialect;
    struct pos_key pin_key; /* its ZPK */
    enum pos_pin_format pin_format;
};
enum { POS_LINK_ANY = UINT32_MAX }; /* as a number: whichever is next in turn */

/* A reply whose MAC key has to be fetched first: whole in `room` but for the MAC. */
struct pos_parked_reply {
    size_t size, covered_offset, covered_size, mac_offset;
    enum pos_binary mac_form;
    size_t column; /* what it will be counted as */
    enum pos_refusal refusal;
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
    uint64_t waiting_ns;  /* monotonic, since when it waits for disk, host or module */

    struct pos_frame frame; /* views into `bytes` */
    struct pos_message message;
    const struct pos_kind_rule *rule;
    struct pos_smn smn;
    struct pos_proof proof;

    struct pos_terminal_hot hot; /* as of the turn's look-up */
    enum pos_status found;       /* of that look-up */
    uint64_t changes;            /* of its shard, before that; only where rows are remembered */
    struct pos_dossier dossier;
    struct pos_terminal_write write;
    void *carrier; /* what brings a completion back: the world's own */
    struct pos_audit_event events[POS_REQUEST_EVENT_COUNT_MAX]; /* of that write */
    uint32_t event_count;
    uint32_t rrn; /* six-digit counter; valid once taken */
    char rrn_text[12];

    struct pos_strong_job job;
    void (*then)(struct pos_request *request);  /* goes on when the job is done */
    void (*again)(struct pos_request *request); /* what lacked the key that is being fetched */
    uint32_t fetch_count;                       /* so that it is not tried for ever */
    struct pos_pin_transit pin;
    struct pos_host_link link; /* number POS_LINK_ANY unless a PIN was made for one */
    struct pos_parked_reply parked;

    uint8_t bytes[POS_FRAME_SIZE_MAX];
    uint8_t room[POS_FRAME_SIZE_MAX]; /* keys for a terminal, then a parked reply; else untouched */
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

static inline struct pos_request *pos_request_of_job(struct pos_strong_job *job)
{
    return (struct pos_request *)(void *)((char *)job - offsetof(struct pos_request, job));
}

static inline struct pos_request *pos_request_of_write(struct pos_terminal_write *write)
{
    return (struct pos_request *)(void *)((char *)write - offsetof(struct pos_request, write));
}

#endif
