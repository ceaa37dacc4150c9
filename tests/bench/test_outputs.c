/* What a run of posgate-bench leaves besides its report: an exit code for stated latencies, files.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/folder.h"
#include "tests/bench/program.h"

#define QUICK " auth -c 5 --rows 50 --rounds 1 -d 0.2 --warm-up 0.1 "

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
    text = run(PROGRAM QUICK "--hgrm /dev/full 2>&1", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(text, "/dev/full is not whole") != NULL, "%s", text);
    free(text);
}
