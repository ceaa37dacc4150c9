/* posgatectl where no gateway is: what it makes of its command line, and how it ends. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define PROGRAM POSGATE_BINARY_DIR "/bin/posgatectl"

/* Its exit code; `said` gets what it printed anywhere. */
static int run(const char *words, char *said, size_t capacity)
{
    char line[512];
    (void)snprintf(line, sizeof line, PROGRAM " %s 2>&1", words);
    FILE *program = popen(line, "r");
    cr_assert_not_null(program);
    size_t size = fread(said, 1, capacity - 1, program);
    said[size] = '\0';
    int status = pclose(program);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(ctl, says_what_is_wrong_with_a_command_line)
{
    static const struct {
        const char *words;
        int code;
        const char *said;
    } rows[] = {
        {"--version", 0, "posgate "},
        {"-vv", 0, "compiler: "},
        {"--help", 0, "terminal bind SMN TID MID"},
        {"", 2, "Usage: "},
        {"statsu", 2, "did you mean 'status'?"},
        {"backp /somewhere", 2, "did you mean 'backup'?"},
        {"terminal shwo 123L013K00000278", 2, "did you mean 'terminal show'?"},
        {"terminal", 2, "'terminal' is not a command"},
        {"fly", 2, "'fly' is not a command; see posgatectl --help"},
        {"terminal show", 2, "'terminal show' takes 1 more words, not 0"},
        {"status now", 2, "'status' takes 0 more words, not 1"},
        {"1 2 3 4 5 6 7 8 9", 2, "too many words"},
        {"--socket /nowhere/admin.sock status", 69, "no gateway answers at /nowhere/admin.sock"},
        {"--socket '' status", 2, "a path of 1 to"},
    };
    char said[4096];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(run(rows[i].words, said, sizeof said), rows[i].code, "%s: %s", rows[i].words,
                     said);
        cr_expect_not_null(strstr(said, rows[i].said), "%s: %s", rows[i].words, said);
    }
}
