/* Reading a key file line by line, and checking one as a whole. */
#ifndef POS_KEYMGMT_KEY_FILE_SCAN_H
#define POS_KEYMGMT_KEY_FILE_SCAN_H

#include <stdio.h>

#include "core/wire/key_file.h"

struct pos_key_file_reader {
    FILE *file;
    const char *path; /* borrowed */
    uint32_t number;  /* of the line that was read last; the header is 1 */
    char line[POS_KEY_FILE_LINE_SIZE_MAX + 2];
};

/* POS_ERR_NOT_FOUND, POS_ERR_NOT_ALLOWED, POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_key_file_reader_open(struct pos_key_file_reader *reader,
                                                      const char *path, struct pos_error *error);
void pos_key_file_reader_close(struct pos_key_file_reader *reader);

/* The next line without its LF, borrowed until the next call. POS_ERR_CLOSED at the file's end;
 * POS_ERR_FORMAT: a line too long, or one without LF (the file is cut). */
POS_MUST_USE enum pos_status pos_key_file_reader_next(struct pos_key_file_reader *reader,
                                                      struct pos_bytes *line,
                                                      struct pos_error *error);

/* Makes line `number` (1 or more) the next one. Same errors as next. */
POS_MUST_USE enum pos_status pos_key_file_reader_seek(struct pos_key_file_reader *reader,
                                                      uint32_t number, struct pos_error *error);

/*
 * Reads the whole file: header, as many keys as it says with indexes first to last, trailer,
 * nothing behind. The trailer's MAC is left to the mother POS. POS_ERR_FORMAT, POS_ERR_ORDER; the
 * text names file and line.
 */
POS_MUST_USE enum pos_status pos_key_file_scan(const char *path, struct pos_key_file_header *header,
                                               struct pos_error *error);

#endif
