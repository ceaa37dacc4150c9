/* What the acquirer's host answers, field by field. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/wire/frame.h"
#include "emulator/host/answer.h"

struct exchange {
    uint8_t request[512], reply[512];
    struct pos_frame frame;     /* the reply */
    struct pos_message message; /* likewise */
    struct pos_host_entry entry;
    enum pos_host_result result;
};

static const struct {
    unsigned field;
    const char *value;
} sale_fields[] = {{2, "4111111111111111"},
                   {3, "000000"},
                   {4, "000000012345"},
                   {7, "1123090000"},
                   {11, "000042"},
                   {22, "012"},
                   {25, "00"},
                   {37, "632709000001"},
                   {41, "T0000001"},
                   {42, "POSGATE00000001"},
                   {49, "156"}};

static void fill(struct pos_draft *draft, const struct pos_host *host, uint16_t mti,
                 unsigned left_out, const char *network_text)
{
    pos_draft_init(draft, mti);
    if (network_text != NULL) {
        pos_draft_set(draft, 11, pos_bytes_text("000042"));
        pos_draft_set(draft, host->dialect->network_field, pos_bytes_text(network_text));
        return;
    }
    for (size_t i = 0; i < sizeof sale_fields / sizeof sale_fields[0]; i++)
        if (sale_fields[i].field != left_out)
            pos_draft_set(draft, sale_fields[i].field, pos_bytes_text(sale_fields[i].value));
    if (mti == 0x0400) {
        pos_draft_set(draft, 39, pos_bytes_text("68"));
        pos_draft_set(draft, 90, pos_bytes_text("020000004111230900000000000000000000000000"));
    }
}

static void ask(struct pos_host *host, uint16_t mti, unsigned left_out, const char *network_text,
                struct exchange *x)
{
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    struct pos_buffer request = pos_buffer(x->request, sizeof x->request);
    struct pos_buffer out = pos_buffer(x->reply, sizeof x->reply);
    struct pos_frame asked = pos_route_frame(&pos_route_usual);
    const char *reason;
    size_t consumed;
    fill(&draft, host, mti, left_out, network_text);
    cr_assert_eq(pos_iso8583_encode(host->dialect, &draft, &request, &encoded, &error), POS_OK,
                 "field %u", error.field);
    asked.message = encoded.bytes;
    x->result = pos_host_answer(host, &asked, 1795424400000, &out, &x->entry);
    if (x->result != POS_HOST_ANSWERED)
        return;
    cr_assert_eq(
        pos_frame_next(host->dialect, pos_buffer_view(&out), &x->frame, &consumed, &reason),
        POS_FRAME_READY);
    cr_assert_eq(pos_iso8583_decode(host->dialect, x->frame.message, &x->message, &error), POS_OK);
}

static const char *field(const struct exchange *x, unsigned number)
{
    static char text[4][64];
    static unsigned next;
    char *at = text[next++ % 4];
    struct pos_bytes value = pos_message_value(&x->message, number, at, 63);
    at[value.size] = '\0';
    return at;
}

Test(host_answer, a_sale_is_approved_with_what_it_must_repeat_and_nothing_else)
{
    struct pos_host host = {.dialect = &pos_dialect_iso87b, .decline_code = ""};
    struct exchange x;
    ask(&host, 0x0200, 0, NULL, &x);
    cr_assert_eq(x.result, POS_HOST_ANSWERED);
    cr_expect_eq(x.message.mti, 0x0210);
    cr_expect_str_eq(field(&x, 39), "00");
    cr_expect_str_eq(field(&x, 38), "000001");
    static const unsigned repeated[] = {3, 4, 7, 11, 37, 41, 42};
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++)
        for (size_t k = 0; k < sizeof sale_fields / sizeof sale_fields[0]; k++)
            if (sale_fields[k].field == repeated[i])
                cr_expect_str_eq(field(&x, repeated[i]), sale_fields[k].value, "field %u",
                                 repeated[i]);
    static const unsigned absent[] = {2, 22, 25, 49, 62, 64};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        cr_expect(!pos_message_has(&x.message, absent[i]), "field %u", absent[i]);
}

Test(host_answer, the_entry_is_what_the_ledger_needs_with_the_pan_masked)
{
    struct pos_host host = {.dialect = &pos_dialect_iso87b, .decline_code = ""};
    struct exchange x;
    ask(&host, 0x0200, 0, NULL, &x);
    cr_expect_str_eq(x.entry.kind, "sale");
    cr_expect_str_eq(x.entry.pan, "411111******1111");
    cr_expect_eq(x.entry.amount, 12345);
    cr_expect_str_eq(x.entry.stan, "000042");
    cr_expect_str_eq(x.entry.rrn, "632709000001");
    cr_expect_str_eq(x.entry.tid, "T0000001");
    cr_expect_str_eq(x.entry.code, "00");
}

Test(host_answer, each_kind_has_its_reply_and_its_code)
{
    static const struct {
        const char *name, *code_70;
        uint16_t mti, reply;
        unsigned left_out;
        const char *code;
        bool approval;
    } rows[] = {
        {"pre-authorisation", NULL, 0x0100, 0x0110, 0, "00", true},
        {"completion", NULL, 0x0220, 0x0230, 0, "00", true},
        {"reversal", NULL, 0x0400, 0x0410, 0, "00", false},
        {"settlement", NULL, 0x0500, 0x0510, 0, "00", false},
        {"batch upload", NULL, 0x0320, 0x0330, 0, "00", false},
        {"echo without a terminal", "301", 0x0800, 0x0810, 0, "00", false},
        {"sign-on, which is the gateway's", "001", 0x0800, 0x0810, 0, "40", false},
        {"unheard-of network code", "999", 0x0800, 0x0810, 0, "40", false},
        {"sale without amount", NULL, 0x0200, 0x0210, 4, "30", false},
        {"sale without card", NULL, 0x0200, 0x0210, 2, "30", false},
        {"unheard-of MTI", NULL, 0x0600, 0x0610, 0, "40", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_host host = {.dialect = &pos_dialect_iso87b, .decline_code = ""};
        struct exchange x;
        ask(&host, rows[i].mti, rows[i].left_out, rows[i].code_70, &x);
        cr_assert_eq(x.result, POS_HOST_ANSWERED, "%s", rows[i].name);
        cr_expect_eq(x.message.mti, rows[i].reply, "%s", rows[i].name);
        cr_expect_str_eq(field(&x, 39), rows[i].code, "%s", rows[i].name);
        cr_expect_str_eq(field(&x, 11), "000042", "%s", rows[i].name);
        cr_expect_eq(pos_message_has(&x.message, 38), rows[i].approval, "%s", rows[i].name);
    }
}

Test(host_answer, every_dialect_is_answered_in_itself)
{
    static const struct pos_dialect *const dialects[] = {&pos_dialect_iso87b, &pos_dialect_iso87a,
                                                         &pos_dialect_iso87x, &pos_dialect_cup};
    for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++) {
        const char *name = dialects[d]->name;
        struct pos_host host = {.dialect = dialects[d], .decline_code = ""};
        struct exchange x;
        struct pos_network_name echo;
        ask(&host, 0x0200, 0, NULL, &x);
        cr_assert_eq(x.result, POS_HOST_ANSWERED, "%s", name);
        cr_expect_str_eq(field(&x, 39), "00", "%s", name);
        cr_expect_str_eq(field(&x, 37), "632709000001", "%s", name);
        cr_expect_eq(pos_route_answered(&pos_route_usual, &x.frame), dialects[d]->routed, "%s",
                     name);
        cr_assert_eq(pos_network_name(dialects[d], pos_kind_rule(POS_KIND_ECHO), 1, &echo), POS_OK);
        ask(&host, echo.mti, 0, echo.text, &x);
        cr_expect_eq(x.message.mti, echo.mti + 0x10, "%s", name);
        cr_expect_str_eq(field(&x, 39), "00", "%s", name);
        cr_expect_str_eq(field(&x, dialects[d]->network_field), echo.text, "%s", name);
    }
}

Test(host_answer, declines_and_silences_are_spread_evenly_and_exactly)
{
    struct pos_host host = {.dialect = &pos_dialect_iso87b,
                            .decline_code = "05",
                            .decline_percent = 25,
                            .silent_percent = 10};
    unsigned declined = 0, silent = 0, in_first_half = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct exchange x;
        ask(&host, 0x0200, 0, NULL, &x);
        silent += x.result == POS_HOST_SILENT;
        bool is_declined = x.result == POS_HOST_ANSWERED && strcmp(x.entry.code, "05") == 0;
        declined += is_declined;
        in_first_half += is_declined && i < 500;
        cr_expect(!is_declined || !pos_message_has(&x.message, 38), "no approval with a decline");
    }
    cr_expect_eq(silent, 100);
    cr_expect_eq(declined, 225, "25 %% of the 900 that were answered: %u", declined);
    cr_expect(in_first_half >= 111 && in_first_half <= 113, "%u", in_first_half);
}

Test(host_answer, reversals_and_echoes_are_not_declined)
{
    struct pos_host host = {
        .dialect = &pos_dialect_iso87b, .decline_code = "05", .decline_percent = 100};
    struct exchange x;
    ask(&host, 0x0400, 0, NULL, &x);
    cr_expect_str_eq(x.entry.code, "00");
    ask(&host, 0x0800, 0, "301", &x);
    cr_expect_str_eq(x.entry.code, "00");
    ask(&host, 0x0200, 0, NULL, &x);
    cr_expect_str_eq(x.entry.code, "05");
}

Test(host_answer, what_is_no_request_closes_and_what_cannot_be_read_is_30)
{
    static const uint8_t reply[] = {0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t cut[] = {0x02, 0x00, 0, 0x20, 0, 0, 0, 0, 0, 0, 0};
    struct pos_host host = {.dialect = &pos_dialect_iso87b, .decline_code = ""};
    struct pos_host_entry entry;
    uint8_t memory[512];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    const struct pos_frame answered = {.message = pos_bytes(reply, sizeof reply)};
    const struct pos_frame broken = {.message = pos_bytes(cut, sizeof cut)};
    cr_expect_eq(pos_host_answer(&host, &answered, 0, &out, &entry), POS_HOST_CLOSE);
    cr_expect_eq(out.size, 0);
    cr_expect_eq(pos_host_answer(&host, &broken, 0, &out, &entry), POS_HOST_ANSWERED);
    cr_expect_str_eq(entry.code, "30");
}
