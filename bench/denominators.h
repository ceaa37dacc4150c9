/* The servers of --against: started, named and ended together. */
#ifndef POS_BENCH_DENOMINATORS_H
#define POS_BENCH_DENOMINATORS_H

#include "bench/measure.h"
#include "bench/process.h"
#include "bench/redis.h"

enum { POS_DENOMINATOR_SERVER_COUNT_MAX = POS_DENOMINATOR_COUNT + 1 };

struct pos_denominators {
    size_t count;
    pid_t pids[POS_DENOMINATOR_SERVER_COUNT_MAX];
    uint32_t counters[POS_DENOMINATOR_SERVER_COUNT_MAX]; /* of the bare ones' requests */
    struct pos_redis redis[POS_DENOMINATOR_SERVER_COUNT_MAX];
};

/* Starts what options->against names, with --aa the first of them once more, and fills in
 * servers[0] and on. After an error pos_denominators_end ends those that were started.
 * POS_ERR_NOT_FOUND: not installed. */
POS_MUST_USE enum pos_status pos_denominators_start(struct pos_denominators *denominators,
                                                    const struct pos_bench_options *options,
                                                    int core, struct pos_measured *servers,
                                                    struct pos_error *error);
void pos_denominators_end(struct pos_denominators *denominators);

#endif
