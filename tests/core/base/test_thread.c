#include <criterion/criterion.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/thread.h"

/* The kernel's, whose header does not go together with sched.h. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static struct attributes attributes(void)
{
    struct attributes now = {0};
    cr_assert_eq(syscall(SYS_sched_getattr, 0, &now, sizeof now, 0), 0);
    return now;
}

/* A kernel that knows slices tells them; an earlier one says 0. */
Test(thread, asks_for_short_slices_and_for_nothing_else)
{
    cr_assert_neq(nice(3), -1);
    struct attributes before = attributes();
    pos_thread_be_prompt();
    struct attributes after = attributes();
    cr_expect_eq(after.runtime, before.runtime == 0 ? 0 : 100000, "slice %llu",
                 (unsigned long long)after.runtime);
    cr_expect_eq(after.policy, SCHED_OTHER);
    cr_expect_eq(after.nice, 3);
}

Test(thread, leaves_a_policy_that_somebody_chose)
{
    const struct sched_param lowest = {0};
    cr_assert_eq(sched_setscheduler(0, SCHED_BATCH, &lowest), 0);
    struct attributes before = attributes();
    pos_thread_be_prompt();
    struct attributes after = attributes();
    cr_expect_eq(after.policy, SCHED_BATCH);
    cr_expect_eq(after.runtime, before.runtime);
}
