/*
 * The denominator: the least a server can do for a request of 100 bytes and a reply of 80 in this
 * framing. Bare epoll, one thread, one read buffer, one write a read, no look-up, no decoding.
 */
#ifndef POS_BENCH_BARE_H
#define POS_BENCH_BARE_H

#include <sys/types.h>

#include "bench/load.h"

enum { POS_BARE_REQUEST_SIZE = 100, POS_BARE_REPLY_SIZE = 80 }; /* length bytes counted */

/* The command `bare-server`: serves on a free port of 127.0.0.1 (printed on standard output) until
 * it is killed. Returns an exit code. */
int pos_bare_serve(void);

/* Starts this program as a bare server on `core`. */
POS_MUST_USE enum pos_status pos_bare_start(int core, const char *log_path, pid_t *pid,
                                            uint16_t *port, struct pos_error *error);

/* Requests and replies of the bare server. */
struct pos_load_source pos_bare_source(uint32_t *counter);

#endif
