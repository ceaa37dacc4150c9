/*
 * A server on a thread of its own and blocking clients, for the tests of core/net.
 *
 * The server answers frames (2 bytes of length, then a body) with themselves. A body may begin with
 * a command: 'C' closes after the answer, 'B' asks for a broken-frame close, 'L' is answered with
 * 64 KiB, 'A' is answered 50 ms later by another turn, when the connection is still there.
 */
#ifndef TESTS_NET_SUPPORT_H
#define TESTS_NET_SUPPORT_H

#include <pthread.h>

#include "core/net/net.h"

/* Longer than a busy machine takes for anything; nobody waits so long for what happens. */
enum { PATIENCE_MS = 30000 };

struct server {
    struct pos_listener_options options;
    const char *path; /* a Unix socket instead */
    bool keeps;       /* a half-closed peer still gets late answers */
    uint16_t port;    /* out */
    struct pos_loop *loop;
    struct pos_listener *listener;
    struct pos_timer *timer;
    struct pos_connection_handle late[64];
    uint32_t late_count;
    uint32_t bytes_calls; /* read after server_stop */
    uint32_t closed[POS_CLOSE_COUNT];
    pthread_t thread;
};

void server_start(struct server *server); /* aborts when it cannot */
void server_stop(struct server *server);  /* everything the loop holds is gone afterwards */

int client_connect(const struct server *server); /* waits PATIENCE_MS at most for anything */
void client_connect_with(const struct server *server, int fd); /* a TCP socket that is there */
int client_connect_small(const struct server *server);         /* with a small receive buffer */
void client_send(int fd, const void *data, size_t size);
/* Reads exactly `size` bytes; false at the end of the stream, a reset or after PATIENCE_MS. */
bool client_receive(int fd, void *data, size_t size);
/* True when the peer ends the stream (or resets it) within the time; bytes on the way are dropped.
 */
bool client_ended(int fd, int timeout_ms);
/* The same, but a reset is not good enough. */
bool client_ended_in_order(int fd);

/* A frame with `size` bytes of body, all `fill` behind the command. Returns the frame's size. */
size_t frame_make(uint8_t *out, char command, size_t size);
/* Sends a frame and reads it back. */
bool client_echo(int fd);

/* Waits up to PATIENCE_MS for a counter to be `value`. */
bool counter_becomes(const struct pos_counter *counter, uint64_t value);

#endif
