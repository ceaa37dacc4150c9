/*
 * A file that becomes what it is called only when it is whole: written and synced as OUT.part,
 * which a later rename makes OUT.
 */
#ifndef POS_KEYMGMT_PART_FILE_H
#define POS_KEYMGMT_PART_FILE_H

#include <stdio.h>

#include "core/base/bytes.h"
#include "core/base/error.h"

struct pos_part_file {
    FILE *file;
    const char *path; /* borrowed */
};

/* Makes it anew with mode 0600. POS_ERR_IO, POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_part_file_create(struct pos_part_file *part, const char *path,
                                                  struct pos_error *error);
POS_MUST_USE enum pos_status pos_part_file_put(struct pos_part_file *part, struct pos_bytes bytes,
                                               struct pos_error *error);
POS_MUST_USE enum pos_status pos_part_file_sync(struct pos_part_file *part,
                                                struct pos_error *error);
/* Closes; after a failure the file is removed too. */
void pos_part_file_close(struct pos_part_file *part, bool remove);

enum { POS_FILE_DIGEST_TEXT_SIZE = 65 };
/* SHA-256 of a file, in hexadecimal with NUL. POS_ERR_NOT_FOUND, POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_file_digest(const char *path, char text[POS_FILE_DIGEST_TEXT_SIZE],
                                             struct pos_error *error);

#endif
