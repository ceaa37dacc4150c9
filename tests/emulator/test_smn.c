/* `posgate-emulator smn` and what the program says without a command. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/emulator/program.h"

static const struct {
    const char *serial, *index, *out, *reason; /* out NULL: refused, for this reason */
} rows[] = {
    {"123L013K", "278", "123L013K00000278\n", ""},
    {"00000000", "1", "0000000000000001\n", ""},
    {"ZZZZZZZZ", "99999999", "ZZZZZZZZ99999999\n", ""},
    {"123L013K", "00000278", "123L013K00000278\n", ""},
    {"123L013K", "0", NULL, "not between 1 and 99999999"},
    {"123L013K", "100000000", NULL, "not between 1 and 99999999"},
    {"123L013K", "18446744073709551617", NULL, "1 to 8 digits"},
    {"123L013K", "-1", NULL, "invalid option"},
    {"123L013K", "2x", NULL, "'2x' is not 1 to 8 digits"},
    {"123L013K", "", NULL, "digits"},
    {"123l013K", "278", NULL, "not A-Z or 0-9"},
    {"123L013", "278", NULL, "7 characters"},
    {"123L013KK", "278", NULL, "9 characters"},
    {"123L 13K", "278", NULL, "not A-Z or 0-9"},
    {"", "278", NULL, "0 characters"},
};

Test(smn, prints_the_number_or_says_why_there_is_none)
{
    struct folder folder;
    static struct outcome outcome;
    folder_make(&folder);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PROGRAM_RUN(&outcome, &folder, "smn", rows[i].serial, rows[i].index);
        bool good = rows[i].out != NULL;
        cr_expect_eq(outcome.code, good ? 0 : 2, "%s %s: %d", rows[i].serial, rows[i].index,
                     outcome.code);
        cr_expect_str_eq(outcome.out, good ? rows[i].out : "", "%s %s", rows[i].serial,
                         rows[i].index);
        cr_expect(strstr(outcome.err, rows[i].reason) != NULL, "%s %s: %s", rows[i].serial,
                  rows[i].index, outcome.err);
        cr_expect_eq(outcome.err[0] == '\0', good, "%s %s", rows[i].serial, rows[i].index);
    }
    folder_remove(&folder);
}

Test(smn, a_wrong_command_line_is_2_and_help_is_0)
{
    static const struct {
        const char *arguments[4];
        int code;
        const char *said; /* on standard error */
    } lines[] = {
        {{"smn", "123L013K"}, 2, ""},
        {{"smn"}, 2, ""},
        {{"smn", "A", "B", "C"}, 2, ""},
        {{NULL}, 2, "  mother "},
        {{"unheard-of"}, 2, "'unheard-of' is not a command"},
        {{"mothr"}, 2, "did you mean 'posgate-emulator mother'?"},
        {{"--help"}, 0, ""},
        {{"--version"}, 0, ""},
        {{"-V"}, 0, ""},
        {{"-vv"}, 0, ""},
        {{"smn", "--help"}, 0, ""},
        {{"host", "--no-such-option"}, 2, "posgate-emulator host: "},
        {{"terminals"}, 2, ""},
        {{"mother"}, 2, ""},
        {{"host", "--silent", "101"}, 2, ""},
        {{"terminals", "--store", "x", "--steps=sell"}, 2, ""},
        {{"terminals", "--store", "x", "--count=100000"}, 2, ""},
        {{"mother", "--home", "x", "--init"}, 2, ""},
    };
    struct folder folder;
    static struct outcome outcome;
    folder_make(&folder);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        program_run_list(&outcome, &folder,
                         (const char *const[]){lines[i].arguments[0], lines[i].arguments[1],
                                               lines[i].arguments[2], lines[i].arguments[3], NULL});
        cr_expect_eq(outcome.code, lines[i].code, "row %zu: %d %s", i, outcome.code, outcome.err);
        cr_expect_eq(outcome.out[0] != '\0', lines[i].code == 0, "row %zu", i);
        cr_expect_not_null(strstr(outcome.err, lines[i].said), "row %zu: %s", i, outcome.err);
    }
    folder_remove(&folder);
}
