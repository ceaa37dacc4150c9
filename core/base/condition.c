#include "core/base/condition.h"

#include <errno.h>
#include <time.h>

enum { NS_PER_SECOND = 1000000000 };

void pos_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

bool pos_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SECOND),
                                   .tv_nsec = (long)(until_ns % NS_PER_SECOND)};
    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}
