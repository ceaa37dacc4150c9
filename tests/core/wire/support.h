/* What the wire tests share: every dialect there is, messages from hex, and a generator of random
 * messages that needs no clock. */
#ifndef POS_TESTS_WIRE_SUPPORT_H
#define POS_TESTS_WIRE_SUPPORT_H

#include "core/wire/iso8583.h"

/* By number; the last one has what the others leave out: fillers behind, filler F, high characters,
 * TPDU and header, field 60.3. */
enum { DIALECT_COUNT = 4, CUP = 3 };
const struct pos_dialect *dialect(size_t i);

struct message_bytes {
    uint8_t data[POS_FRAME_BODY_SIZE_MAX + 16];
    size_t size;
};

/* Spaces are skipped. */
struct message_bytes from_hex(const char *hex);
struct pos_bytes view_of(const struct message_bytes *bytes);

/* A message of plain values, "field=value" for each row; ends with field 0. */
struct plain {
    unsigned field;
    const char *value;
};
struct message_bytes build(const struct pos_dialect *dialect, uint16_t mti,
                           const struct plain *values, bool mac);

/* Encodes every field of a decoded message anew: from its plain values, or from its wire form. */
enum pos_status encode_again(const struct pos_message *message, bool echo,
                             struct message_bytes *out, struct pos_decode_error *error);

/* xorshift64*: the same numbers everywhere. */
uint64_t next_random(uint64_t *state);
/* A value that suits the field, into `value`; returns its size. */
size_t random_value(const struct pos_dialect *dialect, const struct pos_field *field,
                    uint64_t *state, size_t size_max, uint8_t *value);
/* A message with up to 31 fields, at most as large as a frame may be; its values go to `memory`. */
enum { RANDOM_VALUES_SIZE = 65536 };
void random_draft(const struct pos_dialect *in, uint64_t *state, struct pos_draft *draft,
                  uint8_t *memory);
/* The same, encoded; the draft's values are good until the next one. */
void random_message(const struct pos_dialect *in, uint64_t *state, struct pos_draft *draft,
                    struct message_bytes *bytes);

/* Decodes in memory of exactly its size, so that a sanitizer sees one byte too far. */
enum pos_status decode_exactly(const struct pos_dialect *in, struct pos_bytes bytes,
                               struct pos_message *message, struct pos_decode_error *error);

#endif
