/*
 * A second codec that is obviously right and slow: one nibble or one character at a time, in the
 * order of the wire, and nothing shared with the product's but the dialects' tables. The product's
 * has to agree with it about everything, also about messages that are wrong.
 */
#ifndef POS_TESTS_WIRE_REFERENCE_H
#define POS_TESTS_WIRE_REFERENCE_H

#include "core/wire/iso8583.h"

/* As pos_iso8583_decode, error and what came before it included. */
enum pos_status reference_decode(const struct pos_dialect *dialect, struct pos_bytes bytes,
                                 struct pos_message *message, struct pos_decode_error *error);

/* A field to write: its plain value, or what it is on the wire, of so many digits, characters or
 * bytes. */
struct reference_value {
    struct pos_bytes bytes;
    bool wire;
    size_t count;
};

/* As pos_iso8583_encode; `values` by number, set for those `present`. */
enum pos_status reference_encode(const struct pos_dialect *dialect, uint16_t mti,
                                 const uint64_t present[2], const struct reference_value *values,
                                 struct pos_buffer *out, struct pos_decode_error *error);

#endif
