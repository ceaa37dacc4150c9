#include "tests/core/wire/reference.h"

#include <ctype.h>
#include <string.h>

/* ---- what both directions ask of a dialect ---- */

static bool is_digit(unsigned c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_known(const struct pos_dialect *in, enum pos_field_kind kind, unsigned c)
{
    switch (kind) {
    case POS_FIELD_AN:
        return is_digit(c) || is_letter(c) || c == ' ';
    case POS_FIELD_ANS:
        return (c >= 0x20 && c <= 0x7E) || (in->high_characters && c >= 0x80);
    case POS_FIELD_Z:
        return is_digit(c) || c == '=' || c == 'D';
    case POS_FIELD_B:
        return in->binary == POS_BINARY_BYTES || (c < 0x80 && isxdigit((int)c));
    default:
        return is_digit(c);
    }
}

static bool has_digits(enum pos_field_kind kind)
{
    return kind == POS_FIELD_N || kind == POS_FIELD_Z || kind == POS_FIELD_XN;
}

static bool is_packed(const struct pos_dialect *in, enum pos_field_kind kind)
{
    return in->digits == POS_DIGITS_BCD && has_digits(kind);
}

static enum pos_decode_reason reason_of(enum pos_field_kind kind)
{
    return has_digits(kind) ? POS_DECODE_DIGITS : POS_DECODE_CHARACTERS;
}

static bool filler_in_front(const struct pos_dialect *in, unsigned field)
{
    return (in->filler_front[(field - 1) / 64] >> (field - 1) % 64 & 1) != 0;
}

static size_t prefix_digits(enum pos_field_length length)
{
    return length == POS_LENGTH_FIXED ? 0 : length == POS_LENGTH_LL ? 2 : 3;
}

/* ---- taking apart ---- */

struct reader {
    const struct pos_dialect *in;
    struct pos_bytes bytes;
    size_t at;
    struct pos_decode_error *error;
};

static bool wrong(struct reader *reader, enum pos_decode_reason reason, unsigned field,
                  size_t offset)
{
    *reader->error = (struct pos_decode_error){
        .reason = reason, .field = (uint8_t)field, .offset = (uint16_t)offset};
    return false;
}

static bool has_bytes(const struct reader *reader, size_t size)
{
    return reader->bytes.size - reader->at >= size;
}

/* The nth nibble from a byte on. */
static unsigned nibble(const struct reader *reader, size_t at, size_t n)
{
    uint8_t byte = reader->bytes.data[at + n / 2];
    return n % 2 == 0 ? byte >> 4 : byte & 15;
}

/* A number of so many digits where the reader stands; in BCD with a zero in front when odd. The
 * offset of a byte that is no digit, or of the end. */
static size_t take_number(struct reader *reader, size_t digits, unsigned *number)
{
    *number = 0;
    bool packed = reader->in->digits == POS_DIGITS_BCD;
    size_t cells = packed ? (digits + 1) / 2 * 2 : digits;
    for (size_t n = 0; n < cells; n++) {
        unsigned value = packed ? nibble(reader, reader->at, n)
                                : (unsigned)(reader->bytes.data[reader->at + n] - '0');
        if (value > 9)
            return reader->at + (packed ? n / 2 : n);
        *number = *number * 10 + value;
    }
    return reader->at + (packed ? cells / 2 : cells);
}

static bool take_mti(struct reader *reader, struct pos_message *message)
{
    unsigned number;
    size_t size = reader->in->digits == POS_DIGITS_BCD ? 2 : 4;
    if (!has_bytes(reader, size))
        return wrong(reader, POS_DECODE_SHORT, 0, 0);
    size_t end = take_number(reader, 4, &number);
    if (end != size)
        return wrong(reader, POS_DECODE_MTI, 0, end);
    message->mti = (uint16_t)(number / 1000 << 12 | number / 100 % 10 << 8 | number / 10 % 10 << 4 |
                              number % 10);
    reader->at = end;
    return true;
}

/* 64 bits, the first of them the highest of the first byte or digit. */
static bool take_bitmap(struct reader *reader, uint64_t *bits)
{
    bool hex = reader->in->bitmap == POS_BITMAP_HEX;
    size_t size = hex ? 16 : 8, width = hex ? 4 : 8;
    *bits = 0;
    if (!has_bytes(reader, size))
        return wrong(reader, POS_DECODE_SHORT, 1, reader->at);
    for (size_t i = 0; i < size; i++) {
        unsigned value = reader->bytes.data[reader->at + i];
        if (hex && !(value < 0x80 && isxdigit((int)value)))
            return wrong(reader, POS_DECODE_BITMAP, 1, reader->at + i);
        if (hex)
            value = is_digit(value) ? value - '0' : (unsigned)toupper((int)value) - 'A' + 10;
        for (size_t bit = 0; bit < width; bit++)
            *bits |= (uint64_t)(value >> (width - 1 - bit) & 1) << (i * width + bit);
    }
    reader->at += size;
    return true;
}

static bool take_bitmaps(struct reader *reader, uint64_t bits[2])
{
    bits[1] = 0;
    if (!take_bitmap(reader, &bits[0]))
        return false;
    if (bits[0] % 2 == 0)
        return true;
    bits[0]--;
    size_t start = reader->at;
    if (!take_bitmap(reader, &bits[1]))
        return false;
    return bits[1] != 0 || reader->in->bitmap_second_empty ||
           wrong(reader, POS_DECODE_BITMAP, 1, start);
}

static bool take_count(struct reader *reader, unsigned field, struct pos_field rule, size_t *count)
{
    size_t digits = prefix_digits(rule.length);
    size_t size = reader->in->digits == POS_DIGITS_BCD ? (digits + 1) / 2 : digits;
    unsigned number;
    *count = rule.size;
    if (digits == 0)
        return true;
    if (!has_bytes(reader, size))
        return wrong(reader, POS_DECODE_SHORT, field, reader->at);
    bool good = take_number(reader, digits, &number) == reader->at + size;
    unsigned each = rule.kind == POS_FIELD_B && reader->in->binary == POS_BINARY_HEX ? 2 : 1;
    if (!good || number % each != 0 || number / each > rule.size)
        return wrong(reader, POS_DECODE_PREFIX, field, reader->at);
    *count = number / each;
    reader->at += size;
    return true;
}

/* So many packed digits from `start`, the filler of an odd one where it belongs: of each byte the
 * digits, then the filler. */
static bool look_at_packed(struct reader *reader, unsigned field, enum pos_field_kind kind,
                           size_t start, size_t count)
{
    size_t cells = (count + 1) / 2 * 2;
    size_t filler = count == cells ? cells : filler_in_front(reader->in, field) ? 0 : cells - 1;
    for (size_t byte = 0; byte < cells / 2; byte++) {
        for (size_t n = 2 * byte; n < 2 * byte + 2; n++) {
            unsigned value = nibble(reader, start, n);
            if (n != filler && value > 9 && !(kind == POS_FIELD_Z && value == 0xD))
                return wrong(reader, POS_DECODE_DIGITS, field, start + byte);
        }
        if (filler / 2 != byte)
            continue;
        unsigned value = nibble(reader, start, filler);
        if (value != 0 && !(value == 0xF && reader->in->filler_f))
            return wrong(reader, POS_DECODE_FILLER, field, start + byte);
    }
    return true;
}

static size_t wire_size(const struct pos_dialect *in, enum pos_field_kind kind, size_t count)
{
    if (kind == POS_FIELD_B)
        return in->binary == POS_BINARY_HEX ? 2 * count : count;
    if (!is_packed(in, kind))
        return count;
    return kind == POS_FIELD_XN ? 1 + count / 2 : (count + 1) / 2;
}

static bool look_at(struct reader *reader, unsigned field, enum pos_field_kind kind, size_t start,
                    size_t count)
{
    if (kind == POS_FIELD_XN) {
        uint8_t letter = reader->bytes.data[start];
        if (letter != 'C' && letter != 'D')
            return wrong(reader, POS_DECODE_CHARACTERS, field, start);
        start++;
        count--;
    }
    if (is_packed(reader->in, kind))
        return look_at_packed(reader, field, kind, start, count);
    for (size_t at = start; at < reader->at; at++)
        if (!is_known(reader->in, kind, reader->bytes.data[at]))
            return wrong(reader, reason_of(kind), field, at);
    return true;
}

static bool take_field(struct reader *reader, unsigned field, struct pos_field_view *view)
{
    struct pos_field rule = reader->in->fields[field];
    size_t start = reader->at, count;
    if (rule.kind == POS_FIELD_NONE)
        return wrong(reader, POS_DECODE_UNKNOWN_FIELD, field, start);
    if (!take_count(reader, field, rule, &count))
        return false;
    size_t size = wire_size(reader->in, rule.kind, count);
    if (!has_bytes(reader, size))
        return wrong(reader, POS_DECODE_SHORT, field, start);
    *view = (struct pos_field_view){
        .offset = (uint16_t)reader->at, .size = (uint16_t)size, .count = (uint16_t)count};
    reader->at += size;
    return look_at(reader, field, rule.kind, view->offset, count);
}

enum pos_status reference_decode(const struct pos_dialect *dialect, struct pos_bytes bytes,
                                 struct pos_message *message, struct pos_decode_error *error)
{
    struct reader reader = {.in = dialect, .bytes = bytes, .error = error};
    uint64_t bits[2];
    unsigned last = 1;
    *error = (struct pos_decode_error){.reason = POS_DECODE_OK};
    *message = (struct pos_message){.dialect = dialect, .bytes = bytes};
    if (bytes.size > POS_FRAME_BODY_SIZE_MAX) {
        (void)wrong(&reader, POS_DECODE_LEFT_OVER, 0, POS_FRAME_BODY_SIZE_MAX);
        return POS_ERR_FORMAT;
    }
    if (!take_mti(&reader, message) || !take_bitmaps(&reader, bits))
        return POS_ERR_FORMAT;
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_field_set_has(bits, field))
            continue;
        if (!take_field(&reader, field, &message->fields[field]))
            return POS_ERR_FORMAT;
        pos_field_set_add(message->present, field);
        last = field;
    }
    if (reader.at != bytes.size)
        (void)wrong(&reader, POS_DECODE_LEFT_OVER, last, reader.at);
    return error->reason == POS_DECODE_OK ? POS_OK : POS_ERR_FORMAT;
}

/* ---- building ---- */

/* Digits go into nibbles where the dialect packs them, everything else into bytes. */
struct writer {
    const struct pos_dialect *in;
    struct pos_buffer *out;
    bool half; /* the last byte has its first nibble alone */
};

static void put_nibble(struct writer *writer, unsigned value)
{
    if (writer->half)
        writer->out->data[writer->out->size - 1] |= (uint8_t)value;
    else
        pos_buffer_put_u8(writer->out, (uint8_t)(value << 4));
    writer->half = !writer->half;
}

static void put_digit(struct writer *writer, unsigned c)
{
    if (writer->in->digits == POS_DIGITS_BCD)
        put_nibble(writer, c == '=' || c == 'D' ? 0xD : c - '0');
    else
        pos_buffer_put_u8(writer->out, (uint8_t)c);
}

static void put_hex(struct writer *writer, uint8_t byte)
{
    pos_buffer_put_u8(writer->out, (uint8_t) "0123456789ABCDEF"[byte >> 4]);
    pos_buffer_put_u8(writer->out, (uint8_t) "0123456789ABCDEF"[byte & 15]);
}

static void put_number(struct writer *writer, unsigned number, unsigned digits)
{
    unsigned scale = 1;
    if (digits % 2 != 0 && writer->in->digits == POS_DIGITS_BCD)
        put_digit(writer, '0');
    for (unsigned i = 1; i < digits; i++)
        scale *= 10;
    for (; scale > 0; scale /= 10)
        put_digit(writer, '0' + number / scale % 10);
}

static void put_bitmap(struct writer *writer, uint64_t bits)
{
    for (unsigned byte = 0; byte < 8; byte++) {
        unsigned value = 0;
        for (unsigned bit = 0; bit < 8; bit++)
            value |= (unsigned)(bits >> (8 * byte + bit) & 1) << (7 - bit);
        if (writer->in->bitmap == POS_BITMAP_HEX)
            put_hex(writer, (uint8_t)value);
        else
            pos_buffer_put_u8(writer->out, (uint8_t)value);
    }
}

static enum pos_decode_reason suits(const struct pos_dialect *in, enum pos_field_kind kind,
                                    struct pos_bytes value)
{
    for (size_t i = 0; kind != POS_FIELD_B && i < value.size; i++) {
        bool letter = kind == POS_FIELD_XN && i == 0;
        unsigned c = value.data[i];
        if (letter && c != 'C' && c != 'D')
            return POS_DECODE_CHARACTERS;
        if (!letter && !is_known(in, kind, c))
            return reason_of(kind);
    }
    return POS_DECODE_OK;
}

static void put_digits(struct writer *writer, unsigned field, struct pos_bytes digits)
{
    bool filler = writer->in->digits == POS_DIGITS_BCD && digits.size % 2 != 0;
    bool front = filler_in_front(writer->in, field);
    if (filler && front)
        put_digit(writer, '0');
    for (size_t i = 0; i < digits.size; i++)
        put_digit(writer, digits.data[i]);
    if (filler && !front)
        put_digit(writer, '0');
}

static void put_plain(struct writer *writer, unsigned field, enum pos_field_kind kind,
                      struct pos_bytes value)
{
    if (kind == POS_FIELD_XN) {
        pos_buffer_put_u8(writer->out, value.data[0]);
        value = pos_bytes(value.data + 1, value.size - 1);
    }
    if (has_digits(kind))
        put_digits(writer, field, value);
    else if (kind == POS_FIELD_B && writer->in->binary == POS_BINARY_HEX)
        for (size_t i = 0; i < value.size; i++)
            put_hex(writer, value.data[i]);
    else
        pos_buffer_put(writer->out, value);
}

static enum pos_decode_reason put_field(struct writer *writer, unsigned field,
                                        const struct reference_value *value)
{
    struct pos_field rule = writer->in->fields[field];
    size_t count = value->wire ? value->count : value->bytes.size;
    bool hex = rule.kind == POS_FIELD_B && writer->in->binary == POS_BINARY_HEX;
    if (rule.kind == POS_FIELD_NONE)
        return POS_DECODE_UNKNOWN_FIELD;
    if (count > rule.size)
        return POS_DECODE_PREFIX;
    if (rule.length == POS_LENGTH_FIXED && count < rule.size)
        return POS_DECODE_SHORT;
    if (rule.length != POS_LENGTH_FIXED)
        put_number(writer, (unsigned)(hex ? 2 * count : count),
                   (unsigned)prefix_digits(rule.length));
    if (value->wire) {
        pos_buffer_put(writer->out, value->bytes);
        return POS_DECODE_OK;
    }
    enum pos_decode_reason reason = suits(writer->in, rule.kind, value->bytes);
    if (reason == POS_DECODE_OK)
        put_plain(writer, field, rule.kind, value->bytes);
    return reason;
}

static bool is_mti(uint16_t mti)
{
    return mti >> 12 <= 9 && (mti >> 8 & 15) <= 9 && (mti >> 4 & 15) <= 9 && (mti & 15) <= 9;
}

enum pos_status reference_encode(const struct pos_dialect *dialect, uint16_t mti,
                                 const uint64_t present[2], const struct reference_value *values,
                                 struct pos_buffer *out, struct pos_decode_error *error)
{
    struct writer writer = {.in = dialect, .out = out};
    *error = (struct pos_decode_error){.reason = POS_DECODE_OK};
    if (!is_mti(mti)) {
        error->reason = POS_DECODE_MTI;
        return POS_ERR_FORMAT;
    }
    for (unsigned shift = 16; shift > 0; shift -= 4)
        put_digit(&writer, '0' + (mti >> (shift - 4) & 15u));
    put_bitmap(&writer, present[0] | (present[1] != 0 ? 1 : 0));
    if (present[1] != 0)
        put_bitmap(&writer, present[1]);
    for (unsigned field = 2; field <= POS_FIELD_COUNT; field++) {
        if (!pos_field_set_has(present, field))
            continue;
        error->reason = put_field(&writer, field, &values[field]);
        error->field = (uint8_t)field;
        if (error->reason != POS_DECODE_OK)
            return POS_ERR_FORMAT;
    }
    error->field = 0;
    return out->overflow ? POS_ERR_LENGTH : POS_OK;
}
