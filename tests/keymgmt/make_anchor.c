#include "tests/keymgmt/make_anchor.h"

#include <string.h>

enum { CRC_AT = 93 };

static void put(uint8_t *slot, size_t at, uint64_t number)
{
    for (size_t i = 0; i < sizeof number; i++)
        slot[at + i] = (uint8_t)(number >> (56 - 8 * i));
}

/* CRC-32 of IEEE 802.3, as gzip has it. */
static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < 8 * size; i++) {
        uint32_t bit = (crc ^ (uint32_t)data[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ (bit != 0 ? 0xedb88320 : 0);
    }
    return ~crc;
}

void make_anchor_slot(uint8_t *slot, uint64_t epoch, uint64_t batches, uint64_t sequence)
{
    memset(slot, 0, POS_ANCHOR_SLOT_SIZE);
    memcpy(slot, "POSANCHR", 8);
    slot[8] = 1;
    put(slot, 25, epoch);
    put(slot, 33, batches);
    put(slot, 45, sequence);
    slot[53 + 31] = (uint8_t)sequence;
    uint32_t crc = crc_of(slot, CRC_AT);
    for (size_t i = 0; i < sizeof crc; i++)
        slot[CRC_AT + i] = (uint8_t)(crc >> (24 - 8 * i));
}
