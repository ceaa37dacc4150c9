/* What a run of posgate-bench leaves besides its report: an exit code for stated latencies. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
