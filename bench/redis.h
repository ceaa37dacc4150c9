/*
 * redis-server as a denominator: GET of 64 bytes by a key of 16, the SMN of a terminal. A process
 * of our own on a free port, without persistence, that ends with us.
 */
#ifndef POS_BENCH_REDIS_H
#define POS_BENCH_REDIS_H

#include <sys/types.h>

#include "bench/load.h"

enum { POS_REDIS_ROWS_MAX = 1000000 };

struct pos_redis {
    pid_t pid;
    uint16_t port;
    uint64_t rows;
    uint64_t random;
};

bool pos_redis_there(void); /* installed */

enum { POS_REDIS_VERSION_SIZE = 32 };
/* "7.0.15", NUL-terminated, as the program itself says; "" when it does not. */
void pos_redis_version(char text[POS_REDIS_VERSION_SIZE]);

/* Starts it on `core` for so many connections and gives it the first `rows` rows, or as many as
 * POS_REDIS_ROWS_MAX. POS_ERR_NOT_FOUND: not installed; POS_ERR_IO, POS_ERR_TIMEOUT,
 * POS_ERR_NETWORK. */
POS_MUST_USE enum pos_status pos_redis_start(struct pos_redis *redis, uint64_t rows,
                                             uint32_t connections, int core,
                                             struct pos_error *error);

/* GETs of uniformly random rows. */
struct pos_load_source pos_redis_source(struct pos_redis *redis);

#endif
