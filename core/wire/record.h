/*
 * Lines of `|`-separated parts, as key files and return files have them: a line is read piece by
 * piece, each with its name in the error; then it is written again and must come out as it came in.
 * So whatever a reader might have let pass (lower case, a leading zero, the 31st of February) is
 * refused. Internal to core/wire.
 */
#ifndef POS_WIRE_RECORD_H
#define POS_WIRE_RECORD_H

#include "core/base/error.h"
#include "core/base/key.h"

/* What is left of a line, and where the first mistake is told. */
struct pos_record {
    struct pos_bytes line, rest;
    const char *kind; /* "key file" */
    struct pos_error *error;
    enum pos_status status; /* of the first mistake; nothing is read after it */
};

bool pos_record_starts(struct pos_bytes line, const char *mark);
/* A line of at most size_max characters that begins with `mark`, read from behind it. */
struct pos_record pos_record_begin(const char *kind, struct pos_bytes line, size_t size_max,
                                   const char *mark, struct pos_error *error);
/* Notes the first mistake; later ones change nothing. */
void pos_record_refuse(struct pos_record *record, const char *what);

/* The next piece, up to '|' (or, the last one, to the end), behind its name; `what` is wrong when
 * the name is not there. Empty after a mistake. */
struct pos_bytes pos_record_piece(struct pos_record *record, const char *name, bool last,
                                  const char *what);
/* Each reads a piece; its exact form is checked by writing it again. */
uint32_t pos_record_number(struct pos_record *record, struct pos_bytes text, uint32_t min,
                           uint32_t max, const char *what);
uint64_t pos_record_time(struct pos_record *record, struct pos_bytes text, const char *what);
void pos_record_name(struct pos_record *record, struct pos_bytes text, char *into,
                     const char *what); /* POS_KEY_NAME_SIZE_MAX + 1 bytes */
void pos_record_kcv(struct pos_record *record, struct pos_bytes text, struct pos_kcv *kcv,
                    const char *what);
void pos_record_version(struct pos_record *record, uint32_t known);

/* The line as its module would write it must be the line that was read. */
POS_MUST_USE enum pos_status pos_record_finish(struct pos_record *record,
                                               const struct pos_buffer *again);

#endif
