#include "core/base/histogram.h"

#include <stddef.h>

enum { STEP_BITS = 7 };
#define ROUNDING 1e-6 /* what 0.07 * 100 is more than 7 */
_Static_assert(1 << STEP_BITS == POS_HISTOGRAM_STEPS, "steps are a power of two");

static uint64_t load(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

/* One writer, so a load and a store do; no locked instruction. */
static void bump(_Atomic uint64_t *cell, uint64_t by)
{
    atomic_store_explicit(cell, load(cell) + by, memory_order_relaxed);
}

/* Values below 128 have a slot each; above, the top 8 bits choose the slot. */
static size_t slot_of(uint64_t value)
{
    if (value < POS_HISTOGRAM_STEPS)
        return (size_t)value;
    unsigned power = 63u - (unsigned)__builtin_clzll(value) - STEP_BITS;
    if (power >= POS_HISTOGRAM_POWERS)
        return POS_HISTOGRAM_SLOTS - 1;
    return (size_t)(power + 1) * POS_HISTOGRAM_STEPS +
           (size_t)((value >> power) - POS_HISTOGRAM_STEPS);
}

static uint64_t slot_upper_end(size_t slot)
{
    if (slot < POS_HISTOGRAM_STEPS)
        return slot;
    size_t power = slot / POS_HISTOGRAM_STEPS - 1;
    uint64_t step = slot % POS_HISTOGRAM_STEPS + POS_HISTOGRAM_STEPS;
    return ((step + 1) << power) - 1;
}

void pos_histogram_record(struct pos_histogram *histogram, uint64_t value)
{
    pos_histogram_record_times(histogram, value, 1);
}

void pos_histogram_record_times(struct pos_histogram *histogram, uint64_t value, uint64_t times)
{
    bump(&histogram->slots[slot_of(value)], times);
    bump(&histogram->sum, value * times);
    if (value > load(&histogram->max))
        atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

void pos_histogram_add(struct pos_histogram *into, const struct pos_histogram *from)
{
    for (size_t i = 0; i < POS_HISTOGRAM_SLOTS; i++)
        bump(&into->slots[i], load(&from->slots[i]));
    bump(&into->sum, load(&from->sum));
    if (load(&from->max) > load(&into->max))
        atomic_store_explicit(&into->max, load(&from->max), memory_order_relaxed);
}

uint64_t pos_histogram_count(const struct pos_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i < POS_HISTOGRAM_SLOTS; i++)
        count += load(&histogram->slots[i]);
    return count;
}

uint64_t pos_histogram_quantile(const struct pos_histogram *histogram, double share)
{
    uint64_t count = pos_histogram_count(histogram);
    if (count == 0)
        return 0;
    /* The next whole number: with one less, fewer than the share would lie there. */
    double exact = share * (double)count;
    uint64_t wanted = (uint64_t)exact;
    if (exact - (double)wanted > ROUNDING || wanted == 0)
        wanted++;
    uint64_t seen = 0;
    for (size_t i = 0; i < POS_HISTOGRAM_SLOTS; i++) {
        seen += load(&histogram->slots[i]);
        if (seen >= wanted) {
            uint64_t end = slot_upper_end(i);
            uint64_t max = load(&histogram->max);
            return end < max ? end : max;
        }
    }
    return load(&histogram->max);
}

double pos_histogram_mean(const struct pos_histogram *histogram)
{
    uint64_t count = pos_histogram_count(histogram);
    return count == 0 ? 0 : (double)load(&histogram->sum) / (double)count;
}

uint64_t pos_histogram_count_below(const struct pos_histogram *histogram, uint64_t value)
{
    uint64_t count = 0;
    size_t last = slot_of(value);
    for (size_t i = 0; i <= last; i++)
        count += load(&histogram->slots[i]);
    return count;
}
