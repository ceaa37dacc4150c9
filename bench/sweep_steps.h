/* The rates of a sweep: 10, 20 ... 90 and 95 % of what a closed loop reaches. */
#ifndef POS_BENCH_SWEEP_STEPS_H
#define POS_BENCH_SWEEP_STEPS_H

#include <stddef.h>

enum { POS_SWEEP_STEP_COUNT = 10 };

static inline unsigned pos_sweep_percent(size_t step)
{
    return step + 1 < POS_SWEEP_STEP_COUNT ? 10 * ((unsigned)step + 1) : 95;
}

#endif
