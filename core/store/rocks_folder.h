/*
 * The folder of a database as the file system shows it: is one there, is there room to open it, and
 * which files are left of before. No RocksDB here.
 */
#ifndef POS_STORE_ROCKS_FOLDER_H
#define POS_STORE_ROCKS_FOLDER_H

#include "core/store/rocks.h"

/* Is there a database? Else its folder is made, or *error says who makes it. */
POS_MUST_USE enum pos_status pos_rocks_check_folder(const struct pos_rocks_options *options,
                                                    struct pos_error *error);
/* RocksDB aborts on a disk without room; so opening is refused before. */
POS_MUST_USE enum pos_status pos_rocks_check_room(const struct pos_rocks_options *options,
                                                  struct pos_error *error);

/* A follower's folder while it opens the database. False: none can be made. */
enum { POS_ROCKS_BRIEF_SIZE = 32 };
POS_MUST_USE bool pos_rocks_make_brief(char path[POS_ROCKS_BRIEF_SIZE]);
void pos_rocks_remove_brief(const char *path);

/* Numbers of the newest table, write-ahead log and manifest (RocksDB counts all of them upwards; 0:
 * none), how many logs there are, and how many bytes of that manifest. */
struct pos_rocks_age {
    uint64_t table, log, log_count, manifest, manifest_size;
};
POS_MUST_USE enum pos_status pos_rocks_newest(const char *path, struct pos_rocks_age *newest);
/* Waits until no table up to newest->table and no log before newest->log is left. POS_ERR_BUSY:
 * some still are after POS_ROCKS_LEAVE_MS_MAX; a walk that goes on keeps them. */
enum { POS_ROCKS_LEAVE_MS_MAX = 60000 };
POS_MUST_USE enum pos_status pos_rocks_wait_gone(const char *path,
                                                 const struct pos_rocks_age *newest);

#endif
