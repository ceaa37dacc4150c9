/*
 * The denominator: the least a server can do for a request of 100 bytes and a reply of 80 in this
 * framing. Bare epoll, one thread, one read buffer, one write a read, no look-up, no decoding. And
 * the same on libuv, as it is used where it is fast: no allocation, and a write is tried at once.
 */
#ifndef POS_BENCH_BARE_H
#define POS_BENCH_BARE_H

#include <sys/types.h>

#include "bench/load.h"

enum { POS_BARE_REQUEST_SIZE = 100, POS_BARE_REPLY_SIZE = 80 }; /* length bytes counted */

/* A client's bytes short of a request. */
struct pos_bare_client {
    uint8_t held_size;
    uint8_t held[POS_BARE_REQUEST_SIZE];
};

enum {
    POS_BARE_READ_SIZE = 65536,
    /* In front of what is read there is room for what is held. */
    POS_BARE_IN_SIZE = POS_BARE_REQUEST_SIZE + POS_BARE_READ_SIZE,
    POS_BARE_OUT_SIZE = (POS_BARE_READ_SIZE / POS_BARE_REQUEST_SIZE + 2) * POS_BARE_REPLY_SIZE,
};

/* Answers what is whole. `in`: held_size bytes of room, then `got` bytes that were read. Returns
 * the size of the replies. */
size_t pos_bare_answer(struct pos_bare_client *client, uint8_t *in, size_t got, uint8_t *out);

/* A listening socket on a free port of 127.0.0.1, printed on standard output; -1 with errno. */
int pos_bare_listen(void);

/* The command `bare-server`: serves on a free port of 127.0.0.1 (printed on standard output) until
 * it is killed. Returns an exit code. */
int pos_bare_serve(void);
/* The command `libuv-server`: likewise. */
int pos_bare_serve_libuv(void);

/* Starts this program as `command`, one of those two, on `core`. */
POS_MUST_USE enum pos_status pos_bare_start(const char *command, int core, const char *log_path,
                                            pid_t *pid, uint16_t *port, struct pos_error *error);

/* Requests and replies of the bare server. */
struct pos_load_source pos_bare_source(uint32_t *counter);

#endif
