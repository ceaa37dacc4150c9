/* A report of the small commands in JSON; docs/benchmarks.md lists its keys. */
#include <jansson.h>

#include "bench/micro.h"
#include "bench/report.h"
#include "bench/report_head.h"

static json_t *json_subject(const struct pos_micro *micro, size_t i)
{
    const struct pos_micro_subject *subject = &micro->subjects[i];
    const struct pos_micro_subject *floor =
        subject->floor == POS_MICRO_NONE ? NULL : &micro->subjects[subject->floor];
    uint32_t rounds = micro->options.rounds;
    json_t *out = json_pack("{s:s, s:o}", "name", subject->name, "ns",
                            pos_report_summary_json(pos_summarise(subject->ns, rounds)));
    json_t *values = json_array();
    for (size_t r = 0; r < rounds; r++)
        (void)json_array_append_new(values, json_real(subject->ns[r]));
    (void)json_object_set_new(out, "rounds_ns", values);
    if (floor != NULL) {
        (void)json_object_set_new(out, "floor", json_string(floor->name));
        (void)json_object_set_new(
            out, "ratio",
            pos_report_summary_json(pos_summarise_ratio(subject->ns, floor->ns, rounds)));
    }
    return out;
}

static json_t *json_check(const struct pos_micro *micro, const struct pos_micro_check *check)
{
    json_t *out = json_pack("{s:s, s:o, s:s, s:s, s:f, s:b, s:b}", "name", check->name, "value",
                            pos_report_summary_json(check->value), "unit",
                            check->to == POS_MICRO_NONE ? "ns" : "x", "sense",
                            check->at_least ? "at least" : "at most", "limit", check->limit,
                            "stated", (int)check->binding, "met", (int)check->met);
    (void)json_object_set_new(out, "of", json_string(micro->subjects[check->of].name));
    if (check->to != POS_MICRO_NONE)
        (void)json_object_set_new(out, "to", json_string(micro->subjects[check->to].name));
    return out;
}

static json_t *json_facts(const struct pos_micro *micro)
{
    json_t *facts = json_array();
    for (size_t i = 0; i < micro->fact_count; i++)
        (void)json_array_append_new(
            facts, json_pack("{s:s, s:f, s:s}", "name", micro->facts[i].name, "value",
                             micro->facts[i].value, "unit", micro->facts[i].unit));
    return facts;
}

static json_t *json_conditions(const struct pos_micro *micro)
{
    json_t *out = json_pack("{s:i, s:f}", "rounds", (int)micro->options.rounds, "duration_s",
                            micro->options.duration_s);
    for (size_t i = 0; i < micro->condition_count; i++) {
        const struct pos_micro_condition *condition = &micro->conditions[i];
        (void)json_object_set_new(out, condition->name,
                                  condition->text != NULL
                                      ? json_string(condition->text)
                                      : json_integer((json_int_t)condition->number));
    }
    return out;
}

json_t *pos_micro_json(const struct pos_micro *micro)
{
    json_t *out = pos_report_head(micro->command, &micro->options.outputs, micro->pinning);
    json_t *subjects = json_array(), *checks = json_array(), *traces = json_array();
    for (size_t i = 0; i < micro->subject_count; i++)
        (void)json_array_append_new(subjects, json_subject(micro, i));
    for (size_t i = 0; i < micro->check_count; i++)
        (void)json_array_append_new(checks, json_check(micro, &micro->checks[i]));
    for (size_t i = 0; i < micro->trace_count; i++)
        (void)json_array_append_new(traces, pos_trace_json(&micro->traces[i]));
    pos_report_merge(out, json_conditions(micro));
    pos_report_merge(out, json_pack("{s:o, s:o, s:o, s:o, s:s}", "subjects", subjects, "facts",
                                    json_facts(micro), "checks", checks, "traces", traces, "note",
                                    micro->note));
    return out;
}
