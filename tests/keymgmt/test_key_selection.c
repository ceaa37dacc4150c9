/* Which keys a command is about: ranges, lists, and the words that stand for them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "keymgmt/key_selection.h"

static struct pos_error error;

static const char *write_list(const char *text)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "/tmp/posgate-test-list-%ld", (long)getpid());
    cr_assert_eq(pos_file_write(path, pos_bytes_text(text), 0600, &error), POS_OK);
    return path;
}

Test(key_selection, takes_an_index_or_a_range)
{
    static const struct row {
        const char *text;
        enum pos_status status;
        uint32_t first, last;
    } rows[] = {
        {"278", POS_OK, 278, 278},
        {"00000278", POS_OK, 278, 278},
        {"278-300", POS_OK, 278, 300},
        {"1-99999999", POS_OK, 1, 99999999},
        {"300-300", POS_OK, 300, 300},
        {"0", POS_ERR_FORMAT, 0, 0},
        {"0-5", POS_ERR_FORMAT, 0, 0},
        {"100000000", POS_ERR_FORMAT, 0, 0},
        {"1-100000000", POS_ERR_FORMAT, 0, 0},
        {"300-278", POS_ERR_FORMAT, 0, 0},
        {"", POS_ERR_FORMAT, 0, 0},
        {"-5", POS_ERR_FORMAT, 0, 0},
        {"5-", POS_ERR_FORMAT, 0, 0},
        {"5-6-7", POS_ERR_FORMAT, 0, 0},
        {" 5", POS_ERR_FORMAT, 0, 0},
        {"5 ", POS_ERR_FORMAT, 0, 0},
        {"0x5", POS_ERR_FORMAT, 0, 0},
        {"5,6", POS_ERR_FORMAT, 0, 0},
        {"18446744073709551617", POS_ERR_FORMAT, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t first = 0, last = 0;
        enum pos_status status = pos_key_range_parse(pos_bytes_text(rows[i].text), &first, &last);
        cr_expect_eq(status, rows[i].status, "'%s'", rows[i].text);
        if (rows[i].status == POS_OK)
            cr_expect(first == rows[i].first && last == rows[i].last, "'%s'", rows[i].text);
    }
}

Test(key_selection, is_sorted_and_without_doubles)
{
    struct pos_key_selection keys = {.count = 0};
    cr_assert_eq(pos_key_selection_add(&keys, 5, 7), POS_OK);
    cr_assert_eq(pos_key_selection_add(&keys, 1, 1), POS_OK);
    cr_assert_eq(pos_key_selection_add(&keys, 6, 2000), POS_OK);
    pos_key_selection_settle(&keys);
    cr_assert_eq(keys.count, 1997);
    cr_expect_eq(keys.indexes[0], 1);
    cr_expect_eq(keys.indexes[1], 5);
    cr_expect_eq(keys.indexes[1996], 2000);
    pos_key_selection_free(&keys);
}

Test(key_selection, is_bounded)
{
    struct pos_key_selection keys = {.count = 0};
    cr_expect_eq(pos_key_selection_add(&keys, 1, POS_KEY_SELECTION_COUNT_MAX + 1), POS_ERR_LIMIT);
    cr_expect_eq(pos_key_selection_add(&keys, 1, POS_KEY_SELECTION_COUNT_MAX), POS_OK);
    cr_expect_eq(pos_key_selection_add(&keys, 1, 1), POS_ERR_LIMIT);
    pos_key_selection_free(&keys);
}

static void expect_words(const char *list, const char *same, bool equal)
{
    char words[2][POS_KEY_SELECTION_WORDS_SIZE];
    const char *const lists[] = {list, same};
    for (size_t i = 0; i < 2; i++) {
        struct pos_key_selection keys = {.count = 0};
        cr_assert_eq(pos_key_selection_read(&keys, write_list(lists[i]), &error), POS_OK, "%s",
                     error.text);
        pos_key_selection_settle(&keys);
        cr_assert_eq(pos_key_selection_words(&keys, words[i]), POS_OK);
        pos_key_selection_free(&keys);
    }
    cr_expect_eq(strcmp(words[0], words[1]) == 0, equal, "%s and %s", words[0], words[1]);
}

Test(key_selection, words_are_the_same_for_the_same_keys_alone)
{
    expect_words("1-3\n", "# a note\n3\n\n2\n1\n2\n", true);
    expect_words("1-3\n", "1\n3\n", false);
    expect_words("1\n2\n4\n", "1\n3\n4\n", false); /* count, first and last alike */
}

Test(key_selection, a_bad_line_is_named)
{
    struct pos_key_selection keys = {.count = 0};
    cr_expect_eq(pos_key_selection_read(&keys, write_list("1-3\n\nfour\n"), &error),
                 POS_ERR_FORMAT);
    cr_expect(strstr(error.text, "line 3") != NULL, "%s", error.text);
    cr_expect_eq(pos_key_selection_read(&keys, write_list("1-3\n4"), &error), POS_ERR_FORMAT,
                 "the file is cut");
    pos_key_selection_free(&keys);
}

Test(key_selection, terminals_go_by_name)
{
    struct pos_smn_list list;
    char words[POS_KEY_SELECTION_WORDS_SIZE];
    cr_assert_eq(pos_smn_list_read(write_list("BBBB000100000002\nAAAA000100000001\n"
                                              "BBBB000100000002\n"),
                                   &list, &error),
                 POS_OK);
    cr_expect_eq(list.count, 2);
    cr_expect_str_eq(list.smns[0].text, "AAAA000100000001");
    cr_expect_eq(pos_smn_list_words(&list, words), POS_OK);
    cr_expect(strncmp(words, "terminals=2 digest=", 19) == 0, "%s", words);
    pos_smn_list_free(&list);
    cr_expect_eq(pos_smn_list_read(write_list("AAAA000100000001\n00000002\n"), &list, &error),
                 POS_ERR_FORMAT);
    cr_expect(strstr(error.text, "line 2") != NULL, "%s", error.text);
}
