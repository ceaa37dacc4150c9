/*
 * What the two directions of the codec share; of no use outside core/wire.
 *
 * Characters and digits are checked eight bytes at a time. A word's bytes are judged side by side
 * with ordinary arithmetic: each byte's verdict is its bit 7, and no carry leaves a byte.
 */
#ifndef POS_WIRE_CODEC_H
#define POS_WIRE_CODEC_H

#include <endian.h>
#include <string.h>

#include "core/wire/dialect.h"

#define POS_EACH(byte)    (UINT64_C(0x0101010101010101) * (byte))
#define POS_ALWAYS_INLINE inline __attribute__((always_inline))

enum pos_alphabet {
    POS_ALPHABET_DIGITS,
    POS_ALPHABET_HEX,
    POS_ALPHABET_TRACK, /* digits, = and D */
    POS_ALPHABET_AN,
    POS_ALPHABET_ANS,
    POS_ALPHABET_ANS_HIGH,
    POS_ALPHABET_BCD,       /* two digits a byte */
    POS_ALPHABET_BCD_TRACK, /* two of 0-9 and D a byte */
};

/* Bit 7 of each byte: the byte is within first..last. Bit 7 of all bytes of low7 is clear. */
static POS_ALWAYS_INLINE uint64_t pos_each_within(uint64_t low7, uint8_t first, uint8_t last)
{
    return (low7 + POS_EACH(0x80u - first)) & ~(low7 + POS_EACH(0x7Fu - last)) & POS_EACH(0x80);
}

/* A nibble is above 9 when bit 3 and one of bits 2 and 1 are set; it is D when bits 3, 2 and 0 are
 * and bit 1 is not. */
static POS_ALWAYS_INLINE uint64_t pos_nibble_strangers(uint64_t word, bool separator)
{
    uint64_t above = word & (word << 1 | word << 2) & POS_EACH(0x88);
    uint64_t is_d = word & word << 1 & ~(word << 2) & word << 3 & POS_EACH(0x88);
    return separator ? above & ~is_d : above;
}

/* Not zero when a byte of the word is outside the alphabet, which is a constant where it counts. */
static POS_ALWAYS_INLINE uint64_t pos_strangers(uint64_t word, enum pos_alphabet alphabet)
{
    if (alphabet == POS_ALPHABET_BCD || alphabet == POS_ALPHABET_BCD_TRACK)
        return pos_nibble_strangers(word, alphabet == POS_ALPHABET_BCD_TRACK);
    uint64_t low7 = word & POS_EACH(0x7F);
    uint64_t high = word & POS_EACH(0x80);
    uint64_t digits = pos_each_within(low7, '0', '9');
    uint64_t lower = low7 | POS_EACH(0x20);
    uint64_t known = 0;
    switch (alphabet) {
    case POS_ALPHABET_HEX:
        known = digits | pos_each_within(lower, 'a', 'f');
        break;
    case POS_ALPHABET_TRACK:
        known = digits | pos_each_within(low7, '=', '=') | pos_each_within(low7, 'D', 'D');
        break;
    case POS_ALPHABET_AN:
        known = digits | pos_each_within(low7, ' ', ' ') | pos_each_within(lower, 'a', 'z');
        break;
    case POS_ALPHABET_ANS:
        known = pos_each_within(low7, 0x20, 0x7E);
        break;
    case POS_ALPHABET_ANS_HIGH:
        return ~(pos_each_within(low7, 0x20, 0x7E) | high) & POS_EACH(0x80);
    default:
        known = digits;
        break;
    }
    return (~known | high) & POS_EACH(0x80);
}

static POS_ALWAYS_INLINE uint64_t pos_load8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static POS_ALWAYS_INLINE uint32_t pos_load4(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return le32toh(word);
}

/* 1 to 7 bytes as the low bytes of a word, the others 0. Not one byte more is touched: the pieces
 * overlap instead. */
static POS_ALWAYS_INLINE uint64_t pos_load_few(const uint8_t *at, size_t size)
{
    if (size >= 4)
        return pos_load4(at) | (uint64_t)pos_load4(at + size - 4) << 8 * (size - 4);
    return at[0] | (uint64_t)at[size / 2] << 8 * (size / 2) |
           (uint64_t)at[size - 1] << 8 * (size - 1);
}

/* Copies without a call: most fields are shorter than what a call costs. */
static POS_ALWAYS_INLINE void pos_copy(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size >= 8) {
        for (size_t i = 0; i + 8 <= size; i += 8)
            memcpy(to + i, from + i, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else if (size > 0) {
        to[0] = from[0];
        to[size / 2] = from[size / 2];
        to[size - 1] = from[size - 1];
    }
}

/* Whether all bytes are in the alphabet, a constant here. `readable`: bytes that may be touched,
 * size or more; what is behind `size` does not count. */
static POS_ALWAYS_INLINE bool pos_all_within(const uint8_t *at, size_t size, size_t readable,
                                             enum pos_alphabet alphabet)
{
    if (size >= 8) {
        uint64_t strangers = pos_strangers(pos_load8(at + size - 8), alphabet);
        for (size_t i = 0; i + 8 < size; i += 8)
            strangers |= pos_strangers(pos_load8(at + i), alphabet);
        return strangers == 0;
    }
    if (size == 0)
        return true;
    uint64_t word = readable >= 8 ? pos_load8(at) : pos_load_few(at, size);
    return pos_strangers(word, alphabet) << (64 - 8 * size) == 0;
}

/* Eight characters (digits, = or D, hex digits) to the four bytes of their nibbles. */
static POS_ALWAYS_INLINE uint32_t pos_pack_word(uint64_t word)
{
    uint64_t nibbles = (word & POS_EACH(0x0F)) + 9 * (word >> 6 & POS_EACH(1));
    uint64_t pairs = (nibbles << 4 | nibbles >> 8) & UINT64_C(0x00FF00FF00FF00FF);
    pairs = (pairs | pairs >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    return (uint32_t)(pairs | pairs >> 16);
}

static POS_ALWAYS_INLINE uint8_t pos_nibble(uint8_t character)
{
    return (uint8_t)((character & 15) + 9 * (character >> 6 & 1));
}

/* An even number of characters, checked before, to bytes. */
static POS_ALWAYS_INLINE void pos_pack(const uint8_t *characters, size_t count, uint8_t *bytes)
{
    for (; count >= 8; characters += 8, count -= 8, bytes += 4) {
        uint32_t packed = htole32(pos_pack_word(pos_load8(characters)));
        memcpy(bytes, &packed, 4);
    }
    for (; count >= 2; characters += 2, count -= 2)
        *bytes++ = (uint8_t)(pos_nibble(characters[0]) << 4 | pos_nibble(characters[1]));
}

/* Bytes that a content of `count` digits, characters or bytes takes on the wire. */
static POS_ALWAYS_INLINE size_t pos_wire_size(bool bcd, bool hex, enum pos_field_kind kind,
                                              size_t count)
{
    switch (kind) {
    case POS_FIELD_N:
    case POS_FIELD_Z:
        return bcd ? (count + 1) / 2 : count;
    case POS_FIELD_XN: /* the letter, then digits */
        return bcd ? 1 + count / 2 : count;
    case POS_FIELD_B:
        return hex ? 2 * count : count;
    default:
        return count;
    }
}

/* Bytes of a length prefix. */
static POS_ALWAYS_INLINE size_t pos_prefix_size(bool bcd, enum pos_field_length length)
{
    if (length == POS_LENGTH_FIXED)
        return 0;
    return (length == POS_LENGTH_LL ? 1u : 2u) + (bcd ? 0 : 1);
}

/* Whether the filler of an odd number of BCD digits stands in front of them in this field. */
static POS_ALWAYS_INLINE bool pos_filler_in_front(const struct pos_dialect *dialect, unsigned field)
{
    if (dialect->odd == POS_ODD_ZERO_IN_FRONT)
        return true;
    for (const uint8_t *front = dialect->odd_front; front != NULL && *front != 0; front++)
        if (*front == field)
            return true;
    return false;
}

/* A bitmap's wire order is bit 1 first; ours has field 1 (65) in bit 0. Both ways. */
static POS_ALWAYS_INLINE uint64_t pos_bits_in_bytes_reversed(uint64_t word)
{
    word = (word & POS_EACH(0x0F)) << 4 | (word >> 4 & POS_EACH(0x0F));
    word = (word & POS_EACH(0x33)) << 2 | (word >> 2 & POS_EACH(0x33));
    return (word & POS_EACH(0x55)) << 1 | (word >> 1 & POS_EACH(0x55));
}

#endif
