/*
 * The host's own account of what it was asked and what it answered: one line each in a file, and
 * counts for the summary. What others say happened is compared with it.
 */
#ifndef POS_EMULATOR_HOST_LEDGER_H
#define POS_EMULATOR_HOST_LEDGER_H

#include <stdio.h>

#include "emulator/host/answer.h"

enum { POS_LEDGER_ROW_COUNT_MAX = 256 };

/* Requests of one MTI and kind with one answer. */
struct pos_ledger_row {
    uint16_t mti;
    const char *kind;
    char code[3]; /* "" silent */
    uint64_t count, amount;
};

struct pos_ledger {
    FILE *file; /* NULL: only counted */
    struct pos_ledger_row rows[POS_LEDGER_ROW_COUNT_MAX];
    size_t row_count;
    uint64_t requests, answers, not_counted; /* not_counted: beyond the last row */
};

/* `path` NULL: no file. Lines are added to a file that is there. */
POS_MUST_USE enum pos_status pos_ledger_open(struct pos_ledger *ledger, const char *path,
                                             struct pos_error *error);
/* Counts the entry and writes its request line; `number` ties its answer line to it. */
uint64_t pos_ledger_request(struct pos_ledger *ledger, const struct pos_host_entry *entry,
                            uint64_t utc_ms);
/* When the answer goes out; `sent` false: its connection was gone by then. */
void pos_ledger_answer(struct pos_ledger *ledger, uint64_t number, const char *code, bool sent,
                       uint64_t utc_ms);
void pos_ledger_flush(struct pos_ledger *ledger);
/* Flushes; false when lines were lost (disk full). */
bool pos_ledger_close(struct pos_ledger *ledger);
void pos_ledger_print(const struct pos_ledger *ledger, bool json, FILE *to);

#endif
