/* The commands that measure one thing in rounds: figures, checks and exit codes, in short runs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/program.h"

/* A gateway that has only just begun still grows; and the address sanitizer keeps what was freed.
 */
#ifdef __SANITIZE_ADDRESS__
#define GROWTH " --growth 1000000"
#else
#define GROWTH " --growth 16384"
#endif

static const struct {
    const char *name, *options;
    size_t subjects, checks;
    const char *missed; /* a limit that nothing can keep */
    unsigned rounds;
} commands[] = {
    {"codec", "-d 0.0005", 44, 8, "parse=0.001", 2},
    {"crypto", "-d 0.0005", 32, 5, "unwrap/D=0.001", 2},
    {"lookup", "-d 0.002 --rows 3000 --batch 8", 6, 2, "unregistered/8=0.0001", 2},
    {"generate", "-d 0.02", 5, 2, "generate/ciphers=1000", 2},
    {"generate", "-d 0.02 --alg SM4", 5, 2, "generate=1000", 2},
    {"register", "-d 0.5 -c 10 --terminals 2000", 4, 2, "sockets=1000000", 1},
    {"sign-on", "-d 0.5 -c 10 --terminals 2000", 4, 2, "cpu/ns=1", 1},
    {"mixed", "-d 0.4 -c 10 --rows 500 --terminals 20000", 4, 1, "p99=0.0001", 1},
    {"flood", "-d 0.6 --rows 500 --rate 500 --flood 3000" GROWTH, 4, 1, "p99=0.0001", 1},
    {"stall", "-d 1.4", 4, 2, "max=5000000000", 1},
};
enum { FIRST_WITH_SOCKETS = 5, COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static json_t *run_command(size_t i, const char *more, int *code)
{
    char line[512];
    snprintf(line, sizeof line, PROGRAM " %s %s --rounds %u --json %s", commands[i].name,
             commands[i].options, commands[i].rounds, more);
    return run_report(line, code);
}

static void expect_summary(json_t *object, const char *key, const char *name)
{
    double median = number_at(object, key, "median");
    cr_expect(median > 0 && isfinite(median), "%s: %s is %g", name, key, median);
    cr_expect(number_at(object, key, "low") <= median, "%s: %s", name, key);
    cr_expect(number_at(object, key, "high") >= median, "%s: %s", name, key);
}

static json_t *find(json_t *report, const char *list, const char *name)
{
    size_t i;
    json_t *item, *found = NULL;
    json_array_foreach(json_object_get(report, list), i,
                       item) if (strcmp(json_string_value(json_object_get(item, "name")), name) ==
                                 0) found = item;
    cr_assert_not_null(found, "no %s in %s", name, list);
    return found;
}

/* Of the quickest round: what else the machine does only adds. */
static double ns_of(json_t *report, const char *subject)
{
    return number_at(find(report, "subjects", subject), "ns", "low");
}

/* With a limit that nothing keeps, so that one run shows both. */
static void check_command(size_t c)
{
    int code;
    size_t i;
    char limit[128];
    snprintf(limit, sizeof limit, "--limit %s", commands[c].missed);
    json_t *item, *report = run_command(c, limit, &code);
    json_t *subjects = json_object_get(report, "subjects");
    json_t *checks = json_object_get(report, "checks");
    cr_expect_eq(code, 3, "%s %s: %d", commands[c].name, limit, code);
    cr_expect_eq(json_array_size(subjects), commands[c].subjects, "%s: %zu subjects",
                 commands[c].name, json_array_size(subjects));
    cr_expect_eq(json_array_size(checks), commands[c].checks, "%s: %zu checks", commands[c].name,
                 json_array_size(checks));
    json_array_foreach(subjects, i, item)
    {
        expect_summary(item, "ns", commands[c].name);
        cr_expect_eq(json_array_size(json_object_get(item, "rounds_ns")), commands[c].rounds,
                     "the first round does not count");
    }
    json_array_foreach(checks, i, item) expect_summary(item, "value", commands[c].name);
    cr_expect(json_string_length(json_object_get(report, "machine")) > 0);
    json_decref(report);
}

Test(micro, every_command_reports_what_it_measured_and_ends_with_3_above_a_stated_limit)
{
    for (size_t c = 0; c < FIRST_WITH_SOCKETS; c++)
        check_command(c);
}

Test(micro, so_does_every_command_that_asks_a_gateway)
{
    for (size_t c = FIRST_WITH_SOCKETS; c < COMMAND_COUNT; c++)
        check_command(c);
}

Test(micro, a_check_says_whether_it_was_met_and_only_stated_ones_decide)
{
    int code;
    json_t *report = run_command(0, "--limit parse/cup=1000000000", &code);
    json_t *stated = find(report, "checks", "parse/cup"),
           *other = find(report, "checks", "parse/iso87b");
    cr_expect_eq(code, 0);
    cr_expect(json_is_true(json_object_get(stated, "stated")));
    cr_expect(json_is_true(json_object_get(stated, "met")));
    cr_expect_eq(number_at(stated, "limit", NULL), 1000000000);
    cr_expect(json_is_false(json_object_get(other, "stated")));
    cr_expect_eq(number_at(other, "limit", NULL), 80);
    json_decref(report);
    report = run_command(0, "--limit parse/cup=0.001", &code);
    cr_expect_eq(code, 3);
    cr_expect(json_is_false(json_object_get(find(report, "checks", "parse/cup"), "met")));
    json_decref(report);
}

/* A name stands for what begins with it and a bar, not for what begins with its letters. */
Test(micro, limits_that_name_no_check_are_wrong_usage)
{
    static const struct {
        const char *name, *options;
        int code;
    } rows[] = {
        {"a group", "--limit build=1000000000", 0},
        {"no such check", "--limit fly=1", 2},
        {"the beginning of a name", "--limit pars=1", 2},
        {"no value", "--limit parse", 2},
        {"no name", "--limit =4", 2},
        {"not a number", "--limit parse=quick", 2},
        {"zero", "--limit parse=0", 2},
        {"no rounds", "--rounds 0", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        char line[256];
        snprintf(line, sizeof line, PROGRAM " codec --rounds 1 -d 0.0005 %s 2>&1", rows[i].options);
        free(run(line, &code));
        cr_expect_eq(code, rows[i].code, "%s: %d", rows[i].name, code);
    }
}

/* Order that holds on any machine: less work takes less time. */
Test(micro, more_work_takes_more_time)
{
    int codes[3];
    json_t *codec = run_command(0, "--rounds 9", &codes[0]);
    json_t *crypto = run_command(1, "--rounds 9", &codes[1]);
    json_t *lookup = run_command(2, "--rounds 9", &codes[2]);
    cr_expect(codes[0] == 0 && codes[1] == 0 && codes[2] == 0, "missed targets that nobody stated");
    cr_expect_lt(ns_of(codec, "copy of 127 bytes"), ns_of(codec, "parse iso87b sale, 127 bytes"));
    cr_expect_lt(ns_of(crypto, "OpenSSL: unwrap D"), ns_of(crypto, "unwrap key block D"));
    cr_expect_lt(ns_of(crypto, "CMAC A128, 100 bytes"), ns_of(crypto, "retail T2, 100 bytes"));
    cr_expect_lt(ns_of(lookup, "in memory, registered"),
                 ns_of(lookup, "RocksDB, registered, 1 at once"));
    cr_expect_lt(ns_of(lookup, "RocksDB, unregistered, 1 at once"),
                 ns_of(lookup, "RocksDB, registered, 1 at once"));
    json_decref(codec);
    json_decref(crypto);
    json_decref(lookup);
}

Test(micro, too_few_newcomers_are_refused_and_figures_of_others_are_marked)
{
    int code;
    free(run(PROGRAM " register -c 100 --terminals 100 --rounds 2 2>&1", &code));
    cr_expect_eq(code, 2);
    json_t *codec = run_command(0, "", &code);
    const char *note = json_string_value(json_object_get(codec, "note"));
    cr_expect(strncmp(note, "Not measured here", 17) == 0, "%s", note);
    json_decref(codec);
}
