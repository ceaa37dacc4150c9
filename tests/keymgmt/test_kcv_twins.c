#include "keymgmt/kcv_twins.h"

#include <criterion/criterion.h>

struct pairs {
    uint32_t a[8], b[8];
    size_t count, stop_at;
};

static bool note(void *context, uint32_t a, uint32_t b)
{
    struct pairs *pairs = context;
    pairs->a[pairs->count] = a;
    pairs->b[pairs->count] = b;
    return ++pairs->count != pairs->stop_at;
}

static void add(struct pos_kcv_twins *twins, uint32_t index, enum pos_algorithm algorithm,
                uint8_t last)
{
    const struct pos_kcv kcv = {POS_KCV_ZEROS, 3, {1, 2, last}};
    cr_assert_eq(pos_kcv_twins_add(twins, index, algorithm, &kcv), POS_OK);
}

Test(kcv_twins, pairs_of_one_algorithm_and_value)
{
    struct pos_kcv_twins twins = {0};
    struct pairs pairs = {.count = 0};
    add(&twins, 9, POS_ALGORITHM_T2, 1);
    add(&twins, 2, POS_ALGORITHM_T2, 2);
    add(&twins, 3, POS_ALGORITHM_T3, 1); /* another algorithm's */
    add(&twins, 4, POS_ALGORITHM_T2, 1);
    add(&twins, 5, POS_ALGORITHM_T2, 3);
    add(&twins, 6, POS_ALGORITHM_T2, 1);
    pos_kcv_twins_pairs(&twins, note, &pairs);
    cr_assert_eq(pairs.count, 3, "three keys with one value are three pairs");
    cr_expect(pairs.a[0] == 4 && pairs.b[0] == 6 && pairs.a[1] == 4 && pairs.b[1] == 9 &&
              pairs.a[2] == 6 && pairs.b[2] == 9);
    cr_expect_eq(twins.counts[POS_ALGORITHM_T2], 5);
    cr_expect_eq(twins.counts[POS_ALGORITHM_T3], 1);
    pairs = (struct pairs){.stop_at = 1};
    pos_kcv_twins_pairs(&twins, note, &pairs);
    cr_expect_eq(pairs.count, 1, "ends when it is told to");
    pos_kcv_twins_fini(&twins);
    pairs = (struct pairs){.count = 0};
    pos_kcv_twins_pairs(&twins, note, &pairs);
    cr_expect_eq(pairs.count, 0);
}

Test(kcv_twins, many_keys)
{
    struct pos_kcv_twins twins = {0};
    struct pairs pairs = {.count = 0};
    for (uint32_t i = 1; i <= 100000; i++) {
        const struct pos_kcv kcv = {
            POS_KCV_CMAC, 5, {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0, 0}};
        cr_assert_eq(pos_kcv_twins_add(&twins, i, POS_ALGORITHM_A256, &kcv), POS_OK);
    }
    pos_kcv_twins_pairs(&twins, note, &pairs);
    cr_expect_eq(pairs.count, 0);
    pos_kcv_twins_fini(&twins);
}

/* n (n - 1) / 2 pairs, each the same with a chance of one in 256 to the power of the size. */
Test(kcv_twins, expected_by_chance)
{
    cr_expect(pos_kcv_twins_expected(0, 3) == 0 && pos_kcv_twins_expected(1, 3) == 0);
    cr_expect(pos_kcv_twins_expected(2, 3) > 5.96e-8 && pos_kcv_twins_expected(2, 3) < 5.97e-8);
    double many = pos_kcv_twins_expected(1000000, 3), fewer = pos_kcv_twins_expected(1000000, 5);
    cr_expect(many > 29802 && many < 29803 && fewer > 0.45 && fewer < 0.46, "%f %f", many, fewer);
}
