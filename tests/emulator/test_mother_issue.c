/* Handing out keys: who gets one, who gets the same again, who gets none. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/emulator/room.h"

static struct room room;
static struct answer answer;
static struct pos_verdict verdict;

static void setup(void)
{
    struct key_file file;
    room_open(&room);
    room_make_file(&room, 7, 278, 6, &file);
    cr_assert_str_eq(room_load(&room, &file), "00");
}

static void teardown(void)
{
    room_close(&room);
}

TestSuite(mother_issue, .init = setup, .fini = teardown);

static void device(struct pos_terminal *terminal, const char *serial)
{
    pos_terminal_init(terminal, &pos_dialect_iso87b, serial, "T", "");
}

static const char *ask(struct pos_terminal *terminal, enum pos_kind kind)
{
    room_exchange(&room, terminal, kind, &answer, &verdict);
    cr_expect_eq(verdict.status, POS_OK, "%s", verdict.explanation);
    return verdict.code;
}

Test(mother_issue, a_terminal_gets_a_key_confirms_it_and_confirms_again)
{
    struct pos_terminal terminal;
    device(&terminal, "123L013K");
    cr_expect_str_eq(ask(&terminal, POS_KIND_KEY_REQUEST), "00");
    cr_expect_str_eq(terminal.smn.text, "123L013K00000278");
    cr_expect_eq(room_counts(&room).reserved, 1);
    cr_expect_str_eq(ask(&terminal, POS_KIND_KEY_CONFIRM), "00");
    cr_expect(verdict.mac_verified);
    cr_expect_eq(room_counts(&room).issued, 1);
    cr_expect_str_eq(ask(&terminal, POS_KIND_KEY_CONFIRM), "00", "its reply was lost");
    cr_expect_eq(room_counts(&room).issued, 1);
    pos_terminal_fini(&terminal);
}

Test(mother_issue, each_terminal_gets_another_index_until_none_is_left)
{
    char serial[16];
    bool seen[10] = {false};
    for (int i = 0; i < 7; i++) {
        struct pos_terminal terminal;
        (void)snprintf(serial, sizeof serial, "DEV%05d", i);
        device(&terminal, serial);
        cr_expect_str_eq(ask(&terminal, POS_KIND_KEY_REQUEST), i < 6 ? "00" : "51");
        if (i < 6) {
            uint32_t index = pos_smn_key_index(&terminal.smn);
            cr_assert(index >= 278 && index <= 283);
            cr_expect(!seen[index - 278], "index %u twice", index);
            seen[index - 278] = true;
        }
        pos_terminal_fini(&terminal);
    }
}

/* The request again over another connection: the same public key, because no reply came. */
Test(mother_issue, the_same_request_gets_the_same_reply_until_the_confirm)
{
    struct answer first;
    const char *public_key = "0900000000000000000000000000000000000000000000000000000000000000";
    room_ask(&room, POS_KIND_KEY_REQUEST, "123L013K", public_key, &first);
    cr_assert_str_eq(first.code, "00");
    room_ask(&room, POS_KIND_KEY_REQUEST, "123L013K", public_key, &answer);
    cr_expect_str_eq(answer.field_62, first.field_62);
    cr_expect_str_eq(answer.field_63, first.field_63);
    room_reopen_mother(&room);
    room_ask(&room, POS_KIND_KEY_REQUEST, "123L013K", public_key, &answer);
    cr_expect_str_eq(answer.field_62, first.field_62, "after a restart");
    cr_expect_eq(room_counts(&room).reserved, 1);
    cr_expect_eq(room_counts(&room).free, 5);
    /* The same key for another serial is another key. */
    room_ask(&room, POS_KIND_KEY_REQUEST, "123L013J", public_key, &answer);
    cr_expect_str_eq(answer.code, "00");
    cr_expect_neq(memcmp(answer.field_62, first.field_62, 8), 0);
}

Test(mother_issue, another_device_of_the_same_serial_burns_the_key_three_times_at_most)
{
    static const char *const codes[] = {"00", "00", "00", "00", "94"};
    uint32_t last = 0;
    for (int i = 0; i < 5; i++) {
        struct pos_terminal terminal;
        device(&terminal, "123L013K");
        cr_expect_str_eq(ask(&terminal, POS_KIND_KEY_REQUEST), codes[i], "device %d", i);
        if (i < 4) {
            cr_expect_gt(pos_smn_key_index(&terminal.smn), last, "device %d", i);
            last = pos_smn_key_index(&terminal.smn);
            cr_expect_eq(room_counts(&room).burned, (uint32_t)i);
        }
        pos_terminal_fini(&terminal);
    }
}

Test(mother_issue, a_burned_key_cannot_be_confirmed)
{
    struct pos_terminal first, second;
    device(&first, "123L013K");
    device(&second, "123L013K");
    (void)ask(&first, POS_KIND_KEY_REQUEST);
    (void)ask(&second, POS_KIND_KEY_REQUEST);
    cr_expect_str_eq(ask(&first, POS_KIND_KEY_CONFIRM), "97");
    cr_expect_str_eq(ask(&second, POS_KIND_KEY_CONFIRM), "00");
    pos_terminal_fini(&first);
    pos_terminal_fini(&second);
}

Test(mother_issue, a_serial_with_a_confirmed_key_gets_94_unless_rekeying_is_allowed)
{
    struct pos_terminal first, second;
    device(&first, "123L013K");
    device(&second, "123L013K");
    (void)ask(&first, POS_KIND_KEY_REQUEST);
    (void)ask(&first, POS_KIND_KEY_CONFIRM);
    cr_expect_str_eq(ask(&second, POS_KIND_KEY_REQUEST), "94");
    room.home.mother.allow_rekey = true;
    cr_expect_str_eq(ask(&second, POS_KIND_KEY_REQUEST), "00");
    cr_expect_str_neq(second.smn.text, first.smn.text);
    cr_expect_str_eq(ask(&second, POS_KIND_KEY_CONFIRM), "00");
    pos_terminal_fini(&first);
    pos_terminal_fini(&second);
}

/* The confirm with its last byte, the MAC's, changed; or cut off with its bit. */
static void confirm_with_wrong_mac(struct pos_terminal *terminal)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer frame = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    cr_assert_eq(pos_terminal_request(terminal, POS_KIND_KEY_CONFIRM, NULL, &frame, &state),
                 POS_OK);
    memory[frame.size - 1] ^= 1;
    room_ask_message(&room, pos_bytes(memory + 2, frame.size - 2), &answer);
}

Test(mother_issue, a_confirm_needs_its_mac)
{
    struct pos_terminal terminal;
    device(&terminal, "123L013K");
    (void)ask(&terminal, POS_KIND_KEY_REQUEST);
    confirm_with_wrong_mac(&terminal);
    cr_expect_str_eq(answer.code, "A0", "wrong");
    room_ask(&room, POS_KIND_KEY_CONFIRM, terminal.smn.text, NULL, &answer);
    cr_expect_str_eq(answer.code, "A0", "absent");
    cr_expect_eq(room_counts(&room).issued, 0);
    cr_expect_str_eq(ask(&terminal, POS_KIND_KEY_CONFIRM), "00");
    pos_terminal_fini(&terminal);
}

Test(mother_issue, a_confirm_for_an_smn_that_was_not_given_out_is_97)
{
    static const struct {
        const char *name, *smn, *code;
    } rows[] = {{"free index", "123L013K00000279", "97"},
                {"no such index", "123L013K00099999", "97"},
                {"index 0", "123L013K00000000", "97"},
                {"another serial", "123L013J00000278", "97"},
                {"not well formed", "123l013K00000278", "30"},
                {"too short", "123L013K278", "30"},
                {"the right one, no MAC", "123L013K00000278", "A0"}};
    struct pos_terminal terminal;
    device(&terminal, "123L013K");
    (void)ask(&terminal, POS_KIND_KEY_REQUEST);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        room_ask(&room, POS_KIND_KEY_CONFIRM, rows[i].smn, NULL, &answer);
        cr_expect_str_eq(answer.code, rows[i].code, "%s", rows[i].name);
    }
    pos_terminal_fini(&terminal);
}

Test(mother_issue, a_request_that_is_not_right_reserves_nothing)
{
    static const char good[] = "0900000000000000000000000000000000000000000000000000000000000000";
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        const char *name;
        enum pos_kind kind;
        const char *field_62, *field_63, *code;
    } rows[] = {
        {"serial of 7", POS_KIND_KEY_REQUEST, "123L013", good, "30"},
        {"serial in lower case", POS_KIND_KEY_REQUEST, "123l013k", good, "30"},
        {"no serial", POS_KIND_KEY_REQUEST, NULL, good, "30"},
        {"no public key", POS_KIND_KEY_REQUEST, "123L013K", NULL, "30"},
        {"public key too short", POS_KIND_KEY_REQUEST, "123L013K", good + 2, "30"},
        {"public key of letters", POS_KIND_KEY_REQUEST, "123L013K", "X", "30"},
        {"all-zero secret", POS_KIND_KEY_REQUEST, "123L013K", zero, "30"},
        {"a gateway's message", POS_KIND_REGISTER, "123L013K00000278", NULL, "40"},
        {"an echo", POS_KIND_ECHO, NULL, NULL, "40"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        room_ask(&room, rows[i].kind, rows[i].field_62, rows[i].field_63, &answer);
        cr_expect_str_eq(answer.code, rows[i].code, "%s", rows[i].name);
        cr_expect_eq(room_counts(&room).free, 6, "%s", rows[i].name);
    }
}

Test(mother_issue, what_cannot_be_answered_closes_and_what_cannot_be_read_is_30)
{
    static const uint8_t reply[] = {0x08, 0x10, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t cut[] = {0x08, 0x00, 0, 0x20, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t letters[] = {0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    room_ask_message(&room, pos_bytes(reply, sizeof reply), &answer);
    cr_expect_eq(answer.result, POS_MOTHER_CLOSE);
    room_ask_message(&room, pos_bytes(letters, sizeof letters), &answer);
    cr_expect_eq(answer.result, POS_MOTHER_CLOSE);
    room_ask_message(&room, pos_bytes(cut, sizeof cut), &answer);
    cr_expect_eq(answer.result, POS_MOTHER_ANSWERED);
    cr_expect_str_eq(answer.code, "30");
}

Test(mother_issue, without_room_to_wait_the_answer_is_96_and_nothing_is_reserved)
{
    struct pos_terminal terminal;
    uint8_t memory[POS_FRAME_SIZE_MAX], reply[POS_FRAME_SIZE_MAX];
    struct pos_buffer frame = pos_buffer(memory, sizeof memory);
    struct pos_buffer out = pos_buffer(reply, sizeof reply);
    struct pos_exchange_state state;
    device(&terminal, "123L013K");
    cr_assert_eq(pos_terminal_request(&terminal, POS_KIND_KEY_REQUEST, NULL, &frame, &state),
                 POS_OK);
    cr_expect_eq(
        pos_mother_begin(&room.home.mother, pos_bytes(memory + 2, frame.size - 2), 0, NULL, &out),
        POS_MOTHER_ANSWERED);
    pos_terminal_reply(&terminal, &state, pos_buffer_view(&out), &verdict);
    cr_expect_str_eq(verdict.code, "96");
    cr_expect_eq(room_counts(&room).free, 6);
    pos_terminal_fini(&terminal);
}

Test(mother_issue, closing_the_session_burns_what_was_not_confirmed)
{
    struct pos_terminal kept, lost;
    struct pos_journal_write write = {.operation = POS_JOURNAL_CLOSE};
    device(&kept, "123L013K");
    device(&lost, "123L013J");
    (void)ask(&kept, POS_KIND_KEY_REQUEST);
    (void)ask(&kept, POS_KIND_KEY_CONFIRM);
    (void)ask(&lost, POS_KIND_KEY_REQUEST);
    cr_assert_eq(pos_journal_run(room.home.journal, &write), POS_OK);
    cr_expect_eq(write.burned, 1);
    cr_expect_str_eq(ask(&lost, POS_KIND_KEY_CONFIRM), "97");
    cr_expect_str_eq(ask(&kept, POS_KIND_KEY_CONFIRM), "00");
    pos_terminal_fini(&kept);
    pos_terminal_fini(&lost);
}

/* What a tapped disk would show. */
Test(mother_issue, the_journal_and_the_home_hold_no_clear_key)
{
    struct pos_terminal terminal;
    char hex[65];
    device(&terminal, "123L013K");
    (void)ask(&terminal, POS_KIND_KEY_REQUEST);
    for (int i = 0; i < 32; i++)
        (void)snprintf(hex + 2 * i, 3, "%02X", terminal.tmk[i]);
    folder_write(&room.folder, "planted", hex, 0600);
    pos_mother_home_close(&room.home);
    cr_expect_eq(folder_holds(&room.folder, "mother", terminal.tmk, 32), 0);
    cr_expect_eq(folder_holds(&room.folder, "planted", terminal.tmk, 32), 1);
    room_reopen_mother(&room);
    pos_terminal_fini(&terminal);
}
