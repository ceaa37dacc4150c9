#include "tests/keymgmt/make_anchor.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/digest.h"

static void put(uint8_t *slot, size_t at, uint64_t number)
{
    for (size_t i = 0; i < sizeof number; i++)
        slot[at + i] = (uint8_t)(number >> (56 - 8 * i));
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
    struct pos_bytes covered = pos_bytes(slot, 85);
    cr_assert(pos_digest(&covered, 1, slot + 85) == POS_OK);
}
