/*
 * The files of --hgrm: one of a run, or one of each step of a sweep with the step's percent before
 * the name's ending: run.hgrm becomes run-10.hgrm to run-95.hgrm.
 */
#ifndef POS_BENCH_HGRM_FILES_H
#define POS_BENCH_HGRM_FILES_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/sweep_steps.h"
#include "core/base/error.h"
#include "core/base/histogram.h"
#include "core/base/limits.h"

struct pos_hgrm_files {
    size_t count; /* 0: none was asked for */
    struct pos_hgrm_file {
        char name[POS_PATH_SIZE_MAX];
        FILE *to; /* NULL: written already */
    } files[POS_SWEEP_STEP_COUNT];
};

/* Before the run, so that a wrong name does not cost one; what is in them is gone. `name` NULL:
 * none is asked for. POS_ERR_IO, and POS_ERR_LIMIT when the name is too long. */
POS_MUST_USE enum pos_status pos_hgrm_files_open(struct pos_hgrm_files *files, const char *name,
                                                 bool sweep, struct pos_error *error);
/* The latencies of a step, 0 without a sweep; nothing when none was asked for. POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_hgrm_files_write(struct pos_hgrm_files *files, size_t step,
                                                  const struct pos_histogram *latency,
                                                  struct pos_error *error);
void pos_hgrm_files_close(struct pos_hgrm_files *files); /* those that were not written */

#endif
