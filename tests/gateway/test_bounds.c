/* Rates, connection counts and the request pool: what happens at the bound. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gateway/admission.h"
#include "gateway/rate.h"
#include "gateway/request.h"

Test(rate, an_address_has_its_share_of_each_second)
{
    struct pos_rate_table *table;
    cr_assert_eq(pos_rate_create(3, &table), POS_OK);
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 5; i++)
            cr_expect_eq(pos_rate_allow(table, 42, 1000 * second + i), i < 3, "%u.%u", second, i);
        cr_expect(pos_rate_allow(table, 43, 1000 * second), "another address");
    }
    pos_rate_destroy(table);
}

Test(rate, zero_is_no_limit)
{
    struct pos_rate_table *table;
    cr_assert_eq(pos_rate_create(0, &table), POS_OK);
    for (unsigned i = 0; i < 100000; i++)
        cr_assert(pos_rate_allow(table, 42, 0));
    pos_rate_destroy(table);
}

Test(rate, a_flood_of_addresses_forgets_only_the_oldest)
{
    struct pos_rate_table *table;
    cr_assert_eq(pos_rate_create(1, &table), POS_OK);
    for (uint64_t address = 1; address < 1000000; address++)
        cr_assert(pos_rate_allow(table, address, 5000), "a new address is never refused");
    pos_rate_destroy(table);
}

Test(admission, counts_in_all_and_by_address)
{
    struct pos_admission *admission;
    cr_assert_eq(pos_admission_create(5, 2, &admission), POS_OK);
    cr_expect(pos_admission_enter(admission, 7));
    cr_expect(pos_admission_enter(admission, 7));
    cr_expect_not(pos_admission_enter(admission, 7), "two of one address");
    for (uint64_t address = 8; address < 11; address++)
        cr_expect(pos_admission_enter(admission, address));
    cr_expect_not(pos_admission_enter(admission, 99), "five in all");
    pos_admission_leave(admission, 7);
    cr_expect(pos_admission_enter(admission, 99));
    cr_expect_eq(pos_admission_count(admission), 5);
    pos_admission_destroy(admission);
}

Test(admission, many_addresses_come_and_go)
{
    struct pos_admission *admission;
    cr_assert_eq(pos_admission_create(1000, 1, &admission), POS_OK);
    for (uint64_t round = 0; round < 20; round++) {
        for (uint64_t i = 1; i <= 1000; i++)
            cr_assert(pos_admission_enter(admission, (i * 2654435761u + round) << 20 | i));
        for (uint64_t i = 1; i <= 1000; i++)
            cr_assert_not(pos_admission_enter(admission, (i * 2654435761u + round) << 20 | i));
        for (uint64_t i = 1000; i >= 1; i--)
            pos_admission_leave(admission, (i * 2654435761u + round) << 20 | i);
        cr_assert_eq(pos_admission_count(admission), 0);
    }
    pos_admission_destroy(admission);
}

Test(admission, an_address_is_what_stands_before_the_port)
{
    cr_expect_eq(pos_admission_address("127.0.0.1:1"), pos_admission_address("127.0.0.1:65535"));
    cr_expect_neq(pos_admission_address("127.0.0.1:1"), pos_admission_address("127.0.0.2:1"));
    cr_expect_eq(pos_admission_address("[::1]:1"), pos_admission_address("[::1]:2"));
}

Test(request_pool, gives_each_out_once_and_none_beyond)
{
    struct pos_request_pool *pool;
    struct pos_request *taken[16];
    cr_assert_eq(pos_request_pool_create(16, &pool), POS_OK);
    for (size_t i = 0; i < 16; i++)
        cr_assert_not_null(taken[i] = pos_request_acquire(pool));
    cr_expect_null(pos_request_acquire(pool));
    cr_expect_eq(pos_request_pool_taken(pool), 16);
    pos_request_release(pool, taken[5]);
    cr_expect_eq(pos_request_acquire(pool), taken[5], "the warm one");
    for (size_t i = 0; i < 16; i++)
        pos_request_release(pool, taken[i]);
    cr_expect_eq(pos_request_pool_taken(pool), 0);
    pos_request_pool_destroy(pool);
}

Test(request_pool, is_as_large_as_limits_h_says)
{
    struct pos_request_pool *pool;
    cr_assert_eq(pos_request_pool_create(POS_PENDING_COUNT_MAX, &pool), POS_OK);
    for (size_t i = 0; i < POS_PENDING_COUNT_MAX; i++)
        cr_assert_not_null(pos_request_acquire(pool));
    cr_expect_null(pos_request_acquire(pool));
    pos_request_pool_destroy(pool);
}
