#include "emulator/terminals/report.h"

#include <jansson.h>
#include <string.h>

void pos_report_sent(struct pos_report *report, enum pos_kind kind)
{
    report->steps[kind].sent++;
}

static struct pos_report_code *code_of(struct pos_report_step *step, const char *code)
{
    for (size_t i = 0; i < step->code_count; i++)
        if (strcmp(step->codes[i].code, code) == 0)
            return &step->codes[i];
    if (step->code_count == POS_REPORT_CODE_COUNT_MAX) {
        struct pos_report_code *last = &step->codes[step->code_count - 1];
        memcpy(last->code, "??", 3);
        return last;
    }
    struct pos_report_code *row = &step->codes[step->code_count++];
    (void)snprintf(row->code, sizeof row->code, "%.2s", code);
    return row;
}

void pos_report_answer(struct pos_report *report, enum pos_kind kind, const char *code,
                       uint64_t amount, uint64_t latency_ns)
{
    struct pos_report_step *step = &report->steps[kind];
    struct pos_report_code *row = code_of(step, code);
    row->count++;
    row->amount += amount;
    pos_histogram_record(&step->latency, latency_ns);
}

void pos_report_mismatch(struct pos_report *report, const char *serial, enum pos_kind kind,
                         const char *explanation)
{
    uint64_t number = report->mismatches++;
    if (number >= POS_REPORT_MISMATCH_COUNT_MAX)
        return;
    (void)snprintf(report->texts[number], POS_REPORT_TEXT_SIZE, "terminal %s, %s: %s", serial,
                   pos_kind_rule(kind)->name, explanation);
    (void)fprintf(stderr, "posgate-emulator terminals: %s\n", report->texts[number]);
}

bool pos_report_is_clean(const struct pos_report *report)
{
    return report->mismatches == 0 && report->store.duplicate_indexes == 0;
}

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

static uint64_t latency_max(const struct pos_report_step *step)
{
    return atomic_load_explicit(&step->latency.max, memory_order_relaxed);
}

/* ---- JSON ---- */

static json_t *step_json(const struct pos_report_step *step)
{
    json_t *codes = json_object(), *amounts = json_object();
    for (size_t i = 0; i < step->code_count; i++) {
        const struct pos_report_code *row = &step->codes[i];
        (void)json_object_set_new(codes, row->code, json_integer((json_int_t)row->count));
        (void)json_object_set_new(amounts, row->code, json_integer((json_int_t)row->amount));
    }
    return json_pack("{s:I, s:o, s:o, s:f, s:f, s:f}", "sent", (json_int_t)step->sent, "codes",
                     codes, "amounts", amounts, "p50_ms",
                     milliseconds(pos_histogram_quantile(&step->latency, 0.5)), "p99_ms",
                     milliseconds(pos_histogram_quantile(&step->latency, 0.99)), "max_ms",
                     milliseconds(latency_max(step)));
}

static void print_json(const struct pos_report *report, FILE *to)
{
    json_t *steps = json_object(), *texts = json_array(), *algorithms = json_object();
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++)
        (void)json_object_set_new(algorithms, pos_algorithm_name((enum pos_algorithm)i),
                                  json_integer((json_int_t)report->store.by_algorithm[i]));
    for (int i = 0; i < POS_KIND_COUNT; i++)
        if (report->steps[i].sent > 0)
            (void)json_object_set_new(steps, pos_kind_rule((enum pos_kind)i)->name,
                                      step_json(&report->steps[i]));
    for (uint64_t i = 0; i < report->mismatches && i < POS_REPORT_MISMATCH_COUNT_MAX; i++)
        (void)json_array_append_new(texts, json_string(report->texts[i]));
    json_t *all = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:f, s:o, s:o}", "terminals",
        (json_int_t)report->terminals, "completed", (json_int_t)report->completed, "mismatches",
        (json_int_t)report->mismatches, "timeouts", (json_int_t)report->timeouts, "closed",
        (json_int_t)report->closed, "keys_stored", (json_int_t)report->store.terminals,
        "duplicate_indexes", (json_int_t)report->store.duplicate_indexes, "keys_by_algorithm",
        algorithms, "seconds", (double)report->duration_ns / 1e9, "steps", steps, "explanations",
        texts);
    (void)json_dumpf(all, to, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    (void)fputc('\n', to);
    json_decref(all);
}

/* ---- table ---- */

static void print_step(const char *name, const struct pos_report_step *step, FILE *to)
{
    char codes[160] = "";
    struct pos_buffer list = pos_buffer(codes, sizeof codes - 1);
    for (size_t i = 0; i < step->code_count; i++)
        pos_buffer_format(&list, "%s%s x %llu", i == 0 ? "" : ", ", step->codes[i].code,
                          (unsigned long long)step->codes[i].count);
    codes[list.size] = '\0';
    (void)fprintf(to, "%-18s %9llu %9.3f %9.3f %9.3f  %s\n", name, (unsigned long long)step->sent,
                  milliseconds(pos_histogram_quantile(&step->latency, 0.5)),
                  milliseconds(pos_histogram_quantile(&step->latency, 0.99)),
                  milliseconds(latency_max(step)), codes);
}

/* In the order of a terminal's life: the table of messages has the mother POS last. */
static enum pos_kind in_order(int i)
{
    static const enum pos_kind first[] = {POS_KIND_KEY_REQUEST, POS_KIND_KEY_CONFIRM};
    enum { FIRST_COUNT = sizeof first / sizeof first[0] };
    _Static_assert(POS_KIND_KEY_REQUEST + FIRST_COUNT == POS_KIND_COUNT, "they are the last ones");
    return i < FIRST_COUNT ? first[i] : (enum pos_kind)(i - FIRST_COUNT);
}

static void print_table(const struct pos_report *report, FILE *to)
{
    (void)fprintf(to, "%-18s %9s %9s %9s %9s  %s\n", "step", "sent", "p50 ms", "p99 ms", "max ms",
                  "codes");
    for (int i = 0; i < POS_KIND_COUNT; i++) {
        enum pos_kind kind = in_order(i);
        if (report->steps[kind].sent > 0)
            print_step(pos_kind_rule(kind)->name, &report->steps[kind], to);
    }
    (void)fprintf(to,
                  "%llu terminals, %llu did all their steps; %llu mismatches (%llu timeouts, %llu "
                  "closed); %zu keys stored, %zu indexes twice; %.2f s\n",
                  (unsigned long long)report->terminals, (unsigned long long)report->completed,
                  (unsigned long long)report->mismatches, (unsigned long long)report->timeouts,
                  (unsigned long long)report->closed, report->store.terminals,
                  report->store.duplicate_indexes, (double)report->duration_ns / 1e9);
}

void pos_report_print(const struct pos_report *report, bool json, FILE *to)
{
    if (json)
        print_json(report, to);
    else
        print_table(report, to);
}
