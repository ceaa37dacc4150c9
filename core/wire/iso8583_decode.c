#include <assert.h>

#include "core/wire/codec.h"
#include "core/wire/iso8583.h"

/*
 * Where the one pass over the bytes is. It lives in registers: whatever takes a pointer to it is
 * inlined, and the functions that tell an error get values.
 */
struct pass {
    const struct pos_dialect *dialect;
    const uint8_t *data;
    size_t size;
    size_t at;
    bool bcd, hex, high; /* of the dialect: BCD digits, hexadecimal b fields, high characters */
    struct pos_decode_error *error;
};

static __attribute__((cold, noinline)) void
tell(struct pos_decode_error *error, enum pos_decode_reason reason, unsigned field, size_t offset)
{
    *error = (struct pos_decode_error){
        .reason = reason, .field = (uint8_t)field, .offset = (uint16_t)offset};
}

/* Tells the error and is false. The compiler must see that, or it keeps the pass in memory. */
static POS_ALWAYS_INLINE bool stop(struct pos_decode_error *error, enum pos_decode_reason reason,
                                   unsigned field, size_t offset)
{
    tell(error, reason, field, offset);
    return false;
}

/* The same for a byte that is not in its alphabet: finds the first such byte. */
static __attribute__((cold, noinline)) void tell_stranger(struct pos_decode_error *error,
                                                          enum pos_decode_reason reason,
                                                          unsigned field, const uint8_t *data,
                                                          size_t offset, enum pos_alphabet alphabet)
{
    while (pos_all_within(data + offset, 1, 1, alphabet))
        offset++;
    tell(error, reason, field, offset);
}

/* Checks size bytes at offset against an alphabet that is a constant here. */
static POS_ALWAYS_INLINE bool check(const struct pass *pass, enum pos_decode_reason reason,
                                    unsigned field, size_t offset, size_t size,
                                    enum pos_alphabet alphabet)
{
    if (__builtin_expect(pos_all_within(pass->data + offset, size, pass->size - offset, alphabet),
                         1))
        return true;
    tell_stranger(pass->error, reason, field, pass->data, offset, alphabet);
    return false;
}

static POS_ALWAYS_INLINE bool take_mti(struct pass *pass, struct pos_message *message)
{
    uint8_t digits[2];
    size_t size = pass->bcd ? 2 : 4;
    if (pass->size < size)
        return stop(pass->error, POS_DECODE_SHORT, 0, 0);
    if (pass->bcd ? !check(pass, POS_DECODE_MTI, 0, 0, 2, POS_ALPHABET_BCD)
                  : !check(pass, POS_DECODE_MTI, 0, 0, 4, POS_ALPHABET_DIGITS))
        return false;
    if (pass->bcd)
        memcpy(digits, pass->data, 2);
    else
        pos_pack(pass->data, 4, digits);
    message->mti = (uint16_t)(digits[0] << 8 | digits[1]);
    pass->at = size;
    return true;
}

static POS_ALWAYS_INLINE bool take_bitmap(struct pass *pass, uint64_t *bits)
{
    size_t start = pass->at;
    bool hex = pass->dialect->bitmap == POS_BITMAP_HEX;
    size_t size = hex ? 16 : 8;
    if (size > pass->size - start)
        return stop(pass->error, POS_DECODE_SHORT, 1, start);
    if (hex && !check(pass, POS_DECODE_BITMAP, 1, start, size, POS_ALPHABET_HEX))
        return false;
    const uint8_t *at = pass->data + start;
    uint64_t word = hex ? pos_pack_word(pos_load8(at)) | (uint64_t)pos_pack_word(pos_load8(at + 8))
                                                             << 32
                        : pos_load8(at);
    *bits = pos_bits_in_bytes_reversed(word);
    pass->at = start + size;
    return true;
}

/* Field 1 is the second bitmap: it is taken here and never shown as present. */
static POS_ALWAYS_INLINE bool take_bitmaps(struct pass *pass, uint64_t bits[2])
{
    bits[1] = 0;
    if (!take_bitmap(pass, &bits[0]))
        return false;
    if ((bits[0] & 1) == 0)
        return true;
    size_t start = pass->at;
    bits[0] &= ~(uint64_t)1;
    if (!take_bitmap(pass, &bits[1]))
        return false;
    if (bits[1] == 0 && !pass->dialect->bitmap_second_empty)
        return stop(pass->error, POS_DECODE_BITMAP, 1, start);
    return true;
}

static POS_ALWAYS_INLINE bool pair_is_bcd(unsigned byte)
{
    return byte >> 4 <= 9 && (byte & 15) <= 9;
}

/* Two or three digits in front of the content; in BCD three have a zero before them. */
static POS_ALWAYS_INLINE bool read_prefix(const struct pass *pass, size_t size, size_t *number)
{
    const uint8_t *at = pass->data + pass->at;
    size_t value = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = pass->bcd ? at[i] : at[i] - (unsigned)'0';
        if (pass->bcd ? !pair_is_bcd(byte) : byte > 9)
            return false;
        value = pass->bcd ? value * 100 + (byte >> 4) * 10 + (byte & 15) : value * 10 + byte;
    }
    *number = value;
    return true;
}

static POS_ALWAYS_INLINE bool take_prefix(struct pass *pass, unsigned field, struct pos_field rule,
                                          size_t *count)
{
    size_t start = pass->at;
    size_t size = pos_prefix_size(pass->bcd, rule.length);
    if (size > pass->size - start)
        return stop(pass->error, POS_DECODE_SHORT, field, start);
    bool good = read_prefix(pass, size, count);
    if (rule.kind == POS_FIELD_B && pass->hex) {
        good = good && *count % 2 == 0;
        *count /= 2;
    }
    if (!good || *count > rule.size)
        return stop(pass->error, POS_DECODE_PREFIX, field, start);
    pass->at = start + size;
    return true;
}

/* The byte that holds the filler and one digit of an odd number of them. */
static POS_ALWAYS_INLINE bool check_odd_byte(const struct pass *pass, unsigned field, size_t offset,
                                             bool front, bool separator)
{
    unsigned byte = pass->data[offset];
    unsigned filler = front ? byte >> 4 : byte & 15;
    unsigned digit = front ? byte & 15 : byte >> 4;
    if (digit > 9 && !(separator && digit == 0xD))
        return stop(pass->error, POS_DECODE_DIGITS, field, offset);
    if (filler != 0 && !(pass->dialect->odd_filler_f && filler == 0xF))
        return stop(pass->error, POS_DECODE_FILLER, field, offset);
    return true;
}

static POS_ALWAYS_INLINE bool check_bcd(const struct pass *pass, unsigned field, size_t offset,
                                        size_t count, bool separator)
{
    size_t size = count / 2;
    bool odd = count % 2 != 0;
    bool front = odd && pos_filler_in_front(pass->dialect, field);
    if (front && !check_odd_byte(pass, field, offset++, true, separator))
        return false;
    if (!check(pass, POS_DECODE_DIGITS, field, offset, size,
               separator ? POS_ALPHABET_BCD_TRACK : POS_ALPHABET_BCD))
        return false;
    return !odd || front || check_odd_byte(pass, field, offset + size, false, separator);
}

/* Moves over the content when it is all there, and says where it is. */
static POS_ALWAYS_INLINE bool claim(struct pass *pass, struct pos_field_view *view, size_t size,
                                    size_t count)
{
    if (size > pass->size - pass->at)
        return false;
    *view = (struct pos_field_view){
        .offset = (uint16_t)pass->at, .size = (uint16_t)size, .count = (uint16_t)count};
    pass->at += size;
    return true;
}

static POS_ALWAYS_INLINE bool take_digits(struct pass *pass, unsigned field,
                                          struct pos_field_view *view, size_t start, size_t count,
                                          bool separator)
{
    size_t offset = pass->at;
    if (!claim(pass, view, pass->bcd ? (count + 1) / 2 : count, count))
        return stop(pass->error, POS_DECODE_SHORT, field, start);
    if (pass->bcd)
        return check_bcd(pass, field, offset, count, separator);
    return check(pass, POS_DECODE_DIGITS, field, offset, count,
                 separator ? POS_ALPHABET_TRACK : POS_ALPHABET_DIGITS);
}

/* C or D, then digits. */
static POS_ALWAYS_INLINE bool take_signed(struct pass *pass, unsigned field,
                                          struct pos_field_view *view, size_t start, size_t count)
{
    size_t offset = pass->at;
    if (!claim(pass, view, pass->bcd ? 1 + count / 2 : count, count))
        return stop(pass->error, POS_DECODE_SHORT, field, start);
    uint8_t letter = pass->data[offset];
    if (letter != 'C' && letter != 'D')
        return stop(pass->error, POS_DECODE_CHARACTERS, field, offset);
    return pass->bcd
               ? check_bcd(pass, field, offset + 1, count - 1, false)
               : check(pass, POS_DECODE_DIGITS, field, offset + 1, count - 1, POS_ALPHABET_DIGITS);
}

static POS_ALWAYS_INLINE bool take_characters(struct pass *pass, unsigned field,
                                              struct pos_field_view *view, size_t start,
                                              size_t count, enum pos_alphabet alphabet)
{
    size_t offset = pass->at;
    if (!claim(pass, view, count, count))
        return stop(pass->error, POS_DECODE_SHORT, field, start);
    return check(pass, POS_DECODE_CHARACTERS, field, offset, count, alphabet);
}

/* Bytes may be anything; as hexadecimal they are digits. */
static POS_ALWAYS_INLINE bool take_bytes(struct pass *pass, unsigned field,
                                         struct pos_field_view *view, size_t start, size_t count)
{
    size_t offset = pass->at;
    size_t size = pass->hex ? 2 * count : count;
    if (!claim(pass, view, size, count))
        return stop(pass->error, POS_DECODE_SHORT, field, start);
    return !pass->hex || check(pass, POS_DECODE_CHARACTERS, field, offset, size, POS_ALPHABET_HEX);
}

static POS_ALWAYS_INLINE bool take_field(struct pass *pass, unsigned field,
                                         struct pos_field_view *view)
{
    struct pos_field rule = pass->dialect->fields[field];
    size_t start = pass->at;
    size_t count = rule.size;
    if (rule.length != POS_LENGTH_FIXED && !take_prefix(pass, field, rule, &count))
        return false;
    switch (rule.kind) {
    case POS_FIELD_N:
        return take_digits(pass, field, view, start, count, false);
    case POS_FIELD_AN:
        return take_characters(pass, field, view, start, count, POS_ALPHABET_AN);
    case POS_FIELD_ANS:
        return pass->high ? take_characters(pass, field, view, start, count, POS_ALPHABET_ANS_HIGH)
                          : take_characters(pass, field, view, start, count, POS_ALPHABET_ANS);
    case POS_FIELD_Z:
        return take_digits(pass, field, view, start, count, true);
    case POS_FIELD_B:
        return take_bytes(pass, field, view, start, count);
    case POS_FIELD_XN:
        return take_signed(pass, field, view, start, count);
    default:
        return stop(pass->error, POS_DECODE_UNKNOWN_FIELD, field, start);
    }
}

/* Decodes the fields that `bits` announces; those before an error become present. */
static POS_ALWAYS_INLINE bool take_fields(struct pass *pass, const uint64_t bits[2],
                                          struct pos_message *message)
{
    for (unsigned word = 0; word < 2; word++) {
        for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
            unsigned field = 64 * word + (unsigned)__builtin_ctzll(left) + 1;
            if (!take_field(pass, field, &message->fields[field])) {
                message->present[word] = bits[word] & ~left;
                return false;
            }
        }
        message->present[word] = bits[word];
    }
    return true;
}

/* The two shapes of the loop, each without the other's branches. They return where they ended. */
static __attribute__((noinline)) bool take_fields_bcd(struct pass pass, const uint64_t bits[2],
                                                      struct pos_message *message, size_t *end)
{
    pass.bcd = true;
    bool good = take_fields(&pass, bits, message);
    *end = pass.at;
    return good;
}

static __attribute__((noinline)) bool take_fields_ascii(struct pass pass, const uint64_t bits[2],
                                                        struct pos_message *message, size_t *end)
{
    pass.bcd = false;
    bool good = take_fields(&pass, bits, message);
    *end = pass.at;
    return good;
}

static unsigned last_field(const uint64_t present[2])
{
    if (present[1] != 0)
        return 128 - (unsigned)__builtin_clzll(present[1]);
    return present[0] != 0 ? 64 - (unsigned)__builtin_clzll(present[0]) : 1;
}

enum pos_status pos_iso8583_decode(const struct pos_dialect *dialect, struct pos_bytes bytes,
                                   struct pos_message *message, struct pos_decode_error *error)
{
    struct pass pass = {.dialect = dialect,
                        .data = bytes.data,
                        .size = bytes.size,
                        .bcd = dialect->digits == POS_DIGITS_BCD,
                        .hex = dialect->binary == POS_BINARY_HEX,
                        .high = dialect->high_characters,
                        .error = error};
    uint64_t bits[2];
    size_t end = 0;
    *error = (struct pos_decode_error){.reason = POS_DECODE_OK};
    message->dialect = dialect;
    message->bytes = bytes;
    message->mti = 0;
    message->present[0] = message->present[1] = 0;
    bool good = bytes.size <= POS_FRAME_BODY_SIZE_MAX ||
                stop(error, POS_DECODE_LEFT_OVER, 0, POS_FRAME_BODY_SIZE_MAX);
    good = good && take_mti(&pass, message) && take_bitmaps(&pass, bits) &&
           (pass.bcd ? take_fields_bcd(pass, bits, message, &end)
                     : take_fields_ascii(pass, bits, message, &end));
    if (good && end != bytes.size)
        good = stop(error, POS_DECODE_LEFT_OVER, last_field(message->present), end);
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

struct pos_bytes pos_message_raw(const struct pos_message *message, unsigned field)
{
    if (!pos_message_has(message, field))
        return pos_bytes(NULL, 0);
    const struct pos_field_view *view = &message->fields[field];
    return pos_bytes(message->bytes.data + view->offset, view->size);
}

/* BCD to characters; the separator D becomes '='. */
static void unpack(const uint8_t *bytes, size_t count, bool filler_in_front, uint8_t *text)
{
    size_t skip = count % 2 != 0 && filler_in_front ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        size_t nibble = i + skip;
        uint8_t byte = bytes[nibble / 2];
        text[i] = (uint8_t)('0' + (nibble % 2 == 0 ? byte >> 4 : byte & 15));
    }
}

static void digits_value(const struct pos_message *message, unsigned field, const uint8_t *wire,
                         size_t count, uint8_t *text)
{
    if (message->dialect->digits == POS_DIGITS_BCD)
        unpack(wire, count, pos_filler_in_front(message->dialect, field), text);
    else
        memcpy(text, wire, count);
}

static void track_value(const struct pos_message *message, unsigned field, const uint8_t *wire,
                        size_t count, uint8_t *text)
{
    digits_value(message, field, wire, count, text);
    for (size_t i = 0; i < count; i++)
        if (text[i] == 'D')
            text[i] = '=';
}

struct pos_bytes pos_message_value(const struct pos_message *message, unsigned field, void *text,
                                   size_t capacity)
{
    struct pos_bytes raw = pos_message_raw(message, field);
    uint8_t *to = text;
    if (raw.data == NULL || message->fields[field].count > capacity)
        return pos_bytes(NULL, 0);
    size_t count = message->fields[field].count;
    switch (message->dialect->fields[field].kind) {
    case POS_FIELD_N:
        digits_value(message, field, raw.data, count, to);
        break;
    case POS_FIELD_Z:
        track_value(message, field, raw.data, count, to);
        break;
    case POS_FIELD_XN:
        to[0] = raw.data[0];
        digits_value(message, field, raw.data + 1, count - 1, to + 1);
        break;
    case POS_FIELD_B:
        if (message->dialect->binary == POS_BINARY_HEX) {
            pos_pack(raw.data, raw.size, to);
            break;
        }
        /* fall through */
    default:
        memcpy(to, raw.data, count);
        break;
    }
    return pos_bytes(text, count);
}

uint64_t pos_message_number(const struct pos_message *message, unsigned field, uint64_t absent)
{
    uint8_t digits[18];
    if (message->dialect->fields[field].kind != POS_FIELD_N)
        return absent;
    struct pos_bytes value = pos_message_value(message, field, digits, sizeof digits);
    if (value.size == 0)
        return absent;
    uint64_t number = 0;
    for (size_t i = 0; i < value.size; i++)
        number = number * 10 + (uint64_t)(digits[i] - '0');
    return number;
}

enum pos_status pos_message_mac(const struct pos_message *message, struct pos_bytes *covered,
                                uint8_t mac[POS_MAC_SIZE])
{
    unsigned field = message->present[1] != 0 ? 128 : 64;
    if (!pos_message_has(message, field) || message->fields[field].count != POS_MAC_SIZE)
        return POS_ERR_MAC;
    (void)pos_message_value(message, field, mac, POS_MAC_SIZE);
    *covered = pos_bytes(message->bytes.data, message->fields[field].offset);
    return POS_OK;
}
