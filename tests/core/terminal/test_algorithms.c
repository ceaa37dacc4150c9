/* One terminal of each algorithm in each dialect: what it sends, what it believes, what it takes.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "tests/core/terminal/peer.h"

static const enum pos_algorithm algorithms[] = {
    POS_ALGORITHM_T2, POS_ALGORITHM_T3, POS_ALGORITHM_A128, POS_ALGORITHM_A256, POS_ALGORITHM_SM4};
static const struct pos_dialect *const dialects[] = {&pos_dialect_iso87b, &pos_dialect_iso87a,
                                                     &pos_dialect_iso87x, &pos_dialect_cup};
enum { ALGORITHM_COUNT = 5, DIALECT_COUNT = 4 };

static const struct peer_part whole_form[3] = {
    {peer_tpk, 16, 0}, {peer_tak, 16, 0}, {peer_tdk, 16, 0}};

static bool is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

static bool is_form(const struct peer *peer)
{
    return peer->algorithm == POS_ALGORITHM_SM4 ||
           (is_tdes(peer->algorithm) && peer->terminal.dialect == &pos_dialect_cup);
}

/* What the reply to a sign-on brings: key blocks, a form, or a form in hexadecimal. */
static void bring_keys(struct peer *peer, uint8_t form[60], char text[512])
{
    if (!is_form(peer)) {
        peer_working_keys(peer->algorithm, text);
        peer->bytes_62 = pos_bytes_text(text);
        return;
    }
    size_t size = peer_form(peer->algorithm, whole_form, form);
    peer->bytes_62 = pos_bytes(form, size);
    if (peer->terminal.dialect != &pos_dialect_cup) {
        pos_hex_encode(pos_bytes(form, size), text);
        peer->bytes_62 = pos_bytes_text(text);
    }
}

static void expect_taken(const struct peer *peer, const char *name)
{
    size_t size = pos_algorithm_key_size(pos_algorithm_working(peer->algorithm));
    static const uint8_t none[POS_KEY_SIZE_MAX];
    cr_expect_eq(peer->terminal.stage, POS_STAGE_SIGNED_ON, "%s", name);
    cr_expect_arr_eq(peer->terminal.tpk, peer_tpk, size, "%s", name);
    cr_expect_arr_eq(peer->terminal.tak, peer_tak, size, "%s", name);
    cr_expect_eq(peer->terminal.form, is_form(peer) ? POS_FORM_60 : POS_FORM_COUNT, "%s", name);
    cr_expect_arr_eq(peer->terminal.tdk, is_form(peer) ? peer_tdk : none, 16, "%s", name);
}

static void sign_on_and_sell(struct peer *peer, const char *name)
{
    uint8_t form[60];
    char text[512];
    peer_ask(peer, POS_KIND_REGISTER);
    cr_expect(peer_mac_is_good(peer), "%s: K_reg", name);
    peer_answer(peer);
    cr_expect_eq(peer->verdict.status, POS_OK, "%s: %s", name, peer->verdict.explanation);
    peer_ask(peer, POS_KIND_SIGN_ON);
    bring_keys(peer, form, text);
    peer_answer(peer);
    cr_expect_eq(peer->verdict.status, POS_OK, "%s: %s", name, peer->verdict.explanation);
    peer->bytes_62 = pos_bytes(NULL, 0);
    expect_taken(peer, name);
    peer_ask(peer, POS_KIND_SALE);
    cr_expect(peer_mac_is_good(peer), "%s: TAK", name);
    peer->mac = PEER_MAC_WRONG;
    peer_answer(peer);
    cr_expect_eq(peer->verdict.status, POS_ERR_MAC, "%s", name);
    peer->mac = PEER_MAC_GOOD;
    peer_answer(peer);
    cr_expect_eq(peer->verdict.status, POS_OK, "%s: %s", name, peer->verdict.explanation);
}

Test(terminal_algorithms, each_registers_signs_on_and_sells_in_each_dialect)
{
    for (size_t a = 0; a < ALGORITHM_COUNT; a++) {
        for (size_t d = 0; d < DIALECT_COUNT; d++) {
            struct peer peer;
            char name[32];
            (void)snprintf(name, sizeof name, "%s %s", pos_algorithm_name(algorithms[a]),
                           dialects[d]->name);
            peer_init_of(&peer, POS_STAGE_CONFIRMED, dialects[d], algorithms[a]);
            sign_on_and_sell(&peer, name);
            peer_fini(&peer);
        }
    }
}

/* The other shape is refused, even when its keys are good. */
Test(terminal_algorithms, keys_in_the_shape_of_another_algorithm_or_dialect_are_not_taken)
{
    for (size_t a = 0; a < ALGORITHM_COUNT; a++) {
        for (size_t d = 0; d < DIALECT_COUNT; d++) {
            struct peer peer;
            uint8_t form[60];
            char text[512];
            peer_init_of(&peer, POS_STAGE_REGISTERED, dialects[d], algorithms[a]);
            peer_ask(&peer, POS_KIND_SIGN_ON);
            if (!is_form(&peer) && is_tdes(algorithms[a])) {
                pos_hex_encode(pos_bytes(form, peer_form(algorithms[a], whole_form, form)), text);
                peer.bytes_62 = pos_bytes_text(text);
            } else {
                peer_working_keys(is_form(&peer) ? POS_ALGORITHM_A128 : POS_ALGORITHM_T2, text);
                peer.bytes_62 = pos_bytes_text(text);
            }
            peer_answer(&peer);
            cr_expect_neq(peer.verdict.status, POS_OK, "%s %s", pos_algorithm_name(algorithms[a]),
                          dialects[d]->name);
            cr_expect_eq(peer.terminal.stage, POS_STAGE_REGISTERED);
            peer_fini(&peer);
        }
    }
}

Test(terminal_algorithms, each_confirms_the_key_that_it_was_given)
{
    for (size_t a = 0; a < ALGORITHM_COUNT; a++) {
        struct peer peer;
        char field_62[512], field_63[65];
        peer_init_of(&peer, POS_STAGE_BLANK, &pos_dialect_cup, algorithms[a]);
        peer_ask(&peer, POS_KIND_KEY_REQUEST);
        peer_key_reply(&peer, "00000278", "K1", algorithms[a], field_62, field_63);
        peer.field_62 = field_62;
        peer.field_63 = field_63;
        peer.mac = PEER_MAC_NONE;
        peer_answer(&peer);
        cr_assert_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
        cr_expect_eq(peer.terminal.algorithm, algorithms[a]);
        peer.field_62 = peer.field_63 = NULL;
        peer_ask(&peer, POS_KIND_KEY_CONFIRM);
        cr_expect(peer_mac_is_good(&peer), "%s", pos_algorithm_name(algorithms[a]));
        peer_fini(&peer);
    }
}

/* The reader makes its own idea of which MAC is due, so both sides must have been told. */
Test(terminal_algorithms, a_terminal_makes_the_ECB_MAC_when_it_is_told_and_not_else)
{
    static const struct {
        enum pos_algorithm algorithm;
        bool differs;
    } rows[] = {{POS_ALGORITHM_T2, true},
                {POS_ALGORITHM_T3, true},
                {POS_ALGORITHM_A128, false},
                {POS_ALGORITHM_SM4, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        const char *name = pos_algorithm_name(rows[i].algorithm);
        peer_init_of(&peer, POS_STAGE_SIGNED_ON, &pos_dialect_cup, rows[i].algorithm);
        peer.terminal.cup_ecb = true;
        cr_assert_eq(pos_terminal_prepare_macs(&peer.terminal), POS_OK);
        peer_ask(&peer, POS_KIND_SALE);
        cr_expect(peer_mac_is_good(&peer), "%s", name);
        peer.terminal.cup_ecb = false; /* what the peer thinks of the same request */
        cr_expect_eq(peer_mac_is_good(&peer), !rows[i].differs, "%s", name);
        peer_answer(&peer);
        cr_expect_eq(peer.verdict.status == POS_OK, !rows[i].differs, "%s", name);
        peer_fini(&peer);
    }
}
