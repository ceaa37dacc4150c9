/* What small measurements gave, for people and for programs. */
#include <jansson.h>
#include <stdio.h>

#include "bench/command.h"
#include "bench/machine.h"
#include "bench/micro.h"
#include "core/base/exit_code.h"
#include "core/base/version.h"

static const struct pos_micro_subject *floor_of(const struct pos_micro *micro, size_t i)
{
    int floor = micro->subjects[i].floor;
    return floor == POS_MICRO_NONE ? NULL : &micro->subjects[floor];
}

static const char *unit_of(const struct pos_micro_check *check)
{
    return check->to == POS_MICRO_NONE ? "ns" : "x";
}

/* ---- text ---- */

static void print_head(const struct pos_micro *micro)
{
    char machine[POS_MACHINE_TEXT_SIZE];
    pos_machine_text(machine);
    printf("%s: %u rounds, %g s of each in each, after one that does not count\n", micro->command,
           micro->options.rounds, micro->options.duration_s);
    printf("%s; %s, commit %s\n\n", machine, pos_version_line(), pos_version_commit());
}

static void print_subject(const struct pos_micro *micro, size_t i)
{
    const struct pos_micro_subject *subject = &micro->subjects[i], *floor = floor_of(micro, i);
    struct pos_summary ns = pos_summarise(subject->ns, micro->options.rounds);
    char cell[64];
    (void)snprintf(cell, sizeof cell, "%.1f (%.1f to %.1f)", ns.median, ns.low, ns.high);
    printf("%-42s  %-34s", subject->name, cell);
    if (!subject->latency)
        printf("  %13.0f", 1e9 / ns.median);
    if (floor != NULL) {
        struct pos_summary ratio =
            pos_summarise_ratio(subject->ns, floor->ns, micro->options.rounds);
        printf("  %.2f (%.2f to %.2f) x %s", ratio.median, ratio.low, ratio.high, floor->name);
    }
    printf("\n");
}

static void print_check(const struct pos_micro_check *check)
{
    printf("%-42s  %10.3g %-2s (%.3g to %.3g)  ", check->name, check->value.median, unit_of(check),
           check->value.low, check->value.high);
    if (check->limit <= 0)
        printf("no target\n");
    else
        printf("%s %g  %s%s\n", check->at_least ? "at least" : "at most", check->limit,
               check->met ? "met" : "MISSED", check->binding ? ", stated" : "");
}

static void print_text(const struct pos_micro *micro)
{
    print_head(micro);
    printf("%-42s  %-34s  %13s\n", "", "ns each, median (low to high)", "a second");
    for (size_t i = 0; i < micro->subject_count; i++)
        print_subject(micro, i);
    printf("\n");
    for (size_t i = 0; i < micro->fact_count; i++)
        printf("%-42s  %g %s\n", micro->facts[i].name, micro->facts[i].value, micro->facts[i].unit);
    if (micro->fact_count > 0)
        printf("\n");
    for (size_t i = 0; i < micro->check_count; i++)
        print_check(&micro->checks[i]);
    if (micro->note[0] != '\0')
        printf("\n%s\n", micro->note);
}

/* ---- JSON ---- */

static json_t *json_summary(struct pos_summary summary)
{
    return json_pack("{s:f, s:f, s:f}", "median", summary.median, "low", summary.low, "high",
                     summary.high);
}

static json_t *json_subject(const struct pos_micro *micro, size_t i)
{
    const struct pos_micro_subject *subject = &micro->subjects[i], *floor = floor_of(micro, i);
    uint32_t rounds = micro->options.rounds;
    json_t *out = json_pack("{s:s, s:o}", "name", subject->name, "ns",
                            json_summary(pos_summarise(subject->ns, rounds)));
    json_t *values = json_array();
    for (size_t r = 0; r < rounds; r++)
        (void)json_array_append_new(values, json_real(subject->ns[r]));
    (void)json_object_set_new(out, "rounds_ns", values);
    if (floor != NULL) {
        (void)json_object_set_new(out, "floor", json_string(floor->name));
        (void)json_object_set_new(
            out, "ratio", json_summary(pos_summarise_ratio(subject->ns, floor->ns, rounds)));
    }
    return out;
}

static json_t *json_check(const struct pos_micro *micro, const struct pos_micro_check *check)
{
    json_t *out = json_pack("{s:s, s:o, s:s, s:s, s:f, s:b, s:b}", "name", check->name, "value",
                            json_summary(check->value), "unit", unit_of(check), "sense",
                            check->at_least ? "at least" : "at most", "limit", check->limit,
                            "stated", (int)check->binding, "met", (int)check->met);
    (void)json_object_set_new(out, "of", json_string(micro->subjects[check->of].name));
    if (check->to != POS_MICRO_NONE)
        (void)json_object_set_new(out, "to", json_string(micro->subjects[check->to].name));
    return out;
}

static json_t *json_all(const struct pos_micro *micro)
{
    char machine[POS_MACHINE_TEXT_SIZE];
    json_t *subjects = json_array(), *checks = json_array(), *facts = json_array();
    pos_machine_text(machine);
    for (size_t i = 0; i < micro->subject_count; i++)
        (void)json_array_append_new(subjects, json_subject(micro, i));
    for (size_t i = 0; i < micro->check_count; i++)
        (void)json_array_append_new(checks, json_check(micro, &micro->checks[i]));
    for (size_t i = 0; i < micro->fact_count; i++)
        (void)json_array_append_new(
            facts, json_pack("{s:s, s:f, s:s}", "name", micro->facts[i].name, "value",
                             micro->facts[i].value, "unit", micro->facts[i].unit));
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:o, s:o, s:o, s:s}", "command",
                     micro->command, "machine", machine, "version", pos_version_line(), "commit",
                     pos_version_commit(), "rounds", (int)micro->options.rounds, "duration_s",
                     micro->options.duration_s, "subjects", subjects, "facts", facts, "checks",
                     checks, "note", micro->note);
}

static int print_json(const struct pos_micro *micro)
{
    json_t *out = json_all(micro);
    int result =
        out == NULL ? -1 : json_dumpf(out, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(out);
    return result;
}

int pos_micro_finish(const struct pos_micro *micro, enum pos_status status,
                     const struct pos_error *error)
{
    if (status != POS_OK)
        return pos_command_fail(micro->command, error);
    int code = POS_EXIT_DONE;
    if (!micro->options.json)
        print_text(micro);
    else if (print_json(micro) != 0)
        return POS_EXIT_FAILED;
    for (size_t i = 0; i < micro->check_count; i++)
        if (micro->checks[i].binding && !micro->checks[i].met) {
            (void)fprintf(stderr, "posgate-bench %s: %s misses its limit\n", micro->command,
                          micro->checks[i].name);
            code = POS_EXIT_MISSED;
        }
    return code;
}
