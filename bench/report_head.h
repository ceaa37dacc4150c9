/* What every report in JSON begins with: what was run, on what, of which posgate and libraries. */
#ifndef POS_BENCH_REPORT_HEAD_H
#define POS_BENCH_REPORT_HEAD_H

#include "bench/outputs.h"
#include "bench/process.h"

/* Grows when a program that reads reports would read one wrong; new keys do not change it. */
enum { POS_REPORT_SCHEMA = 1 };

/* The caller's; NULL: no memory. */
struct json_t *pos_report_head(const char *command, const struct pos_outputs *outputs,
                               struct pos_pinning pinning);

/* Adds what `from` holds and forgets `from`, which may be NULL. */
void pos_report_merge(struct json_t *into, struct json_t *from);

#endif
