/*
 * Sixteen bytes at a time. Of no use outside core/wire.
 *
 * Vectors are an extension of C that gcc and clang compile for every machine (these are the types
 * that have to be typedefs). A lane of a comparison has all its bits set when it says yes.
 */
#ifndef POS_WIRE_LANES_H
#define POS_WIRE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the first byte of a word is its low one");

#define POS_ALWAYS_INLINE inline __attribute__((always_inline))

enum { POS_LANE_COUNT = 16 };
typedef uint8_t pos_lanes __attribute__((vector_size(POS_LANE_COUNT)));
typedef uint16_t pos_lane_pairs __attribute__((vector_size(POS_LANE_COUNT)));
typedef uint64_t pos_lane_halves __attribute__((vector_size(POS_LANE_COUNT)));
typedef uint8_t pos_half_lanes __attribute__((vector_size(POS_LANE_COUNT / 2)));

static POS_ALWAYS_INLINE bool pos_lanes_none(pos_lanes lanes)
{
    pos_lane_halves halves = (pos_lane_halves)lanes;
    return (halves[0] | halves[1]) == 0;
}

static POS_ALWAYS_INLINE pos_lanes pos_lanes_within(pos_lanes lanes, uint8_t first, uint8_t last)
{
    return (pos_lanes)(lanes - first <= (uint8_t)(last - first));
}

/* All bits of the last `size` lanes, at most all lanes. */
static POS_ALWAYS_INLINE pos_lanes pos_lanes_last(size_t size)
{
    static const uint8_t bits[2 * POS_LANE_COUNT] = {[POS_LANE_COUNT... 2 * POS_LANE_COUNT - 1] =
                                                         0xFF};
    pos_lanes lanes;
    memcpy(&lanes, bits + (size < POS_LANE_COUNT ? size : POS_LANE_COUNT), sizeof lanes);
    return lanes;
}

/* ---- loading and storing: never a byte more than is said ---- */

static POS_ALWAYS_INLINE pos_lanes pos_lanes_load(const uint8_t *at)
{
    pos_lanes lanes;
    memcpy(&lanes, at, sizeof lanes);
    return lanes;
}

static POS_ALWAYS_INLINE uint64_t pos_load8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static POS_ALWAYS_INLINE uint32_t pos_load4(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* At most 8 bytes, the first one in the low byte; the others 0. Pieces overlap instead of reaching
 * behind the end. */
static POS_ALWAYS_INLINE uint64_t pos_load_few(const uint8_t *at, size_t size)
{
    if (size >= 8)
        return pos_load8(at);
    if (size >= 4)
        return pos_load4(at) | (uint64_t)pos_load4(at + size - 4) << 8 * (size - 4);
    if (size == 0)
        return 0;
    return at[0] | (uint64_t)at[size / 2] << 8 * (size / 2) |
           (uint64_t)at[size - 1] << 8 * (size - 1);
}

/* At most 16 bytes; what is in the other lanes does not count. */
static POS_ALWAYS_INLINE pos_lanes pos_lanes_load_few(const uint8_t *at, size_t size)
{
    pos_lane_halves halves = {pos_load_few(at, size)};
    if (size > 8)
        halves[1] = pos_load8(at + size - 8) >> 8 * (POS_LANE_COUNT - size);
    return (pos_lanes)halves;
}

/* The 16 bytes before data[end], of which there is one; zeros where there are not as many. */
static POS_ALWAYS_INLINE pos_lanes pos_lanes_load_before(const uint8_t *data, size_t end)
{
    if (end >= POS_LANE_COUNT)
        return pos_lanes_load(data + end - POS_LANE_COUNT);
    pos_lane_halves halves = {0};
    if (end > 8)
        halves = (pos_lane_halves){pos_load8(data) << 8 * (POS_LANE_COUNT - end),
                                   pos_load8(data + end - 8)};
    else
        halves[1] = pos_load_few(data, end) << 8 * (8 - end);
    return (pos_lanes)halves;
}

/* Copies without a call, which costs more than most fields. */
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

/* ---- nibbles ---- */

/* Sixteen nibbles, a lane each, to eight bytes: the first two are the low byte of the word. */
static POS_ALWAYS_INLINE uint64_t pos_lanes_pack(pos_lanes nibbles)
{
    pos_lane_pairs pairs = (pos_lane_pairs)nibbles;
    pos_half_lanes bytes = __builtin_convertvector(pairs << 4 | pairs >> 8, pos_half_lanes);
    uint64_t word;
    memcpy(&word, &bytes, sizeof word);
    return word;
}

static POS_ALWAYS_INLINE pos_lanes pos_lanes_unpack(uint64_t word)
{
    pos_half_lanes bytes;
    memcpy(&bytes, &word, sizeof bytes);
    pos_lane_pairs pairs = __builtin_convertvector(bytes, pos_lane_pairs);
    return (pos_lanes)(pairs >> 4 | pairs << 8) & 15;
}

/* Packs sixteen digits and separators (= or D). What is neither becomes a nibble that is neither.
 */
static POS_ALWAYS_INLINE uint64_t pos_pack_digits(pos_lanes characters)
{
    pos_lanes separators = (pos_lanes)(characters == 'D');
    pos_lanes nibbles = characters - '0' - (separators & ('D' - '='));
    return pos_lanes_pack((nibbles | (pos_lanes)(nibbles > 15)) & 15);
}

/* The same for one. */
static POS_ALWAYS_INLINE uint8_t pos_pack_digit(uint8_t character)
{
    unsigned nibble = (unsigned)(character == 'D' ? '=' : character) - '0';
    return nibble > 15 ? 15 : (uint8_t)nibble;
}

/* Packs sixteen hexadecimal digits of either case, and spells eight bytes in upper case. */
static POS_ALWAYS_INLINE uint64_t pos_pack_hex(pos_lanes digits)
{
    return pos_lanes_pack((digits & 15) + ((pos_lanes)(digits > '9') & 9));
}

static POS_ALWAYS_INLINE pos_lanes pos_spell_hex(uint64_t word)
{
    pos_lanes nibbles = pos_lanes_unpack(word);
    return nibbles + '0' + ((pos_lanes)(nibbles > 9) & ('A' - '9' - 1));
}

#endif
