/* Key files into a mother POS: the good one, and each that must be refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/room.h"

static struct room room;
static struct key_file file;

static void setup(void)
{
    room_open(&room);
    room_make_file(&room, 7, 278, 3, &file);
}

static void teardown(void)
{
    room_close(&room);
}

TestSuite(mother_load, .init = setup, .fini = teardown);

Test(mother_load, a_whole_file_becomes_free_keys_and_each_answer_names_the_next_line)
{
    struct answer answer;
    char expected[32];
    for (size_t i = 0; i < file.line_count; i++) {
        cr_expect_eq(room_counts(&room).free, 0, "before line %zu", i + 1);
        room_ask(&room, POS_KIND_LOAD, file.lines[i], NULL, &answer);
        (void)snprintf(expected, sizeof expected, "%08zu", i + 2);
        cr_expect_str_eq(answer.code, "00", "line %zu", i + 1);
        cr_expect_str_eq(answer.field_62, expected, "line %zu", i + 1);
    }
    cr_expect_eq(room_counts(&room).free, 3);
}

Test(mother_load, status_says_batch_lines_free_issued_burned)
{
    struct answer answer;
    room_ask(&room, POS_KIND_LOAD_STATUS, NULL, NULL, &answer);
    cr_expect_str_eq(answer.field_62, "0000000000000000000000000000000000000000");
    room_ask(&room, POS_KIND_LOAD, file.lines[0], NULL, &answer);
    room_ask(&room, POS_KIND_LOAD, file.lines[1], NULL, &answer);
    room_ask(&room, POS_KIND_LOAD_STATUS, NULL, NULL, &answer);
    cr_expect_str_eq(answer.code, "00");
    cr_expect_str_eq(answer.field_62, "0000000700000002000000000000000000000000");
    cr_expect_str_eq(room_load(&room, &file), "77", "line 2 again: line 3 is expected");
    room_ask(&room, POS_KIND_LOAD, file.lines[2], NULL, &answer);
    room_ask(&room, POS_KIND_LOAD, file.lines[3], NULL, &answer);
    room_ask(&room, POS_KIND_LOAD, file.lines[4], NULL, &answer);
    room_ask(&room, POS_KIND_LOAD_STATUS, NULL, NULL, &answer);
    cr_expect_str_eq(answer.field_62, "0000000000000000000000030000000000000000");
}

Test(mother_load, nothing_of_a_file_is_given_before_its_trailer_verified)
{
    struct answer answer;
    struct pos_terminal terminal;
    struct pos_verdict verdict;
    pos_terminal_init(&terminal, &pos_dialect_iso87b, "123L013K", "T", "");
    for (size_t i = 0; i < file.line_count; i++) {
        room_exchange(&room, &terminal, POS_KIND_KEY_REQUEST, &answer, &verdict);
        cr_expect_str_eq(verdict.code, "51", "before line %zu", i + 1);
        room_ask(&room, POS_KIND_LOAD, file.lines[i], NULL, &answer);
    }
    room_exchange(&room, &terminal, POS_KIND_KEY_REQUEST, &answer, &verdict);
    cr_expect_str_eq(verdict.code, "00");
    pos_terminal_fini(&terminal);
}

static void swap_lines(size_t a, size_t b)
{
    char line[ROOM_LINE_SIZE];
    memcpy(line, file.lines[a], sizeof line);
    memcpy(file.lines[a], file.lines[b], sizeof line);
    memcpy(file.lines[b], line, sizeof line);
}

static void replace(size_t line, const char *what, const char *with)
{
    char *at = strstr(file.lines[line], what);
    cr_assert_not_null(at, "%s", what);
    cr_assert_eq(strlen(what), strlen(with));
    memcpy(at, with, strlen(with));
}

static void cut_line(size_t line)
{
    memmove(file.lines[line], file.lines[line + 1], (file.line_count - line - 1) * ROOM_LINE_SIZE);
    file.line_count--;
}

/* Each change of a good file, and the code that its first bad line gets. */
static const char *spoil(int row)
{
    switch (row) {
    case 0:
        replace(0, "dest=MPOS0001", "dest=MPOS0002");
        return "63";
    case 1:
        replace(0, "ktk=MPOS0001", "ktk=MPOS0009");
        return "63";
    case 2:
        memcpy(strstr(file.lines[0], "ktkkcv=CMAC:") + 12, "00000", 5);
        return "63";
    case 3:
        swap_lines(1, 2);
        return "77";
    case 4:
        cut_line(2);
        return "77";
    case 5:
        cut_line(3);
        return "77"; /* the trailer comes while keys are missing */
    case 6:
        cut_line(0);
        return "77";
    case 7:
        memcpy(file.lines[2], file.lines[1], ROOM_LINE_SIZE);
        return "77";
    case 8:
        replace(1, "K|00000278", "K|00000281");
        return "63";
    case 9:
        file.lines[4][strlen(file.lines[4]) - 1] ^= 1;
        /* A and F become what is no digit */
        return strchr("@G", file.lines[4][strlen(file.lines[4]) - 1]) != NULL ? "30" : "63";
    case 10:
        replace(4, "#END|3|", "#END|2|");
        return "63";
    case 11:
        (void)snprintf(file.lines[2], ROOM_LINE_SIZE, "K 00000279");
        return "30";
    case 12:
        file.lines[0][0] = '!';
        return "30";
    default: /* the block of another key, under a MAC that is right */
        memcpy(file.lines[1] + 11, file.lines[2] + 11, 100);
        room_seal_file(&room, &file);
        return "63";
    }
}

Test(mother_load, each_wrong_file_is_refused_and_the_right_one_goes_in_afterwards)
{
    struct key_file good = file;
    for (int row = 0; row <= 13; row++) {
        file = good;
        const char *expected = spoil(row);
        const char *got = room_load(&room, &file);
        cr_expect_str_eq(got, expected, "row %d", row);
        cr_expect_eq(room_counts(&room).free, 0, "row %d", row);
        /* So that each row begins with no load under way. */
        cr_assert_eq(pos_journal_load_drop(room.home.journal), POS_OK);
        room.home.mother.load.open = false;
    }
    cr_expect_str_eq(room_load(&room, &good), "00");
    cr_expect_eq(room_counts(&room).free, 3);
    cr_expect_str_eq(room_load(&room, &good), "63", "an old batch again");
    cr_expect_eq(room_counts(&room).free, 3);
}

/* Not only at the trailer: nobody should wait for a million lines to hear it. */
Test(mother_load, a_file_for_somebody_else_is_refused_at_its_header)
{
    struct key_file good = file;
    struct answer answer;
    for (int row = 0; row <= 2; row++) {
        file = good;
        const char *expected = spoil(row);
        room_ask(&room, POS_KIND_LOAD, file.lines[0], NULL, &answer);
        cr_expect_str_eq(answer.code, expected, "row %d", row);
    }
    room_ask(&room, POS_KIND_LOAD, good.lines[0], NULL, &answer);
    cr_expect_str_eq(answer.code, "00");
}

Test(mother_load, no_byte_of_a_file_can_be_changed, .timeout = 290)
{
    struct key_file good;
    room_make_file(&room, 8, 300, 1, &good);
    for (size_t line = 0; line < good.line_count; line++) {
        for (size_t at = 0; good.lines[line][at] != '\0'; at++) {
            file = good;
            file.lines[line][at] ^= 1;
            const char *got = room_load(&room, &file);
            cr_expect_str_neq(got, "00", "line %zu, character %zu", line + 1, at);
            cr_expect_eq(room_counts(&room).free, 0, "line %zu, character %zu", line + 1, at);
            cr_assert_eq(pos_journal_load_drop(room.home.journal), POS_OK);
            room.home.mother.load.open = false;
        }
    }
    cr_expect_str_eq(room_load(&room, &good), "00");
}

Test(mother_load, an_index_that_is_here_already_refuses_the_whole_file)
{
    struct key_file overlapping;
    cr_assert_str_eq(room_load(&room, &file), "00");
    room_make_file(&room, 8, 280, 2, &overlapping);
    cr_expect_str_eq(room_load(&room, &overlapping), "63");
    cr_expect_eq(room_counts(&room).free, 3, "281 did not come in either");
}

Test(mother_load, a_load_that_broke_off_goes_on_after_a_restart_at_each_line)
{
    for (size_t held = 1; held < file.line_count; held++) {
        struct answer answer;
        char expected[32];
        struct key_file next;
        room_make_file(&room, (uint32_t)(100 + held), (uint32_t)(1000 * held), 3, &next);
        for (size_t i = 0; i < held; i++)
            room_ask(&room, POS_KIND_LOAD, next.lines[i], NULL, &answer);
        room_reopen_mother(&room);
        room_ask(&room, POS_KIND_LOAD, next.lines[0], NULL, &answer);
        (void)snprintf(expected, sizeof expected, "%08zu", held + 1);
        cr_expect_str_eq(answer.code, "00", "%zu held", held);
        cr_expect_str_eq(answer.field_62, expected, "%zu held", held);
        for (size_t i = held; i < next.line_count; i++)
            room_ask(&room, POS_KIND_LOAD, next.lines[i], NULL, &answer);
        cr_expect_str_eq(answer.code, "00", "%zu held", held);
        cr_expect_eq(room_counts(&room).free, 3 * held, "%zu held", held);
    }
}

Test(mother_load, a_line_out_of_order_is_told_which_one_is_expected)
{
    struct answer answer;
    room_ask(&room, POS_KIND_LOAD, file.lines[2], NULL, &answer);
    cr_expect_str_eq(answer.code, "77");
    cr_expect_str_eq(answer.field_62, "00000001");
    room_ask(&room, POS_KIND_LOAD, file.lines[0], NULL, &answer);
    room_ask(&room, POS_KIND_LOAD, file.lines[2], NULL, &answer);
    cr_expect_str_eq(answer.code, "77");
    cr_expect_str_eq(answer.field_62, "00000002");
    room_ask(&room, POS_KIND_LOAD, file.lines[1], NULL, &answer);
    cr_expect_str_eq(answer.code, "00");
}

Test(mother_load, keys_that_were_destroyed_leave_gaps_that_the_header_must_tell)
{
    /* 300, 301, 303: count 3 of a range of 4. */
    struct key_file gapped;
    room_make_file(&room, 9, 300, 4, &gapped);
    memmove(gapped.lines[3], gapped.lines[4], 2 * ROOM_LINE_SIZE);
    gapped.header.count = 3;
    struct pos_buffer line = pos_buffer(gapped.lines[0], ROOM_LINE_SIZE - 1);
    memset(gapped.lines[0], 0, ROOM_LINE_SIZE);
    pos_key_file_write_header(&gapped.header, &line);
    room_seal_file(&room, &gapped);
    cr_expect_str_eq(room_load(&room, &gapped), "00");
    cr_expect_eq(room_counts(&room).free, 3);
}
