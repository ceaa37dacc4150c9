/* Statuses, errors, clocks, secrets and the version. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/condition.h"
#include "core/base/error.h"
#include "core/base/secret.h"
#include "core/base/version.h"

Test(status, each_has_a_class_a_name_and_words)
{
    cr_expect_eq(pos_status_class(POS_OK), POS_CLASS_OK);
    cr_expect_eq(pos_status_class(POS_ERR_MAC), POS_CLASS_PEER);
    cr_expect_eq(pos_status_class(POS_ERR_CONFIG), POS_CLASS_OPERATOR);
    cr_expect_eq(pos_status_class(POS_ERR_DATABASE), POS_CLASS_ENVIRONMENT);
    cr_expect_str_eq(pos_status_name(POS_ERR_FORMAT), "ERR_FORMAT");
    cr_expect_str_eq(pos_status_text(POS_ERR_TIMEOUT), "too late");
    for (int i = 1; i < POS_STATUS_COUNT; i++)
        cr_expect_neq(pos_status_class((enum pos_status)i), POS_CLASS_OK, "%d", i);
}

Test(error, says_where_before_why)
{
    struct pos_error error;
    cr_expect_eq(pos_error_set(&error, POS_ERR_IO, "disk %d", 3), POS_ERR_IO);
    cr_expect_eq(pos_error_prefix(&error, "table %s", "hot"), POS_ERR_IO);
    cr_expect_str_eq(error.text, "table hot: disk 3");
    cr_expect_eq(pos_error_set(NULL, POS_ERR_MEMORY, "nobody listens"), POS_ERR_MEMORY);
}

Test(error, text_that_is_too_long_is_cut)
{
    struct pos_error error;
    char text[2 * POS_ERROR_TEXT_SIZE];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)pos_error_set(&error, POS_ERR_IO, "%s", text);
    cr_expect_eq(strlen(error.text), POS_ERROR_TEXT_SIZE - 1);
    (void)pos_error_prefix(&error, "b");
    cr_expect_eq(strncmp(error.text, "b: aaa", 6), 0);
    cr_expect_eq(strlen(error.text), POS_ERROR_TEXT_SIZE - 1);
}

Test(clock, breaks_times_down)
{
    char text[POS_TIME_TEXT_SIZE];
    const uint64_t leap = UINT64_C(1835395199123); /* 2028-02-28T23:59:59.123Z */
    struct pos_time time = pos_time_utc(leap);
    cr_expect_eq(time.year, 2028);
    cr_expect_eq(time.day_of_year, 59);
    cr_expect_eq(time.millisecond, 123);
    pos_time_text(leap, 1, text);
    cr_expect_str_eq(text, "2028-02-28T23:59:59.123Z");
    pos_time_text(leap + 1000, 0, text);
    cr_expect_str_eq(text, "2028-02-29T00:00:00Z");
    (void)setenv("TZ", "UTC-5", 1);
    tzset();
    cr_expect_eq(pos_time_local(leap).hour, 4);
    cr_expect_eq(pos_time_local(leap).day, 29);
}

Test(clock, runs)
{
    uint64_t before = pos_clock_monotonic_ns();
    cr_expect_leq(before, pos_clock_monotonic_ns());
    time_t earliest = time(NULL) - 1; /* it may be a tick behind */
    time_t now = (time_t)(pos_clock_utc_ms() / 1000);
    cr_expect(earliest <= now && now <= time(NULL) + 1);
}

Test(secret, is_zeroed_compared_and_wiped)
{
    uint8_t *a = pos_secret_create(32), *b = pos_secret_create(32);
    cr_assert(a != NULL && b != NULL);
    for (size_t i = 0; i < 32; i++)
        cr_expect_eq(a[i], 0);
    cr_expect(pos_secret_equal(a, b, 32));
    for (size_t i = 0; i < 32; i++) {
        b[i] = 0x80;
        cr_expect(!pos_secret_equal(a, b, 32), "a difference in byte %zu", i);
        b[i] = 0;
    }
    b[31] = 1;
    cr_expect(pos_secret_equal(a, b, 31));
    memset(a, 'k', 32);
    pos_secret_wipe(a, 32);
    cr_expect_eq(a[0] | a[31], 0);
    pos_secret_destroy(a, 32);
    pos_secret_destroy(b, 32);
    pos_secret_destroy(NULL, 32);
}

/* A child process has no copy: reading one ends it. */
Test(secret, is_not_inherited)
{
    void *memory = pos_secret_create(32);
    cr_assert_not_null(memory);
    volatile uint8_t *secret = memory;
    secret[0] = 'k';
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO); /* a sanitizer would explain what is meant to happen */
        _exit(secret[0] == 'k' ? 0 : 1);
    }
    int ended;
    cr_assert_eq(waitpid(child, &ended, 0), child);
    cr_expect(!WIFEXITED(ended) || WEXITSTATUS(ended) > 1, "the child could read the secret");
    pos_secret_destroy(memory, 32);
}

Test(version, is_one_line_with_details_behind)
{
    cr_expect_eq(strncmp(pos_version_line(), "posgate ", 8), 0);
    cr_expect_null(strchr(pos_version_line(), '\n'));
    cr_expect_not_null(strstr(pos_version_details(), "compiler: "));
    char line[64];
    (void)snprintf(line, sizeof line, "commit: %s\n", pos_version_commit());
    cr_expect_not_null(strstr(pos_version_details(), line), "%s", pos_version_details());
    cr_expect_eq(pos_version_details()[strlen(pos_version_details()) - 1], '\n');
}

Test(condition, waits_until_a_time_and_no_shorter)
{
    enum { SHORT_NS = 20000000 };
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    pos_condition_init(&condition);
    uint64_t until_ns = pos_clock_monotonic_ns() + SHORT_NS;
    pthread_mutex_lock(&lock);
    while (pos_condition_wait_until(&condition, &lock, until_ns))
        ;
    cr_expect_geq(pos_clock_monotonic_ns(), until_ns);
    cr_expect(!pos_condition_wait_until(&condition, &lock, 0), "long ago");
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&condition);
}
