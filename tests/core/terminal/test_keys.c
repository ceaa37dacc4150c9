/* What a terminal takes from replies: its TMK, its working keys, its stage. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/core/terminal/peer.h"

static void ask_for_a_key(struct peer *peer, const char *index, const char *usage,
                          enum pos_algorithm algorithm)
{
    static char field_62[512], field_63[65];
    peer_init(peer, POS_STAGE_BLANK);
    peer_ask(peer, POS_KIND_KEY_REQUEST);
    peer_key_reply(peer, index, usage, algorithm, field_62, field_63);
    peer->field_62 = field_62;
    peer->field_63 = field_63;
    peer->mac = PEER_MAC_NONE;
}

Test(terminal_keys, a_key_reply_brings_tmk_index_and_smn)
{
    static const enum pos_algorithm algorithms[] = {POS_ALGORITHM_A256, POS_ALGORITHM_A128,
                                                    POS_ALGORITHM_T2, POS_ALGORITHM_T3,
                                                    POS_ALGORITHM_SM4};
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        struct peer peer;
        ask_for_a_key(&peer, "00000278", "K1", algorithms[i]);
        cr_expect_str_eq(peer_field(&peer, 62), "123L013K");
        peer_answer(&peer);
        cr_assert_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
        cr_expect_str_eq(peer.terminal.smn.text, "123L013K00000278");
        cr_expect_eq(peer.terminal.algorithm, algorithms[i]);
        cr_expect_arr_eq(peer.terminal.tmk, peer_tmk, pos_algorithm_key_size(algorithms[i]));
        cr_expect_eq(peer.terminal.stage, POS_STAGE_KEYED);
        peer_fini(&peer);
    }
}

Test(terminal_keys, the_key_is_confirmed_under_its_k_reg)
{
    struct peer peer;
    ask_for_a_key(&peer, "00000278", "K1", POS_ALGORITHM_A256);
    peer_answer(&peer);
    peer.field_62 = peer.field_63 = NULL;
    peer_ask(&peer, POS_KIND_KEY_CONFIRM);
    cr_expect(peer_mac_is_good(&peer));
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MAC, "a 00 without MAC");
    cr_expect_eq(peer.terminal.stage, POS_STAGE_KEYED);
    peer.mac = PEER_MAC_GOOD;
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_CONFIRMED);
    peer_fini(&peer);
}

Test(terminal_keys, a_repeated_key_request_carries_the_same_public_key)
{
    struct peer peer;
    char first[65];
    peer_init(&peer, POS_STAGE_BLANK);
    peer_ask(&peer, POS_KIND_KEY_REQUEST);
    (void)snprintf(first, sizeof first, "%s", peer_field(&peer, 63));
    peer_ask(&peer, POS_KIND_KEY_REQUEST);
    cr_expect_str_eq(peer_field(&peer, 63), first);
    peer_fini(&peer);
}

static void spoil(char *text, size_t at)
{
    text[at] = text[at] == 'A' ? 'B' : 'A';
}

Test(terminal_keys, a_key_reply_that_is_not_right_leaves_the_terminal_blank)
{
    static const char *const names[] = {"index 0",       "index of letters", "another usage",
                                        "block changed", "block cut",        "public key changed",
                                        "no public key", "no key",           "code 51"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct peer peer;
        char field_62[512], field_63[65];
        peer_init(&peer, POS_STAGE_BLANK);
        peer_ask(&peer, POS_KIND_KEY_REQUEST);
        peer_key_reply(&peer, i == 0 ? "00000000" : "00000278", i == 2 ? "P0" : "K1",
                       POS_ALGORITHM_A256, field_62, field_63);
        peer.mac = PEER_MAC_NONE;
        peer.field_62 = i == 7 ? NULL : field_62;
        peer.field_63 = i == 6 ? NULL : field_63;
        if (i == 1)
            spoil(field_62, 3);
        if (i == 3)
            spoil(field_62, 60);
        if (i == 4)
            field_62[100] = '\0';
        if (i == 5)
            spoil(field_63, 5);
        peer.code = i == 8 ? "51" : "00";
        peer_answer(&peer);
        cr_expect_eq(peer.verdict.status == POS_OK, i == 8, "%s: %s", names[i],
                     peer.verdict.explanation);
        cr_expect_eq(peer.terminal.stage, POS_STAGE_BLANK, "%s", names[i]);
        cr_expect_str_eq(peer.terminal.smn.text, "", "%s", names[i]);
        peer_fini(&peer);
    }
}

Test(terminal_keys, a_sign_on_reply_brings_both_working_keys)
{
    struct peer peer;
    char keys[512];
    peer_working_keys(POS_ALGORITHM_A256, keys);
    peer_init(&peer, POS_STAGE_REGISTERED);
    peer_ask(&peer, POS_KIND_SIGN_ON);
    peer.field_62 = keys;
    peer_answer(&peer);
    cr_assert_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_SIGNED_ON);
    cr_expect_arr_eq(peer.terminal.tpk, peer_tpk, 32);
    cr_expect_arr_eq(peer.terminal.tak, peer_tak, 32);
    peer_ask(&peer, POS_KIND_AUTHENTICATE);
    cr_expect(peer_mac_is_good(&peer), "the new TAK is in use");
    peer_fini(&peer);
}

Test(terminal_keys, working_keys_that_do_not_open_leave_the_old_ones)
{
    static const char *const names[] = {"TPK changed", "TAK changed",         "swapped",
                                        "one only",    "length is no number", "none"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct peer peer;
        char keys[512], swapped[512];
        static const uint8_t old_key[32] = {0x77};
        peer_working_keys(POS_ALGORITHM_A256, keys);
        (void)snprintf(swapped, sizeof swapped, "%s%.144s", keys + 144, keys);
        peer_init(&peer, POS_STAGE_REGISTERED);
        cr_assert_eq(pos_terminal_restore(&peer.terminal, POS_STAGE_SIGNED_ON, 278,
                                          POS_ALGORITHM_A256, peer_tmk, old_key, old_key),
                     POS_OK);
        peer_ask(&peer, POS_KIND_SIGN_ON);
        if (i == 0 || i == 1)
            spoil(keys, i == 0 ? 60 : 144 + 60);
        if (i == 3)
            keys[144] = '\0';
        if (i == 4)
            keys[2] = 'X';
        peer.field_62 = i == 2 ? swapped : keys;
        if (i == 5)
            peer.field_62 = NULL;
        peer_answer(&peer);
        cr_expect_neq(peer.verdict.status, POS_OK, "%s", names[i]);
        cr_expect(strncmp(peer.verdict.explanation, "field 62", 8) == 0, "%s: %s", names[i],
                  peer.verdict.explanation);
        cr_expect_arr_eq(peer.terminal.tak, old_key, 32, "%s", names[i]);
        cr_expect_arr_eq(peer.terminal.tpk, old_key, 32, "%s", names[i]);
        peer_fini(&peer);
    }
}

Test(terminal_keys, sign_off_drops_the_working_keys)
{
    struct peer peer;
    static const uint8_t nothing[32];
    struct pos_exchange_state state;
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    peer_ask(&peer, POS_KIND_SIGN_OFF);
    peer.mac = PEER_MAC_NONE;
    peer_answer(&peer);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_SIGNED_ON, "never for a 00 without MAC");
    peer.mac = PEER_MAC_GOOD;
    peer_answer(&peer);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_REGISTERED);
    cr_expect_arr_eq(peer.terminal.tak, nothing, 32);
    cr_expect_arr_eq(peer.terminal.tpk, nothing, 32);
    cr_expect_eq(
        pos_terminal_request(&peer.terminal, POS_KIND_AUTHENTICATE, NULL, &peer.request, &state),
        POS_ERR_STATE);
    /* A reply that was still on its way finds no key to be judged with. */
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MAC);
    peer_fini(&peer);
}

Test(terminal_keys, an_index_out_of_range_is_not_restored)
{
    struct pos_terminal terminal;
    pos_terminal_init(&terminal, &pos_dialect_iso87b, "123L013K", "T1", "");
    cr_expect_eq(pos_terminal_restore(&terminal, POS_STAGE_KEYED, 0, POS_ALGORITHM_A256, peer_tmk,
                                      NULL, NULL),
                 POS_ERR_LENGTH);
    cr_expect_eq(pos_terminal_restore(&terminal, POS_STAGE_KEYED, 99999999, POS_ALGORITHM_A256,
                                      peer_tmk, NULL, NULL),
                 POS_OK);
    pos_terminal_fini(&terminal);
}
