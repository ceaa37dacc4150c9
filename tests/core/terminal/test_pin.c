/* The PIN of a sale: where it goes, in which format, under which key. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/hex.h"
#include "tests/core/terminal/peer.h"

static const struct pos_pin pin = {.size = 5, .digits = {'1', '2', '3', '4', '5'}};

struct pin_row {
    enum pos_algorithm algorithm;
    enum pos_pin_format format;
    const struct pos_dialect *dialect;
    const char *security; /* field 53; NULL: none */
    bool possible;
};

static const struct pin_row rows[] = {
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_0, &pos_dialect_iso87b, "0000000000000000", true},
    {POS_ALGORITHM_T3, POS_PIN_FORMAT_0, &pos_dialect_iso87a, "0000000000000000", true},
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_1, &pos_dialect_iso87b, "0100000000000000", true},
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_3, &pos_dialect_iso87x, "0300000000000000", true},
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_0, &pos_dialect_cup, "2600000000000000", true},
    {POS_ALGORITHM_T3, POS_PIN_FORMAT_1, &pos_dialect_cup, "1600000000000000", true},
    {POS_ALGORITHM_A128, POS_PIN_FORMAT_4, &pos_dialect_iso87b, NULL, true},
    {POS_ALGORITHM_A256, POS_PIN_FORMAT_4, &pos_dialect_iso87a, NULL, true},
    {POS_ALGORITHM_SM4, POS_PIN_FORMAT_4, &pos_dialect_cup, NULL, true},
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_2, &pos_dialect_iso87b, NULL, false},
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_4, &pos_dialect_iso87b, NULL, false},
    {POS_ALGORITHM_A256, POS_PIN_FORMAT_0, &pos_dialect_iso87b, NULL, false},
    {POS_ALGORITHM_SM4, POS_PIN_FORMAT_3, &pos_dialect_iso87b, NULL, false},
    {POS_ALGORITHM_T2, POS_PIN_FORMAT_3, &pos_dialect_cup, NULL, false},
};

static void begin(struct peer *peer, const struct pin_row *row)
{
    peer_init_of(peer, POS_STAGE_SIGNED_ON, row->dialect, row->algorithm);
    peer->sale.pin = &pin;
    peer->sale.pin_format = row->format;
}

/* The block as the request has it; its size. */
static size_t block_of(const struct peer *peer, uint8_t block[16])
{
    if (pos_message_has(&peer->message, 52))
        return pos_message_value(&peer->message, 52, block, 16).size;
    struct pos_bytes tagged = pos_message_raw(&peer->message, 59);
    cr_assert_eq(tagged.size, 5 + 32);
    cr_expect_arr_eq(tagged.data, "A1032", 5);
    cr_assert_eq(pos_hex_decode(pos_bytes(tagged.data + 5, 32), block, 16), POS_OK);
    return 16;
}

static enum pos_status open_with(const struct peer *peer, const struct pin_row *row,
                                 const char *pan, struct pos_pin *opened)
{
    uint8_t block[16];
    size_t size = block_of(peer, block);
    return pos_pin_block_open(row->format, pos_algorithm_working(row->algorithm), peer_tpk,
                              pos_bytes_text(pan), pos_bytes(block, size), opened);
}

Test(terminal_pin, goes_into_the_field_of_its_format_under_the_TPK)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        struct pos_pin opened;
        if (!rows[i].possible)
            continue;
        begin(&peer, &rows[i]);
        peer_ask(&peer, POS_KIND_SALE);
        cr_expect(peer_mac_is_good(&peer), "row %zu", i);
        cr_expect_eq(open_with(&peer, &rows[i], "4111111111111111", &opened), POS_OK, "row %zu", i);
        cr_expect_eq(opened.size, 5);
        cr_expect_arr_eq(opened.digits, "12345", 5);
        cr_expect_str_eq(peer_field(&peer, 53), rows[i].security == NULL ? "" : rows[i].security);
        cr_expect_eq(pos_message_has(&peer.message, 59), rows[i].format == POS_PIN_FORMAT_4);
        cr_expect_str_eq(peer_field(&peer, 22), "011");
        peer_answer(&peer);
        cr_expect_eq(peer.verdict.status, POS_OK, "row %zu: %s", i, peer.verdict.explanation);
        peer_fini(&peer);
    }
}

Test(terminal_pin, under_a_key_of_single_length_says_so_where_UnionPay_does)
{
    static const struct {
        const struct pos_dialect *dialect;
        enum pos_key_form form;
        const char *security;
    } cases[] = {{&pos_dialect_cup, POS_FORM_60, "2600000000000000"},
                 {&pos_dialect_cup, POS_FORM_40, "2600000000000000"},
                 {&pos_dialect_cup, POS_FORM_24, "2000000000000000"},
                 {&pos_dialect_iso87b, POS_FORM_24, "0000000000000000"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer;
        const struct pin_row row = {POS_ALGORITHM_T2, POS_PIN_FORMAT_0, cases[i].dialect, NULL,
                                    true};
        begin(&peer, &row);
        peer.terminal.form = cases[i].form;
        peer_ask(&peer, POS_KIND_SALE);
        cr_expect_str_eq(peer_field(&peer, 53), cases[i].security, "case %zu", i);
        peer_fini(&peer);
    }
}

Test(terminal_pin, that_no_key_or_dialect_has_is_not_sent)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        struct pos_exchange_state state;
        begin(&peer, &rows[i]);
        struct pos_buffer out = pos_buffer(peer.request_memory, sizeof peer.request_memory);
        uint32_t stan = peer.terminal.stan;
        enum pos_status status =
            pos_terminal_request(&peer.terminal, POS_KIND_SALE, &peer.sale, &out, &state);
        cr_expect_eq(status, rows[i].possible ? POS_OK : POS_ERR_USAGE, "row %zu", i);
        cr_expect_eq(out.size == 0, !rows[i].possible, "row %zu", i);
        cr_expect_eq(peer.terminal.stan == stan, !rows[i].possible, "row %zu", i);
        peer_fini(&peer);
    }
}

Test(terminal_pin, is_only_in_what_a_card_holder_approves)
{
    static const struct {
        enum pos_kind kind;
        bool has;
    } kinds[] = {{POS_KIND_SALE, true},        {POS_KIND_BALANCE, true},
                 {POS_KIND_VOID, true},        {POS_KIND_PREAUTHORISATION, true},
                 {POS_KIND_COMPLETION, false}, {POS_KIND_REFUND, false},
                 {POS_KIND_SETTLEMENT, false}, {POS_KIND_REVERSAL, false}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct peer peer;
        begin(&peer, &rows[0]);
        if (kinds[i].kind == POS_KIND_REVERSAL)
            peer_ask(&peer, POS_KIND_SALE);
        peer_ask(&peer, kinds[i].kind);
        cr_expect_eq(pos_message_has(&peer.message, 52), kinds[i].has, "%s",
                     pos_kind_rule(kinds[i].kind)->name);
        peer_fini(&peer);
    }
}

/* What a broken or lying terminal sends: for tests of the other side. The other PAN differs in the
 * highest bit of each digit: with less, one block of format 3 in forty opens all the same, because
 * its filler may be any letter. */
Test(terminal_pin, with_another_PAN_or_damaged_does_not_open)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        struct pos_pin opened;
        if (!rows[i].possible || rows[i].format == POS_PIN_FORMAT_1)
            continue;
        begin(&peer, &rows[i]);
        peer.sale.pin_pan = "4999999999999993";
        peer_ask(&peer, POS_KIND_SALE);
        cr_expect_str_eq(peer_field(&peer, 2), "4111111111111111");
        cr_expect_eq(open_with(&peer, &rows[i], "4999999999999993", &opened), POS_OK, "row %zu", i);
        cr_expect_neq(open_with(&peer, &rows[i], "4111111111111111", &opened), POS_OK, "row %zu",
                      i);
        peer.sale.pin_pan = NULL;
        peer.sale.damage_pin = true;
        peer_ask(&peer, POS_KIND_SALE);
        cr_expect_neq(open_with(&peer, &rows[i], "4111111111111111", &opened), POS_OK, "row %zu",
                      i);
        peer_fini(&peer);
    }
}

Test(terminal_pin, needs_a_TPK)
{
    struct peer peer;
    struct pos_exchange_state state;
    peer_init_of(&peer, POS_STAGE_REGISTERED, &pos_dialect_iso87b, POS_ALGORITHM_T2);
    peer.terminal.mac = false; /* the patent as written: no MAC, no working keys */
    peer.sale.pin = &pin;
    struct pos_buffer out = pos_buffer(peer.request_memory, sizeof peer.request_memory);
    cr_expect_eq(pos_terminal_request(&peer.terminal, POS_KIND_SALE, &peer.sale, &out, &state),
                 POS_ERR_STATE);
    peer.sale.pin = NULL;
    cr_expect_eq(pos_terminal_request(&peer.terminal, POS_KIND_SALE, &peer.sale, &out, &state),
                 POS_OK);
    peer_fini(&peer);
}
