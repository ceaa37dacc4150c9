/*
 * Line templates, for recipients of keys with a file format of their own: literal text with
 * placeholders. Pure.
 *
 *   of one key     %i index, 8 digits    %c key, ECB under the KTK, hex   %b key block   %k check
 * value of the file    %B batch, 8 digits    %n count   %f %l first and last index, 8 digits %m
 * mother POS   %d %t date and time of the export, UTC, YYYYMMDD and hhmmss
 *   %% a percent sign
 */
#ifndef POS_KEYMGMT_TEMPLATE_H
#define POS_KEYMGMT_TEMPLATE_H

#include "core/base/key.h"
#include "core/base/limits.h"

enum {
    POS_TEMPLATE_SIZE_MAX = 256,  /* bytes of a template, with NUL */
    POS_TEMPLATE_LINE_MAX = 4096, /* bytes of a line made from one */
    POS_TEMPLATE_KCV_DIGITS_MIN = 2 * POS_KCV_SIZE_MIN,
    POS_TEMPLATE_KCV_DIGITS_MAX = 2 * POS_KCV_SIZE_MAX,
};

/* What a placeholder may speak of. */
enum pos_template_scope { POS_TEMPLATE_FILE, POS_TEMPLATE_KEY };

struct pos_template_file {
    uint32_t batch, count, first, last;
    const char *mother;
    uint64_t utc_ms;
};

struct pos_template_key {
    uint32_t index;
    struct pos_bytes ciphertext; /* hex digits */
    struct pos_bytes block;
    struct pos_kcv kcv;
    unsigned kcv_digits;
};

/* True when every placeholder is one that this scope has (a key's line may speak of the file too);
 * else the reason, for people. */
bool pos_template_valid(const char *text, enum pos_template_scope scope, struct pos_buffer *reason);
/* Does a valid template have this placeholder? */
bool pos_template_has(const char *text, char placeholder);

/* Appends the line, without its end. `key` is NULL for a template of the file. POS_ERR_LENGTH: it
 * does not fit, or the key's check value has fewer digits than are wanted. */
POS_MUST_USE enum pos_status pos_template_expand(const char *text,
                                                 const struct pos_template_file *file,
                                                 const struct pos_template_key *key,
                                                 struct pos_buffer *line);

#endif
