#include "core/wire/alphabet.h"

/* The offset of the first stranger; the stretch's end when there is none. */
static uint32_t first_stranger(const struct pos_stretch *stretch, const uint8_t *data)
{
    struct pos_stretch byte = *stretch;
    for (; byte.from < stretch->end; byte.from++) {
        byte.end = byte.from + 1;
        if (!pos_lanes_none(pos_stretch_strangers(&byte, data)))
            break;
    }
    return byte.from;
}

struct pos_stranger pos_stretches_stranger(const struct pos_stretch *first, const uint8_t *data)
{
    uint32_t offset;
    while ((offset = first_stranger(first, data)) == first->end)
        first++;
    return (struct pos_stranger){.offset = offset,
                                 .reason = first->alphabet <= POS_ALPHABET_LAST_OF_DIGITS
                                               ? POS_DECODE_DIGITS
                                               : POS_DECODE_CHARACTERS};
}
