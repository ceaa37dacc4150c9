#include <criterion/criterion.h>

#include "keymgmt/nearest.h"

static const char *const words[] = {"init", "ceremony", "generate", "export", "load",
                                    "list", "show",     "stock",    "audit"};
enum { WORD_COUNT = sizeof words / sizeof words[0] };

Test(nearest, measures_edits)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {{"", "", 0},
                {"a", "", 1},
                {"load", "load", 0},
                {"laod", "load", 1},
                {"genrate", "generate", 1},
                {"shows", "show", 1},
                {"stock", "stack", 1},
                {"kitten", "sitting", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(pos_edit_distance(rows[i].a, rows[i].b), rows[i].distance, "%s %s", rows[i].a,
                     rows[i].b);
        cr_expect_eq(pos_edit_distance(rows[i].b, rows[i].a), rows[i].distance, "%s %s back",
                     rows[i].a, rows[i].b);
    }
}

Test(nearest, long_words_are_far)
{
    const char *word = "a-word-that-is-longer-than-31-characters";
    cr_expect_gt(pos_edit_distance(word, word), 100);
    cr_expect_null(pos_nearest_word(word, words, WORD_COUNT));
}

Test(nearest, finds_what_was_meant_and_nothing_else)
{
    static const struct {
        const char *typed, *meant;
    } rows[] = {{"genrate", "generate"}, {"exprot", "export"},
                {"lst", "list"},         {"ceremonies", "ceremony"},
                {"adit", "audit"},       {"xyzzy", NULL},
                {"destroy", NULL},       {"", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = pos_nearest_word(rows[i].typed, words, WORD_COUNT);
        if (rows[i].meant == NULL)
            cr_expect_null(found, "'%s' gave %s", rows[i].typed, found);
        else
            cr_expect_str_eq(found == NULL ? "-" : found, rows[i].meant, "'%s'", rows[i].typed);
    }
}
