/* Requests, field by field. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/terminal/peer.h"

static bool has(const struct peer *peer, unsigned field)
{
    return pos_message_has(&peer->message, field);
}

Test(terminal_request, every_kind_is_classified_as_itself_and_its_mac_verifies)
{
    for (int kind = 0; kind < POS_KIND_COUNT; kind++) {
        const struct pos_kind_rule *rule = pos_kind_rule((enum pos_kind)kind);
        if (kind == POS_KIND_LOAD || kind == POS_KIND_LOAD_STATUS)
            continue;
        struct peer peer;
        peer_init(&peer, POS_STAGE_SIGNED_ON);
        if (kind == POS_KIND_REVERSAL || kind == POS_KIND_REVERSAL_ADVICE)
            peer_ask(&peer, POS_KIND_SALE);
        peer_ask(&peer, (enum pos_kind)kind);
        cr_expect_eq((int)peer.state.kind, kind, "%s", rule->name);
        /* A pre-authorisation has no processing code of its own, so the first of its MTI is it. */
        cr_expect_eq(peer.rule->kind, kind, "%s is taken for %s", rule->name, peer.rule->name);
        cr_expect_eq(peer_mac_is_good(&peer), rule->mac, "%s: MAC", rule->name);
        cr_expect_eq(peer.state.mac, rule->mac, "%s: state", rule->name);
        if (rule->smn)
            cr_expect_str_eq(peer_field(&peer, 62), "123L013K00000278", "%s", rule->name);
        peer_fini(&peer);
    }
}

Test(terminal_request, a_sale_has_what_the_table_asks_for)
{
    struct peer peer;
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    peer_ask(&peer, POS_KIND_SALE);
    static const struct {
        unsigned field;
        const char *value;
    } rows[] = {{2, "4111111111111111"},
                {3, "000000"},
                {4, "000000012345"},
                {7, "1123090000"},
                {11, "000001"},
                {22, "012"},
                {25, "00"},
                {41, "T0000001"},
                {42, "POSGATE00000001"},
                {49, "156"},
                {62, "123L013K00000278"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_str_eq(peer_field(&peer, rows[i].field), rows[i].value, "field %u",
                         rows[i].field);
    cr_expect(has(&peer, 64) && !has(&peer, 128));
    peer_fini(&peer);
}

Test(terminal_request, a_reversal_names_its_original_and_moves_its_mac_to_128)
{
    struct peer peer;
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    peer_ask(&peer, POS_KIND_REFUND);
    peer_ask(&peer, POS_KIND_REVERSAL);
    cr_expect_str_eq(peer_field(&peer, 90), "0220"
                                            "000001"
                                            "1123090000"
                                            "0000000000000000000000");
    cr_expect_str_eq(peer_field(&peer, 3), "200000", "field 3 is the original's");
    cr_expect_str_eq(peer_field(&peer, 4), "000000012345");
    cr_expect_str_eq(peer_field(&peer, 11), "000002");
    cr_expect(has(&peer, 128) && !has(&peer, 64));
    peer_fini(&peer);
}

Test(terminal_request, a_balance_has_no_amount_and_cannot_be_reversed)
{
    struct peer peer;
    struct pos_exchange_state state;
    const struct pos_sale sale = {.pan = "4111111111111111", .utc_time = "1123090000"};
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    peer_ask(&peer, POS_KIND_BALANCE);
    cr_expect(!has(&peer, 4));
    cr_expect_eq(
        pos_terminal_request(&peer.terminal, POS_KIND_REVERSAL, &sale, &peer.request, &state),
        POS_ERR_STATE);
    peer_fini(&peer);
}

Test(terminal_request, what_needs_a_key_is_refused_without_it_and_appends_nothing)
{
    static const struct {
        const char *name;
        enum pos_terminal_stage stage;
        enum pos_kind kind;
        enum pos_status expected;
    } rows[] = {
        {"blank registers", POS_STAGE_BLANK, POS_KIND_REGISTER, POS_ERR_STATE},
        {"blank asks for a key", POS_STAGE_BLANK, POS_KIND_KEY_REQUEST, POS_OK},
        {"blank confirms", POS_STAGE_BLANK, POS_KIND_KEY_CONFIRM, POS_ERR_STATE},
        {"blank sends an echo", POS_STAGE_BLANK, POS_KIND_ECHO, POS_OK},
        {"keyed confirms", POS_STAGE_KEYED, POS_KIND_KEY_CONFIRM, POS_OK},
        {"keyed signs on", POS_STAGE_KEYED, POS_KIND_SIGN_ON, POS_OK},
        {"registered authenticates", POS_STAGE_REGISTERED, POS_KIND_AUTHENTICATE, POS_ERR_STATE},
        {"signed on authenticates", POS_STAGE_SIGNED_ON, POS_KIND_AUTHENTICATE, POS_OK},
        {"a terminal loads a file", POS_STAGE_SIGNED_ON, POS_KIND_LOAD, POS_ERR_USAGE},
        {"a sale without its values", POS_STAGE_SIGNED_ON, POS_KIND_SALE, POS_ERR_USAGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        peer_init(&peer, rows[i].stage);
        peer.request = pos_buffer(peer.request_memory, sizeof peer.request_memory);
        enum pos_status status =
            pos_terminal_request(&peer.terminal, rows[i].kind, NULL, &peer.request, &peer.state);
        cr_expect_eq(status, rows[i].expected, "%s: %s", rows[i].name, pos_status_name(status));
        cr_expect_eq(peer.request.size > 0, status == POS_OK, "%s", rows[i].name);
        cr_expect_eq(peer.terminal.stan, status == POS_OK ? 1 : 0, "%s", rows[i].name);
        peer_fini(&peer);
    }
}

Test(terminal_request, with_macs_off_only_the_confirm_has_one)
{
    struct peer peer;
    peer_init(&peer, POS_STAGE_KEYED);
    peer.terminal.mac = false;
    peer_ask(&peer, POS_KIND_REGISTER);
    cr_expect(!has(&peer, 64) && !has(&peer, 128) && !peer.state.mac);
    peer_ask(&peer, POS_KIND_SALE);
    cr_expect(!has(&peer, 64) && !has(&peer, 128));
    peer_ask(&peer, POS_KIND_KEY_CONFIRM);
    cr_expect(has(&peer, 128) && peer.state.mac && peer_mac_is_good(&peer));
    peer_fini(&peer);
}

Test(terminal_request, stans_count_up_and_wrap_past_zero)
{
    struct peer peer;
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    peer.terminal.stan = 999998;
    peer_ask(&peer, POS_KIND_AUTHENTICATE);
    cr_expect_str_eq(peer_field(&peer, 11), "999999");
    peer_ask(&peer, POS_KIND_AUTHENTICATE);
    cr_expect_str_eq(peer_field(&peer, 11), "000001");
    peer_fini(&peer);
}

Test(terminal_request, an_empty_mid_is_left_out_and_a_short_tid_is_filled_up)
{
    struct pos_terminal terminal;
    pos_terminal_init(&terminal, &pos_dialect_iso87b, "123L013K", "T1", "");
    cr_expect_str_eq(terminal.tid, "T1      ");
    cr_expect_str_eq(terminal.mid, "");
    pos_terminal_fini(&terminal);
}

Test(terminal_request, a_buffer_that_is_too_small_costs_nothing)
{
    struct peer peer;
    uint8_t small[40];
    struct pos_buffer out = pos_buffer(small, sizeof small);
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    cr_expect_neq(
        pos_terminal_request(&peer.terminal, POS_KIND_AUTHENTICATE, NULL, &out, &peer.state),
        POS_OK);
    cr_expect_eq(out.size, 0);
    cr_expect_eq(peer.terminal.stan, 0);
    peer_fini(&peer);
}
