/*
 * What the files of this folder share; nobody else includes it.
 *
 * A connection is one heap block that lives until libuv has let its handle go. The user sees it
 * from `opened` to `closed`; before and after it may still be connecting or draining. It stands in
 * three places, each intrusive: a slot (while the user may name it), the wheel (while it has a
 * deadline), and the due list (while it owes the end of the turn a write or a close).
 */
#ifndef POS_NET_INTERNAL_H
#define POS_NET_INTERNAL_H

#include <uv.h>

#include "core/net/net.h"

/* ---- lists ---- */

struct pos_link {
    struct pos_link *previous, *next; /* NULL: on no list */
};

static inline void pos_link_init(struct pos_link *head)
{
    head->previous = head->next = head;
}

static inline bool pos_link_linked(const struct pos_link *link)
{
    return link->next != NULL;
}

static inline void pos_link_append(struct pos_link *head, struct pos_link *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

static inline void pos_link_remove(struct pos_link *link)
{
    if (!pos_link_linked(link))
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->previous = link->next = NULL;
}

/* Everything on a list that is not empty becomes the whole of another. */
static inline void pos_link_move(struct pos_link *from, struct pos_link *to)
{
    *to = *from;
    to->next->previous = to->previous->next = to;
    pos_link_init(from);
}

/* First of a list, taken off it; NULL when it is empty. */
static inline struct pos_link *pos_link_take(struct pos_link *head)
{
    struct pos_link *first = head->next;
    if (first == head)
        return NULL;
    pos_link_remove(first);
    return first;
}

#define POS_CONTAINER(pointer, type, member)                                                       \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- deadlines ---- */

/* A wheel of ticks. A connection stands in the slot of the tick at which it must be looked at next,
 * which may be too early (activity only notes the time) but never too late. */
enum {
    POS_WHEEL_TICK_MS = 50,
    POS_WHEEL_SLOTS = 1024, /* 51 s; what is due later is looked at then and put in again */

    POS_CONNECT_TIMEOUT_MS = 5000,
    POS_DRAIN_TIMEOUT_MS = 5000,  /* for a peer to take the last bytes after a close */
    POS_HALF_TIMEOUT_MS = 30000,  /* for answers to a peer that sends no more, without idle limit */
    POS_ACCEPT_PAUSE_MS = 100,    /* when descriptors or memory ran out */
    POS_ACCEPT_COUNT_MAX = 64,    /* connections accepted a turn and listener */
    POS_HELD_POOL_COUNT_MAX = 64, /* blocks for partial frames kept for reuse, per loop and size */
    POS_HELD_SMALL_SIZE = 256,    /* bytes: most messages; what is longer gets a block for all */
};

struct pos_wheel {
    uv_timer_t timer; /* runs while something is in a slot */
    uint64_t tick;    /* looked at up to here */
    uint32_t count;
    struct pos_link slots[POS_WHEEL_SLOTS];
};

/* ---- output ---- */

enum {
    POS_OUTPUT_SIZE = 1048576, /* bytes that one turn may owe before it writes early */
    POS_OUTPUT_SEGMENT_COUNT_MAX = 16384,
    POS_OUTPUT_VECTOR_COUNT = 64,
};

/* A run of a connection's bytes in the turn's memory. */
struct pos_segment {
    uint32_t offset, size;
    uint32_t next; /* index; 0: the last one */
};

struct pos_output {
    uint8_t *data;
    uint32_t size;
    struct pos_segment *segments; /* index 0 is nobody's */
    uint32_t segment_count;
};

/* Bytes the socket would not take: the only output that is allocated. */
struct pos_chunk {
    uv_write_t request;
    struct pos_connection *connection;
    size_t size, capacity;
    uint8_t data[];
};

/* ---- loop ---- */

struct pos_slot {
    struct pos_connection *connection;
    uint32_t generation;
    uint32_t next_free; /* index + 1; 0: the last one */
};

/* Blocks for partial messages that wait to be used again. */
struct pos_held_pool {
    uint8_t *blocks[POS_HELD_POOL_COUNT_MAX];
    uint32_t count;
};

struct pos_loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t again; /* runs when the end of a turn left something for another */
    uv_async_t wake;
    _Atomic(struct pos_post *) posts; /* newest first */
    _Atomic bool stop_asked;
    bool stopped; /* everything on it is closed or closing */
    bool awake;   /* now_ns is of this turn */
    uint64_t now_ns;

    void (*turn)(void *context);
    void *turn_context;

    struct pos_link due;     /* connections the end of this turn must look at */
    struct pos_link passing; /* those that the pass under way has still to look at */
    struct pos_output output;
    struct pos_wheel wheel;

    struct pos_slot *slots;
    uint32_t slot_count, slot_capacity, slot_free;

    uint8_t *read_buffer; /* POS_FRAME_SIZE_MAX of room for a held prefix, then the bytes read */
    struct pos_held_pool held_small, held_large;

    struct pos_link listeners, timers, signals;
    int reserve_fd; /* given up for a moment to refuse a connection when descriptors ran out */
    struct pos_loop_stats stats;
};

/* Every call-back from libuv begins with this. */
void pos_loop_wake(struct pos_loop *loop);

/* ---- connections ---- */

enum pos_connection_state {
    POS_CONNECTION_CONNECTING,
    POS_CONNECTION_OPEN,
    POS_CONNECTION_HALF,     /* the peer sends no more; what it asked for may still be answered */
    POS_CONNECTION_CLOSING,  /* until the end of the turn */
    POS_CONNECTION_DRAINING, /* `closed` was called; the peer takes what it is owed */
    POS_CONNECTION_GONE,     /* until libuv lets go */
    POS_CONNECTION_STATES
};

/* What the connections of one listener, or one connect, have in common. */
struct pos_endpoint {
    struct pos_connection_events events;
    void *context;
    struct pos_connection_options options;
    uint32_t reference_count;
    uint32_t connection_count; /* not yet let go by libuv */
};

struct pos_connection {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t local;
    } uv;
    struct pos_loop *loop;
    struct pos_endpoint *endpoint;
    void *user;
    uint64_t id;
    uint32_t slot;
    uint8_t state;  /* enum pos_connection_state */
    uint8_t reason; /* enum pos_close, once closing */
    bool opened;    /* `opened` was called */
    bool kept;      /* HALF: the owner closes it */
    uint16_t held_size, held_capacity;
    uint8_t *held; /* a partial message; NULL when none is held */
    uint64_t held_since_ns;
    uint64_t since_ns; /* last bytes in, or when the state began */
    uint64_t wheel_tick;
    struct pos_link wheel_link, due_link;
    uint32_t pending_first, pending_last; /* segments of this turn's output */
    size_t pending_size;
    struct pos_chunk *sending, *waiting;
};

struct pos_endpoint *pos_endpoint_create(const struct pos_connection_events *events, void *context,
                                         const struct pos_connection_options *options);
void pos_endpoint_release(struct pos_endpoint *endpoint);

/* Takes the descriptor over in any case. POS_ERR_LIMIT, POS_ERR_MEMORY, POS_ERR_NETWORK. */
POS_MUST_USE enum pos_status pos_connection_adopt(struct pos_loop *loop,
                                                  struct pos_endpoint *endpoint, int fd, bool local,
                                                  enum pos_connection_state state,
                                                  struct pos_connection **connection);
void pos_connection_opened(struct pos_connection *connection); /* starts reading, tells the user */
void pos_connection_move(struct pos_connection *connection, enum pos_connection_state state);
void pos_connection_due(struct pos_connection *connection);
void pos_connection_drained(struct pos_connection *connection); /* nothing is queued any more */
void pos_connection_end_turn(struct pos_connection *connection);
void pos_connection_release(struct pos_connection *connection); /* uv_close */

static inline bool pos_connection_writable(const struct pos_connection *connection)
{
    return connection->state <= POS_CONNECTION_HALF;
}

/* ---- the parts ---- */

POS_MUST_USE enum pos_status pos_output_init(struct pos_output *output);
void pos_output_fini(struct pos_output *output);
void pos_output_flush(struct pos_connection *connection); /* this turn's bytes: write or queue */
void pos_output_free(struct pos_connection *connection);  /* what was never sent */
void pos_output_reset(struct pos_loop *loop);             /* when nothing is pending */

void pos_wheel_init(struct pos_loop *loop);
void pos_wheel_schedule(struct pos_connection *connection);
void pos_wheel_remove(struct pos_connection *connection);
void pos_wheel_release_draining(struct pos_loop *loop);

POS_MUST_USE enum pos_status pos_slot_acquire(struct pos_loop *loop,
                                              struct pos_connection *connection);
void pos_slot_release(struct pos_connection *connection);

void pos_listener_close_all(struct pos_loop *loop);
void pos_listener_destroy_all(struct pos_loop *loop);

/* "127.0.0.1" or "::1" and a port. False: not an address. */
bool pos_address_parse(const char *address, uint16_t port, struct sockaddr_storage *out);
socklen_t pos_address_size(const struct sockaddr_storage *address);

#endif
