/* Where the knee is. */
#include <criterion/criterion.h>

#include "bench/sweep.h"

Test(sweep, steps_go_from_a_tenth_to_nearly_all)
{
    cr_expect_eq(pos_sweep_percent(0), 10);
    cr_expect_eq(pos_sweep_percent(8), 90);
    cr_expect_eq(pos_sweep_percent(POS_SWEEP_STEP_COUNT - 1), 95);
}

Test(sweep, the_knee_is_the_last_rate_before_latency_leaves_the_quiet_ones)
{
    enum { POINTS = 6 };
    static const struct {
        const char *name;
        double p99_us[POINTS], answered_share[POINTS];
        size_t knee;
    } rows[] = {
        {"none is too much", {100, 110, 120, 130, 200, 400}, {1, 1, 1, 1, 1, 1}, 5},
        {"the last is", {100, 110, 120, 130, 200, 600}, {1, 1, 1, 1, 1, 1}, 4},
        {"what comes after does not count", {100, 110, 120, 900, 120, 120}, {1, 1, 1, 1, 1, 1}, 2},
        {"one quiet rate that was disturbed", {100, 5000, 120, 1, 1, 1}, {1, 1, 1, 1, 1, 1}, 0},
        {"replies fall behind the rate", {9, 9, 9, 9, 9, 9}, {1, 1, 1, 0.98, 1, 1}, 2},
        {"they may by a little", {9, 9, 9, 9, 9, 9}, {1, 1, 1, 0.995, 1, 1}, 5},
        {"the lowest rate is too much", {9, 9, 9, 9, 9, 9}, {0.5, 1, 1, 1, 1, 1}, POINTS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_sweep_point points[POINTS];
        for (size_t j = 0; j < POINTS; j++)
            points[j] = (struct pos_sweep_point){.rate = 1000 * (j + 1),
                                                 .p99_us = rows[i].p99_us[j],
                                                 .per_second = 1000 * (double)(j + 1) *
                                                               rows[i].answered_share[j]};
        cr_expect_eq(pos_sweep_knee(points, POINTS), rows[i].knee, "%s: %zu", rows[i].name,
                     pos_sweep_knee(points, POINTS));
    }
}
