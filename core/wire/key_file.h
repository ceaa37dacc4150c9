/*
 * The key file, the text file that carries a batch of TMKs to one mother POS: ASCII, LF, one line a
 * record. This module knows the lines; who computes the trailer's MAC passes it in.
 *
 *   #POSGATE-KEYS|1|batch=00000007|created=2026-11-23T09:00:00Z|alg=A256|ktk=MPOS0001|
 *     ktkkcv=CMAC:8CD24CD297|dest=MPOS0001|count=2|first=00000278|last=00000279       (one line)
 *   K|00000278|D0176K1AB00E0200...|CMAC:71F80794C0
 *   #END|2|CMAC:<32 hex: CMAC over every byte above, LF of each line included>
 *
 * Lines are given and taken without LF.
 */
#ifndef POS_WIRE_KEY_FILE_H
#define POS_WIRE_KEY_FILE_H

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/wire/trailer.h"

enum { POS_KEY_FILE_VERSION = 1 };

struct pos_key_file_header {
    uint32_t batch;
    uint64_t created_utc_ms; /* whole seconds in the file */
    enum pos_algorithm algorithm;
    char ktk[POS_KEY_NAME_SIZE_MAX + 1];
    struct pos_kcv ktk_kcv;
    char destination[POS_KEY_NAME_SIZE_MAX + 1];
    uint32_t count;       /* K lines */
    uint32_t first, last; /* key indexes */
};

struct pos_key_file_key {
    uint32_t index;
    struct pos_bytes block; /* key block under the KTK, borrowed from the line */
    struct pos_kcv kcv;
};

enum pos_key_file_line { POS_KEY_FILE_HEADER, POS_KEY_FILE_KEY, POS_KEY_FILE_TRAILER };

/* What kind of line this is; POS_ERR_FORMAT when none. */
POS_MUST_USE enum pos_status pos_key_file_line_kind(struct pos_bytes line,
                                                    enum pos_key_file_line *kind);

/* Each reads one line strictly: order, names, digits, ranges, nothing left over. */
POS_MUST_USE enum pos_status pos_key_file_read_header(struct pos_bytes line,
                                                      struct pos_key_file_header *header,
                                                      struct pos_error *error);
POS_MUST_USE enum pos_status
pos_key_file_read_key(struct pos_bytes line, struct pos_key_file_key *key, struct pos_error *error);
POS_MUST_USE enum pos_status pos_key_file_read_trailer(struct pos_bytes line,
                                                       struct pos_trailer *trailer,
                                                       struct pos_error *error);

/* Each appends one line without LF; pos_trailer_write does the last. Check line->overflow. */
void pos_key_file_write_header(const struct pos_key_file_header *header, struct pos_buffer *line);
void pos_key_file_write_key(const struct pos_key_file_key *key, struct pos_buffer *line);

#endif
