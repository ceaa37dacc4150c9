/* Replies: each that is believed beside its neighbours that are not, and why. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/terminal/peer.h"

struct row {
    const char *name;
    enum pos_kind kind;
    const char *code;
    enum peer_mac mac;
    uint16_t mti;
    unsigned left_out, changed;
    const char *changed_to;
    enum pos_status expected;
    const char *explained; /* part of the explanation */
};

static const struct row rows[] = {
    {"a good register", POS_KIND_REGISTER, "00", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK, ""},
    {"a 00 without MAC", POS_KIND_REGISTER, "00", PEER_MAC_NONE, 0, 0, 0, NULL, POS_ERR_MAC,
     "has none"},
    {"a 00 with a wrong MAC", POS_KIND_REGISTER, "00", PEER_MAC_WRONG, 0, 0, 0, NULL, POS_ERR_MAC,
     "field 128"},
    {"a 97 before proof", POS_KIND_REGISTER, "97", PEER_MAC_NONE, 0, 0, 0, NULL, POS_OK, ""},
    {"a 97 with a MAC: revoked", POS_KIND_REGISTER, "97", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK, ""},
    {"a 97 with a wrong MAC", POS_KIND_REGISTER, "97", PEER_MAC_WRONG, 0, 0, 0, NULL, POS_ERR_MAC,
     "does not verify"},
    {"an A0", POS_KIND_AUTHENTICATE, "A0", PEER_MAC_NONE, 0, 0, 0, NULL, POS_OK, ""},
    {"a 58 after proof", POS_KIND_AUTHENTICATE, "58", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK, ""},
    {"a 58 without MAC", POS_KIND_AUTHENTICATE, "58", PEER_MAC_NONE, 0, 0, 0, NULL, POS_ERR_MAC,
     "39=58"},
    {"a 63 after proof", POS_KIND_REGISTER, "63", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK, ""},
    {"a 63 without MAC", POS_KIND_REGISTER, "63", PEER_MAC_NONE, 0, 0, 0, NULL, POS_ERR_MAC, ""},
    {"another STAN", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 0, 11, "000009",
     POS_ERR_MISMATCH, "field 11: expected 000001, got 000009"},
    {"no STAN", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 11, 0, NULL, POS_ERR_MISMATCH,
     "field 11"},
    {"another TID", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 0, 41, "T0000002",
     POS_ERR_MISMATCH, "field 41: expected T0000001, got T0000002"},
    {"another network code", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 0, 70, "001",
     POS_ERR_MISMATCH, "field 70: expected 902, got 001"},
    {"another MTI", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0x0210, 0, 0, NULL,
     POS_ERR_MISMATCH, "MTI: expected 0810, got 0210"},
    {"no code", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 39, 0, NULL, POS_ERR_MISMATCH,
     "field 39"},
    {"no local time", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 12, 0, NULL, POS_ERR_MISMATCH,
     "field 12"},
    {"no local date", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 13, 0, NULL, POS_ERR_MISMATCH,
     "field 13"},
    {"the SMN comes back", POS_KIND_AUTHENTICATE, "00", PEER_MAC_GOOD, 0, 0, 62, "123L013K00000278",
     POS_ERR_MISMATCH, "field 62 of the request"},
    {"an echo", POS_KIND_ECHO, "00", PEER_MAC_NONE, 0, 0, 0, NULL, POS_OK, ""},
    {"an echo with a MAC", POS_KIND_ECHO, "00", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_ERR_MAC,
     "expected none"},
    {"a sale", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK, ""},
    {"a sale without MAC", POS_KIND_SALE, "00", PEER_MAC_NONE, 0, 0, 0, NULL, POS_ERR_MAC, ""},
    {"a declined sale", POS_KIND_SALE, "51", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK, ""},
    {"a sale of another amount", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 0, 4, "000000012346",
     POS_ERR_MISMATCH, "field 4: expected 000000012345, got 000000012346"},
    {"a sale of another kind", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 0, 3, "200000",
     POS_ERR_MISMATCH, "field 3"},
    {"a sale of another time", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 0, 7, "1123090001",
     POS_ERR_MISMATCH, "field 7"},
    {"a sale of another merchant", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 0, 42, "POSGATE00000002",
     POS_ERR_MISMATCH, "field 42"},
    {"a sale with the PAN", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 0, 2, "4111111111111111",
     POS_ERR_MISMATCH, "field 2 of the request"},
    {"a sale without RRN", POS_KIND_SALE, "00", PEER_MAC_GOOD, 0, 37, 0, NULL, POS_ERR_MISMATCH,
     "field 37"},
    {"a reversal, its MAC in 64", POS_KIND_REVERSAL, "00", PEER_MAC_GOOD, 0, 0, 0, NULL, POS_OK,
     ""},
    {"a 30 with the STAN alone", POS_KIND_SALE, "30", PEER_MAC_NONE, 0, 41, 0, NULL, POS_OK, ""},
    {"a 30 for another STAN", POS_KIND_SALE, "30", PEER_MAC_NONE, 0, 0, 11, "000009",
     POS_ERR_MISMATCH, "field 11"},
};

Test(terminal_reply, is_believed_or_explained)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct peer peer;
        peer_init(&peer, POS_STAGE_SIGNED_ON);
        if (row->kind == POS_KIND_REVERSAL)
            peer_ask(&peer, POS_KIND_SALE);
        peer_ask(&peer, row->kind);
        peer.code = row->code;
        peer.mac = row->mac;
        peer.mti = row->mti;
        peer.left_out = row->left_out;
        peer.changed = row->changed;
        peer.changed_to = row->changed_to;
        peer_answer(&peer);
        cr_expect_eq(peer.verdict.status, row->expected, "%s: %s, %s", row->name,
                     pos_status_name(peer.verdict.status), peer.verdict.explanation);
        cr_expect(strstr(peer.verdict.explanation, row->explained) != NULL, "%s: \"%s\"", row->name,
                  peer.verdict.explanation);
        if (row->left_out != 39)
            cr_expect_str_eq(peer.verdict.code, row->code, "%s", row->name);
        bool verified = peer.verdict.mac_verified;
        cr_expect(verified || row->mac != PEER_MAC_GOOD || row->expected != POS_OK, "%s",
                  row->name);
        cr_expect(!verified || row->mac == PEER_MAC_GOOD, "%s", row->name);
        peer_fini(&peer);
    }
}

Test(terminal_reply, takes_no_stage_from_a_00_that_is_not_believed)
{
    static const struct {
        const char *name;
        enum peer_mac mac;
        enum pos_terminal_stage expected;
    } cases[] = {{"good", PEER_MAC_GOOD, POS_STAGE_REGISTERED},
                 {"none", PEER_MAC_NONE, POS_STAGE_CONFIRMED},
                 {"wrong", PEER_MAC_WRONG, POS_STAGE_CONFIRMED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer;
        peer_init(&peer, POS_STAGE_CONFIRMED);
        peer_ask(&peer, POS_KIND_REGISTER);
        peer.mac = cases[i].mac;
        peer_answer(&peer);
        cr_expect_eq(peer.terminal.stage, cases[i].expected, "%s", cases[i].name);
        peer_fini(&peer);
    }
}

Test(terminal_reply, with_macs_off_a_00_needs_none_and_must_have_none)
{
    struct peer peer;
    peer_init(&peer, POS_STAGE_CONFIRMED);
    peer.terminal.mac = false;
    peer_ask(&peer, POS_KIND_REGISTER);
    peer.mac = PEER_MAC_GOOD;
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MAC);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_CONFIRMED);
    peer.mac = PEER_MAC_NONE;
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_REGISTERED);
    peer_fini(&peer);
}

Test(terminal_reply, every_prefix_and_every_bit_flip_of_a_good_reply_is_refused)
{
    struct peer peer;
    peer_init(&peer, POS_STAGE_SIGNED_ON);
    peer_ask(&peer, POS_KIND_SALE);
    peer_answer(&peer);
    cr_assert_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
    size_t size = ((size_t)peer.reply_memory[0] << 8 | peer.reply_memory[1]) + 2;
    struct pos_verdict verdict;
    for (size_t cut = 0; cut < size; cut++) {
        pos_terminal_reply(&peer.terminal, &peer.state, pos_bytes(peer.reply_memory, cut),
                           &verdict);
        cr_expect_neq(verdict.status, POS_OK, "cut at %zu", cut);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        peer.reply_memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pos_terminal_reply(&peer.terminal, &peer.state, pos_bytes(peer.reply_memory, size),
                           &verdict);
        cr_expect_neq(verdict.status, POS_OK, "bit %zu", bit);
        cr_expect(verdict.explanation[0] != '\0', "bit %zu is not explained", bit);
        peer.reply_memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    peer_fini(&peer);
}
