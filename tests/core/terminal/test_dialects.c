/* One terminal in every dialect: what it sends and what it believes. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/terminal/peer.h"

static const struct pos_dialect *const dialects[] = {&pos_dialect_iso87b, &pos_dialect_iso87a,
                                                     &pos_dialect_iso87x, &pos_dialect_cup};
enum { DIALECT_COUNT = sizeof dialects / sizeof dialects[0] };

static bool has(const struct peer *peer, unsigned field)
{
    return pos_message_has(&peer->message, field);
}

static void ask_after_its_sale(struct peer *peer, enum pos_kind kind)
{
    if (kind == POS_KIND_REVERSAL || kind == POS_KIND_REVERSAL_ADVICE)
        peer_ask(peer, POS_KIND_SALE);
    peer_ask(peer, kind);
}

static void answer_rightly(struct peer *peer)
{
    char keys[512];
    peer_working_keys(POS_ALGORITHM_A256, keys);
    peer->mac = peer->rule->mac ? PEER_MAC_GOOD : PEER_MAC_NONE;
    peer->field_62 = peer->rule->kind == POS_KIND_SIGN_ON ? keys : NULL;
    peer_answer(peer);
}

Test(terminal_dialects, every_kind_is_classified_and_its_reply_believed)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        for (int kind = 0; kind < POS_KIND_LOAD; kind++) {
            const struct pos_kind_rule *rule = pos_kind_rule((enum pos_kind)kind);
            struct peer peer;
            peer_init_in(&peer, POS_STAGE_SIGNED_ON, dialects[d]);
            ask_after_its_sale(&peer, (enum pos_kind)kind);
            cr_expect_eq((int)peer.rule->kind, kind, "%s: %s is taken for %s", dialects[d]->name,
                         rule->name, peer.rule->name);
            cr_expect_eq(peer_mac_is_good(&peer), rule->mac, "%s: %s", dialects[d]->name,
                         rule->name);
            answer_rightly(&peer);
            cr_expect_eq(peer.verdict.status, POS_OK, "%s: %s: %s", dialects[d]->name, rule->name,
                         peer.verdict.explanation);
            cr_expect_eq(peer.verdict.mac_verified, rule->mac);
            peer_fini(&peer);
        }
    }
}

Test(terminal_dialects, the_mother_POS_is_spoken_to_in_iso87b)
{
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        struct peer peer;
        peer_init_in(&peer, POS_STAGE_KEYED, dialects[d]);
        peer_ask(&peer, POS_KIND_KEY_CONFIRM);
        cr_expect_eq(peer.message.dialect, &pos_dialect_iso87b);
        cr_expect_str_eq(peer_field(&peer, 70), "912", "%s", dialects[d]->name);
        answer_rightly(&peer);
        cr_expect_eq(peer.verdict.status, POS_OK, "%s: %s", dialects[d]->name,
                     peer.verdict.explanation);
        peer_fini(&peer);
    }
}

Test(terminal_dialects, cup_names_its_messages_in_field_60)
{
    static const struct {
        enum pos_kind kind;
        unsigned mti;
        const char *field_60, *field_62;
    } rows[] = {
        {POS_KIND_REGISTER, 0x0800, "00000042901", "123L013K00000278"},
        {POS_KIND_SIGN_ON, 0x0800, "00000042001", "Sequence No16123L013K00000278"},
        {POS_KIND_AUTHENTICATE, 0x0800, "00000042902", "123L013K00000278"},
        {POS_KIND_SIGN_OFF, 0x0820, "00000042002", "123L013K00000278"},
        {POS_KIND_ECHO, 0x0820, "00000042301", ""},
        {POS_KIND_SALE, 0x0200, "22000042000", "123L013K00000278"},
        {POS_KIND_VOID, 0x0200, "23000042000", "123L013K00000278"},
        {POS_KIND_BALANCE, 0x0200, "01000042000", "123L013K00000278"},
        {POS_KIND_PREAUTHORISATION, 0x0100, "10000042000", "123L013K00000278"},
        {POS_KIND_REFUND, 0x0220, "25000042000", "123L013K00000278"},
        {POS_KIND_SETTLEMENT, 0x0500, "00000042000", "123L013K00000278"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        const char *name = pos_kind_rule(rows[i].kind)->name;
        peer_init_in(&peer, POS_STAGE_SIGNED_ON, &pos_dialect_cup);
        peer.terminal.batch = 42;
        peer_ask(&peer, rows[i].kind);
        cr_expect_eq(peer.message.mti, rows[i].mti, "%s: %04X", name, peer.message.mti);
        cr_expect_str_eq(peer_field(&peer, 60), rows[i].field_60, "%s", name);
        cr_expect_str_eq(peer_field(&peer, 62), rows[i].field_62, "%s", name);
        cr_expect_not(has(&peer, 70), "%s", name);
        cr_expect_eq(has(&peer, 64), peer.rule->mac, "%s: with no field above it", name);
        peer_fini(&peer);
    }
}

Test(terminal_dialects, cup_frames_go_out_with_their_TPDU_and_come_back_with_it_swapped)
{
    static const uint8_t front[] = {0x60, 0x12, 0x34, 0x56, 0x78, 0x60, 0x31, 0, 0, 0, 0x07};
    struct peer peer;
    peer_init_in(&peer, POS_STAGE_SIGNED_ON, &pos_dialect_cup);
    memcpy(peer.terminal.route.tpdu, front, 5);
    memcpy(peer.terminal.route.header, front + 5, 6);
    peer_ask(&peer, POS_KIND_AUTHENTICATE);
    cr_expect_eq(memcmp(peer.request_memory + 2, front, sizeof front), 0);
    peer.lost_way = true;
    answer_rightly(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MISMATCH);
    cr_expect(strstr(peer.verdict.explanation, "TPDU") != NULL, "%s", peer.verdict.explanation);
    peer.lost_way = false;
    answer_rightly(&peer);
    cr_expect_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
    peer_fini(&peer);
}

Test(terminal_dialects, a_reply_of_another_network_message_is_not_believed)
{
    struct peer peer;
    peer_init_in(&peer, POS_STAGE_SIGNED_ON, &pos_dialect_cup);
    peer_ask(&peer, POS_KIND_AUTHENTICATE);
    peer.changed = 60;
    peer.changed_to = "00000001901";
    answer_rightly(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MISMATCH);
    cr_expect(strstr(peer.verdict.explanation, "field 60: expected 00000001902") != NULL, "%s",
              peer.verdict.explanation);
    peer.changed = 0;
    peer.left_out = 60;
    answer_rightly(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MISMATCH, "not repeated");
    peer.left_out = 0;
    peer.mti = 0x0830;
    answer_rightly(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MISMATCH, "0830 is an echo's");
    peer_fini(&peer);
}

/* It cannot know which message it was, so it repeats what it could read. */
Test(terminal_dialects, a_30_to_a_sale_may_repeat_field_60_and_a_00_may_not)
{
    static const struct {
        const char *code;
        enum pos_status expected;
    } rows[] = {{"30", POS_OK}, {"40", POS_OK}, {"00", POS_ERR_MISMATCH}, {"91", POS_ERR_MISMATCH}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer;
        peer_init_in(&peer, POS_STAGE_SIGNED_ON, &pos_dialect_cup);
        peer_ask(&peer, POS_KIND_SALE);
        peer.code = rows[i].code;
        peer.changed = 60;
        peer.changed_to = "22000001000";
        answer_rightly(&peer);
        cr_expect_eq(peer.verdict.status, rows[i].expected, "%s: %s", rows[i].code,
                     peer.verdict.explanation);
        peer_fini(&peer);
    }
}

/* As installed terminals do it: keys come to a sign-on without MAC, and only there. */
Test(terminal_dialects, a_sign_on_without_mac_takes_keys_from_a_reply_without)
{
    char keys[512];
    struct peer peer;
    peer_working_keys(POS_ALGORITHM_A256, keys);
    peer_init_in(&peer, POS_STAGE_REGISTERED, &pos_dialect_cup);
    peer.terminal.sign_on_mac = false;
    peer_ask(&peer, POS_KIND_REGISTER);
    cr_expect(peer_mac_is_good(&peer), "everything else has its MAC");
    peer_ask(&peer, POS_KIND_SIGN_ON);
    cr_expect(!has(&peer, 64) && !has(&peer, 128) && !peer.state.mac);
    peer.field_62 = keys;
    peer.mac = PEER_MAC_GOOD;
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_ERR_MAC, "a MAC where none is due");
    cr_expect_eq(peer.terminal.stage, POS_STAGE_REGISTERED);
    peer.mac = PEER_MAC_NONE;
    peer_answer(&peer);
    cr_expect_eq(peer.verdict.status, POS_OK, "%s", peer.verdict.explanation);
    cr_expect_eq(peer.terminal.stage, POS_STAGE_SIGNED_ON);
    peer_ask(&peer, POS_KIND_AUTHENTICATE);
    cr_expect(peer_mac_is_good(&peer));
    peer_fini(&peer);
}
