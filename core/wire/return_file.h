/*
 * The return file: what became of the keys at a mother POS, on its way back to the key room. ASCII,
 * LF, one line a record. This module knows the lines; who computes the trailer's MAC passes it in.
 *
 *   #POSGATE-RETURN|1|mother=MPOS0001|created=2026-11-23T17:00:00Z|ktk=MPOS0001|
 *     ktkkcv=CMAC:8CD24CD297|count=3                                                (one line)
 *   R|00000278|issued|123L013K|2026-11-23T10:12:13Z|CMAC:71F80794C0
 *   R|00000279|free|-|-|CMAC:5AAA42C6AD
 *   #END|3|CMAC:<32 hex: CMAC over every byte above, LF of each line included>
 *
 * Lines are given and taken without LF. Keys come in order of their indexes, with gaps where the
 * mother POS holds none. A free key has neither serial nor time; any other has a serial, but for
 * one that was burned because an old copy of the journal came back: nobody knows who has it, if
 * anybody.
 */
#ifndef POS_WIRE_RETURN_FILE_H
#define POS_WIRE_RETURN_FILE_H

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/wire/trailer.h"

enum {
    POS_RETURN_FILE_VERSION = 1,
    POS_RETURN_FILE_LINE_SIZE_MAX = 200, /* characters, without LF */
};

struct pos_return_file_header {
    char mother[POS_KEY_NAME_SIZE_MAX + 1];
    uint64_t created_utc_ms; /* whole seconds in the file */
    char ktk[POS_KEY_NAME_SIZE_MAX + 1];
    struct pos_kcv ktk_kcv;
    uint32_t count; /* R lines; may be 0 */
};

/* As the mother POS calls them: free, reserved, issued, burned. */
enum pos_return_state {
    POS_RETURN_FREE,
    POS_RETURN_RESERVED, /* handed out, not confirmed, and not burned yet */
    POS_RETURN_ISSUED,
    POS_RETURN_BURNED,
    POS_RETURN_STATE_COUNT
};
const char *pos_return_state_name(enum pos_return_state state);

struct pos_return_file_key {
    uint32_t index;
    enum pos_return_state state;
    char serial[POS_SERIAL_SIZE + 1]; /* "" while free, and burned when it is not known */
    uint64_t changed_utc_ms;          /* whole seconds in the file; 0: not known */
    struct pos_kcv kcv;
};

/* Each reads one line strictly: order, names, digits, ranges, nothing left over. POS_ERR_FORMAT,
 * POS_ERR_VERSION. */
POS_MUST_USE enum pos_status pos_return_file_read_header(struct pos_bytes line,
                                                         struct pos_return_file_header *header,
                                                         struct pos_error *error);
POS_MUST_USE enum pos_status pos_return_file_read_key(struct pos_bytes line,
                                                      struct pos_return_file_key *key,
                                                      struct pos_error *error);
POS_MUST_USE enum pos_status pos_return_file_read_trailer(struct pos_bytes line,
                                                          struct pos_trailer *trailer,
                                                          struct pos_error *error);

/* Each appends one line without LF; pos_trailer_write does the last. Check line->overflow. */
void pos_return_file_write_header(const struct pos_return_file_header *header,
                                  struct pos_buffer *line);
void pos_return_file_write_key(const struct pos_return_file_key *key, struct pos_buffer *line);

#endif
