#include <assert.h>

#include "core/base/hex.h"
#include "core/wire/codec.h"

/*
 * Where the message is written; the caller's buffer does not count it until it is whole. Only sizes
 * are checked on the way: digits are packed so that what is no digit becomes none, and what was
 * written is looked at in the end as it would be if it had come in.
 *
 * As in decoding, the pen lives in registers: what takes a pointer to it is inlined.
 */
struct pen {
    const struct pos_dialect *dialect;
    bool bcd; /* of the dialect */
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    struct pos_stretch *open;   /* the last stretch; it has no end yet */
    enum pos_alphabet alphabet; /* of that */
    struct pos_decode_error *error;
};

static __attribute__((cold, noinline)) enum pos_status
refuse(struct pos_decode_error *error, enum pos_decode_reason reason, size_t field)
{
    *error = (struct pos_decode_error){.reason = reason, .field = (uint8_t)field};
    return POS_ERR_FORMAT;
}

static POS_ALWAYS_INLINE size_t room(const struct pen *pen)
{
    return (size_t)(pen->end - pen->at);
}

static POS_ALWAYS_INLINE size_t offset_of(const struct pen *pen)
{
    return (size_t)(pen->at - pen->start);
}

/* ---- bytes: there is room for them ---- */

static POS_ALWAYS_INLINE void put_bytes(struct pen *pen, const void *bytes, size_t size)
{
    pos_copy(pen->at, bytes, size);
    pen->at += size;
}

static POS_ALWAYS_INLINE void put_hex(struct pen *pen, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t count = size < 8 ? size : 8;
        pos_lanes digits = pos_spell_hex(pos_load_few(bytes, count));
        put_bytes(pen, &digits, 2 * count);
        bytes += count;
        size -= count;
    }
}

/* An even number of digits and separators, or what should be some. */
static POS_ALWAYS_INLINE void put_pairs(struct pen *pen, const uint8_t *digits, size_t count)
{
    for (; count > POS_LANE_COUNT; count -= POS_LANE_COUNT, digits += POS_LANE_COUNT) {
        uint64_t packed = pos_pack_digits(pos_lanes_load(digits));
        put_bytes(pen, &packed, sizeof packed);
    }
    uint64_t packed = pos_pack_digits(pos_lanes_load_few(digits, count));
    if (room(pen) >= sizeof packed)
        memcpy(pen->at, &packed, sizeof packed); /* what is too much is written over */
    else
        memcpy(pen->at, &packed, count / 2);
    pen->at += count / 2;
}

/* An odd number of them, and the filler. */
static POS_ALWAYS_INLINE void put_odd(struct pen *pen, size_t number, const uint8_t *digits,
                                      size_t count)
{
    if (pos_field_set_has(pen->dialect->filler_front, (unsigned)number)) {
        *pen->at++ = pos_pack_digit(digits[0]);
        put_pairs(pen, digits + 1, count - 1);
    } else {
        put_pairs(pen, digits, count - 1);
        *pen->at++ = (uint8_t)(pos_pack_digit(digits[count - 1]) << 4);
    }
}

static POS_ALWAYS_INLINE void put_content(struct pen *pen, enum pos_alphabet alphabet,
                                          const uint8_t *content, size_t count)
{
    if (pos_is_packed(alphabet))
        put_pairs(pen, content, count);
    else if (alphabet == POS_ALPHABET_HEX)
        put_hex(pen, content, count);
    else
        put_bytes(pen, content, count);
}

static POS_ALWAYS_INLINE uint8_t bcd_pair(size_t number)
{
    return (uint8_t)(number / 10 * 16 + number % 10);
}

/* The length as two or three digits; in BCD three have a zero before them. */
static POS_ALWAYS_INLINE void put_length(struct pen *pen, bool three, size_t number)
{
    if (pen->bcd) {
        if (three)
            *pen->at++ = bcd_pair(number / 100);
        *pen->at++ = bcd_pair(number % 100);
        return;
    }
    if (three)
        *pen->at++ = (uint8_t)('0' + number / 100);
    *pen->at++ = (uint8_t)('0' + number / 10 % 10);
    *pen->at++ = (uint8_t)('0' + number % 10);
}

/* ---- fields ---- */

static POS_ALWAYS_INLINE void change_stretch(struct pen *pen, size_t end,
                                             enum pos_alphabet alphabet)
{
    pen->open = pos_stretch_change(pen->open, end, offset_of(pen), alphabet);
    pen->alphabet = alphabet;
}

static __attribute__((cold, noinline)) enum pos_status refuse_size(struct pos_decode_error *error,
                                                                   const struct pos_field *field,
                                                                   size_t number, size_t count)
{
    enum pos_decode_reason reason = field->kind == POS_FIELD_NONE ? POS_DECODE_UNKNOWN_FIELD
                                    : count > field->size         ? POS_DECODE_PREFIX
                                                                  : POS_DECODE_SHORT;
    return refuse(error, reason, number);
}

/* The prefix of a field, if it has one, when that and the content fit. */
static POS_ALWAYS_INLINE enum pos_status put_prefix(struct pen *pen, size_t number,
                                                    const struct pos_field *field, size_t count)
{
    bool fixed = field->length == POS_LENGTH_FIXED;
    size_t size = fixed ? field->wire_size : pos_wire_size(field->alphabet, count);
    bool suits = fixed ? count == field->size : count <= field->size;
    if (!suits || field->kind == POS_FIELD_NONE)
        return refuse_size(pen->error, field, number, count);
    if (pos_prefix_size(pen->bcd, field->length) + size > room(pen))
        return POS_ERR_LENGTH;
    if (!fixed)
        put_length(pen, field->length == POS_LENGTH_LLL,
                   field->alphabet == POS_ALPHABET_HEX ? size : count);
    return POS_OK;
}

static size_t mac_size(const struct pos_dialect *dialect)
{
    return dialect->binary == POS_BINARY_HEX ? 2 * POS_MAC_SIZE : POS_MAC_SIZE;
}

/* A field that came in as it stands there, or whose MAC is yet to come: zeros for now. */
static POS_ALWAYS_INLINE enum pos_status put_unseen(struct pen *pen, size_t number,
                                                    const struct pos_field *field,
                                                    const struct pos_draft_value *value,
                                                    struct pos_encoded *encoded)
{
    size_t start = offset_of(pen);
    enum pos_status status = put_prefix(pen, number, field, value->count);
    if (status != POS_OK)
        return status;
    change_stretch(pen, start, POS_ALPHABET_ANY);
    if (value->form == POS_VALUE_WIRE) {
        assert(value->wire_size <= room(pen)); /* it is of this dialect */
        put_bytes(pen, value->data, value->wire_size);
        return POS_OK;
    }
    encoded->mac = pen->at;
    memset(pen->at, 0, mac_size(pen->dialect));
    pen->at += mac_size(pen->dialect);
    return POS_OK;
}

/* A field with more than its content on the wire. */
static POS_ALWAYS_INLINE enum pos_status
put_other(struct pen *pen, size_t number, const struct pos_field *field, struct pos_bytes value)
{
    size_t start = offset_of(pen);
    enum pos_status status = put_prefix(pen, number, field, value.size);
    if (status != POS_OK)
        return status;
    if (field->kind == POS_FIELD_XN) {
        if (value.data[0] != 'C' && value.data[0] != 'D')
            return refuse(pen->error, POS_DECODE_CHARACTERS, number);
        put_bytes(pen, value.data, 1);
        value = pos_bytes(value.data + 1, value.size - 1);
    }
    change_stretch(pen, start, field->alphabet);
    if (pos_is_packed(field->alphabet) && value.size % 2 != 0)
        put_odd(pen, number, value.data, value.size);
    else
        put_content(pen, field->alphabet, value.data, value.size);
    return POS_OK;
}

static POS_ALWAYS_INLINE enum pos_status put_field(struct pen *pen, size_t number,
                                                   const struct pos_draft_value *value,
                                                   struct pos_encoded *encoded)
{
    const struct pos_field *field = &pen->dialect->fields[number];
    if (value->form != POS_VALUE_PLAIN)
        return put_unseen(pen, number, field, value, encoded);
    if (field->joins == POS_ALPHABET_NONE)
        return put_other(pen, number, field, pos_bytes(value->data, value->count));
    if (value->count != field->size)
        return refuse_size(pen->error, field, number, value->count);
    if (field->wire_size > room(pen))
        return POS_ERR_LENGTH;
    if (field->joins != pen->alphabet)
        change_stretch(pen, offset_of(pen), field->joins);
    put_content(pen, field->joins, value->data, value->count);
    return POS_OK;
}

/* ---- MTI and bitmaps ---- */

static POS_ALWAYS_INLINE enum pos_status put_mti(struct pen *pen, uint16_t mti)
{
    uint8_t bytes[2] = {(uint8_t)(mti >> 8), (uint8_t)mti};
    if ((mti & 0x8888 & (mti << 1 | mti << 2)) != 0)
        return refuse(pen->error, POS_DECODE_MTI, 0);
    if (pen->bcd)
        put_bytes(pen, bytes, 2);
    else
        put_hex(pen, bytes, 2);
    return POS_OK;
}

static POS_ALWAYS_INLINE void put_bitmap(struct pen *pen, uint64_t bits)
{
    uint64_t word = pos_bits_in_bytes_reversed(bits);
    if (pen->dialect->bitmap == POS_BITMAP_HEX)
        put_hex(pen, (const uint8_t *)&word, sizeof word);
    else
        put_bytes(pen, &word, sizeof word);
}

static POS_ALWAYS_INLINE enum pos_status put_head(struct pen *pen, const struct pos_draft *draft)
{
    bool second = draft->present[1] != 0;
    size_t bitmap = pen->dialect->bitmap == POS_BITMAP_HEX ? 16 : 8;
    size_t mti = pen->bcd ? 2 : 4;
    if (mti + (second ? 2 : 1) * bitmap > room(pen))
        return POS_ERR_LENGTH;
    enum pos_status status = put_mti(pen, draft->mti);
    if (status != POS_OK)
        return status;
    put_bitmap(pen, draft->present[0] | (second ? 1 : 0));
    if (second)
        put_bitmap(pen, draft->present[1]);
    return POS_OK;
}

static POS_ALWAYS_INLINE enum pos_status put_fields(struct pen *pen, const struct pos_draft *draft,
                                                    struct pos_encoded *encoded)
{
    for (size_t word = 0; word < 2; word++) {
        for (uint64_t left = draft->present[word]; left != 0; left &= left - 1) {
            size_t number = 64 * word + (size_t)__builtin_ctzll(left) + 1;
            enum pos_status status = put_field(pen, number, &draft->values[number], encoded);
            if (status != POS_OK)
                return status;
        }
    }
    return POS_OK;
}

/* ---- all of it ---- */

/* The field of the draft that stands at an offset, when the first one begins at `at`. */
static size_t field_at(const struct pos_dialect *dialect, const struct pos_draft *draft, size_t at,
                       size_t offset)
{
    unsigned number = 1;
    while (at <= offset) {
        number++;
        const struct pos_field *field = &dialect->fields[number];
        if (!pos_field_set_has(draft->present, number))
            continue;
        at += pos_prefix_size(dialect->digits == POS_DIGITS_BCD, field->length);
        at += field->length == POS_LENGTH_FIXED
                  ? field->wire_size
                  : pos_wire_size(field->alphabet, draft->values[number].count);
    }
    return number;
}

static __attribute__((cold, noinline)) enum pos_status
refuse_stranger(struct pen pen, const struct pos_draft *draft, const struct pos_stretch *stretches)
{
    struct pos_stranger stranger = pos_stretches_stranger(stretches, pen.start);
    return refuse(pen.error, stranger.reason,
                  field_at(pen.dialect, draft, stretches[0].from, stranger.offset));
}

static POS_ALWAYS_INLINE enum pos_status put_message(struct pen *pen, const struct pos_draft *draft,
                                                     struct pos_encoded *encoded)
{
    struct pos_stretch stretches[POS_STRETCH_COUNT_MAX];
    enum pos_status status = put_head(pen, draft);
    if (status != POS_OK)
        return status;
    pen->open = stretches;
    pen->open->from = (uint32_t)offset_of(pen);
    pen->open->alphabet = pen->alphabet = POS_ALPHABET_ANY;
    status = put_fields(pen, draft, encoded);
    struct pos_stretch *last = pen->open;
    last->end = (uint32_t)offset_of(pen);
    pen->open = NULL; /* the stretches end with this function */
    if (!pos_stretches_are_good(stretches, last, pen->start))
        return refuse_stranger(*pen, draft, stretches);
    return status;
}

enum pos_status pos_iso8583_encode(const struct pos_dialect *dialect, const struct pos_draft *draft,
                                   struct pos_buffer *out, struct pos_encoded *encoded,
                                   struct pos_decode_error *error)
{
    if (out->overflow)
        return POS_ERR_LENGTH;
    uint8_t *start = out->data + out->size;
    struct pen pen = {.dialect = dialect,
                      .bcd = dialect->digits == POS_DIGITS_BCD,
                      .start = start,
                      .at = start,
                      .end = out->data + out->capacity,
                      .error = error};
    *encoded = (struct pos_encoded){.mac_form = dialect->binary};
    enum pos_status status = put_message(&pen, draft, encoded);
    if (status != POS_OK)
        return status;
    encoded->bytes = pos_bytes(start, offset_of(&pen));
    if (encoded->mac != NULL) {
        encoded->covered = pos_bytes(start, (size_t)(encoded->mac - start));
        assert(pen.at == encoded->mac + mac_size(dialect)); /* reserved last, as it must be */
    }
    out->size += encoded->bytes.size;
    return POS_OK;
}

void pos_encoded_set_mac(const struct pos_encoded *encoded, const uint8_t mac[POS_MAC_SIZE])
{
    assert(encoded->mac != NULL);
    if (encoded->mac_form == POS_BINARY_BYTES) {
        memcpy(encoded->mac, mac, POS_MAC_SIZE);
        return;
    }
    char digits[2 * POS_MAC_SIZE + 1];
    pos_hex_encode(pos_bytes(mac, POS_MAC_SIZE), digits);
    memcpy(encoded->mac, digits, 2 * POS_MAC_SIZE);
}
