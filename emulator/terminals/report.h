/* What the terminals saw: per step counts by response code and latencies, and every mismatch in
 * words. */
#ifndef POS_EMULATOR_TERMINALS_REPORT_H
#define POS_EMULATOR_TERMINALS_REPORT_H

#include <stdio.h>

#include "core/base/histogram.h"
#include "core/wire/message.h"
#include "emulator/terminals/store.h"

enum {
    POS_REPORT_CODE_COUNT_MAX = 32,     /* different codes a step; more are counted as "??" */
    POS_REPORT_MISMATCH_COUNT_MAX = 64, /* told in the summary; all are counted and logged */
    POS_REPORT_TEXT_SIZE = 256,
};

struct pos_report_code {
    char code[3];
    uint64_t count, amount;
};

struct pos_report_step {
    uint64_t sent;
    struct pos_report_code codes[POS_REPORT_CODE_COUNT_MAX];
    size_t code_count;
    struct pos_histogram latency; /* ns, from sent to answered */
};

struct pos_report {
    struct pos_report_step steps[POS_KIND_COUNT];
    uint64_t terminals; /* begun */
    uint64_t completed; /* did all their steps, each as expected */
    uint64_t mismatches, timeouts, closed;
    char texts[POS_REPORT_MISMATCH_COUNT_MAX][POS_REPORT_TEXT_SIZE];
    struct pos_terminal_store_counts store;
    uint64_t duration_ns;
};

void pos_report_sent(struct pos_report *report, enum pos_kind kind);
void pos_report_answer(struct pos_report *report, enum pos_kind kind, const char *code,
                       uint64_t amount, uint64_t latency_ns);
/* Says on stderr (the first POS_REPORT_MISMATCH_COUNT_MAX of them) and keeps: terminal, step, what
 * was expected. */
void pos_report_mismatch(struct pos_report *report, const char *serial, enum pos_kind kind,
                         const char *explanation);
/* Nothing was wrong. */
bool pos_report_is_clean(const struct pos_report *report);
void pos_report_print(const struct pos_report *report, bool json, FILE *to);

#endif
