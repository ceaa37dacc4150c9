#include "core/hsm/tdes.h"

bool pos_is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

void pos_tdes_set_parity(uint8_t *key, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t fold = key[i] >> 1;
        fold ^= fold >> 4;
        fold ^= fold >> 2;
        fold ^= fold >> 1;
        key[i] = (uint8_t)((key[i] & 0xFE) | (~fold & 1));
    }
}

static unsigned difference(const uint8_t *a, const uint8_t *b)
{
    unsigned bits = 0;
    for (size_t i = 0; i < POS_DES_KEY_SIZE; i++)
        bits |= (unsigned)(a[i] ^ b[i]) & 0xFE;
    return bits;
}

bool pos_tdes_repeats(enum pos_algorithm algorithm, const uint8_t *key)
{
    size_t size = pos_is_tdes(algorithm) ? pos_algorithm_key_size(algorithm) : 0;
    bool repeats = false;
    for (size_t a = 0; a < size; a += POS_DES_KEY_SIZE)
        for (size_t b = a + POS_DES_KEY_SIZE; b < size; b += POS_DES_KEY_SIZE)
            repeats |= difference(key + a, key + b) == 0;
    return repeats;
}
