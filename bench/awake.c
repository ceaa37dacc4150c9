#include "bench/awake.h"

#include <assert.h>
#include <sched.h>
#include <stdbool.h>

static void *spin(void *context)
{
    const struct pos_awake *awake = context;
    const struct sched_param lowest = {0};
    /* At its usual priority it would take the time of what is measured. */
    if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &lowest) != 0)
        return NULL;
    while (!atomic_load_explicit(&awake->stop, memory_order_relaxed))
        ;
    return NULL;
}

static bool start_on(struct pos_awake *awake, int core)
{
    cpu_set_t set;
    pthread_attr_t attributes;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)pthread_attr_init(&attributes);
    bool started = pthread_attr_setaffinity_np(&attributes, sizeof set, &set) == 0 &&
                   pthread_create(&awake->threads[awake->count], &attributes, spin, awake) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}

void pos_awake_start(struct pos_awake *awake, const int *cores, size_t count)
{
    assert(count <= POS_AWAKE_CORE_COUNT_MAX);
    atomic_init(&awake->stop, false);
    awake->count = 0;
    for (size_t i = 0; i < count; i++)
        if (cores[i] >= 0 && start_on(awake, cores[i]))
            awake->count++;
}

void pos_awake_stop(struct pos_awake *awake)
{
    atomic_store(&awake->stop, true);
    for (size_t i = 0; i < awake->count; i++)
        (void)pthread_join(awake->threads[i], NULL);
    awake->count = 0;
}
