/* When requests should go out. */
#include <criterion/criterion.h>

#include "bench/schedule.h"

Test(schedule, times_follow_from_the_rate_alone)
{
    static const struct {
        const char *name;
        uint64_t rate, n, expected_ns;
    } rows[] = {
        {"the first at once", 1000, 0, 0},
        {"a thousand a second", 1000, 7, 7000000},
        {"three a second do not drift", 3, 3, 1000000000},
        {"nor after a day", 3, 3 * 86400, 86400000000000},
        {"a million a second for an hour", 1000000, 3600000000, 3600000000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_schedule schedule = {.start_ns = 5, .rate = rows[i].rate, .issued = 77};
        cr_expect_eq(pos_schedule_time_ns(&schedule, rows[i].n), 5 + rows[i].expected_ns, "%s",
                     rows[i].name);
    }
}

Test(schedule, due_is_what_should_have_gone_out_and_has_not)
{
    static const struct {
        const char *name;
        uint64_t now_ns, issued, due;
    } rows[] = {
        {"before the start", 999, 0, 0},
        {"at the start the first one", 1000, 0, 1},
        {"just before the second", 1000 + 999999, 1, 0},
        {"when the second is due", 1000 + 1000000, 1, 1},
        {"a second late: all of them, none is skipped", 1000 + 1000000000, 1, 1000},
        {"no more than there are", 1000 + 9000000000, 0, 3000},
        {"all have gone out", 1000 + 9000000000, 3000, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_schedule schedule = {
            .start_ns = 1000, .rate = 1000, .count = 3000, .issued = rows[i].issued};
        cr_expect_eq(pos_schedule_due(&schedule, rows[i].now_ns), rows[i].due, "%s", rows[i].name);
    }
}

/* A request is due exactly from its time on, also where the time is not a whole nanosecond. */
Test(schedule, due_and_times_agree)
{
    static const uint64_t rates[] = {1, 3, 7, 997, 30011, 333333, 1000003};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        struct pos_schedule schedule = {.start_ns = 12345, .rate = rates[r], .count = UINT64_MAX};
        for (uint64_t n = 1; n < 100000; n = n * 3 + 1) {
            uint64_t time_ns = pos_schedule_time_ns(&schedule, n);
            cr_expect_eq(pos_schedule_due(&schedule, time_ns - 1), n, "%lu, %lu", rates[r], n);
            cr_expect_eq(pos_schedule_due(&schedule, time_ns), n + 1, "%lu, %lu", rates[r], n);
        }
    }
}

Test(schedule, counts_those_before_the_end)
{
    cr_expect_eq(pos_schedule_count(1000, 2), 2000);
    cr_expect_eq(pos_schedule_count(3, 0.5), 2);
    cr_expect_eq(pos_schedule_count(1, 0.01), 1);
}
