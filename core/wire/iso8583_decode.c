#include <assert.h>

#include "core/wire/codec.h"

/*
 * Every field gets its place first, in one pass that reads nothing but length prefixes and fillers.
 * What stands there is looked at afterwards, by stretches: fields side by side of one alphabet are
 * looked at as one. The first thing wrong on the wire is the error, as stretches end where placing
 * did.
 *
 * The pass lives in registers: what takes a pointer to it is inlined.
 */
struct pass {
    struct pos_message *message; /* `present`: what the bitmaps say */
    struct pos_decode_error *error;
    const uint8_t *data;
    size_t size;
    size_t at;
    struct pos_stretch *open;   /* the last stretch; it has no end yet */
    enum pos_alphabet alphabet; /* of that */
};

static __attribute__((cold, noinline)) void
tell(struct pos_decode_error *error, enum pos_decode_reason reason, size_t field, size_t offset)
{
    *error = (struct pos_decode_error){
        .reason = reason, .field = (uint8_t)field, .offset = (uint16_t)offset};
}

/* Tells the error and is false. The compiler must see that, or it keeps the pass in memory. */
static POS_ALWAYS_INLINE bool stop(const struct pass *pass, enum pos_decode_reason reason,
                                   size_t field, size_t offset)
{
    tell(pass->error, reason, field, offset);
    return false;
}

/* ---- MTI and bitmaps ---- */

static POS_ALWAYS_INLINE bool take_mti(struct pass *pass)
{
    bool bcd = pass->message->dialect->digits == POS_DIGITS_BCD;
    unsigned mti = 0;
    pass->at = bcd ? 2 : 4;
    if (pass->size < pass->at)
        return stop(pass, POS_DECODE_SHORT, 0, 0);
    for (size_t i = 0; i < 4; i++) {
        unsigned digit =
            bcd ? pass->data[i / 2] >> (4 - i % 2 * 4) & 15u : pass->data[i] - (unsigned)'0';
        if (digit > 9)
            return stop(pass, POS_DECODE_MTI, 0, bcd ? i / 2 : i);
        mti = mti << 4 | digit;
    }
    pass->message->mti = (uint16_t)mti;
    return true;
}

static POS_ALWAYS_INLINE bool take_bitmap(struct pass *pass, uint64_t *bits)
{
    bool hex = pass->message->dialect->bitmap == POS_BITMAP_HEX;
    size_t end = pass->at + (hex ? 16 : 8);
    struct pos_stretch digits = {(uint32_t)pass->at, (uint32_t)end, POS_ALPHABET_HEX};
    const uint8_t *at = pass->data + pass->at;
    if (end > pass->size)
        return stop(pass, POS_DECODE_SHORT, 1, pass->at);
    if (hex && !pos_stretches_are_good(&digits, &digits, pass->data))
        return stop(pass, POS_DECODE_BITMAP, 1, pos_stretches_stranger(&digits, pass->data).offset);
    *bits = pos_bits_in_bytes_reversed(hex ? pos_pack_hex(pos_lanes_load(at)) : pos_load8(at));
    pass->at = end;
    return true;
}

/* Field 1 is the second bitmap: it is taken here and never shown as present. */
static POS_ALWAYS_INLINE bool take_bitmaps(struct pass *pass)
{
    uint64_t first = 0, second = 0;
    if (!take_bitmap(pass, &first))
        return false;
    size_t start = pass->at;
    bool both = (first & 1) != 0;
    if (both && !take_bitmap(pass, &second))
        return false;
    if (both && second == 0 && !pass->message->dialect->bitmap_second_empty)
        return stop(pass, POS_DECODE_BITMAP, 1, start);
    pass->message->present[0] = first & ~(uint64_t)1;
    pass->message->present[1] = second;
    return true;
}

/* ---- placing ---- */

static POS_ALWAYS_INLINE void change_stretch(struct pass *pass, size_t end, size_t from,
                                             enum pos_alphabet alphabet)
{
    pass->open = pos_stretch_change(pass->open, end, from, alphabet);
    pass->alphabet = alphabet;
}

/* Moves over the content when it is all there, and says where it is. */
static POS_ALWAYS_INLINE bool claim(struct pass *pass, size_t number, size_t size, size_t count)
{
    size_t end = pass->at + size;
    if (end > pass->size)
        return false;
    pass->message->fields[number] = (struct pos_field_view){
        .offset = (uint32_t)pass->at, .size = (uint16_t)size, .count = (uint16_t)count};
    pass->at = end;
    return true;
}

/* Two or three digits in front of the content; in BCD three have a zero before them. */
static POS_ALWAYS_INLINE bool read_prefix(const uint8_t *at, bool bcd, bool three, size_t *number)
{
    unsigned hundreds = 0;
    if (three)
        hundreds = bcd ? *at++ : *at++ - (unsigned)'0';
    unsigned tens = bcd ? *at >> 4 : *at++ - (unsigned)'0';
    unsigned ones = bcd ? *at & 15u : *at - (unsigned)'0';
    *number = hundreds * 100 + tens * 10 + ones;
    return hundreds <= 9 && tens <= 9 && ones <= 9;
}

static POS_ALWAYS_INLINE bool take_prefix(struct pass *pass, size_t number,
                                          const struct pos_field *field, size_t *count)
{
    bool bcd = pass->message->dialect->digits == POS_DIGITS_BCD;
    size_t size = pos_prefix_size(bcd, field->length);
    if (size > pass->size - pass->at)
        return stop(pass, POS_DECODE_SHORT, number, pass->at);
    bool good = read_prefix(pass->data + pass->at, bcd, field->length == POS_LENGTH_LLL, count);
    if (field->alphabet == POS_ALPHABET_HEX) {
        good = good && *count % 2 == 0;
        *count /= 2;
    }
    if (!good || *count > field->size)
        return stop(pass, POS_DECODE_PREFIX, number, pass->at);
    pass->at += size;
    return true;
}

/* The filler of an odd number of packed digits, in front of those at offset or behind them. As 0 it
 * passes for one of them, as F it divides the stretch. */
static POS_ALWAYS_INLINE bool take_filler(struct pass *pass, size_t number, size_t offset)
{
    const struct pos_dialect *dialect = pass->message->dialect;
    bool front = pos_field_set_has(dialect->filler_front, (unsigned)number);
    if (!front)
        offset = pass->at - 1;
    unsigned byte = pass->data[offset];
    unsigned filler = front ? byte >> 4 : byte & 15;
    unsigned digit = front ? byte & 15 : byte >> 4;
    if (filler == 0)
        return true;
    if (digit > 9 && !(pass->alphabet == POS_ALPHABET_BCD_TRACK && digit == 0xD))
        return stop(pass, POS_DECODE_DIGITS, number, offset);
    if (filler != 0xF || !dialect->filler_f)
        return stop(pass, POS_DECODE_FILLER, number, offset);
    change_stretch(pass, offset, offset + 1, pass->alphabet);
    return true;
}

/* A letter, then digits. */
static POS_ALWAYS_INLINE bool place_signed(struct pass *pass, size_t number,
                                           const struct pos_field *field)
{
    size_t start = pass->at;
    if (!claim(pass, number, field->wire_size, field->size))
        return stop(pass, POS_DECODE_SHORT, number, start);
    if (pass->data[start] != 'C' && pass->data[start] != 'D')
        return stop(pass, POS_DECODE_CHARACTERS, number, start);
    change_stretch(pass, start, start + 1, field->alphabet);
    return true;
}

/* A field with more than its content on the wire. */
static POS_ALWAYS_INLINE bool place_other(struct pass *pass, size_t number,
                                          const struct pos_field *field)
{
    size_t start = pass->at;
    size_t count = field->size;
    if (field->kind == POS_FIELD_NONE)
        return stop(pass, POS_DECODE_UNKNOWN_FIELD, number, start);
    if (field->kind == POS_FIELD_XN)
        return place_signed(pass, number, field);
    if (field->length != POS_LENGTH_FIXED && !take_prefix(pass, number, field, &count))
        return false;
    size_t offset = pass->at;
    if (!claim(pass, number, pos_wire_size(field->alphabet, count), count))
        return stop(pass, POS_DECODE_SHORT, number, start);
    if (field->length != POS_LENGTH_FIXED || field->alphabet != pass->alphabet)
        change_stretch(pass, start, offset, field->alphabet);
    return count % 2 == 0 || !pos_is_packed(field->alphabet) || take_filler(pass, number, offset);
}

static POS_ALWAYS_INLINE bool place_field(struct pass *pass, size_t number,
                                          const struct pos_field *field)
{
    if (field->joins != pass->alphabet) {
        if (field->joins == POS_ALPHABET_NONE)
            return place_other(pass, number, field);
        change_stretch(pass, pass->at, pass->at, field->joins);
    }
    return claim(pass, number, field->wire_size, field->size) ||
           stop(pass, POS_DECODE_SHORT, number, pass->at);
}

static POS_ALWAYS_INLINE bool place_fields(struct pass *pass)
{
    const struct pos_field *fields = pass->message->dialect->fields;
    for (size_t word = 0; word < 2; word++) {
        for (uint64_t left = pass->message->present[word]; left != 0; left &= left - 1) {
            size_t number = 64 * word + (size_t)__builtin_ctzll(left) + 1;
            if (!place_field(pass, number, &fields[number]))
                return false;
        }
    }
    return true;
}

/* ---- all of it ---- */

static size_t field_at(const struct pos_message *message, size_t offset)
{
    unsigned field = 2;
    while (!pos_message_has(message, field) ||
           message->fields[field].offset + message->fields[field].size <= offset)
        field++;
    return field;
}

static __attribute__((cold, noinline)) void tell_stranger(const struct pass pass,
                                                          const struct pos_stretch *stretches)
{
    struct pos_stranger stranger = pos_stretches_stranger(stretches, pass.data);
    tell(pass.error, stranger.reason, field_at(pass.message, stranger.offset), stranger.offset);
}

/* What came before the field with the error stays. */
static __attribute__((cold, noinline)) void keep_before(struct pos_message *message, unsigned field)
{
    uint64_t below = ((uint64_t)1 << ((field - 1) & 63)) - 1;
    message->present[0] &= field <= 64 ? below : UINT64_MAX;
    message->present[1] &= field <= 64 ? 0 : below;
}

static unsigned last_field(const uint64_t present[2])
{
    if (present[1] != 0)
        return 128 - (unsigned)__builtin_clzll(present[1]);
    return present[0] != 0 ? 64 - (unsigned)__builtin_clzll(present[0]) : 1;
}

/* False with the error told: the fields before it stay. */
static POS_ALWAYS_INLINE bool take_fields(struct pass *pass)
{
    struct pos_stretch stretches[POS_STRETCH_COUNT_MAX];
    pass->open = stretches;
    pass->open->from = (uint32_t)pass->at;
    pass->open->alphabet = pass->alphabet = POS_ALPHABET_ANY;
    bool placed = place_fields(pass);
    pass->open->end = placed ? (uint32_t)pass->at : pass->error->offset;
    bool good = pos_stretches_are_good(stretches, pass->open, pass->data);
    if (!good)
        tell_stranger(*pass, stretches);
    if (!good || !placed)
        keep_before(pass->message, pass->error->field);
    return good && placed;
}

enum pos_status pos_iso8583_decode(const struct pos_dialect *dialect, struct pos_bytes bytes,
                                   struct pos_message *message, struct pos_decode_error *error)
{
    struct pass pass = {.message = message, .error = error, .data = bytes.data, .size = bytes.size};
    *error = (struct pos_decode_error){.reason = POS_DECODE_OK};
    message->dialect = dialect;
    message->bytes = bytes;
    message->mti = 0;
    message->present[0] = message->present[1] = 0;
    bool good = bytes.size <= POS_FRAME_BODY_SIZE_MAX ||
                stop(&pass, POS_DECODE_LEFT_OVER, 0, POS_FRAME_BODY_SIZE_MAX);
    good = good && take_mti(&pass) && take_bitmaps(&pass) && take_fields(&pass);
    if (good && pass.at != bytes.size)
        good = stop(&pass, POS_DECODE_LEFT_OVER, last_field(message->present), pass.at);
    return good ? POS_OK : POS_ERR_FORMAT;
}

const char *pos_decode_reason_text(enum pos_decode_reason reason)
{
    static const char *const texts[] = {
        [POS_DECODE_OK] = "no error",
        [POS_DECODE_SHORT] = "message ends inside the field",
        [POS_DECODE_MTI] = "message type is not four digits",
        [POS_DECODE_BITMAP] = "bitmap malformed or empty",
        [POS_DECODE_UNKNOWN_FIELD] = "no such field",
        [POS_DECODE_PREFIX] = "length is not digits or too large",
        [POS_DECODE_DIGITS] = "not a digit",
        [POS_DECODE_FILLER] = "filler is wrong",
        [POS_DECODE_CHARACTERS] = "character outside its set",
        [POS_DECODE_LEFT_OVER] = "bytes behind the last field",
    };
    assert((size_t)reason < sizeof texts / sizeof texts[0]);
    return texts[reason];
}
