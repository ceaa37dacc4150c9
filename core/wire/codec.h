/* What the two directions of the codec share; of no use outside core/wire. */
#ifndef POS_WIRE_CODEC_H
#define POS_WIRE_CODEC_H

#include "core/wire/alphabet.h"

static POS_ALWAYS_INLINE bool pos_is_packed(enum pos_alphabet alphabet)
{
    return alphabet == POS_ALPHABET_BCD || alphabet == POS_ALPHABET_BCD_TRACK;
}

/* Bytes that `count` digits, characters or bytes of an alphabet take on the wire. */
static POS_ALWAYS_INLINE size_t pos_wire_size(enum pos_alphabet alphabet, size_t count)
{
    if (pos_is_packed(alphabet))
        return (count + 1) / 2;
    return alphabet == POS_ALPHABET_HEX ? 2 * count : count;
}

/* Bytes of a length prefix. */
static POS_ALWAYS_INLINE size_t pos_prefix_size(bool bcd, enum pos_field_length length)
{
    if (length == POS_LENGTH_FIXED)
        return 0;
    return (length == POS_LENGTH_LL ? 1u : 2u) + (bcd ? 0 : 1);
}

/* A bitmap's wire order is bit 1 first; ours has field 1 (65) in bit 0. Both ways. */
static POS_ALWAYS_INLINE uint64_t pos_bits_in_bytes_reversed(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    word = (word & each * 0x0F) << 4 | (word >> 4 & each * 0x0F);
    word = (word & each * 0x33) << 2 | (word >> 2 & each * 0x33);
    return (word & each * 0x55) << 1 | (word >> 1 & each * 0x55);
}

#endif
