/*
 * Keeps cores from going to sleep, with threads that spin there and give way to everything else
 * (SCHED_IDLE). A core that sleeps wakes late, in a virtual machine by milliseconds: a server that
 * has little to do would look slower than one that is kept busy, and a load that sleeps between two
 * requests would send them late.
 */
#ifndef POS_BENCH_AWAKE_H
#define POS_BENCH_AWAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { POS_AWAKE_CORE_COUNT_MAX = 2 };

struct pos_awake {
    atomic_bool stop;
    size_t count;
    pthread_t threads[POS_AWAKE_CORE_COUNT_MAX];
};

/* At most so many cores; -1 is none. Where a thread cannot be had its core may sleep. */
void pos_awake_start(struct pos_awake *awake, const int *cores, size_t count);
void pos_awake_stop(struct pos_awake *awake);

#endif
