#include "bench/schedule.h"

#include <math.h>

static const uint64_t second_ns = 1000000000;

uint64_t pos_schedule_time_ns(const struct pos_schedule *schedule, uint64_t n)
{
    return schedule->start_ns + (uint64_t)((unsigned __int128)n * second_ns / schedule->rate);
}

uint64_t pos_schedule_due(const struct pos_schedule *schedule, uint64_t now_ns)
{
    if (now_ns < schedule->start_ns)
        return 0;
    unsigned __int128 passed = now_ns - schedule->start_ns;
    /* The largest n whose time, rounded down as above, is not after now; and the one before it. */
    uint64_t due = (uint64_t)(((passed + 1) * schedule->rate - 1) / second_ns) + 1;
    if (due > schedule->count)
        due = schedule->count;
    return due > schedule->issued ? due - schedule->issued : 0;
}

uint64_t pos_schedule_count(uint64_t rate, double seconds)
{
    return (uint64_t)ceil((double)rate * seconds);
}
