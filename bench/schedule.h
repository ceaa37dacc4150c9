/*
 * When requests should go out at a constant rate. The times follow from the rate alone: neither a
 * slow server nor a late sender moves them, so a request that waited for either has waited.
 */
#ifndef POS_BENCH_SCHEDULE_H
#define POS_BENCH_SCHEDULE_H

#include <stdint.h>

struct pos_schedule {
    uint64_t start_ns; /* when the first one should go out */
    uint64_t rate;     /* a second; at least 1 */
    uint64_t count;    /* how many there are in all */
    uint64_t issued;   /* how many went out; the owner counts */
};

/* When request number `n`, from 0, should go out. */
uint64_t pos_schedule_time_ns(const struct pos_schedule *schedule, uint64_t n);
/* How many should have gone out by `now_ns` and have not. None is ever dropped. */
uint64_t pos_schedule_due(const struct pos_schedule *schedule, uint64_t now_ns);
/* How many go out in so many seconds: those whose time is before the end. */
uint64_t pos_schedule_count(uint64_t rate, double seconds);

#endif
