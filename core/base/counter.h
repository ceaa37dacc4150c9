/*
 * A counter with one writer and any readers: no locked instruction, no shared cache line when each
 * loop has its own. Readers sum over loops. Zeroed is 0.
 */
#ifndef POS_BASE_COUNTER_H
#define POS_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct pos_counter {
    _Atomic uint64_t value;
};

static inline uint64_t pos_counter_read(const struct pos_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

static inline void pos_counter_add(struct pos_counter *counter, uint64_t by)
{
    atomic_store_explicit(&counter->value, pos_counter_read(counter) + by, memory_order_relaxed);
}

/* For gauges: what is there now. */
static inline void pos_counter_set(struct pos_counter *counter, uint64_t value)
{
    atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

#endif
