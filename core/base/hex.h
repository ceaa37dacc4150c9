/* Hexadecimal: upper case when written, either case when read. Not constant time: not for clear
 * keys in a server (the emulated terminals' stores are the one place that holds some). */
#ifndef POS_BASE_HEX_H
#define POS_BASE_HEX_H

#include "core/base/bytes.h"

/* Writes 2 * bytes.size characters and a NUL to `text`, which must have room for them. */
void pos_hex_encode(struct pos_bytes bytes, char *text);

/* Reads text.size characters into out. POS_ERR_FORMAT: odd count, not a hex digit, or not exactly
 * out_size bytes. Nothing is promised about `out` then. */
POS_MUST_USE enum pos_status pos_hex_decode(struct pos_bytes text, uint8_t *out, size_t out_size);

/* Value of one hex digit, -1 when it is none. */
int pos_hex_digit(uint8_t character);

#endif
