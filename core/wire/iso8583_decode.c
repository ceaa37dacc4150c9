#include <assert.h>

#include "core/wire/codec.h"
#include "core/wire/iso8583.h"

/* Where the one pass over the bytes is. */
struct pass {
    const struct pos_dialect *dialect;
    const uint8_t *data;
    size_t size;
    size_t at;
    struct pos_decode_error *error;
};

static __attribute__((cold)) bool stop(const struct pass *pass, enum pos_decode_reason reason,
                                       unsigned field, size_t offset)
{
    *pass->error = (struct pos_decode_error){
        .reason = reason, .field = (uint8_t)field, .offset = (uint16_t)offset};
    return false;
}

/* The same for a byte that is not in its alphabet: finds the first such byte. */
static __attribute__((cold)) bool stop_at_stranger(const struct pass *pass,
                                                   enum pos_decode_reason reason, unsigned field,
                                                   size_t offset, enum pos_alphabet alphabet)
{
    while (pos_all_within(pass->data + offset, 1, 1, alphabet))
        offset++;
    return stop(pass, reason, field, offset);
}

/* Checks size bytes at offset against an alphabet that is a constant here. */
static POS_ALWAYS_INLINE bool check(const struct pass *pass, enum pos_decode_reason reason,
                                    unsigned field, size_t offset, size_t size,
                                    enum pos_alphabet alphabet)
{
    if (pos_all_within(pass->data + offset, size, pass->size - offset, alphabet))
        return true;
    return stop_at_stranger(pass, reason, field, offset, alphabet);
}

static bool take_mti(struct pass *pass, struct pos_message *message)
{
    bool bcd = pass->dialect->digits == POS_DIGITS_BCD;
    size_t size = bcd ? 2 : 4;
    if (pass->size < size)
        return stop(pass, POS_DECODE_SHORT, 0, 0);
    if (bcd ? !check(pass, POS_DECODE_MTI, 0, 0, 2, POS_ALPHABET_BCD)
            : !check(pass, POS_DECODE_MTI, 0, 0, 4, POS_ALPHABET_DIGITS))
        return false;
    uint8_t digits[2];
    if (bcd)
        memcpy(digits, pass->data, 2);
    else
        pos_pack(pass->data, 4, digits);
    message->mti = (uint16_t)(digits[0] << 8 | digits[1]);
    pass->at = size;
    return true;
}

static bool take_bitmap(struct pass *pass, uint64_t *bits)
{
    size_t start = pass->at;
    bool hex = pass->dialect->bitmap == POS_BITMAP_HEX;
    size_t size = hex ? 16 : 8;
    if (size > pass->size - start)
        return stop(pass, POS_DECODE_SHORT, 1, start);
    if (hex && !check(pass, POS_DECODE_BITMAP, 1, start, size, POS_ALPHABET_HEX))
        return false;
    uint8_t bytes[8];
    if (hex)
        pos_pack(pass->data + start, 16, bytes);
    else
        memcpy(bytes, pass->data + start, 8);
    *bits = pos_bits_in_bytes_reversed(pos_load(bytes, 8, 8, 0));
    pass->at = start + size;
    return true;
}

/* Field 1 is the second bitmap: it is taken here and never shown as present. */
static bool take_bitmaps(struct pass *pass, uint64_t bits[2])
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
        return stop(pass, POS_DECODE_BITMAP, 1, start);
    return true;
}

/* Two or three digits in front of the content; in BCD three have a zero before them. */
static POS_ALWAYS_INLINE bool read_prefix(const struct pass *pass, size_t size, size_t *number)
{
    const uint8_t *at = pass->data + pass->at;
    bool bcd = pass->dialect->digits == POS_DIGITS_BCD;
    size_t value = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned high = bcd ? at[i] >> 4 : 0;
        unsigned low = bcd ? at[i] & 15 : at[i] - (unsigned)'0';
        if (high > 9 || low > 9)
            return false;
        value = value * (bcd ? 100 : 10) + high * 10 + low;
    }
    *number = value;
    return true;
}

static POS_ALWAYS_INLINE bool take_prefix(struct pass *pass, unsigned field,
                                          const struct pos_field *rule, size_t *count)
{
    size_t start = pass->at;
    size_t size = pos_prefix_size(pass->dialect, rule->length);
    if (size > pass->size - start)
        return stop(pass, POS_DECODE_SHORT, field, start);
    if (!read_prefix(pass, size, count))
        return stop(pass, POS_DECODE_PREFIX, field, start);
    if (rule->kind == POS_FIELD_B && pass->dialect->binary == POS_BINARY_HEX) {
        if (*count % 2 != 0)
            return stop(pass, POS_DECODE_PREFIX, field, start);
        *count /= 2;
    }
    if (*count > rule->size)
        return stop(pass, POS_DECODE_PREFIX, field, start);
    pass->at = start + size;
    return true;
}

/* The byte that holds the filler and one digit of an odd number of them. */
static bool check_odd_byte(const struct pass *pass, unsigned field, size_t offset, bool front,
                           bool separator)
{
    unsigned byte = pass->data[offset];
    unsigned filler = front ? byte >> 4 : byte & 15;
    unsigned digit = front ? byte & 15 : byte >> 4;
    if (digit > 9 && !(separator && digit == 0xD))
        return stop(pass, POS_DECODE_DIGITS, field, offset);
    if (filler != 0 && !(pass->dialect->odd_filler_f && filler == 0xF))
        return stop(pass, POS_DECODE_FILLER, field, offset);
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
    bool good = separator
                    ? check(pass, POS_DECODE_DIGITS, field, offset, size, POS_ALPHABET_BCD_TRACK)
                    : check(pass, POS_DECODE_DIGITS, field, offset, size, POS_ALPHABET_BCD);
    if (!good || !odd || front)
        return good;
    return check_odd_byte(pass, field, offset + size, false, separator);
}

static POS_ALWAYS_INLINE bool check_digits(const struct pass *pass, unsigned field, size_t offset,
                                           size_t count)
{
    return pass->dialect->digits == POS_DIGITS_BCD
               ? check_bcd(pass, field, offset, count, false)
               : check(pass, POS_DECODE_DIGITS, field, offset, count, POS_ALPHABET_DIGITS);
}

static POS_ALWAYS_INLINE bool check_track(const struct pass *pass, unsigned field, size_t offset,
                                          size_t count)
{
    return pass->dialect->digits == POS_DIGITS_BCD
               ? check_bcd(pass, field, offset, count, true)
               : check(pass, POS_DECODE_DIGITS, field, offset, count, POS_ALPHABET_TRACK);
}

static bool check_signed(const struct pass *pass, unsigned field, size_t offset, size_t count)
{
    uint8_t letter = pass->data[offset];
    if (letter != 'C' && letter != 'D')
        return stop(pass, POS_DECODE_CHARACTERS, field, offset);
    return check_digits(pass, field, offset + 1, count - 1);
}

static POS_ALWAYS_INLINE bool check_content(const struct pass *pass, unsigned field,
                                            enum pos_field_kind kind,
                                            const struct pos_field_view *view)
{
    const enum pos_decode_reason characters = POS_DECODE_CHARACTERS;
    switch (kind) {
    case POS_FIELD_N:
        return check_digits(pass, field, view->offset, view->count);
    case POS_FIELD_Z:
        return check_track(pass, field, view->offset, view->count);
    case POS_FIELD_XN:
        return check_signed(pass, field, view->offset, view->count);
    case POS_FIELD_AN:
        return check(pass, characters, field, view->offset, view->size, POS_ALPHABET_AN);
    case POS_FIELD_ANS:
        return pass->dialect->high_characters
                   ? check(pass, characters, field, view->offset, view->size, POS_ALPHABET_ANS_HIGH)
                   : check(pass, characters, field, view->offset, view->size, POS_ALPHABET_ANS);
    default: /* bytes may be anything; as hexadecimal they are digits */
        return pass->dialect->binary == POS_BINARY_BYTES ||
               check(pass, characters, field, view->offset, view->size, POS_ALPHABET_HEX);
    }
}

static POS_ALWAYS_INLINE bool take_field(struct pass *pass, unsigned field,
                                         struct pos_field_view *view)
{
    const struct pos_field *rule = &pass->dialect->fields[field];
    size_t start = pass->at;
    size_t count = rule->size;
    if (rule->kind == POS_FIELD_NONE)
        return stop(pass, POS_DECODE_UNKNOWN_FIELD, field, start);
    if (rule->length != POS_LENGTH_FIXED && !take_prefix(pass, field, rule, &count))
        return false;
    size_t size = pos_wire_size(pass->dialect, rule->kind, count);
    if (size > pass->size - pass->at)
        return stop(pass, POS_DECODE_SHORT, field, start);
    *view = (struct pos_field_view){
        .offset = (uint16_t)pass->at, .size = (uint16_t)size, .count = (uint16_t)count};
    pass->at += size;
    return check_content(pass, field, rule->kind, view);
}

/* Decodes the fields that `bits` announces; those before an error become present. */
static bool take_fields(struct pass *pass, const uint64_t bits[2], struct pos_message *message)
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

static unsigned last_field(const uint64_t present[2])
{
    if (present[1] != 0)
        return 128 - (unsigned)__builtin_clzll(present[1]);
    return present[0] != 0 ? 64 - (unsigned)__builtin_clzll(present[0]) : 1;
}

enum pos_status pos_iso8583_decode(const struct pos_dialect *dialect, struct pos_bytes bytes,
                                   struct pos_message *message, struct pos_decode_error *error)
{
    struct pass pass = {.dialect = dialect, .data = bytes.data, .size = bytes.size, .error = error};
    uint64_t bits[2];
    *error = (struct pos_decode_error){.reason = POS_DECODE_OK};
    message->dialect = dialect;
    message->bytes = bytes;
    message->mti = 0;
    message->present[0] = message->present[1] = 0;
    bool good = bytes.size <= POS_FRAME_BODY_SIZE_MAX ||
                stop(&pass, POS_DECODE_LEFT_OVER, 0, POS_FRAME_BODY_SIZE_MAX);
    good = good && take_mti(&pass, message) && take_bitmaps(&pass, bits) &&
           take_fields(&pass, bits, message);
    if (good && pass.at != pass.size)
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
