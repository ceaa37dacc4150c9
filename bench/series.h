/*
 * What a server did as time went on: replies and their latencies, interval by interval, of one
 * round after the other. A reply counts in the interval in which it came, so a server that stands
 * still shows as intervals without replies and then one whose largest latency is as long.
 *
 * Fixed memory: the intervals are as long as it takes for all rounds to fit, 100 ms at least.
 */
#ifndef POS_BENCH_SERIES_H
#define POS_BENCH_SERIES_H

#include <stddef.h>

#include "core/base/histogram.h"

enum {
    POS_SERIES_POINT_COUNT_MAX = 1024,
    POS_SERIES_DRAIN_S = 5, /* replies may come so long after a round; they fit as well */
};

struct pos_series_point {
    uint32_t round;                  /* from 1 */
    double at_s;                     /* when the interval began, since its round did */
    double length_s;                 /* the last of a round is shorter */
    uint64_t count;                  /* replies */
    uint64_t p50_ns, p99_ns, max_ns; /* 0 without replies */
};

struct pos_series {
    uint64_t interval_ns;
    size_t count;
    struct pos_series_point points[POS_SERIES_POINT_COUNT_MAX];
    /* of the round that runs */
    uint32_t round;
    uint64_t start_ns, since_ns; /* of the round, of the interval */
    struct pos_histogram now;    /* of the interval */
};

/* Empty, for so many rounds of so many seconds each. */
void pos_series_init(struct pos_series *series, uint32_t rounds, double round_s);

/* A round's counting begins and ends; monotonic nanoseconds. */
void pos_series_begin(struct pos_series *series, uint64_t now_ns);
void pos_series_end(struct pos_series *series, uint64_t now_ns);

void pos_series_record(struct pos_series *series, uint64_t now_ns, uint64_t latency_ns);

#endif
