/* The folder in which the bench works: made empty, and removed with what is in it. */
#ifndef POS_BENCH_FOLDER_H
#define POS_BENCH_FOLDER_H

#include "core/base/error.h"
#include "core/base/limits.h"

/* `wanted` (must not exist) or a new one under $TMPDIR or /tmp. */
POS_MUST_USE enum pos_status pos_folder_make(const char *wanted, char path[POS_PATH_SIZE_MAX],
                                             struct pos_error *error);
void pos_folder_remove(const char *path);
uint64_t pos_folder_size(const char *path); /* bytes on the disk of the files in it; one thread */

/* The last lines of a log in it, to standard error: why something did not start. */
void pos_folder_show_log(const char *log_path);

#endif
