/*
 * Which bytes may stand where, and stretches of them: bytes of a message side by side that must all
 * be of one alphabet. Both directions of the codec give every field its place first and look at the
 * bytes afterwards, a stretch and not a field at a time. Of no use outside core/wire.
 */
#ifndef POS_WIRE_ALPHABET_H
#define POS_WIRE_ALPHABET_H

#include "core/wire/iso8583.h"
#include "core/wire/lanes.h"

struct pos_stretch {
    uint32_t from, end; /* offsets from the MTI, which with the bitmap is before all of them; `end`
                           is set when the next one begins */
    enum pos_alphabet alphabet;
};

/* One is open when the fields begin; a field begins one at most, and a filler F in it another. */
enum { POS_STRETCH_COUNT_MAX = 1 + 2 * POS_FIELD_COUNT };

/* The open stretch ends at `end`, and the next one begins at `from`. Returns that. */
static POS_ALWAYS_INLINE struct pos_stretch *
pos_stretch_change(struct pos_stretch *open, size_t end, size_t from, enum pos_alphabet alphabet)
{
    open->end = (uint32_t)end;
    open++;
    open->from = (uint32_t)from;
    open->alphabet = alphabet;
    return open;
}

/* The lanes whose byte is in the alphabet, a constant here. */
static POS_ALWAYS_INLINE pos_lanes pos_alphabet_has(enum pos_alphabet alphabet, pos_lanes lanes)
{
    pos_lanes digits = pos_lanes_within(lanes, '0', '9');
    pos_lanes second = lanes & 15; /* nibble */
    switch (alphabet) {
    case POS_ALPHABET_DIGITS:
        return digits;
    case POS_ALPHABET_TRACK:
        return digits | (pos_lanes)(lanes == '=') | (pos_lanes)(lanes == 'D');
    case POS_ALPHABET_BCD:
        return (pos_lanes)(lanes <= 0x9F) & (pos_lanes)(second <= 9);
    case POS_ALPHABET_BCD_TRACK:
        return ((pos_lanes)(lanes <= 0x9F) | pos_lanes_within(lanes, 0xD0, 0xDF)) &
               ((pos_lanes)(second <= 9) | (pos_lanes)(second == 0xD));
    case POS_ALPHABET_HEX:
        return digits | pos_lanes_within(lanes | 0x20, 'a', 'f');
    case POS_ALPHABET_AN:
        return digits | (pos_lanes)(lanes == ' ') | pos_lanes_within(lanes | 0x20, 'a', 'z');
    case POS_ALPHABET_ANS:
        return pos_lanes_within(lanes, 0x20, 0x7E);
    default: /* ANS_HIGH */
        return pos_lanes_within(lanes, 0x20, 0x7E) | (pos_lanes)(lanes >= 0x80);
    }
}

/* Lanes that are not all zero when one of data[from] to data[end - 1] is not in the alphabet, a
 * constant here. No byte behind them is touched; up to 15 before them are, from data[0] on: MTI and
 * bitmap are there. */
static POS_ALWAYS_INLINE pos_lanes pos_alphabet_lacks(enum pos_alphabet alphabet,
                                                      const uint8_t *data, size_t from, size_t end)
{
    pos_lanes strangers = ~pos_alphabet_has(alphabet, pos_lanes_load_before(data, end));
    strangers &= pos_lanes_last(end - from);
    for (; end - from > POS_LANE_COUNT; from += POS_LANE_COUNT)
        strangers |= ~pos_alphabet_has(alphabet, pos_lanes_load(data + from));
    return strangers;
}

/* The same for a stretch. */
static POS_ALWAYS_INLINE pos_lanes pos_stretch_strangers(const struct pos_stretch *stretch,
                                                         const uint8_t *data)
{
    size_t from = stretch->from, end = stretch->end;
    switch (stretch->alphabet) {
    case POS_ALPHABET_DIGITS:
        return pos_alphabet_lacks(POS_ALPHABET_DIGITS, data, from, end);
    case POS_ALPHABET_TRACK:
        return pos_alphabet_lacks(POS_ALPHABET_TRACK, data, from, end);
    case POS_ALPHABET_BCD:
        return pos_alphabet_lacks(POS_ALPHABET_BCD, data, from, end);
    case POS_ALPHABET_BCD_TRACK:
        return pos_alphabet_lacks(POS_ALPHABET_BCD_TRACK, data, from, end);
    case POS_ALPHABET_HEX:
        return pos_alphabet_lacks(POS_ALPHABET_HEX, data, from, end);
    case POS_ALPHABET_AN:
        return pos_alphabet_lacks(POS_ALPHABET_AN, data, from, end);
    case POS_ALPHABET_ANS:
        return pos_alphabet_lacks(POS_ALPHABET_ANS, data, from, end);
    case POS_ALPHABET_ANS_HIGH:
        return pos_alphabet_lacks(POS_ALPHABET_ANS_HIGH, data, from, end);
    default: /* ANY */
        return (pos_lanes){0};
    }
}

/* Whether there is no stranger in any of them, `last` included. */
static POS_ALWAYS_INLINE bool pos_stretches_are_good(const struct pos_stretch *first,
                                                     const struct pos_stretch *last,
                                                     const uint8_t *data)
{
    pos_lanes strangers = {0};
    for (const struct pos_stretch *stretch = first; stretch <= last; stretch++)
        strangers |= pos_stretch_strangers(stretch, data);
    return pos_lanes_none(strangers);
}

/* The first stranger of stretches that are not good: its offset, and what is wrong with it. */
struct pos_stranger {
    size_t offset;
    enum pos_decode_reason reason; /* DIGITS or CHARACTERS */
};
struct pos_stranger pos_stretches_stranger(const struct pos_stretch *first, const uint8_t *data);

#endif
