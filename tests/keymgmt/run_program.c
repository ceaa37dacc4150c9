#include "tests/keymgmt/run_program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENT_COUNT_MAX = 40, RUN_SECONDS_MAX = 280 };

char test_folder[64];

void enter_folder(void)
{
    (void)snprintf(test_folder, sizeof test_folder, "/tmp/posgate-test-keymgmt.XXXXXX");
    cr_assert_not_null(mkdtemp(test_folder));
    cr_assert_eq(setenv("POSGATE_KEYMGMT_HOME", in_folder("home"), 1), 0);
}

void leave_folder(void)
{
    shell("rm -rf %s", test_folder);
}

const char *in_folder(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
    return path;
}

void shell(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    cr_assert_eq(system(line), 0, "%s", line);
}

static void redirect(const char *path, int flags, int number)
{
    int file = open(path, flags, 0600);
    if (file < 0 || dup2(file, number) < 0)
        _exit(126);
    (void)close(file);
}

void exec_program(const char *const *arguments)
{
    char *argv[ARGUMENT_COUNT_MAX] = {strdup(POSGATE_BINARY_DIR "/bin/posgate-keymgmt")};
    for (size_t i = 0; arguments[i] != NULL && i + 2 < ARGUMENT_COUNT_MAX; i++)
        argv[i + 1] = strdup(arguments[i]);
    (void)alarm(RUN_SECONDS_MAX);
    (void)execv(argv[0], argv);
    _exit(127);
}

pid_t start_list(const char *const *arguments)
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        redirect("/dev/null", O_RDONLY, STDIN_FILENO);
        redirect(in_folder("out"), O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect(in_folder("err"), O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        exec_program(arguments);
    }
    return pid;
}

static void read_text(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    size_t size = fread(text, 1, OUTPUT_SIZE_MAX - 1, file);
    text[size] = '\0';
    (void)fclose(file);
}

void wait_for(pid_t pid, struct outcome *outcome)
{
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    outcome->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    read_text(in_folder("out"), outcome->out);
    read_text(in_folder("err"), outcome->err);
}

void run_list(struct outcome *outcome, const char *const *arguments)
{
    wait_for(start_list(arguments), outcome);
}

void expect_list(struct outcome *outcome, int code, const char *const *arguments)
{
    run_list(outcome, arguments);
    cr_assert_eq(outcome->code, code, "%s %s: ended with %d, not %d\n%s%s", arguments[0],
                 arguments[1] == NULL ? "" : arguments[1], outcome->code, code, outcome->out,
                 outcome->err);
}

json_t *parse(const struct outcome *outcome)
{
    json_error_t error;
    json_t *root = json_loads(outcome->out, 0, &error);
    cr_assert_not_null(root, "%s in:\n%s", error.text, outcome->out);
    return root;
}

const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    cr_assert_not_null(text, "no text %s", name);
    return text;
}

long long number_of(json_t *object, const char *name)
{
    cr_assert(json_is_integer(json_object_get(object, name)), "no number %s", name);
    return (long long)json_integer_value(json_object_get(object, name));
}
