/* Plans, endpoints, serials, cards. */
#include <criterion/criterion.h>
#include <string.h>

#include "emulator/endpoint.h"
#include "emulator/terminals/card.h"
#include "emulator/terminals/run.h"

Test(plan, words_become_steps_and_the_last_word_is_marked)
{
    struct pos_plan plan;
    struct pos_error error;
    cr_assert_eq(pos_plan_parse("key,register,sale", 3, &plan, &error), POS_OK);
    static const struct pos_plan_step expected[] = {{POS_KIND_KEY_REQUEST, 1, false},
                                                    {POS_KIND_KEY_CONFIRM, 1, false},
                                                    {POS_KIND_REGISTER, 1, false},
                                                    {POS_KIND_SALE, 3, true}};
    cr_assert_eq(plan.count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(plan.steps[i].kind, expected[i].kind, "%zu", i);
        cr_expect_eq(plan.steps[i].repeats, expected[i].repeats, "%zu", i);
        cr_expect_eq(plan.steps[i].last, expected[i].last, "%zu", i);
    }
}

Test(plan, what_is_no_step_is_named_with_the_ones_there_are)
{
    static const char *const rows[] = {"sell",        "",    "key,,sale", "key,", "load",
                                       "key-request", "Sale"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_plan plan;
        struct pos_error error;
        cr_expect_eq(pos_plan_parse(rows[i], 1, &plan, &error), POS_ERR_USAGE, "%s", rows[i]);
        cr_expect(strstr(error.text, "sign-off") != NULL, "%s", error.text);
    }
}

Test(plan, more_steps_than_a_plan_holds_are_refused)
{
    char text[512] = "echo";
    struct pos_plan plan;
    struct pos_error error;
    for (int i = 1; i < POS_PLAN_STEP_COUNT_MAX; i++)
        strcat(text, ",echo");
    cr_expect_eq(pos_plan_parse(text, 1, &plan, &error), POS_OK);
    strcat(text, ",echo");
    cr_expect_eq(pos_plan_parse(text, 1, &plan, &error), POS_ERR_USAGE);
}

Test(endpoint, is_an_address_and_a_port)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        unsigned port;
    } rows[] = {{"127.0.0.1:8583", "127.0.0.1", 8583},
                {"[::1]:0", "::1", 0},
                {"127.0.0.1", NULL, 0},
                {"127.0.0.1:", NULL, 0},
                {"127.0.0.1:65536", NULL, 0},
                {"127.0.0.1:-1", NULL, 0},
                {":8583", NULL, 0},
                {"localhost:8583", NULL, 0},
                {"300.0.0.1:1", NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_endpoint endpoint;
        struct pos_error error;
        enum pos_status status = pos_endpoint_parse(rows[i].text, &endpoint, &error);
        cr_expect_eq(status == POS_OK, rows[i].host != NULL, "%s", rows[i].text);
        if (status == POS_OK) {
            cr_expect_str_eq(endpoint.host, rows[i].host);
            cr_expect_eq(endpoint.port, rows[i].port);
        }
    }
}

Test(run, serials_are_prefix_and_number_of_eight_characters)
{
    struct pos_run_options options = {.serial_prefix = "EMU"};
    char serial[POS_SERIAL_SIZE + 1];
    cr_expect(pos_run_serial(&options, 7, serial));
    cr_expect_str_eq(serial, "EMU00007");
    cr_expect(pos_run_serial(&options, 99999, serial));
    cr_expect_not(pos_run_serial(&options, 100000, serial));
}

Test(card, numbers_have_sixteen_digits_and_pass_luhn)
{
    for (uint32_t i = 0; i < 2000; i++) {
        char pan[POS_CARD_PAN_SIZE];
        int sum = 0;
        pos_card_pan(i * 7919, pan);
        cr_assert_eq(strlen(pan), 16);
        for (int k = 0; k < 16; k++) {
            int digit = pan[k] - '0';
            digit = k % 2 == 0 ? digit * 2 : digit;
            sum += digit > 9 ? digit - 9 : digit;
        }
        cr_expect_eq(sum % 10, 0, "%s", pan);
    }
}

Test(card, times_are_utc)
{
    char time[POS_CARD_TIME_SIZE];
    pos_card_time(1795424400000, time);
    cr_expect_str_eq(time, "1123090000");
}
