/* The folder in which the bench works: made empty, and removed with what is in it; and copies of
 * those that are kept. */
#ifndef POS_BENCH_FOLDER_H
#define POS_BENCH_FOLDER_H

#include "core/base/error.h"
#include "core/base/limits.h"

/* `wanted` (must not exist) or a new one under $TMPDIR or /tmp. */
POS_MUST_USE enum pos_status pos_folder_make(const char *wanted, char path[POS_PATH_SIZE_MAX],
                                             struct pos_error *error);
/* "BESIDE-XXXXXX", new: on the same file system. */
POS_MUST_USE enum pos_status
pos_folder_make_beside(const char *beside, char path[POS_PATH_SIZE_MAX], struct pos_error *error);
void pos_folder_remove(const char *path);

/* FROM/NAME, where it is there, to TO/NAME, with its mode. */
POS_MUST_USE enum pos_status pos_folder_copy_file(const char *from, const char *name,
                                                  const char *to, struct pos_error *error);
/* The folder of a database that nobody has open (else POS_ERR_BUSY), on the same file system: its
 * tables, which RocksDB writes once and never changes, become links. Without its logs and the
 * gateway's ballast. */
POS_MUST_USE enum pos_status pos_folder_copy_database(const char *from, const char *name,
                                                      const char *to, struct pos_error *error);

uint64_t pos_folder_size(const char *path); /* bytes on the disk of the files in it; one thread */
/* The kernel forgets what it has in memory of the files in it, as far as that is on the disk. */
void pos_folder_forget(const char *path);
uint64_t pos_folder_room(const char *path); /* free bytes of its file system; 0: not known */

/* The last lines of a log in it, to standard error: why something did not start. */
void pos_folder_show_log(const char *log_path);

#endif
