/* Running posgate-bench and looking at what it prints. */
#ifndef POS_TESTS_BENCH_PROGRAM_H
#define POS_TESTS_BENCH_PROGRAM_H

#include <jansson.h>

#define PROGRAM POSGATE_BINARY_DIR "/bin/posgate-bench"

/* Standard output of a command line, to be freed; its exit code. */
char *run(const char *line, int *code);
/* The same as JSON; the test fails when it is none. */
json_t *run_json(const char *line, int *code);

/* The same with --html as well; the page must say what the JSON says (check_page.py). The line ends
 * with posgate-bench and its options. */
json_t *run_report(const char *line, int *code);

/* object[key], or object[key][inside]; the test fails when that is no number. */
double number_at(json_t *object, const char *key, const char *inside);

#endif
