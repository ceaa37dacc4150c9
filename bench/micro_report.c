/* What small measurements gave, for people, and how they end. */
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

static void print_conditions(const struct pos_micro *micro)
{
    for (size_t i = 0; i < micro->condition_count; i++) {
        const struct pos_micro_condition *condition = &micro->conditions[i];
        printf("%s%s ", i > 0 ? ", " : "", condition->name);
        if (condition->text != NULL)
            printf("%s", condition->text);
        else
            printf("%llu", (unsigned long long)condition->number);
    }
    if (micro->condition_count > 0)
        printf("\n");
}

static void print_head(const struct pos_micro *micro)
{
    char machine[POS_MACHINE_TEXT_SIZE];
    pos_machine_text(machine);
    printf("%s: %u rounds, %g s of each in each, after one that does not count\n", micro->command,
           micro->options.rounds, micro->options.duration_s);
    print_conditions(micro);
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

/* Through sockets: what came, by code, and what went wrong. */
static void print_outcome(const struct pos_trace *trace)
{
    printf("%s: ", trace->name);
    pos_load_tally_print(trace->tally, *trace->unanswered, stdout);
    printf("\n");
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
    for (size_t i = 0; i < micro->trace_count; i++)
        print_outcome(&micro->traces[i]);
    if (micro->note[0] != '\0')
        printf("\n%s\n", micro->note);
}

int pos_micro_finish(struct pos_micro *micro, enum pos_status status, struct pos_error *error)
{
    struct pos_outputs *outputs = &micro->options.outputs;
    int code = POS_EXIT_DONE;
    if (status == POS_OK && !outputs->json)
        print_text(micro);
    if (status == POS_OK && pos_outputs_wanted(outputs))
        status = pos_outputs_give(outputs, pos_micro_json(micro), error);
    if (status != POS_OK)
        return pos_command_fail(micro->command, error);
    for (size_t i = 0; i < micro->check_count; i++)
        if (micro->checks[i].binding && !micro->checks[i].met) {
            (void)fprintf(stderr, "posgate-bench %s: %s misses its limit\n", micro->command,
                          micro->checks[i].name);
            code = POS_EXIT_MISSED;
        }
    return code;
}
