/* Running the real posgate-keymgmt from a test, in a home of its own. */
#ifndef POS_TESTS_KEYMGMT_RUN_PROGRAM_H
#define POS_TESTS_KEYMGMT_RUN_PROGRAM_H

#include <jansson.h>
#include <sys/types.h>

enum { OUTPUT_SIZE_MAX = 262144 };

struct outcome {
    int code; /* exit code; 1000 + number when a signal ended it */
    char out[OUTPUT_SIZE_MAX];
    char err[OUTPUT_SIZE_MAX];
};

/* The folder of this test; everything is below it. `home` is the home that commands use. */
extern char test_folder[64];

void enter_folder(void); /* makes it and sets POSGATE_KEYMGMT_HOME */
void leave_folder(void); /* removes it */
/* test_folder/name in static memory; four at a time. */
const char *in_folder(const char *name);
/* A shell line, for copies and such; asserts that it succeeds. */
void shell(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* Runs with these arguments, ended by NULL; no terminal, empty stdin. */
void run_list(struct outcome *outcome, const char *const *arguments);
#define RUN(outcome, ...) run_list(outcome, (const char *const[]){__VA_ARGS__, NULL})

/* The same, and fails the test unless it ends with `code`. */
void expect_list(struct outcome *outcome, int code, const char *const *arguments);
#define EXPECT(outcome, code, ...)                                                                 \
    expect_list(outcome, code, (const char *const[]){__VA_ARGS__, NULL})

/* Becomes the program; for a child process. */
void exec_program(const char *const *arguments) __attribute__((__noreturn__));

/* Starts in the background; stdout and stderr go to files out and err in the folder. */
pid_t start_list(const char *const *arguments);
void wait_for(pid_t pid, struct outcome *outcome);

json_t *parse(const struct outcome *outcome); /* owned; asserts that it is JSON */
const char *text_of(json_t *object, const char *name);
long long number_of(json_t *object, const char *name);

#endif
