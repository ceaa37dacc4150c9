/*
 * `compare A B`: what two reports in JSON say of the same servers, or of the same small things, and
 * which of it differs beyond the noise.
 *
 * The noise of a figure is the spread of its rounds. A figure changed when the spreads of the two
 * reports have no value in common; a report of one round has no spread and shows no change. Ratios
 * to a server that does nothing but answer come first: they hold across machines and busy hours,
 * which plain figures do not.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/command.h"
#include "bench/statistics.h"

struct comparison {
    json_t *a, *b;
    size_t compared, changed, single;
};

/* Ratios before what they are of. */
static const struct {
    const char *key, *said;
} measures[] = {
    {"value", "ratio"}, /* of a check */
    {"ratio", "ratio to its floor"},
    {"ns", "ns each"},
    {"cpu_us_per_request", "CPU us a request"},
    {"requests_per_second", "requests a second"},
    {"latency_p50_us", "latency p50 us"},
    {"latency_p99_us", "latency p99 us"},
    {"latency_p999_us", "latency p99.9 us"},
    {"latency_p9999_us", "latency p99.99 us"},
    {"latency_max_us", "latency max us"},
    {"bytes_connected", "bytes a connection, connected"},
    {"bytes_used", "bytes a connection, after a request"},
};

/* What makes figures of two runs incomparable, or at least worth a look. */
static const char *const conditions[] = {
    "machine",   "connections", "outstanding", "duration_s", "rate",
    "reconnect", "rows",        "working_set", "lookup",     "unregistered_percent",
    "mac",       "dialect",     "cache_mb",    "requests",   "warm_up_s",
    "command",   "terminals",   "batch",       "alg",        "flood",
};

static bool read_summary(json_t *from, struct pos_summary *summary)
{
    json_t *median = json_object_get(from, "median");
    json_t *low = json_object_get(from, "low"), *high = json_object_get(from, "high");
    if (!json_is_number(median) || !json_is_number(low) || !json_is_number(high))
        return false;
    *summary = (struct pos_summary){json_number_value(median), json_number_value(low),
                                    json_number_value(high)};
    return summary->median > 0;
}

static void compare_one(struct comparison *comparison, const char *of, const char *what, json_t *a,
                        json_t *b)
{
    struct pos_summary before, after;
    if (!read_summary(a, &before) || !read_summary(b, &after))
        return;
    if (json_integer_value(json_object_get(comparison->a, "rounds")) < 2 ||
        json_integer_value(json_object_get(comparison->b, "rounds")) < 2) {
        comparison->single++;
        return;
    }
    comparison->compared++;
    if (after.low <= before.high && after.high >= before.low)
        return;
    comparison->changed++;
    (void)printf("%s, %s: %.4g (%.4g to %.4g), was %.4g (%.4g to %.4g): %+.1f %%\n", of, what,
                 after.median, after.low, after.high, before.median, before.low, before.high,
                 100 * (after.median / before.median - 1));
}

static bool is_same(json_t *a, json_t *b, const char *key)
{
    const char *one = json_string_value(json_object_get(a, key));
    const char *other = json_string_value(json_object_get(b, key));
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

static void compare_ratios(struct comparison *comparison)
{
    json_t *a, *b;
    size_t i, j;
    json_array_foreach(json_object_get(comparison->a, "cpu_ratios"), i, a)
    {
        json_array_foreach(json_object_get(comparison->b, "cpu_ratios"), j, b)
        {
            char what[128];
            if (!is_same(a, b, "of") || !is_same(a, b, "to"))
                continue;
            (void)snprintf(what, sizeof what, "CPU to that of %s",
                           json_string_value(json_object_get(a, "to")));
            compare_one(comparison, json_string_value(json_object_get(a, "of")), what, a, b);
        }
    }
}

/* A check of a time, which stands among the subjects. */
static bool is_plain_check(json_t *item)
{
    return json_object_get(item, "met") != NULL && json_object_get(item, "to") == NULL;
}

/* Checks, servers, or the subjects of a small command: whatever has a name. */
static void compare_list(struct comparison *comparison, const char *list)
{
    json_t *a, *b;
    size_t i, j;
    json_array_foreach(json_object_get(comparison->a, list), i, a)
    {
        json_array_foreach(json_object_get(comparison->b, list), j, b)
        {
            if (!is_same(a, b, "name") || is_plain_check(a))
                continue;
            for (size_t k = 0; k < sizeof measures / sizeof measures[0]; k++)
                compare_one(comparison, json_string_value(json_object_get(a, "name")),
                            measures[k].said, json_object_get(a, measures[k].key),
                            json_object_get(b, measures[k].key));
        }
    }
}

static void say_conditions(const struct comparison *comparison)
{
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        json_t *a = json_object_get(comparison->a, conditions[i]);
        json_t *b = json_object_get(comparison->b, conditions[i]);
        if (a == b || (a != NULL && b != NULL && json_equal(a, b)))
            continue;
        char *one = a != NULL ? json_dumps(a, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) : NULL;
        char *other = b != NULL ? json_dumps(b, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) : NULL;
        (void)printf("not measured alike: %s is %s, was %s\n", conditions[i],
                     other != NULL ? other : "not stated", one != NULL ? one : "not stated");
        free(one);
        free(other);
    }
}

static int compare(struct comparison *comparison)
{
    say_conditions(comparison);
    compare_ratios(comparison);
    compare_list(comparison, "checks");
    compare_list(comparison, "servers");
    compare_list(comparison, "subjects");
    if (comparison->single > 0)
        (void)printf("%zu figures have no spread, since a report has one round: not judged\n",
                     comparison->single);
    else if (comparison->compared == 0) {
        (void)fprintf(stderr, "posgate-bench compare: the reports have nothing in common\n");
        return POS_EXIT_FAILED;
    }
    if (comparison->compared > 0 && comparison->changed == 0)
        (void)printf("no change beyond the noise in %zu figures\n", comparison->compared);
    else if (comparison->compared > 0)
        (void)printf("%zu of %zu figures changed beyond the noise\n", comparison->changed,
                     comparison->compared);
    return POS_EXIT_DONE;
}

static json_t *load(const char *name)
{
    json_error_t error;
    json_t *report = json_load_file(name, 0, &error);
    if (report == NULL) {
        (void)fprintf(stderr, "posgate-bench compare: %s: %s (line %d)\n", name, error.text,
                      error.line);
        return NULL;
    }
    if (json_is_array(json_object_get(report, "servers")) ||
        json_is_array(json_object_get(report, "subjects")))
        return report;
    bool is_sweep = json_is_array(json_object_get(report, "sweep"));
    (void)fprintf(stderr, "posgate-bench compare: %s is %s: name two that --json wrote\n", name,
                  is_sweep ? "a sweep, whose rates follow from the run" : "no report");
    json_decref(report);
    return NULL;
}

int pos_command_compare(int argc, char **argv)
{
    bool asked = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-') {
        (void)fprintf(asked ? stdout : stderr,
                      "Usage: posgate-bench compare A B\n\nSays what changed from report A to "
                      "report B beyond the noise; both are what the same command wrote with "
                      "--json.\n");
        return asked ? POS_EXIT_DONE : POS_EXIT_USAGE;
    }
    struct comparison comparison = {.a = load(argv[1])};
    comparison.b = comparison.a != NULL ? load(argv[2]) : NULL;
    int code = comparison.b != NULL ? compare(&comparison) : POS_EXIT_FAILED;
    json_decref(comparison.a);
    json_decref(comparison.b);
    return code;
}
