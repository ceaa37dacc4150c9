/* Small files, read whole and written safely. */
#ifndef POS_BASE_FILE_H
#define POS_BASE_FILE_H

#include "core/base/bytes.h"
#include "core/base/error.h"

/* Reads a whole file of at most size_max bytes into memory that the caller owns (free), with a NUL
 * behind it that is not counted. POS_ERR_NOT_FOUND, POS_ERR_NOT_ALLOWED, POS_ERR_LIMIT (larger),
 * POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_file_read(const char *path, size_t size_max, uint8_t **data,
                                           size_t *size, struct pos_error *error);

/* The same for a file that holds a secret: refused (POS_ERR_NOT_ALLOWED) when group or others can
 * read it or somebody else owns it. Memory from pos_secret_create(*size + 1). */
POS_MUST_USE enum pos_status pos_file_read_secret(const char *path, size_t size_max, uint8_t **data,
                                                  size_t *size, struct pos_error *error);

/* Writes a temporary file beside `path`, syncs it, renames it and syncs the folder: after a crash
 * there is the old file or the new one, never a part. `mode` as for open. */
POS_MUST_USE enum pos_status pos_file_write(const char *path, struct pos_bytes content,
                                            unsigned mode, struct pos_error *error);

/* Renames within a folder and syncs the folder: for a file that was written and synced under
 * another name because it is too large for pos_file_write. */
POS_MUST_USE enum pos_status pos_file_rename(const char *from, const char *to,
                                             struct pos_error *error);

/* Makes a folder with mode 0700 when it does not exist. Parents must exist. */
POS_MUST_USE enum pos_status pos_file_make_folder(const char *path, struct pos_error *error);

#endif
