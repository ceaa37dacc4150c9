/* The doubling from which the subkeys of a CMAC come. Internal to core/crypto. */
#ifndef POS_CRYPTO_CMAC_H
#define POS_CRYPTO_CMAC_H

#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

/* SP 800-38B clause 6.1: shift left by one bit, and XOR R where a bit fell out. `size` is 8 or 16;
 * `out` may be `in`. */
static inline void pos_cmac_double(const uint8_t *in, size_t size, uint8_t *out)
{
    uint64_t words[2] = {0};
    assert(size == 8 || size == 16);
    memcpy((uint8_t *)words + sizeof words - size, in, size);
    uint64_t high = be64toh(words[0]), low = be64toh(words[1]);
    uint64_t fell_out = (size == 16 ? high : low) >> 63;
    uint64_t reduction = size == 16 ? 0x87 : 0x1B;
    words[0] = htobe64(high << 1 | low >> 63);
    words[1] = htobe64(low << 1 ^ (reduction & -fell_out));
    memcpy(out, (uint8_t *)words + sizeof words - size, size);
}

#endif
