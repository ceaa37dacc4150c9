/* The last line of key files and return files: "#END|count|CMAC:32 hex digits", which says how many
 * keys stand before it and holds the MAC over all of that. */
#ifndef POS_WIRE_TRAILER_H
#define POS_WIRE_TRAILER_H

#include "core/base/bytes.h"
#include "core/base/error.h"

enum { POS_TRAILER_MAC_SIZE = 16 };

struct pos_trailer {
    uint32_t count;
    uint8_t mac[POS_TRAILER_MAC_SIZE];
};

bool pos_trailer_is(struct pos_bytes line); /* as it begins */

/* Reads it strictly. `kind` ("key file") begins the error; the count must be within its bounds. */
POS_MUST_USE enum pos_status pos_trailer_read(const char *kind, struct pos_bytes line,
                                              uint32_t count_min, uint32_t count_max,
                                              struct pos_trailer *trailer, struct pos_error *error);

/* Appends it without LF. Check line->overflow. */
void pos_trailer_write(const struct pos_trailer *trailer, struct pos_buffer *line);

#endif
