/*
 * A status with a sentence: what went wrong, where, why and what to do about it.
 *
 * For commands, configuration and start-up, where a person reads it. The request path uses bare
 * statuses. Never put a key, PAN, PIN block or track into the text.
 */
#ifndef POS_BASE_ERROR_H
#define POS_BASE_ERROR_H

#include "core/base/status.h"

enum { POS_ERROR_TEXT_SIZE = 512 };

struct pos_error {
    enum pos_status status;
    char text[POS_ERROR_TEXT_SIZE]; /* NUL-terminated, cut when too long */
};

/* Fills *error (may be NULL) and returns status, so that `return pos_error_set(...)` reads well. */
enum pos_status pos_error_set(struct pos_error *error, enum pos_status status, const char *format,
                              ...) POS_PRINTF(3, 4);

/* Puts "context: " before the text that is there already. Returns error->status. */
enum pos_status pos_error_prefix(struct pos_error *error, const char *format, ...) POS_PRINTF(2, 3);

#endif
