/* The real posgate-emulator in a test: started without a shell, ended by its process id. */
#ifndef TESTS_EMULATOR_PROGRAM_H
#define TESTS_EMULATOR_PROGRAM_H

#include <jansson.h>
#include <sys/types.h>

#include "tests/emulator/folder.h"

enum { PROGRAM_OUTPUT_SIZE_MAX = 65536 };

struct outcome {
    int code; /* exit code; 1000 + number when a signal ended it */
    char out[PROGRAM_OUTPUT_SIZE_MAX], err[PROGRAM_OUTPUT_SIZE_MAX];
};

struct program {
    pid_t pid;
    int port; /* that it said it listens on */
    char out[160], err[160];
};

/* Starts it; stdout and stderr go to files NAME.out and NAME.err in the folder. `arguments` end
 * with NULL. */
void program_start_list(struct program *program, const struct folder *folder, const char *name,
                        const char *const *arguments);
#define PROGRAM_START(program, folder, name, ...)                                                  \
    program_start_list(program, folder, name, (const char *const[]){__VA_ARGS__, NULL})
/* Waits until it logged where it listens. */
void program_await_port(struct program *program);
void program_wait(const struct program *program, struct outcome *outcome);
/* Sends the signal first. */
void program_end(const struct program *program, int signal, struct outcome *outcome);

/* Kills what a failed test left running. */
void program_end_all(void);

/* Runs it to its end. */
void program_run_list(struct outcome *outcome, const struct folder *folder,
                      const char *const *arguments);
#define PROGRAM_RUN(outcome, folder, ...)                                                          \
    program_run_list(outcome, folder, (const char *const[]){__VA_ARGS__, NULL})

json_t *program_json(const struct outcome *outcome); /* owned */
/* The number at a path of names, "steps/sale/sent"; -1 when it is not there. */
long long program_number(const struct outcome *outcome, const char *path);

#endif
