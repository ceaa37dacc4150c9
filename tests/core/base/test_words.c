/* Hexadecimal, SMNs, algorithms and check values: each good form beside its bad neighbours. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/key.h"
#include "core/base/smn.h"

Test(hex, writes_upper_case_and_reads_either)
{
    char text[9];
    uint8_t bytes[4];
    pos_hex_encode(pos_bytes("\x00\x9f\xaB\xff", 4), text);
    cr_expect_str_eq(text, "009FABFF");
    cr_expect_eq(pos_hex_decode(pos_bytes_text("009fABff"), bytes, 4), POS_OK);
    cr_expect_eq(memcmp(bytes, "\x00\x9f\xaB\xff", 4), 0);
}

Test(hex, refuses_what_is_not_exactly_that)
{
    static const char *const rows[] = {"",         "009fABf",  "009fABff0", "009fABff00",
                                       "009fABfg", "009fAB/0", "009fAB:0",  "009fAB@0",
                                       "009fAB`0", "009fAB 0"};
    uint8_t bytes[4];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(pos_hex_decode(pos_bytes_text(rows[i]), bytes, 4), POS_ERR_FORMAT, "%s",
                     rows[i]);
}

Test(smn, is_serial_and_padded_index)
{
    struct pos_smn smn;
    struct pos_error error;
    cr_assert_eq(pos_smn_form(pos_bytes_text("123L013K"), 278, &smn, &error), POS_OK);
    cr_expect_str_eq(smn.text, "123L013K00000278");
    cr_expect_eq(pos_smn_key_index(&smn), 278);
    cr_assert_eq(pos_smn_form(pos_bytes_text("00000000"), 1, &smn, NULL), POS_OK);
    cr_expect_str_eq(smn.text, "0000000000000001");
    cr_assert_eq(pos_smn_form(pos_bytes_text("ZZZZZZZZ"), 99999999, &smn, NULL), POS_OK);
    cr_expect_eq(pos_smn_key_index(&smn), 99999999);
}

Test(smn, refuses_serials_and_indexes_with_a_reason)
{
    static const struct {
        const char *serial;
        uint64_t index;
        enum pos_status status;
    } rows[] = {
        {"123L013", 278, POS_ERR_FORMAT},
        {"123L013KK", 278, POS_ERR_FORMAT},
        {"123l013K", 278, POS_ERR_FORMAT},
        {"123L 13K", 278, POS_ERR_FORMAT},
        {"", 278, POS_ERR_FORMAT},
        {"123L013K", 0, POS_ERR_LENGTH},
        {"123L013K", 100000000, POS_ERR_LENGTH},
        {"123L013K", UINT64_MAX, POS_ERR_LENGTH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_smn smn;
        struct pos_error error = {.text = ""};
        cr_expect_eq(pos_smn_form(pos_bytes_text(rows[i].serial), rows[i].index, &smn, &error),
                     rows[i].status, "%s", rows[i].serial);
        cr_expect_neq(error.text[0], '\0');
    }
}

Test(smn, is_read_from_exactly_sixteen_characters)
{
    static const char *const bad[] = {"",
                                      "123L013K0000027",
                                      "123L013K000002788",
                                      "123L013K0000027A",
                                      "123l013K00000278",
                                      "123L013K 0000278",
                                      "123L013K-0000278",
                                      "12345678901234 6"};
    struct pos_smn smn;
    cr_assert_eq(pos_smn_parse(pos_bytes_text("123L013K00000278"), &smn), POS_OK);
    cr_expect_str_eq(smn.text, "123L013K00000278");
    cr_assert_eq(pos_smn_parse(pos_bytes_text("123L013K00000000"), &smn), POS_OK);
    cr_expect_eq(pos_smn_key_index(&smn), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(pos_smn_parse(pos_bytes_text(bad[i]), &smn), POS_ERR_FORMAT, "%s", bad[i]);
}

Test(key, algorithms_have_names_and_sizes)
{
    static const struct {
        const char *name;
        size_t size;
    } rows[] = {{"T2", 16}, {"T3", 24}, {"A128", 16}, {"A256", 32}, {"SM4", 16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum pos_algorithm algorithm = pos_algorithm_parse(pos_bytes_text(rows[i].name));
        cr_expect_eq((int)algorithm, (int)i + 1, "stored numbers do not move");
        cr_expect_str_eq(pos_algorithm_name(algorithm), rows[i].name);
        cr_expect_eq(pos_algorithm_key_size(algorithm), rows[i].size);
    }
    cr_expect_eq(pos_algorithm_parse(pos_bytes_text("a256")), POS_ALGORITHM_NONE);
    cr_expect_eq(pos_algorithm_parse(pos_bytes_text("-")), POS_ALGORITHM_NONE);
    cr_expect_eq(pos_algorithm_parse(pos_bytes_text("A2567")), POS_ALGORITHM_NONE);
}

Test(key, check_values_are_read_as_they_are_shown)
{
    static const char *const good[] = {"CMAC:8CD24CD297", "ZERO:08D7B4", "ZERO:08D7B401"};
    static const char *const bad[] = {
        "",           "CMAC:",           "CMAC:8CD2",         "8CD24CD297",
        "CMAC:8CD24", "CMAC:8CD24CD2G7", "CMAC:8CD24CD29701", "cmac:8CD24C"};
    struct pos_kcv kcv;
    char text[POS_KCV_TEXT_SIZE];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert_eq(pos_kcv_parse(pos_bytes_text(good[i]), &kcv), POS_OK, "%s", good[i]);
        pos_kcv_text(&kcv, text);
        cr_expect_str_eq(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(pos_kcv_parse(pos_bytes_text(bad[i]), &kcv), POS_ERR_FORMAT, "%s", bad[i]);
}

static bool same(const char *a, const char *b)
{
    struct pos_kcv left, right;
    cr_assert_eq(pos_kcv_parse(pos_bytes_text(a), &left), POS_OK);
    cr_assert_eq(pos_kcv_parse(pos_bytes_text(b), &right), POS_OK);
    return pos_kcv_equal(&left, &right) && pos_kcv_equal(&right, &left);
}

Test(key, check_values_are_compared_at_the_shorter_length)
{
    cr_expect(same("CMAC:8CD24CD297", "CMAC:8CD24CD297"));
    cr_expect(same("CMAC:8CD24CD297", "CMAC:8CD24C"));
    cr_expect(!same("CMAC:8CD24CD297", "CMAC:8CD24D"));
    cr_expect(!same("CMAC:8CD24CD297", "CMAC:8CD24CD296"));
    cr_expect(!same("CMAC:8CD24C", "ZERO:8CD24C"));
    const struct pos_kcv none = {.method = POS_KCV_NONE};
    cr_expect(!pos_kcv_equal(&none, &none), "no check value is equal to nothing");
    const struct pos_kcv two = {.method = POS_KCV_CMAC, .size = 2};
    cr_expect(!pos_kcv_equal(&two, &two), "two bytes are too few to compare");
}

Test(key, names_of_mother_poses)
{
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {{"M", true},
                {"MPOS0001", true},
                {"ABCDEFGHIJKLMNOP", true},
                {"", false},
                {"ABCDEFGHIJKLMNOPQ", false},
                {"mpos", false},
                {"MPOS 1", false},
                {"MPOS|1", false},
                {"../A", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(pos_key_name_valid(pos_bytes_text(rows[i].name)), rows[i].valid, "%s",
                     rows[i].name);
}
