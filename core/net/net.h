/*
 * Bytes and time over libuv: loops, listeners, connections, timers, wake-ups. No messages here.
 *
 * One thread a loop; everything belongs to one loop and is touched on its thread alone, but for
 * pos_loop_post and pos_loop_stop. A loop turn is: wait, read whatever is readable into the loop's
 * one read buffer and hand it on, then the turn function once, then one write a connection.
 */
#ifndef POS_NET_NET_H
#define POS_NET_NET_H

#include "core/base/counter.h"
#include "core/base/error.h"
#include "core/base/limits.h"

struct pos_loop;
struct pos_listener;
struct pos_connection;
struct pos_timer;

/* ---- loop ---- */

POS_MUST_USE enum pos_status pos_loop_create(struct pos_loop **loop);
/* Runs until pos_loop_stop and everything on it is closed. Ignores SIGPIPE for the process. */
void pos_loop_run(struct pos_loop *loop);
void pos_loop_stop(struct pos_loop *loop); /* any thread; closes what is open, reason "stop" */
/* After pos_loop_run has returned (or was never called) and no other thread posts any more. Runs
 * what was posted too late. Frees listeners and timers that nobody closed. */
void pos_loop_destroy(struct pos_loop *loop);
uint64_t pos_loop_now_ns(const struct pos_loop *loop); /* monotonic, as of this turn's start */

/* Called after all reads of a turn and before its writes, and again before the loop waits (for what
 * timers and closes did). So cheap when there is nothing to do, please. */
void pos_loop_on_turn(struct pos_loop *loop, void (*turn)(void *context), void *context);

/* An intrusive node, in the caller's memory until `run` was called on the loop's thread. */
struct pos_post {
    void (*run)(struct pos_post *post);
    struct pos_post *next; /* the loop's own */
};
/* Any thread, never fails, keeps order per sender. */
void pos_loop_post(struct pos_loop *loop, struct pos_post *post);

/* SIGTERM, SIGINT, SIGHUP and so on, as turns of this loop. */
POS_MUST_USE enum pos_status pos_loop_on_signal(struct pos_loop *loop, int signal,
                                                void (*caught)(void *context, int signal),
                                                void *context);

/* ---- connections ---- */

/* The one reason a connection ends for; X-macro so that metrics can list them. */
#define POS_CLOSE_LIST(X)                                                                          \
    X(PEER, "peer")   /* the other side closed */                                                  \
    X(RESET, "reset") /* read or write error */                                                    \
    X(IDLE, "idle-timeout")                                                                        \
    X(MESSAGE, "message-timeout") /* a message begun and not finished */                           \
    X(WRITE, "write-queue-full")  /* does not read what it asked for */                            \
    X(FRAME, "bad-frame")                                                                          \
    X(FORMAT, "no-readable-request")                                                               \
    X(PIPELINE, "too-many-requests")                                                               \
    X(LIMIT, "connection-limit")                                                                   \
    X(CONNECT, "connect-failed")                                                                   \
    X(DONE, "done") /* this side is through with it */                                             \
    X(STOP, "stop")

enum pos_close {
#define X(name, text) POS_CLOSE_##name,
    POS_CLOSE_LIST(X)
#undef X
        POS_CLOSE_COUNT
};
const char *pos_close_text(enum pos_close reason);

/* Names a connection safely: stale once it is closed, even when its slot is in use again. */
struct pos_connection_handle {
    uint32_t slot, generation;
};

struct pos_connection_events {
    /* A connection is there (accepted or connected). Set its user pointer here. */
    void (*opened)(void *context, struct pos_connection *connection);
    /* Bytes arrived; returns how many were used. The rest (at most POS_FRAME_SIZE_MAX) is kept and
     * comes again, with what follows it. The bytes are gone when this returns. */
    size_t (*bytes)(void *context, struct pos_connection *connection, struct pos_bytes bytes);
    /* The peer sends no more but may still read. True: keep the connection for answers that are
     * under way; the owner closes it (PEER) when they are written, else the idle timeout does, or
     * 30 s where there is none. False, or NULL here: it is closed (PEER) at the end of the turn. */
    bool (*ended)(void *context, struct pos_connection *connection);
    /* Called exactly once for each `opened`, and for a connect that failed (CONNECT). The
     * connection is gone when this returns. */
    void (*closed)(void *context, struct pos_connection *connection, enum pos_close reason);
};

struct pos_connection_options {
    uint32_t idle_timeout_ms;    /* nothing received for so long; 0: never */
    uint32_t message_timeout_ms; /* bytes held back for so long; 0: never */
    size_t write_queue_size_max; /* bytes; 0: POS_WRITE_QUEUE_SIZE_MAX */
};

/* Listeners on several loops share a port by SO_REUSEPORT. `port` 0: any free one, see
 * pos_listener_port. POS_ERR_NETWORK with *error. */
struct pos_listener_options {
    const char *address; /* "127.0.0.1", "::1" */
    uint16_t port;
    bool shared;                   /* SO_REUSEPORT */
    bool first;                    /* of those that share: nobody may listen there yet */
    uint32_t connection_count_max; /* on this listener; further ones are closed at once, LIMIT */
    struct pos_connection_options connection;
};
POS_MUST_USE enum pos_status pos_listener_open(struct pos_loop *loop,
                                               const struct pos_listener_options *options,
                                               const struct pos_connection_events *events,
                                               void *context, struct pos_listener **listener,
                                               struct pos_error *error);
uint16_t pos_listener_port(const struct pos_listener *listener);
void pos_listener_close(struct pos_listener *listener); /* its connections stay */

/* A Unix stream socket at `path` with mode 0600; an old socket there is replaced when nobody
 * listens on it. */
POS_MUST_USE enum pos_status pos_listener_open_local(struct pos_loop *loop, const char *path,
                                                     const struct pos_connection_options *options,
                                                     const struct pos_connection_events *events,
                                                     void *context, struct pos_listener **listener,
                                                     struct pos_error *error);

/* Begins to connect to a numeric address; `opened` or `closed` (CONNECT; after 5 s at the latest)
 * follows. `source` may be NULL or an address to come from. What is written before `opened` goes
 * out then. POS_ERR_LIMIT: no descriptor or slot left; POS_ERR_USAGE: not an address;
 * POS_ERR_NETWORK: not from that source; POS_ERR_STATE: the loop has stopped. */
POS_MUST_USE enum pos_status pos_connection_connect(struct pos_loop *loop, const char *address,
                                                    uint16_t port, const char *source,
                                                    const struct pos_connection_options *options,
                                                    const struct pos_connection_events *events,
                                                    void *context,
                                                    struct pos_connection **connection);

void pos_connection_set_user(struct pos_connection *connection, void *user);
void *pos_connection_user(const struct pos_connection *connection);
struct pos_connection_handle pos_connection_handle(const struct pos_connection *connection);
/* NULL when it is gone. */
struct pos_connection *pos_connection_find(struct pos_loop *loop,
                                           struct pos_connection_handle handle);
uint64_t pos_connection_id(const struct pos_connection *connection); /* process-wide, for logs */
/* "127.0.0.1:50312", for logs. */
void pos_connection_peer(const struct pos_connection *connection, char text[POS_ADDRESS_SIZE_MAX]);

/* Adds bytes to what goes out at the end of this turn. When more than write_queue_size_max would be
 * owed the connection is closed (WRITE) at the end of the turn and the bytes are dropped. */
void pos_connection_write(struct pos_connection *connection, struct pos_bytes bytes);

/* The only way a connection ends. What is queued is tried once more first. `closed` comes at the
 * end of the turn; until then the connection takes no more bytes and gives none. Safe to call
 * twice; the first reason counts. Where the peer may be in the middle of something (DONE, PEER,
 * FRAME, FORMAT, PIPELINE) it gets 5 s after `closed` to take what was written. */
void pos_connection_close(struct pos_connection *connection, enum pos_close reason);

struct pos_loop_stats {
    struct pos_counter turns, reads, writes, bytes_in, bytes_out;
    struct pos_counter opened, closed[POS_CLOSE_COUNT];
    struct pos_counter open_now, accept_failures;
};
const struct pos_loop_stats *pos_loop_stats(const struct pos_loop *loop); /* read from any thread */

/* ---- timers ---- */

/* Calls `fired` every `interval_ms` until closed. */
POS_MUST_USE enum pos_status pos_timer_open(struct pos_loop *loop, uint32_t interval_ms,
                                            void (*fired)(void *context), void *context,
                                            struct pos_timer **timer);
void pos_timer_close(struct pos_timer *timer);

#endif
