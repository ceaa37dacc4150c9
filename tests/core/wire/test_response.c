#include <criterion/criterion.h>
#include <string.h>

#include "core/wire/response.h"

Test(response, every_code_is_two_characters_and_used_once)
{
    for (int i = 0; i < POS_RESPONSE_COUNT; i++) {
        const char *code = pos_response_code((enum pos_response)i);
        cr_expect_eq(strlen(code), 2, "%s", code);
        cr_expect_gt(strlen(pos_response_meaning((enum pos_response)i)), 5, "%s", code);
        for (int k = 0; k < i; k++)
            cr_expect_str_neq(code, pos_response_code((enum pos_response)k));
    }
}

Test(response, codes_that_terminals_act_on)
{
    cr_expect_str_eq(pos_response_code(POS_RESPONSE_APPROVED), "00");
    cr_expect_str_eq(pos_response_code(POS_RESPONSE_FORMAT), "30");
    cr_expect_str_eq(pos_response_code(POS_RESPONSE_INDEX_TAKEN), "63");
    cr_expect_str_eq(pos_response_code(POS_RESPONSE_NOT_REGISTERED), "97");
    cr_expect_str_eq(pos_response_code(POS_RESPONSE_MAC), "A0");
    cr_expect_str_eq(pos_response_meaning(POS_RESPONSE_SUSPENDED), "terminal suspended");
}
