#include "core/crypto/password.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/crypto/vectors.h"

/* Made with Python: hashlib.scrypt(b"correct horse", salt=bytes(range(16)), n=1024, r=8, p=1). */
static const char foreign[] = "010A0801000102030405060708090A0B0C0D0E0F"
                              "9DF923DEED5F4531C279AF9F56BD37B1657BEF4929E702CE2E811A93388A86A1";

Test(password, is_known_again_and_no_other_is)
{
    uint8_t kept[POS_PASSWORD_SIZE];
    cr_assert(pos_password_make(pos_bytes_text("correct horse"), kept) == POS_OK);
    cr_expect(pos_password_check(pos_bytes_text("correct horse"), kept) == POS_OK);
    static const char *const others[] = {"", "correct hors", "correct horse ", "Correct horse"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(pos_password_check(pos_bytes_text(others[i]), kept) == POS_ERR_MISMATCH, "'%s'",
                  others[i]);
    kept[POS_PASSWORD_SIZE - 1] ^= 1;
    cr_expect(pos_password_check(pos_bytes_text("correct horse"), kept) == POS_ERR_MISMATCH);
}

Test(password, of_another_tool_is_known_with_its_parameters)
{
    struct vector kept = vector_hex(foreign);
    cr_assert(kept.size == POS_PASSWORD_SIZE);
    cr_expect(pos_password_check(pos_bytes_text("correct horse"), kept.data) == POS_OK);
    cr_expect(pos_password_check(pos_bytes_text("correct cow"), kept.data) == POS_ERR_MISMATCH);
}

Test(password, of_two_people_leaves_nothing_alike)
{
    uint8_t one[POS_PASSWORD_SIZE], two[POS_PASSWORD_SIZE];
    cr_assert(pos_password_make(pos_bytes_text("same"), one) == POS_OK);
    cr_assert(pos_password_make(pos_bytes_text("same"), two) == POS_OK);
    cr_expect_arr_eq(one, two, 4);
    cr_expect_arr_neq(one + 4, two + 4, 16);
    cr_expect_arr_neq(one + 20, two + 20, 32);
}

Test(password, that_is_empty_is_refused)
{
    uint8_t kept[POS_PASSWORD_SIZE];
    cr_expect(pos_password_make(pos_bytes(NULL, 0), kept) == POS_ERR_LENGTH);
}

Test(password, with_parameters_out_of_bounds_is_damaged)
{
    static const uint8_t heads[][4] = {
        {0, 10, 8, 1}, {2, 10, 8, 1},  {1, 0, 8, 1},       {1, 19, 8, 1},
        {1, 64, 8, 1}, {1, 10, 0, 1},  {1, 10, 17, 1},     {1, 10, 8, 0},
        {1, 10, 8, 5}, {1, 18, 16, 1}, {1, 255, 255, 255},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        uint8_t kept[POS_PASSWORD_SIZE] = {0};
        memcpy(kept, heads[i], 4);
        cr_expect(pos_password_check(pos_bytes_text("x"), kept) == POS_ERR_CORRUPT, "row %zu", i);
    }
}
