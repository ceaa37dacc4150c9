/* Numbers as people type them, and what is none. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/exit_code.h"
#include "core/base/option.h"

Test(option, a_number_is_digits_and_nothing_else)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t number;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t number = 1;
        cr_expect_eq(pos_number_parse(rows[i].text, &number), rows[i].good, "'%s'", rows[i].text);
        cr_expect(!rows[i].good || number == rows[i].number, "'%s': %llu", rows[i].text,
                  (unsigned long long)number);
    }
}

/* One option of each kind; what came of them. */
struct taken {
    uint64_t number;
    double decimal;
    bool on;
    enum pos_algorithm algorithm;
    enum pos_log_level level;
};

static error_t take(int key, char *value, struct argp_state *state)
{
    struct taken *taken = state->input;
    switch (key) {
    case 'n':
        taken->number = pos_option_number(state, "--number", value, 3, 5);
        return 0;
    case 'd':
        taken->decimal = pos_option_decimal(state, "--decimal", value, 0.5, 2);
        return 0;
    case 'o':
        taken->on = pos_option_on(state, "--on", value);
        return 0;
    case 'a':
        taken->algorithm = pos_option_algorithm(state, "--alg", value);
        return 0;
    case 'l':
        taken->level = pos_option_log_level(state, "--level", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct taken parse(const char *option, const char *value)
{
    static const struct argp_option options[] = {
        {"number", 'n', "N", 0, "", 0}, {"decimal", 'd', "N", 0, "", 0}, {"on", 'o', "X", 0, "", 0},
        {"alg", 'a', "ALG", 0, "", 0},  {"level", 'l', "X", 0, "", 0},   {0}};
    static const struct argp argp = {.options = options, .parser = take};
    struct taken taken = {0};
    char words[3][16] = {"tool"};
    (void)snprintf(words[1], sizeof words[1], "%s", option);
    (void)snprintf(words[2], sizeof words[2], "%s", value);
    char *argv[] = {words[0], words[1], words[2], NULL};
    argp_err_exit_status = POS_EXIT_USAGE;
    cr_assert_eq(argp_parse(&argp, 3, argv, 0, NULL, &taken), 0);
    return taken;
}

Test(option, takes_what_lies_within_its_bounds)
{
    cr_expect_eq(parse("--number", "3").number, 3);
    cr_expect_eq(parse("--number", "5").number, 5);
    cr_expect_eq(parse("--decimal", "0.5").decimal, 0.5);
    cr_expect_eq(parse("--decimal", "2").decimal, 2);
    cr_expect(parse("--on", "on").on);
    cr_expect(!parse("--on", "off").on);
    cr_expect_eq(parse("--alg", "A256").algorithm, POS_ALGORITHM_A256);
    cr_expect_eq(parse("--level", "warning").level, POS_LOG_WARNING);
}

/* argp ends the process, so each row has one of its own. */
static int exit_code_of(const char *option, const char *value)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        (void)parse(option, value);
        _exit(POS_EXIT_DONE);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(option, refuses_everything_else)
{
    static const struct {
        const char *option, *value;
    } rows[] = {
        {"--number", "2"},  {"--number", "6"},    {"--number", "4x"},   {"--decimal", "0.4"},
        {"--decimal", "3"}, {"--decimal", "nan"}, {"--decimal", "1s"},  {"--decimal", ""},
        {"--on", "maybe"},  {"--on", ""},         {"--alg", "a256"},    {"--alg", ""},
        {"--level", "off"}, {"--level", ""},      {"--decimal", "inf"},
    };
    cr_assert_eq(exit_code_of("--number", "3"), POS_EXIT_DONE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(exit_code_of(rows[i].option, rows[i].value), POS_EXIT_USAGE, "%s %s",
                     rows[i].option, rows[i].value);
}
