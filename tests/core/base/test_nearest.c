/* Which word was meant. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "core/base/nearest.h"

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

static const char *find(const char *typed, const char *const *words)
{
    struct pos_nearest nearest = pos_nearest(typed);
    for (; *words != NULL; words++)
        pos_nearest_offer(&nearest, *words);
    return nearest.found;
}

static const char *const commands[] = {"init", "ceremony", "generate", "export", "load",
                                       "list", "show",     "stock",    "audit",  NULL};
static const char *const settings[] = {"listeners", "loops", "log", "limits", NULL};

Test(nearest, finds_what_was_meant_and_nothing_else)
{
    static const struct {
        const char *const *words;
        const char *typed, *meant; /* NULL: none of them */
    } rows[] = {
        {commands, "genrate", "generate"},   {commands, "exprot", "export"},
        {commands, "lst", "list"},           {commands, "ceremonies", "ceremony"},
        {commands, "adit", "audit"},         {commands, "xyzzy", NULL},
        {commands, "destroy", NULL},         {commands, "", NULL},
        {settings, "listners", "listeners"}, {settings, "lisetners", "listeners"},
        {settings, "loop", "loops"},         {settings, "lopos", "loops"},
        {settings, "limtis", "limits"},      {settings, "lgo", "log"},
        {settings, "database", NULL},        {settings, "xyz", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = find(rows[i].typed, rows[i].words);
        if (rows[i].meant == NULL)
            cr_expect_null(found, "'%s' gave %s", rows[i].typed, found);
        else
            cr_expect_str_eq(found == NULL ? "-" : found, rows[i].meant, "'%s'", rows[i].typed);
    }
}

Test(nearest, long_words_are_far)
{
    char endless[65];
    memset(endless, 'l', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    cr_expect_eq(pos_edit_distance(endless, endless), SIZE_MAX);
    cr_expect_eq(pos_edit_distance(endless + 1, endless + 1), 0, "63 are not");
    cr_expect_null(find(endless, settings));
}
