#include "tests/emulator/program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { ARGUMENT_COUNT_MAX = 48, WAIT_MS_MAX = 60000 };

extern char **environ;

static pid_t running[64]; /* 0: free */

static void note_running(pid_t from, pid_t to)
{
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++) {
        if (running[i] == from) {
            running[i] = to;
            return;
        }
    }
}

void program_end_all(void)
{
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++) {
        if (running[i] == 0)
            continue;
        (void)kill(running[i], SIGKILL);
        (void)waitpid(running[i], NULL, 0);
        running[i] = 0;
    }
}

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

void program_start_list(struct program *program, const struct folder *folder, const char *name,
                        const char *const *arguments)
{
    static char path[] = POSGATE_BINARY_DIR "/bin/posgate-emulator";
    char *argv[ARGUMENT_COUNT_MAX] = {path};
    posix_spawn_file_actions_t actions;
    (void)snprintf(program->out, sizeof program->out, "%s/%s.out", folder->path, name);
    (void)snprintf(program->err, sizeof program->err, "%s/%s.err", folder->path, name);
    for (size_t i = 0; arguments[i] != NULL && i + 2 < ARGUMENT_COUNT_MAX; i++)
        argv[i + 1] = strdup(arguments[i]);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, program->out, O_WRONLY | O_CREAT | O_TRUNC,
                                           0600);
    (void)posix_spawn_file_actions_addopen(&actions, 2, program->err, O_WRONLY | O_CREAT | O_TRUNC,
                                           0600);
    cr_assert_eq(posix_spawn(&program->pid, path, &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    note_running(0, program->pid);
    for (size_t i = 1; argv[i] != NULL; i++)
        free(argv[i]);
}

static void read_text(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    if (file == NULL)
        return;
    text[fread(text, 1, PROGRAM_OUTPUT_SIZE_MAX - 1, file)] = '\0';
    (void)fclose(file);
}

void program_await_port(struct program *program)
{
    static char text[PROGRAM_OUTPUT_SIZE_MAX];
    for (int waited = 0; waited < WAIT_MS_MAX; waited += 20) {
        read_text(program->err, text);
        const char *line = strstr(text, "listener-open");
        const char *port = line == NULL ? NULL : strstr(line, "port=");
        if (port != NULL && strchr(port, '\n') != NULL) {
            program->port = (int)strtol(port + 5, NULL, 10);
            return;
        }
        pause_ms(20);
    }
    cr_assert(false, "it does not listen: %s", text);
}

void program_wait(const struct program *program, struct outcome *outcome)
{
    int status;
    pid_t ended = 0;
    for (int waited = 0; ended == 0 && waited < WAIT_MS_MAX; waited += 5) {
        ended = waitpid(program->pid, &status, WNOHANG);
        if (ended == 0)
            pause_ms(5);
    }
    if (ended == 0) {
        (void)kill(program->pid, SIGKILL);
        (void)waitpid(program->pid, &status, 0);
    }
    note_running(program->pid, 0);
    outcome->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    read_text(program->out, outcome->out);
    read_text(program->err, outcome->err);
}

void program_end(const struct program *program, int number, struct outcome *outcome)
{
    cr_assert_eq(kill(program->pid, number), 0);
    program_wait(program, outcome);
}

void program_run_list(struct outcome *outcome, const struct folder *folder,
                      const char *const *arguments)
{
    struct program program;
    program_start_list(&program, folder, "run", arguments);
    program_wait(&program, outcome);
}

json_t *program_json(const struct outcome *outcome)
{
    json_error_t error;
    json_t *root = json_loads(outcome->out, 0, &error);
    cr_assert_not_null(root, "%s in:\n%s\n%s", error.text, outcome->out, outcome->err);
    return root;
}

long long program_number(const struct outcome *outcome, const char *path)
{
    char name[64];
    json_t *root = program_json(outcome), *at = root;
    while (at != NULL && *path != '\0') {
        size_t size = strcspn(path, "/");
        (void)snprintf(name, sizeof name, "%.*s", (int)size, path);
        at = json_object_get(at, name);
        path += path[size] == '/' ? size + 1 : size;
    }
    long long number = json_is_integer(at) ? (long long)json_integer_value(at) : -1;
    json_decref(root);
    return number;
}
