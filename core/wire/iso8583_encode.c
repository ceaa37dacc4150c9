#include <assert.h>

#include "core/base/hex.h"
#include "core/wire/codec.h"
#include "core/wire/iso8583.h"

/*
 * Where the message is written; the caller's buffer does not count it until it is whole. As in
 * decoding, it lives in registers: whatever takes a pointer to it is inlined.
 */
struct pen {
    const struct pos_dialect *dialect;
    bool bcd, hex, high; /* of the dialect: BCD digits, hexadecimal b fields, high characters */
    uint8_t *at;
    uint8_t *end;
    struct pos_decode_error *error;
};

void pos_draft_init(struct pos_draft *draft, uint16_t mti)
{
    draft->mti = mti;
    draft->present[0] = draft->present[1] = 0;
    draft->echoed[0] = draft->echoed[1] = 0;
}

void pos_draft_set(struct pos_draft *draft, unsigned field, struct pos_bytes value)
{
    assert(field > 1 && field <= POS_FIELD_COUNT);
    assert(value.data != NULL || value.size == 0);
    pos_field_set_add(draft->present, field);
    draft->echoed[(field - 1) >> 6] &= ~((uint64_t)1 << ((field - 1) & 63));
    draft->values[field] = value;
}

void pos_draft_echo(struct pos_draft *draft, unsigned field, const struct pos_message *request)
{
    if (!pos_message_has(request, field))
        return;
    pos_draft_set(draft, field, pos_message_raw(request, field));
    pos_field_set_add(draft->echoed, field);
    draft->counts[field] = request->fields[field].count;
}

/* A reserved MAC is a value of the right size without bytes. */
void pos_draft_reserve_mac(struct pos_draft *draft)
{
    unsigned field = draft->present[1] != 0 ? 128 : 64;
    pos_draft_set(draft, field, pos_bytes(NULL, 0));
    draft->values[field].size = POS_MAC_SIZE;
}

static __attribute__((cold, noinline)) enum pos_status
refuse(struct pos_decode_error *error, enum pos_decode_reason reason, unsigned field)
{
    *error = (struct pos_decode_error){.reason = reason, .field = (uint8_t)field};
    return POS_ERR_FORMAT;
}

static POS_ALWAYS_INLINE void put_bytes(struct pen *pen, struct pos_bytes bytes)
{
    pos_copy(pen->at, bytes.data, bytes.size);
    pen->at += bytes.size;
}

static POS_ALWAYS_INLINE uint8_t bcd_pair(size_t number)
{
    return (uint8_t)(number / 10 * 16 + number % 10);
}

/* The length as two or three digits; in BCD three have a zero before them. */
static POS_ALWAYS_INLINE void put_prefix(struct pen *pen, struct pos_field rule, size_t count)
{
    if (rule.length == POS_LENGTH_FIXED)
        return;
    size_t number = rule.kind == POS_FIELD_B && pen->hex ? 2 * count : count;
    bool three = rule.length == POS_LENGTH_LLL;
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

/* Digits and separators, checked before. */
static POS_ALWAYS_INLINE void put_digits(struct pen *pen, unsigned field, const uint8_t *digits,
                                         size_t count)
{
    if (!pen->bcd) {
        put_bytes(pen, pos_bytes(digits, count));
        return;
    }
    bool odd = count % 2 != 0;
    if (odd && pos_filler_in_front(pen->dialect, field)) {
        *pen->at++ = pos_nibble(*digits++);
        odd = false;
        count--;
    }
    pos_pack(digits, count & ~(size_t)1, pen->at);
    pen->at += count / 2;
    if (odd)
        *pen->at++ = (uint8_t)(pos_nibble(digits[count - 1]) << 4);
}

static POS_ALWAYS_INLINE bool suits(struct pos_bytes value, enum pos_alphabet alphabet)
{
    return pos_all_within(value.data, value.size, value.size, alphabet);
}

static POS_ALWAYS_INLINE void put_hex(struct pen *pen, struct pos_bytes bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.size; i++) {
        *pen->at++ = (uint8_t)digits[bytes.data[i] >> 4];
        *pen->at++ = (uint8_t)digits[bytes.data[i] & 15];
    }
}

static POS_ALWAYS_INLINE enum pos_decode_reason
put_characters(struct pen *pen, struct pos_bytes value, enum pos_alphabet alphabet)
{
    if (!suits(value, alphabet))
        return POS_DECODE_CHARACTERS;
    put_bytes(pen, value);
    return POS_DECODE_OK;
}

/* C or D, then digits. */
static POS_ALWAYS_INLINE enum pos_decode_reason put_signed(struct pen *pen, unsigned field,
                                                           struct pos_bytes value)
{
    struct pos_bytes digits = pos_bytes(value.data + 1, value.size - 1);
    if (value.data[0] != 'C' && value.data[0] != 'D')
        return POS_DECODE_CHARACTERS;
    if (!suits(digits, POS_ALPHABET_DIGITS))
        return POS_DECODE_DIGITS;
    *pen->at++ = value.data[0];
    put_digits(pen, field, digits.data, digits.size);
    return POS_DECODE_OK;
}

/* Checks the value and writes it; there is room. */
static POS_ALWAYS_INLINE enum pos_decode_reason
put_value(struct pen *pen, unsigned field, enum pos_field_kind kind, struct pos_bytes value)
{
    switch (kind) {
    case POS_FIELD_N:
        if (!suits(value, POS_ALPHABET_DIGITS))
            return POS_DECODE_DIGITS;
        put_digits(pen, field, value.data, value.size);
        return POS_DECODE_OK;
    case POS_FIELD_Z:
        if (!suits(value, POS_ALPHABET_TRACK))
            return POS_DECODE_DIGITS;
        put_digits(pen, field, value.data, value.size);
        return POS_DECODE_OK;
    case POS_FIELD_XN:
        return put_signed(pen, field, value);
    case POS_FIELD_AN:
        return put_characters(pen, value, POS_ALPHABET_AN);
    case POS_FIELD_ANS:
        return pen->high ? put_characters(pen, value, POS_ALPHABET_ANS_HIGH)
                         : put_characters(pen, value, POS_ALPHABET_ANS);
    default: /* bytes may be anything */
        if (pen->hex)
            put_hex(pen, value);
        else
            put_bytes(pen, value);
        return POS_DECODE_OK;
    }
}

/* Whether prefix and content fit. Nothing takes more than two bytes for each of its count; only
 * when that does not fit is it looked at closely. */
static POS_ALWAYS_INLINE bool fits(const struct pen *pen, struct pos_field rule, size_t count)
{
    size_t room = (size_t)(pen->end - pen->at);
    if (room >= 4 + 2 * count)
        return true;
    return room >= pos_prefix_size(pen->bcd, rule.length) +
                       pos_wire_size(pen->bcd, pen->hex, rule.kind, count);
}

static size_t mac_size(bool hex)
{
    return hex ? 2 * POS_MAC_SIZE : POS_MAC_SIZE;
}

/* Leaves room for the MAC, zeros for now, and remembers where. */
static POS_ALWAYS_INLINE void put_reserved_mac(struct pen *pen, struct pos_encoded *encoded)
{
    size_t size = mac_size(pen->hex);
    memset(pen->at, 0, size);
    encoded->mac = pen->at;
    pen->at += size;
}

static POS_ALWAYS_INLINE enum pos_status put_field(struct pen *pen, const struct pos_draft *draft,
                                                   unsigned field, struct pos_encoded *encoded)
{
    struct pos_field rule = pen->dialect->fields[field];
    struct pos_bytes value = draft->values[field];
    bool echoed = pos_field_set_has(draft->echoed, field);
    size_t count = echoed ? draft->counts[field] : value.size;
    if (rule.kind == POS_FIELD_NONE)
        return refuse(pen->error, POS_DECODE_UNKNOWN_FIELD, field);
    if (count > rule.size)
        return refuse(pen->error, POS_DECODE_PREFIX, field);
    if (rule.length == POS_LENGTH_FIXED && count < rule.size)
        return refuse(pen->error, POS_DECODE_SHORT, field);
    if (!fits(pen, rule, count))
        return POS_ERR_LENGTH;
    put_prefix(pen, rule, count);
    if (echoed) {
        put_bytes(pen, value);
        return POS_OK;
    }
    if (value.data == NULL && value.size > 0) {
        put_reserved_mac(pen, encoded);
        return POS_OK;
    }
    enum pos_decode_reason reason = put_value(pen, field, rule.kind, value);
    return reason == POS_DECODE_OK ? POS_OK : refuse(pen->error, reason, field);
}

static POS_ALWAYS_INLINE enum pos_status put_mti(struct pen *pen, uint16_t mti)
{
    uint8_t bytes[2] = {(uint8_t)(mti >> 8), (uint8_t)mti};
    if (!pos_all_within(bytes, 2, 2, POS_ALPHABET_BCD))
        return refuse(pen->error, POS_DECODE_MTI, 0);
    if (pen->bcd)
        put_bytes(pen, pos_bytes(bytes, 2));
    else
        put_hex(pen, pos_bytes(bytes, 2));
    return POS_OK;
}

static POS_ALWAYS_INLINE void put_bitmap(struct pen *pen, uint64_t bits)
{
    uint64_t word = htole64(pos_bits_in_bytes_reversed(bits));
    struct pos_bytes bytes = pos_bytes(&word, sizeof word);
    if (pen->dialect->bitmap == POS_BITMAP_HEX)
        put_hex(pen, bytes);
    else
        put_bytes(pen, bytes);
}

static POS_ALWAYS_INLINE enum pos_status put_head(struct pen *pen, const struct pos_draft *draft)
{
    bool second = draft->present[1] != 0;
    size_t bitmap = pen->dialect->bitmap == POS_BITMAP_HEX ? 16 : 8;
    size_t mti = pen->bcd ? 2 : 4;
    if (mti + (second ? 2 : 1) * bitmap > (size_t)(pen->end - pen->at))
        return POS_ERR_LENGTH;
    enum pos_status status = put_mti(pen, draft->mti);
    if (status != POS_OK)
        return status;
    put_bitmap(pen, draft->present[0] | (second ? 1 : 0));
    if (second)
        put_bitmap(pen, draft->present[1]);
    return POS_OK;
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
                      .hex = dialect->binary == POS_BINARY_HEX,
                      .high = dialect->high_characters,
                      .at = start,
                      .end = out->data + out->capacity,
                      .error = error};
    *encoded = (struct pos_encoded){.mac_form = dialect->binary};
    enum pos_status status = put_head(&pen, draft);
    for (unsigned word = 0; word < 2 && status == POS_OK; word++)
        for (uint64_t left = draft->present[word]; left != 0 && status == POS_OK; left &= left - 1)
            status =
                put_field(&pen, draft, 64 * word + (unsigned)__builtin_ctzll(left) + 1, encoded);
    if (status != POS_OK)
        return status;
    encoded->bytes = pos_bytes(start, (size_t)(pen.at - start));
    if (encoded->mac != NULL) {
        encoded->covered = pos_bytes(start, (size_t)(encoded->mac - start));
        assert(pen.at == encoded->mac + mac_size(pen.hex)); /* reserved last, as it must be */
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
