/* Files that a run leaves besides its report. */
#ifndef POS_BENCH_REPORT_FILES_H
#define POS_BENCH_REPORT_FILES_H

#include <stdio.h>

#include "bench/report.h"

struct pos_report_files {
    FILE *hgrm; /* NULL: not asked for */
};

/* Before the run, so that a wrong name does not cost one; what is in them is gone. POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_report_files_open(const struct pos_bench_options *options,
                                                   struct pos_report_files *files,
                                                   struct pos_error *error);
/* Of report->subject. POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_report_files_write(const struct pos_report *report,
                                                    struct pos_report_files *files,
                                                    struct pos_error *error);
/* Without writing what was not; after a write nothing is left to do. */
void pos_report_files_close(struct pos_report_files *files);

#endif
