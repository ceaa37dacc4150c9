#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "keymgmt/load_plan.h"

static enum pos_status answer(struct pos_load_plan *plan, const char *code, const char *text)
{
    struct pos_mother_reply reply = {0};
    (void)snprintf(reply.code, sizeof reply.code, "%s", code);
    (void)snprintf(reply.text, sizeof reply.text, "%s", text);
    struct pos_error error;
    return pos_load_plan_reply(plan, &reply, &error);
}

Test(load_plan, goes_from_header_to_trailer)
{
    struct pos_load_plan plan;
    pos_load_plan_init(&plan, 2);
    cr_assert_eq(plan.line, 1);
    cr_assert_eq(plan.line_count, 4);
    for (uint32_t line = 1; line <= 4; line++) {
        char next[16];
        (void)snprintf(next, sizeof next, "%08u", line + 1);
        cr_expect_not(plan.done);
        cr_expect_eq(plan.line, line);
        cr_expect_eq(answer(&plan, "00", next), POS_OK);
    }
    cr_expect(plan.done);
    cr_expect_eq(plan.resumed_at, 0);
}

Test(load_plan, goes_on_where_the_header_says)
{
    struct pos_load_plan plan;
    pos_load_plan_init(&plan, 100);
    cr_expect_eq(answer(&plan, "00", "00000051"), POS_OK);
    cr_expect_eq(plan.line, 51);
    cr_expect_eq(plan.resumed_at, 51);
    cr_expect_eq(answer(&plan, "77", "00000001"), POS_OK, "it forgot: back to the header");
    cr_expect_eq(plan.line, 1);
}

Test(load_plan, ends_when_it_goes_round)
{
    struct pos_load_plan plan;
    pos_load_plan_init(&plan, 10);
    enum pos_status status = POS_OK;
    int count = 0;
    while (status == POS_OK && count < 100) {
        status = answer(&plan, "77", "00000001");
        count++;
    }
    cr_expect_eq(status, POS_ERR_ORDER);
    cr_expect_eq(count, POS_LOAD_JUMP_COUNT_MAX + 1);
}

Test(load_plan, refuses_what_is_no_line_of_the_file)
{
    static const char *const texts[] = {"",          "00000000", "00000006", "0000002",
                                        "000000020", "0000000x", "99999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pos_load_plan plan;
        pos_load_plan_init(&plan, 2);
        cr_expect_eq(answer(&plan, "00", texts[i]), POS_ERR_FORMAT, "'%s'", texts[i]);
        cr_expect_not(plan.done, "'%s'", texts[i]);
    }
}

Test(load_plan, says_refusals_by_their_class)
{
    static const struct {
        const char *code;
        enum pos_status status;
    } rows[] = {{"63", POS_ERR_MISMATCH},
                {"30", POS_ERR_MISMATCH},
                {"40", POS_ERR_MISMATCH},
                {"96", POS_ERR_BUSY},
                {"", POS_ERR_MISMATCH}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_load_plan plan;
        pos_load_plan_init(&plan, 2);
        cr_expect_eq(answer(&plan, rows[i].code, "00000002"), rows[i].status, "%s", rows[i].code);
    }
}

/* The trailer's answer was lost. Its batch is in when the header, accepted before, is refused. */
Test(load_plan, learns_the_fate_of_a_lost_trailer)
{
    struct pos_load_plan plan;
    pos_load_plan_init(&plan, 1);
    cr_assert_eq(answer(&plan, "00", "00000002"), POS_OK);
    cr_assert_eq(answer(&plan, "00", "00000003"), POS_OK);
    cr_assert_eq(plan.line, 3);
    cr_assert(pos_load_plan_broken(&plan));
    cr_expect_eq(plan.line, 1);
    struct pos_load_plan copy = plan;
    cr_expect_eq(answer(&plan, "63", ""), POS_OK);
    cr_expect(plan.done);
    cr_expect_eq(answer(&copy, "00", "00000002"), POS_OK, "the trailer was refused: all again");
    cr_expect_not(copy.done);
    cr_expect_eq(copy.line, 2);
}

Test(load_plan, a_refusal_is_no_success_elsewhere)
{
    struct pos_load_plan plan;
    pos_load_plan_init(&plan, 1);
    cr_expect_eq(answer(&plan, "63", ""), POS_ERR_MISMATCH, "before anything was sent");
    pos_load_plan_init(&plan, 1);
    cr_assert_eq(answer(&plan, "00", "00000002"), POS_OK);
    cr_assert(pos_load_plan_broken(&plan));
    cr_expect_eq(answer(&plan, "63", ""), POS_ERR_MISMATCH, "the trailer was never sent");
    pos_load_plan_init(&plan, 1);
    plan.line = 3;
    cr_expect_eq(answer(&plan, "63", ""), POS_ERR_MISMATCH, "the trailer itself refused");
    cr_expect_not(plan.done);
}

Test(load_plan, gives_up_reconnecting)
{
    struct pos_load_plan plan;
    pos_load_plan_init(&plan, 1);
    for (int i = 0; i < POS_LOAD_RECONNECT_COUNT_MAX; i++)
        cr_expect(pos_load_plan_broken(&plan));
    cr_expect_not(pos_load_plan_broken(&plan));
}

Test(load_plan, reads_load_status)
{
    struct pos_load_status status;
    cr_assert_eq(pos_load_status_parse("0000000700000051000001230000000400000005", &status),
                 POS_OK);
    cr_expect_eq(status.batch, 7);
    cr_expect_eq(status.lines, 51);
    cr_expect_eq(status.free, 123);
    cr_expect_eq(status.issued, 4);
    cr_expect_eq(status.burned, 5);
    static const char *const bad[] = {"", "000000070000005100000123000000040000000",
                                      "00000007000000510000012300000004000000055",
                                      "0000000700000051000001230000000400000 05"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(pos_load_status_parse(bad[i], &status), POS_ERR_FORMAT, "'%s'", bad[i]);
}
