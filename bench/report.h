/* What was measured, for people and for programs. */
#ifndef POS_BENCH_REPORT_H
#define POS_BENCH_REPORT_H

#include "bench/measure.h"
#include "bench/process.h"
#include "bench/trace.h"

enum { POS_REPORT_SERVER_COUNT_MAX = 6 };

struct pos_report {
    const char *command;
    const struct pos_bench_options *options;
    const struct pos_measured *servers; /* the denominators first */
    size_t server_count;                /* 1 to POS_REPORT_SERVER_COUNT_MAX */
    size_t subject;                     /* the first gateway; 0: there is none */
    uint64_t request_count;             /* different requests; 0: does not apply */
    uint64_t missing_macs;
    double load_seconds;  /* to make the table; 0: it was not made */
    double open_seconds;  /* until the gateway listened; 0: not started here */
    uint64_t table_bytes; /* on disk; 0: not known */
    uint64_t cache_mb;    /* of the gateway; 0: not started here */
    bool cache_holds_all; /* its rows; else the disk is in play */
    struct pos_pinning pinning;
};

/* As text on standard output, unless that is JSON's, and as the outputs say. POS_ERR_MEMORY,
 * POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_report_print(const struct pos_report *report,
                                              struct pos_outputs *outputs, struct pos_error *error);

/* CPU time a request of server `of` to that of server `to`, round by round; false where one's is
 * not known. */
bool pos_report_ratio(const struct pos_report *report, size_t of, size_t to,
                      struct pos_summary *ratio);
/* Everything is compared with the first server, and a gateway with every server before it. */
bool pos_report_compared(const struct pos_report *report, size_t of, size_t to);

struct pos_trace pos_report_trace(const struct pos_report *report, size_t server);

/* ---- in JSON, the caller's; NULL: no memory ---- */

struct json_t *pos_report_json(const struct pos_report *report);
/* The head of the report and how it was measured. */
struct json_t *pos_report_conditions_json(const struct pos_report *report);
/* The gateway's table and what was asked for. */
struct json_t *pos_report_table_json(const struct pos_report *report);
struct json_t *pos_report_summary_json(struct pos_summary summary);
/* The same, and each value in order. */
struct json_t *pos_report_rounds_json(const double *values, size_t count);

#endif
