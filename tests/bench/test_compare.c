/* `posgate-bench compare` on two reports whose figures are known. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/folder.h"
#include "tests/bench/program.h"

struct figures {
    int rounds, rate;
    double low, median, high; /* CPU of the gateway to that of the bare server */
    const char *name;
};

static char folder[POS_PATH_SIZE_MAX];

static void write_report(const char *name, struct figures figures)
{
    char path[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *to = fopen(path, "we");
    cr_assert_not_null(to);
    (void)fprintf(to,
                  "{\"command\": \"auth\", \"rounds\": %d, \"rate\": %d, \"servers\": [{\"name\": "
                  "\"%s\", \"latency_p99_us\": {\"median\": 100, \"low\": 90, \"high\": 110}}], "
                  "\"cpu_ratios\": [{\"of\": \"%s\", \"to\": \"bare epoll\", \"median\": %g, "
                  "\"low\": %g, \"high\": %g}]}",
                  figures.rounds, figures.rate, figures.name, figures.name, figures.median,
                  figures.low, figures.high);
    (void)fclose(to);
}

static char *compare(const char *a, const char *b, int *code)
{
    char line[3 * POS_PATH_SIZE_MAX];
    (void)snprintf(line, sizeof line, "cd %s && " PROGRAM " compare %s %s 2>&1", folder, a, b);
    return run(line, code);
}

static void set_up(void)
{
    struct pos_error error;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK);
}

static void tear_down(void)
{
    pos_folder_remove(folder);
}

TestSuite(compare, .init = set_up, .fini = tear_down);

Test(compare, a_change_is_one_when_the_spreads_have_nothing_in_common)
{
    static const char none[] = "no change beyond the noise in 2 figures\n";
    static const struct {
        const char *name;
        struct figures a, b;
        int code;
        const char *said;
        bool changed;
    } rows[] = {
        {"the same", {5, 0, 2, 2.1, 2.2, "g"}, {5, 0, 2, 2.1, 2.2, "g"}, 0, none, false},
        {"spreads meet", {5, 0, 2, 2.1, 2.2, "g"}, {5, 0, 2.2, 2.3, 2.4, "g"}, 0, none, false},
        {"higher", {5, 0, 2, 2, 2.2, "g"}, {5, 0, 2.3, 2.5, 2.6, "g"}, 0, "+25.0 %", true},
        {"lower", {5, 0, 2, 2, 2.2, "g"}, {5, 0, 1, 1, 1.9, "g"}, 0, "-50.0 %", true},
        {"one round", {1, 0, 2, 2, 2, "g"}, {5, 0, 3, 3, 3, "g"}, 0, "not judged", false},
        {"other options", {5, 0, 2, 2, 2, "g"}, {5, 9, 2, 2, 2, "g"}, 0, "rate is 9, was 0", false},
        {"other servers", {5, 0, 2, 2, 2, "g"}, {5, 0, 2, 2, 2, "h"}, 1, "in common", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        write_report("a", rows[i].a);
        write_report("b", rows[i].b);
        char *text = compare("a", "b", &code);
        cr_expect_eq(code, rows[i].code, "%s: %d", rows[i].name, code);
        cr_expect(strstr(text, rows[i].said) != NULL, "%s: %s", rows[i].name, text);
        cr_expect_eq(strstr(text, "1 of 2 figures changed") != NULL, rows[i].changed, "%s: %s",
                     rows[i].name, text);
        free(text);
    }
}

Test(compare, says_what_it_cannot_read)
{
    static const struct {
        const char *a, *b;
        int code;
        const char *said;
    } rows[] = {
        {"good", "nowhere", 1, "nowhere"},
        {"empty", "good", 1, "empty"},
        {"list", "good", 1, "list is no report"},
        {"good", "sweep", 1, "sweep is a sweep"},
        {"good", "", 2, "Usage"},
        {"good", "good good", 2, "Usage"},
        {"good", "--json", 2, "Usage"},
        {"--help", "", 0, "Usage"},
    };
    char line[2 * POS_PATH_SIZE_MAX];
    int code;
    write_report("good", (struct figures){5, 0, 2, 2, 2, "g"});
    (void)snprintf(line, sizeof line,
                   "cd %s && : >empty && echo '[1]' >list && "
                   "echo '{\"sweep\": []}' >sweep",
                   folder);
    free(run(line, &code));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = compare(rows[i].a, rows[i].b, &code);
        cr_expect_eq(code, rows[i].code, "%zu: %d: %s", i, code, text);
        cr_expect(strstr(text, rows[i].said) != NULL, "%zu: %s", i, text);
        free(text);
    }
}

static void write_small(const char *name, double ratio, double ns, const char *batch)
{
    char path[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *to = fopen(path, "we");
    cr_assert_not_null(to);
    (void)fprintf(
        to,
        "{\"command\": \"lookup\", \"rounds\": 5, \"batch\": %s, \"checks\": [{\"name\": "
        "\"miss\", \"met\": true, \"to\": \"hit\", \"value\": {\"median\": %g, \"low\": %g, "
        "\"high\": %g}}, {\"name\": \"time\", \"met\": true, \"value\": {\"median\": %g, "
        "\"low\": 1, \"high\": 1}}], \"subjects\": [{\"name\": \"miss\", \"ns\": {\"median\": %g, "
        "\"low\": %g, \"high\": %g}}]}",
        batch, ratio, ratio * 0.99, ratio * 1.01, ns, ns, ns * 0.99, ns * 1.01);
    (void)fclose(to);
}

/* A check of a ratio and the subject itself; a check of a time is the subject again. */
Test(compare, small_commands_are_compared_by_what_they_measure)
{
    static const struct {
        const char *name;
        double ratio, ns;
        const char *batch, *said[2];
    } rows[] = {
        {"the same", 0.2, 500, "32", {"no change beyond the noise in 2 figures\n", ""}},
        {"slower", 0.2, 600, "32", {"miss, ns each: 600", "+20.0 %"}},
        {"another ratio", 0.1, 500, "32", {"miss, ratio: 0.1", "-50.0 %"}},
        {"other options", 0.2, 500, "8", {"batch is 8, was 32", "no change"}},
    };
    write_small("a", 0.2, 500, "32");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        write_small("b", rows[i].ratio, rows[i].ns, rows[i].batch);
        char *text = compare("a", "b", &code);
        cr_expect_eq(code, 0, "%s", rows[i].name);
        for (size_t j = 0; j < 2; j++)
            cr_expect(strstr(text, rows[i].said[j]) != NULL, "%s: %s", rows[i].name, text);
        free(text);
    }
}

static void expect_same(const char *command, const char *said)
{
    char line[2 * POS_PATH_SIZE_MAX];
    int code;
    (void)snprintf(line, sizeof line, PROGRAM " %s --json >%s/real", command, folder);
    free(run(line, &code));
    cr_assert_eq(code, 0);
    char *text = compare("real", "real", &code);
    cr_expect_eq(code, 0);
    cr_expect_eq(strncmp(text, said, strlen(said)), 0, "%s", text);
    free(text);
}

/* Whatever a command writes, compare reads: a report does not differ from itself. */
Test(compare, a_real_report_is_no_change_to_itself)
{
    expect_same("auth -c 5 --rows 50 --rounds 2 -d 0.1 --warm-up 0.1",
                "no change beyond the noise in 15");
    expect_same("lookup --rows 1000 --batch 8 --rounds 2 -d 0.001",
                "no change beyond the noise in 12");
    expect_same("connections --count 100 --rounds 2", "no change beyond the noise in");
}
