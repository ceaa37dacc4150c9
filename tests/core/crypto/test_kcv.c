#include "core/crypto/kcv.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/crypto/vectors.h"

/* UnionPay examples from unionpay.json; the rest computed with the openssl command from keys
 * 00 01 02 ... */
static const struct {
    enum pos_algorithm algorithm;
    const char *key, *text;
} rows[] = {
    {POS_ALGORITHM_T2, "807A23AD32B36D457AE91FDF927570EA", "ZERO:8D0A74"},
    {POS_ALGORITHM_SM4, "F351D490994603795C6EBEE8FAEBB481", "ZERO:861E83E3"},
    {POS_ALGORITHM_T3, "000102030405060708090A0B0C0D0E0F1011121314151617", "ZERO:894BC3"},
    {POS_ALGORITHM_A128, "000102030405060708090A0B0C0D0E0F", "CMAC:BE7ED6AE78"},
    {POS_ALGORITHM_A256, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "CMAC:377822C093"},
};

Test(kcv, is_made_by_the_custom_of_each_algorithm)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vector key = vector_hex(rows[i].key);
        struct pos_kcv kcv;
        char text[POS_KCV_TEXT_SIZE];
        cr_expect(pos_kcv_compute(rows[i].algorithm, key.data, &kcv) == POS_OK);
        pos_kcv_text(&kcv, text);
        cr_expect_str_eq(text, rows[i].text);
    }
}

/* One maker for all, again and again, also behind one that was refused. */
Test(kcv, is_the_same_from_a_maker)
{
    struct pos_kcv_maker *maker = pos_kcv_maker_create();
    struct pos_kcv kcv, alone;
    uint8_t key[POS_KEY_SIZE_MAX];
    cr_assert(maker != NULL);
    for (size_t i = 0; i < 100; i++) {
        enum pos_algorithm algorithm = rows[i % (sizeof rows / sizeof rows[0])].algorithm;
        memset(key, (int)(i / 2), sizeof key);
        cr_expect(pos_kcv_make(maker, POS_ALGORITHM_NONE, key, &kcv) == POS_ERR_USAGE);
        cr_expect(kcv.method == POS_KCV_NONE);
        cr_expect(pos_kcv_make(maker, algorithm, key, &kcv) == POS_OK);
        cr_expect(pos_kcv_compute(algorithm, key, &alone) == POS_OK);
        cr_expect(kcv.method == alone.method && pos_kcv_equal(&kcv, &alone), "%zu", i);
        cr_expect(pos_kcv_make_next(maker, algorithm, key, &kcv) == POS_OK);
        cr_expect(pos_kcv_equal(&kcv, &alone), "%zu, of several", i);
        cr_expect(i % 3 != 0 || pos_kcv_forget(maker) == POS_OK);
    }
    pos_kcv_maker_destroy(maker);
}

Test(kcv, can_be_made_by_the_other_method)
{
    struct vector key = vector_hex(rows[3].key);
    struct pos_kcv kcv, usual;
    cr_expect(pos_kcv_compute_by(POS_KCV_ZEROS, POS_ALGORITHM_A128, key.data, &kcv) == POS_OK);
    cr_expect(pos_kcv_compute(POS_ALGORITHM_A128, key.data, &usual) == POS_OK);
    const uint8_t zeros_encrypted[] = {0xC6, 0xA1, 0x3B};
    cr_expect(kcv.size >= sizeof zeros_encrypted);
    cr_expect_arr_eq(kcv.data, zeros_encrypted, sizeof zeros_encrypted);
    cr_expect_not(pos_kcv_equal(&kcv, &usual));
}

Test(kcv, of_no_algorithm_or_by_no_method_is_refused)
{
    const uint8_t key[POS_KEY_SIZE_MAX] = {0};
    struct pos_kcv kcv;
    cr_expect(pos_kcv_compute(POS_ALGORITHM_NONE, key, &kcv) == POS_ERR_USAGE);
    cr_expect(pos_kcv_compute_by(POS_KCV_NONE, POS_ALGORITHM_A256, key, &kcv) == POS_ERR_USAGE);
    cr_expect(kcv.method == POS_KCV_NONE);
}
