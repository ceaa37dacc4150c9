/* What was measured, for people and for programs. */
#ifndef POS_BENCH_REPORT_H
#define POS_BENCH_REPORT_H

#include "bench/measure.h"

struct pos_report {
    const char *command;
    const struct pos_bench_options *options;
    const struct pos_measured *servers; /* the first one is bare epoll */
    size_t server_count;                /* 1 or 2 */
    uint64_t request_count;             /* different requests; 0: does not apply */
    uint64_t missing_macs;
    int server_core, load_core; /* -1: not pinned */
};

/* On standard output. POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_report_print(const struct pos_report *report);

/* Of the second server to the first, round by round; false where one's CPU time is not known. */
bool pos_report_ratio(const struct pos_report *report, struct pos_summary *ratio);

#endif
