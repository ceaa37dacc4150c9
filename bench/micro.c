#include "bench/micro.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/interrupt.h"
#include "bench/progress.h"

/* ---- options ---- */

enum { KEY_ROUNDS = 0x400, KEY_LIMIT };

static const struct argp_option options[] = {
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds that count, after one that does not; default 5", 0},
    {"duration", 'd', "SECONDS", 0, "Of each thing measured in each round", 0},
    {"limit", KEY_LIMIT, "NAME=VALUE", 0,
     "End with 3 when the check NAME (or any NAME/...) misses VALUE; `targets` states every target "
     "as a limit",
     0},
    {NULL, 0, NULL, 0, NULL, 0}};

static void add_limit(struct argp_state *state, struct pos_micro_options *into, const char *text)
{
    const char *equals = strchr(text, '=');
    if (strcmp(text, "targets") == 0) {
        into->limit_targets = true;
        return;
    }
    if (equals == NULL || equals == text || (size_t)(equals - text) >= POS_MICRO_NAME_SIZE)
        argp_error(state, "--limit takes NAME=VALUE or targets, not '%s'", text);
    if (into->limit_count == POS_MICRO_LIMIT_COUNT_MAX)
        argp_error(state, "--limit at most %d times", POS_MICRO_LIMIT_COUNT_MAX);
    struct pos_micro_limit *limit = &into->limits[into->limit_count++];
    memcpy(limit->name, text, (size_t)(equals - text));
    limit->value = pos_option_decimal(state, "--limit", equals + 1, 1e-9, 1e15);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_micro_options *into = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        into->rounds = 5;
        if (into->duration_s <= 0)
            into->duration_s = 0.05;
        state->child_inputs[0] = &into->outputs;
        return 0;
    case KEY_ROUNDS:
        into->rounds =
            (uint32_t)pos_option_number(state, "--rounds", argument, 1, POS_ROUND_COUNT_MAX);
        return 0;
    case 'd':
        into->duration_s = pos_option_decimal(state, "--duration", argument, 0.0001, 600);
        return 0;
    case KEY_LIMIT:
        add_limit(state, into, argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The command's own options, then those of all. */
struct inputs {
    void *own;
    struct pos_micro_options *common;
};

static error_t share_inputs(int key, char *argument, struct argp_state *state)
{
    struct inputs *inputs = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = inputs->common;
    if (inputs->own != NULL)
        state->child_inputs[1] = inputs->own;
    return 0;
}

void pos_micro_begin(struct pos_micro *micro, const char *doc, const struct argp *own,
                     void *own_input, int argc, char **argv)
{
    static const struct argp_child outputs[] = {{&pos_outputs_argp, 0, NULL, 0},
                                                {NULL, 0, NULL, 0}};
    static const struct argp common = {.options = options, .parser = parse, .children = outputs};
    struct argp_child children[] = {{&common, 0, NULL, 0}, {own, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    struct argp argp = {.parser = share_inputs, .children = children, .doc = doc};
    struct inputs inputs = {.own = own_input, .common = &micro->options};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &inputs);
    pos_interrupt_catch();
    micro->pinning = pos_pinning_choose();
    pos_pin_self(micro->pinning.load_core);
}

/* ---- what is measured ---- */

__attribute__((format(printf, 2, 0))) static void format_name(char name[POS_MICRO_NAME_SIZE],
                                                              const char *format, va_list arguments)
{
    int size = vsnprintf(name, POS_MICRO_NAME_SIZE, format, arguments);
    assert(size > 0 && size < POS_MICRO_NAME_SIZE);
}

int pos_micro_add(struct pos_micro *micro, const struct pos_micro_subject *subject,
                  const char *name, ...)
{
    va_list arguments;
    assert(micro->subject_count < POS_MICRO_SUBJECT_COUNT_MAX);
    assert((subject->run == NULL) != (subject->take == NULL));
    struct pos_micro_subject *added = &micro->subjects[micro->subject_count];
    *added = *subject;
    va_start(arguments, name);
    format_name(added->name, name, arguments);
    va_end(arguments);
    return (int)micro->subject_count++;
}

void pos_micro_check(struct pos_micro *micro, struct pos_micro_check check, const char *name, ...)
{
    va_list arguments;
    assert(micro->check_count < POS_MICRO_CHECK_COUNT_MAX);
    va_start(arguments, name);
    format_name(check.name, name, arguments);
    va_end(arguments);
    micro->checks[micro->check_count++] = check;
}

void pos_micro_fact(struct pos_micro *micro, const char *name, double value, const char *unit)
{
    assert(micro->fact_count < POS_MICRO_FACT_COUNT_MAX);
    struct pos_micro_fact *fact = &micro->facts[micro->fact_count++];
    fact->value = value;
    fact->unit = unit;
    (void)snprintf(fact->name, sizeof fact->name, "%s", name);
}

static struct pos_micro_condition *add_condition(struct pos_micro *micro, const char *option)
{
    assert(micro->condition_count < POS_MICRO_CONDITION_COUNT_MAX);
    struct pos_micro_condition *condition = &micro->conditions[micro->condition_count++];
    *condition = (struct pos_micro_condition){.name = option};
    return condition;
}

void pos_micro_number(struct pos_micro *micro, const char *option, uint64_t value)
{
    add_condition(micro, option)->number = value;
}

void pos_micro_text(struct pos_micro *micro, const char *option, const char *value)
{
    add_condition(micro, option)->text = value;
}

void pos_micro_trace(struct pos_micro *micro, const struct pos_trace *trace)
{
    assert(micro->trace_count < POS_MICRO_TRACE_COUNT_MAX);
    micro->traces[micro->trace_count++] = *trace;
}

/* ---- rounds ---- */

static double seconds_now(bool wall)
{
    struct timespec now;
    clock_gettime(wall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum pos_status time_run(const struct pos_micro_subject *subject, uint64_t count,
                                double *seconds)
{
    double start = seconds_now(subject->wall);
    enum pos_status status = subject->run(subject->context, count);
    *seconds = seconds_now(subject->wall) - start;
    return status;
}

/* Doubles until a run is long enough to tell how many fill the round. */
static enum pos_status calibrate(struct pos_micro_subject *subject, double duration_s)
{
    double seconds = 0;
    enum pos_status status = POS_OK;
    subject->count = 1;
    while (status == POS_OK) {
        status = time_run(subject, subject->count, &seconds);
        if (seconds >= duration_s / 8)
            break;
        subject->count *= 2;
    }
    uint64_t fitting = (uint64_t)((double)subject->count * duration_s / seconds);
    subject->count = fitting > 0 ? fitting : 1;
    return status;
}

static enum pos_status take_reading(struct pos_micro_subject *subject, double duration_s,
                                    struct pos_micro_reading *reading)
{
    *reading = (struct pos_micro_reading){0};
    if (subject->take != NULL)
        return subject->take(subject->context, duration_s, reading);
    enum pos_status status = POS_OK;
    if (subject->count == 0)
        status = calibrate(subject, duration_s);
    if (status != POS_OK)
        return status;
    uint32_t each = subject->each > 0 ? subject->each : 1;
    reading->operations = (double)subject->count * each;
    return time_run(subject, subject->count, &reading->seconds);
}

static enum pos_status run_round(struct pos_micro *micro, int round, struct pos_error *error)
{
    micro->round = round;
    for (size_t i = 0; i < micro->subject_count; i++) {
        struct pos_micro_subject *subject = &micro->subjects[i];
        struct pos_micro_reading reading;
        pos_progress_step((uint32_t)(round + 1), micro->options.rounds, subject->name);
        if (pos_interrupted())
            return pos_error_set(error, POS_ERR_BUSY, "interrupted");
        enum pos_status status = take_reading(subject, micro->options.duration_s, &reading);
        if (status != POS_OK)
            return pos_error_set(error, status, "%s: %s", subject->name, pos_status_text(status));
        if (reading.operations <= 0 || reading.seconds <= 0)
            return pos_error_set(error, POS_ERR_STATE, "%s: nothing was done in a round",
                                 subject->name);
        if (round >= 0)
            subject->ns[round] = reading.seconds * 1e9 / reading.operations;
    }
    return POS_OK;
}

/* ---- against the limits ---- */

/* `parse` names `parse` and `parse/iso87b`, not `parser`. */
static bool names(const char *limit, const char *check)
{
    size_t size = strlen(limit);
    return strncmp(limit, check, size) == 0 && (check[size] == '\0' || check[size] == '/');
}

static enum pos_status state_limits(struct pos_micro *micro, struct pos_error *error)
{
    const struct pos_micro_options *stated = &micro->options;
    for (size_t c = 0; c < micro->check_count; c++) {
        micro->checks[c].limit = micro->checks[c].target;
        micro->checks[c].binding = stated->limit_targets && micro->checks[c].target > 0;
    }
    for (size_t i = 0; i < stated->limit_count; i++) {
        size_t named = 0;
        for (size_t c = 0; c < micro->check_count; c++)
            if (names(stated->limits[i].name, micro->checks[c].name)) {
                micro->checks[c].limit = stated->limits[i].value;
                micro->checks[c].binding = true;
                named++;
            }
        if (named == 0)
            return pos_error_set(error, POS_ERR_USAGE, "--limit: there is no check '%s' here",
                                 stated->limits[i].name);
    }
    return POS_OK;
}

static void judge(struct pos_micro *micro)
{
    for (size_t c = 0; c < micro->check_count; c++) {
        struct pos_micro_check *check = &micro->checks[c];
        const double *of = micro->subjects[check->of].ns;
        check->value =
            check->to == POS_MICRO_NONE
                ? pos_summarise(of, micro->options.rounds)
                : pos_summarise_ratio(of, micro->subjects[check->to].ns, micro->options.rounds);
        double median = check->value.median;
        check->met =
            check->at_least || check->limit <= 0 ? median >= check->limit : median <= check->limit;
    }
}

enum pos_status pos_micro_measure(struct pos_micro *micro, struct pos_error *error)
{
    enum pos_status status = state_limits(micro, error);
    bool planned = pos_progress_plan(micro->subject_count * (micro->options.rounds + 1),
                                     micro->options.duration_s);
    for (int round = -1; round < (int)micro->options.rounds && status == POS_OK; round++)
        status = run_round(micro, round, error);
    pos_progress_leave(planned);
    if (status == POS_OK)
        judge(micro);
    return status;
}
