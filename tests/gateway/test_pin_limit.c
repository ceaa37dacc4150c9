/* How often a terminal's PIN may fail: counted for each, per hour, with those under way. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gateway/pin_limit.h"

enum { PER_HOUR = 3, HOUR_MS = 3600000 };

static struct pos_pin_limit *limit;

static struct pos_smn smn_of(unsigned number)
{
    struct pos_smn smn;
    (void)snprintf(smn.text, sizeof smn.text, "SERIAL%02u%08u", number % 100, number % 100000000);
    return smn;
}

static void start(void)
{
    cr_assert_eq(pos_pin_limit_create(PER_HOUR, &limit), POS_OK);
}

static void stop(void)
{
    pos_pin_limit_destroy(limit);
}

TestSuite(pin_limit, .init = start, .fini = stop);

static bool try(unsigned number, uint64_t utc_ms, bool fails, bool *last)
{
    struct pos_smn smn = smn_of(number);
    if (!pos_pin_limit_begin(limit, &smn, utc_ms))
        return false;
    *last = pos_pin_limit_end(limit, &smn, utc_ms, fails);
    return true;
}

Test(pin_limit, failures_of_one_terminal_are_counted_for_an_hour)
{
    bool last;
    for (int i = 0; i < PER_HOUR; i++) {
        cr_expect(try(1, 10, true, &last));
        cr_expect_eq(last, i == PER_HOUR - 1, "the last is told, once");
        cr_expect(try(2, 10, false, &last) && !last, "successes are none");
    }
    cr_expect_not(try(1, HOUR_MS - 1, false, &last));
    cr_expect(try(2, 10, true, &last), "another terminal");
    cr_expect(try(1, HOUR_MS, false, &last), "another hour");
    for (int i = 0; i < PER_HOUR; i++)
        cr_expect(try(1, HOUR_MS, true, &last));
    cr_expect(last, "told again");
}

Test(pin_limit, many_at_once_are_no_way_around_it)
{
    struct pos_smn smn = smn_of(7);
    for (int i = 0; i < PER_HOUR; i++)
        cr_expect(pos_pin_limit_begin(limit, &smn, 10));
    cr_expect_not(pos_pin_limit_begin(limit, &smn, 10));
    cr_expect_not(pos_pin_limit_end(limit, &smn, 10, false));
    cr_expect(pos_pin_limit_begin(limit, &smn, 10), "one came back well");
    for (int i = 0; i < PER_HOUR; i++)
        cr_expect_eq(pos_pin_limit_end(limit, &smn, 10, true), i == PER_HOUR - 1);
    cr_expect_not(pos_pin_limit_begin(limit, &smn, 10));
}

Test(pin_limit, what_was_forgotten_meanwhile_counts_from_anew)
{
    bool last;
    struct pos_smn smn = smn_of(7);
    cr_expect(pos_pin_limit_begin(limit, &smn, 10));
    for (unsigned i = 1000; i < 60000; i++) /* each of them weighs more than one under way */
        for (int times = 0; times < 2; times++)
            cr_expect(try(i, 10, true, &last));
    cr_expect_not(pos_pin_limit_end(limit, &smn, 10, true));
    for (int i = 1; i < PER_HOUR; i++)
        cr_expect(try(7, 10, true, &last));
    cr_expect(last, "it was counted");
    struct pos_smn other = smn_of(9);
    cr_expect_not(pos_pin_limit_end(limit, &other, 10, false), "and a success is nothing to keep");
    cr_expect(try(9, 10, true, &last) && !last);
}

Test(pin_limit, what_ends_in_another_hour_was_begun_in_one)
{
    struct pos_smn smn = smn_of(7);
    bool last;
    for (int i = 0; i < PER_HOUR; i++)
        cr_expect(pos_pin_limit_begin(limit, &smn, HOUR_MS - 1));
    cr_expect_not(pos_pin_limit_begin(limit, &smn, HOUR_MS), "those under way still count");
    for (int i = 0; i < PER_HOUR; i++)
        (void)pos_pin_limit_end(limit, &smn, HOUR_MS, false);
    cr_expect(try(7, HOUR_MS, true, &last) && !last);
}

Test(pin_limit, none_is_none)
{
    struct pos_pin_limit *none;
    struct pos_smn smn = smn_of(3);
    cr_assert_eq(pos_pin_limit_create(0, &none), POS_OK);
    for (int i = 0; i < 100; i++) {
        cr_expect(pos_pin_limit_begin(none, &smn, 10));
        cr_expect_not(pos_pin_limit_end(none, &smn, 10, true));
    }
    pos_pin_limit_destroy(none);
}

/* More terminals than there are places: the table stays as it is, and those that failed most are
 * remembered longest. */
Test(pin_limit, a_crowd_does_not_make_it_forget_the_worst)
{
    bool last;
    for (int i = 0; i < PER_HOUR; i++)
        cr_expect(try(0, 10, true, &last));
    for (unsigned i = 1; i < 50000; i++)
        cr_expect(try(i, 10, true, &last));
    cr_expect_not(try(0, 10, false, &last));
}
