/* What a run of posgate-bench leaves besides its report: an exit code for stated latencies, files.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/folder.h"
#include "tests/bench/program.h"

#define QUICK " auth -c 5 --rows 50 --rounds 1 -d 0.05 --warm-up 0 "

Test(outputs, a_missed_latency_ends_with_3_and_is_named)
{
    static const struct {
        const char *name, *options;
        int code;
        const char *said;
    } rows[] = {
        {"kept", "--slo 'p50<10s,max<100s'", 0, NULL},
        {"missed", "--slo 'p50<10s,p99<1us'", 3, "posgate-bench auth: p99 is "},
        {"kept at a rate", "--rate 200 --slo 'p99<10s'", 0, NULL},
        {"missed at a rate", "--rate 200 --slo 'p99.9<1us'", 3, "posgate-bench auth: p99.9 is "},
        {"not a limit", "--slo p98", 2, "p99<2ms"},
        {"of a sweep", "--sweep --slo 'p99<1s'", 2, "--sweep"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        char line[512];
        (void)snprintf(line, sizeof line, PROGRAM QUICK "%s 2>&1", rows[i].options);
        char *text = run(line, &code);
        cr_expect_eq(code, rows[i].code, "%s: %d\n%s", rows[i].name, code, text);
        if (rows[i].said != NULL)
            cr_expect(strstr(text, rows[i].said) != NULL, "%s: %s", rows[i].name, text);
        free(text);
    }
}

/* The line of 100 % holds every value of the file. */
Test(outputs, latencies_are_left_in_the_format_of_hdrhistogram)
{
    int code;
    char folder[POS_PATH_SIZE_MAX], line[2 * POS_PATH_SIZE_MAX];
    struct pos_error error;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK);
    (void)snprintf(line, sizeof line, PROGRAM QUICK "-o 2 --json --hgrm %s/run.hgrm", folder);
    json_t *report = run_json(line, &code);
    cr_expect_eq(code, 0);
    cr_expect(number_at(json_array_get(json_object_get(report, "servers"), 1), "replies", NULL) >
              0);
    json_decref(report);
    (void)snprintf(line, sizeof line,
                   "cd %s && awk '$2 == \"1.000000000000\" { all = $3 } "
                   "/Total count/ { gsub(\"]\", \"\"); print (all == $NF && all > 0) }' run.hgrm",
                   folder);
    char *text = run(line, &code);
    cr_expect_str_eq(text, "1\n");
    free(text);
    pos_folder_remove(folder);
}

Test(outputs, a_file_that_cannot_be_written_is_said_before_the_run)
{
    int code;
    char *text = run(PROGRAM " auth --duration 3600 --hgrm /nowhere/run.hgrm 2>&1", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(text, "--hgrm: cannot write /nowhere/run.hgrm") != NULL, "%s", text);
    free(text);
    text = run(PROGRAM " auth --duration 3600 --html /nowhere/run.html 2>&1", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(text, "--html: cannot write /nowhere/run.html") != NULL, "%s", text);
    free(text);
    text = run(PROGRAM " codec --duration 600 --html /nowhere/run.html 2>&1", &code);
    cr_expect_eq(code, 1);
    free(text);
    text = run(PROGRAM " codec --rounds 1 -d 0.0005 --html /dev/full 2>&1", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(text, "/dev/full is not whole") != NULL, "%s", text);
    free(text);
    text = run(PROGRAM QUICK "--hgrm /dev/full 2>&1", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(text, "/dev/full is not whole") != NULL, "%s", text);
    free(text);
}

/* A file for each rate, each with what was asked for at it. */
Test(outputs, a_sweep_leaves_latencies_of_each_rate)
{
    int code;
    char folder[POS_PATH_SIZE_MAX], line[2 * POS_PATH_SIZE_MAX];
    struct pos_error error;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK);
    (void)snprintf(line, sizeof line,
                   "cd %s && " PROGRAM
                   " auth -c 5 --rows 50 --sweep --rounds 1 -d 0.05 --warm-up 0 "
                   "--hgrm ./run.2.hgrm >/dev/null 2>&1; ls | tr '\\n' ' '; "
                   "grep -L 'Total count    = *[1-9]' *.hgrm",
                   folder);
    char *text = run(line, &code);
    cr_expect_str_eq(text,
                     "run.2-10.hgrm run.2-20.hgrm run.2-30.hgrm run.2-40.hgrm run.2-50.hgrm "
                     "run.2-60.hgrm run.2-70.hgrm run.2-80.hgrm run.2-90.hgrm run.2-95.hgrm ");
    free(text);
    pos_folder_remove(folder);
}

/* `script` gives it a terminal. */
Test(outputs, a_line_on_a_terminal_says_how_far_a_run_is)
{
    static const char *const lines[] = {
        "making a table of 50 rows",
        "\r\033[Kwarming up, bare epoll; ",
        "\r\033[Kround 1 of 1, bare epoll; ", /* a step that lasts is shown as it begins */
        "\r\033[Kround 1 of 1, posgate-gateway; ",
        " a second, p99 ",
        " us, 0 errors; ",
        " s left",
    };
    int code;
    char *text = run("script -qec '" PROGRAM " auth -c 5 --rows 50 --rounds 1 -d 1.2 --warm-up 0.1 "
                     ">/dev/null' /dev/null",
                     &code);
    cr_expect_eq(code, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_expect(strstr(text, lines[i]) != NULL, "no '%s' in %s", lines[i], text);
    size_t size = strlen(text);
    cr_expect(size > 4 && strcmp(text + size - 4, "\r\033[K") == 0, "the line is gone at last");
    free(text);
    text = run("script -qec '" PROGRAM " codec --rounds 60 -d 0.0005 >/dev/null' /dev/null", &code);
    cr_expect(strstr(text, " of 60, ") != NULL, "%s", text);
    size = strlen(text);
    cr_expect(size > 4 && strcmp(text + size - 4, "\r\033[K") == 0, "it is gone at last");
    free(text);
    text = run(PROGRAM QUICK "2>&1 >/dev/null", &code);
    cr_expect_str_eq(text, "", "nothing is said to a file: %s", text);
    free(text);
}
