/* A program's commands: the one that is chosen, what it is given, and what is none. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/base/exit_code.h"
#include "core/base/menu.h"
#include "core/base/program.h"

enum { WORD_COUNT_MAX = 6 };

static error_t take_loud(int key, char *value, struct argp_state *state)
{
    (void)value;
    if (key != 'l')
        return ARGP_ERR_UNKNOWN;
    *(int *)state->input += 1;
    return 0;
}

static const struct argp_option loud_options[] = {{"loud", 'l', NULL, 0, "Shout", 0}, {0}};
static const struct argp loud = {.options = loud_options, .parser = take_loud};

/* The words as argp wants them: in memory that it may change. */
static size_t choose(struct pos_menu *menu, const char *const *words, int *argc, char ***argv)
{
    static char texts[WORD_COUNT_MAX][16] = {"tool"};
    static char *copies[WORD_COUNT_MAX + 1];
    copies[0] = texts[0];
    for (*argc = 1; words[*argc - 1] != NULL; (*argc)++) {
        copies[*argc] = texts[*argc];
        (void)snprintf(texts[*argc], sizeof texts[*argc], "%s", words[*argc - 1]);
    }
    copies[*argc] = NULL;
    *argv = copies;
    pos_program_begin(*argc, *argv);
    pos_menu_add(menu, "make", "make one");
    pos_menu_add(menu, "list", "list them");
    return pos_menu_choose(menu, argc, argv);
}

Test(menu, gives_a_command_the_words_behind_its_name)
{
    int shouts = 0, argc;
    char **argv;
    struct pos_menu menu = {.title = "tool", .doc = "A tool.", .options = &loud, .input = &shouts};
    size_t chosen = choose(&menu, (const char *const[]){"--loud", "list", "--loud", "make", NULL},
                           &argc, &argv);
    cr_expect_eq(chosen, 1);
    cr_expect_eq(shouts, 1, "what stands behind is the command's own");
    cr_assert_eq(argc, 3);
    cr_expect_str_eq(argv[0], "tool list");
    cr_expect_str_eq(argv[1], "--loud");
    cr_expect_str_eq(argv[2], "make");
}

Test(menu, is_the_same_without_options_of_its_own)
{
    int argc;
    char **argv;
    struct pos_menu menu = {.title = "tool", .doc = "A tool."};
    cr_expect_eq(choose(&menu, (const char *const[]){"make", NULL}, &argc, &argv), 0);
    cr_expect_eq(argc, 1);
    cr_expect_str_eq(argv[0], "tool make");
}

static void choose_and_come_back(const char *word)
{
    int argc;
    char **argv;
    struct pos_menu menu = {.title = "tool", .doc = "A tool."};
    (void)choose(&menu, (const char *const[]){word, NULL}, &argc, &argv);
}

Test(menu, ends_with_usage_for_what_is_no_command, .exit_code = POS_EXIT_USAGE)
{
    choose_and_come_back("lits");
}

Test(menu, ends_with_usage_for_nothing, .exit_code = POS_EXIT_USAGE)
{
    choose_and_come_back(NULL);
}

Test(menu, ends_with_usage_for_what_is_no_option, .exit_code = POS_EXIT_USAGE)
{
    choose_and_come_back("--loud");
}
