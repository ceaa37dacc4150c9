/*
 * A key file that is not as it was written: whatever was done to it, the mother POS refuses it, has
 * nothing of it to give, and takes the true file afterwards. And a load that broke off anywhere
 * ends as one that did not.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/room.h"

static struct room room;
static struct key_file file, changed;

static void setup(void)
{
    room_open(&room);
}

static void teardown(void)
{
    room_close(&room);
}

TestSuite(mother_tamper, .init = setup, .fini = teardown, .timeout = 290);

/* Sends as a loader does, up to the first line that is not taken. */
static void expect_refused(const char *what, size_t line, size_t at)
{
    uint32_t before = room_counts(&room).free;
    cr_expect_str_neq(room_load(&room, &changed), "00", "%s, line %zu, character %zu", what,
                      line + 1, at);
    cr_expect_eq(room_counts(&room).free, before, "%s, line %zu, character %zu: keys came in", what,
                 line + 1, at);
}

/* The true file behind a changed one: taken as if nothing had been. */
static void expect_taken(const char *what, size_t line, size_t at)
{
    uint32_t before = room_counts(&room).free;
    struct answer answer;
    room_ask(&room, POS_KIND_LOAD, file.lines[0], NULL, &answer);
    for (size_t next = (size_t)strtoul(answer.field_62, NULL, 10);
         strcmp(answer.code, "00") == 0 && next <= file.line_count;
         next = (size_t)strtoul(answer.field_62, NULL, 10))
        room_ask(&room, POS_KIND_LOAD, file.lines[next - 1], NULL, &answer);
    cr_expect_str_eq(answer.code, "00", "%s, line %zu, character %zu: the true file", what,
                     line + 1, at);
    cr_expect_eq(room_counts(&room).free, before + file.header.count, "%s, line %zu, character %zu",
                 what, line + 1, at);
}

/* Another batch each time, so that "the batch was taken in before" hides nothing. */
static void next_file(uint32_t count)
{
    static uint32_t batch = 10, index = 1000;
    room_make_file(&room, batch++, index, count, &file);
    index += count;
    changed = file;
}

/* Another one that a message can carry, by one bit where that will do. */
static char other_character(char c, size_t at)
{
    char other = (char)(c ^ (1 << at % 7));
    return other >= 0x20 && other <= 0x7E ? other : (char)(c ^ 1);
}

Test(mother_tamper, any_byte_changed)
{
    next_file(1);
    size_t line_count = file.line_count;
    for (size_t line = 0; line < line_count; line++) {
        size_t size = strlen(file.lines[line]);
        for (size_t at = 0; at < size; at++) {
            next_file(1);
            changed.lines[line][at] = other_character(file.lines[line][at], at);
            expect_refused("changed", line, at);
            if (at % 8 == 0)
                expect_taken("changed", line, at);
        }
    }
}

Test(mother_tamper, any_line_cut_or_made_longer)
{
    next_file(2);
    for (size_t line = 0; line < file.line_count; line++) {
        size_t size = strlen(file.lines[line]);
        for (size_t at = 1; at <= size; at += 3) {
            changed = file;
            if (at + 3 > size)
                (void)strcat(changed.lines[line], "0");
            else
                changed.lines[line][at] = '\0';
            expect_refused("cut", line, at);
        }
    }
    expect_taken("cut", 0, 0);
}

Test(mother_tamper, any_two_lines_swapped)
{
    next_file(3);
    for (size_t a = 0; a < file.line_count; a++)
        for (size_t b = a + 1; b < file.line_count; b++) {
            changed = file;
            memcpy(changed.lines[a], file.lines[b], ROOM_LINE_SIZE);
            memcpy(changed.lines[b], file.lines[a], ROOM_LINE_SIZE);
            expect_refused("swapped", a, b);
        }
    expect_taken("swapped", 0, 0);
}

Test(mother_tamper, any_line_doubled_or_left_out)
{
    for (size_t line = 0; line < 5; line++) {
        next_file(3);
        cr_assert_eq(file.line_count, 5);
        size_t rest = (file.line_count - line) * ROOM_LINE_SIZE;
        memmove(changed.lines[line + 1], file.lines[line], rest);
        changed.line_count++;
        /* The header again is how a load that broke off asks where to go on; and behind the trailer
         * the file is in. */
        if (line > 0 && line < 4)
            expect_refused("doubled", line, 0);
        next_file(3);
        memmove(changed.lines[line], file.lines[line + 1], rest - ROOM_LINE_SIZE);
        changed.line_count--;
        if (line < 4)
            expect_refused("left out", line, 0);
        else /* without its end a file is not whole: nothing of it is there to be given */
            cr_expect_str_eq(room_load(&room, &changed), "00");
        cr_expect_eq(room_counts(&room).free, 3 * line);
        expect_taken("left out", line, 0);
        expect_refused("the same again", line, 0);
    }
}

Test(mother_tamper, lines_of_another_file)
{
    struct key_file other;
    next_file(3);
    other = file;
    next_file(3);
    for (size_t line = 1; line < file.line_count; line++) {
        changed = file;
        memcpy(changed.lines[line], other.lines[line], ROOM_LINE_SIZE);
        expect_refused("mixed", line, 0);
    }
    expect_taken("mixed", 0, 0);
}

Test(mother_tamper, an_old_batch_again_and_after_a_restart)
{
    next_file(2);
    expect_taken("first", 0, 0);
    expect_refused("again", 0, 0);
    room_reopen_mother(&room);
    expect_refused("again after a restart", 0, 0);
    cr_expect_eq(room_counts(&room).free, 2);
}

/* ---- broken off ---- */

static bool dump_row(void *context, const struct pos_journal_row *row)
{
    char kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&row->kcv, kcv);
    pos_buffer_format(context, "%08u %s %u %s\n", row->index, pos_journal_state_name(row->state),
                      row->batch, kcv);
    return true;
}

/* All keys of the mother POS, and what it says of loads. */
static const char *dump(char text[4096])
{
    struct pos_buffer out = pos_buffer(text, 4095);
    struct answer answer;
    cr_assert_eq(pos_journal_walk(room.home.journal, dump_row, &out), POS_OK);
    room_ask(&room, POS_KIND_LOAD_STATUS, NULL, NULL, &answer);
    pos_buffer_format(&out, "%s\n", answer.field_62);
    text[out.size] = '\0';
    return text;
}

/* The same file into a mother POS of its own, broken off behind each line in one of two ways. */
Test(mother_tamper, a_load_broken_off_anywhere_ends_like_one_that_was_not)
{
    static char unbroken[4096], broken[4096];
    struct answer answer;
    next_file(3);
    expect_taken("unbroken", 0, 0);
    (void)dump(unbroken);
    for (size_t held = 0; held < file.line_count; held++)
        for (int way = 0; way < 2; way++) {
            room_empty_mother(&room);
            for (size_t line = 0; line < held; line++)
                room_ask(&room, POS_KIND_LOAD, file.lines[line], NULL, &answer);
            if (way == 1)
                room_reopen_mother(&room);
            cr_expect_eq(room_counts(&room).free, 0, "%zu lines held", held);
            expect_taken(way == 0 ? "connected anew" : "started anew", held, 0);
            cr_expect_str_eq(dump(broken), unbroken, "%zu lines held, way %d", held, way);
        }
}
