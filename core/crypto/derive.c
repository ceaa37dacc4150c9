#include "core/crypto/derive.h"

#include <assert.h>
#include <string.h>

#include "core/base/secret.h"

/* The algorithm indicators of X9.143; SM4 has none there and gets one that no standard uses. */
static const uint16_t indicators[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_T2] = 0x0000,   [POS_ALGORITHM_T3] = 0x0001,  [POS_ALGORITHM_A128] = 0x0002,
    [POS_ALGORITHM_A256] = 0x0004, [POS_ALGORITHM_SM4] = 0x8004,
};

void pos_derive_input(enum pos_algorithm algorithm, enum pos_derivation usage, uint8_t counter,
                      uint8_t input[POS_DERIVE_INPUT_SIZE])
{
    struct pos_buffer out = pos_buffer(input, POS_DERIVE_INPUT_SIZE);
    pos_buffer_put_u8(&out, counter);
    pos_buffer_put_u16(&out, (uint16_t)usage);
    pos_buffer_put_u8(&out, 0);
    pos_buffer_put_u16(&out, indicators[algorithm]);
    pos_buffer_put_u16(&out, (uint16_t)(8 * pos_algorithm_key_size(algorithm)));
    assert(out.size == POS_DERIVE_INPUT_SIZE);
}

static enum pos_status derive_block(struct pos_mac *mac, enum pos_algorithm algorithm,
                                    enum pos_derivation usage, uint8_t counter, uint8_t *out)
{
    uint8_t input[POS_DERIVE_INPUT_SIZE];
    pos_derive_input(algorithm, usage, counter, input);
    return pos_mac_compute(mac, pos_bytes(input, sizeof input), out);
}

enum pos_status pos_derive_by(struct pos_mac *mac, enum pos_algorithm algorithm,
                              enum pos_derivation usage, uint8_t *derived)
{
    size_t size = pos_algorithm_key_size(algorithm);
    uint8_t block[POS_MAC_FULL_SIZE_MAX];
    uint8_t counter = 1;
    enum pos_status status = POS_OK;
    for (size_t done = 0; done < size && status == POS_OK; counter++) {
        status = derive_block(mac, algorithm, usage, counter, block);
        size_t part = size - done < pos_mac_size(mac) ? size - done : pos_mac_size(mac);
        if (status == POS_OK)
            memcpy(derived + done, block, part);
        done += part;
    }
    pos_secret_wipe(block, sizeof block);
    return status;
}

enum pos_status pos_derive(enum pos_algorithm algorithm, const uint8_t *key,
                           enum pos_derivation usage, uint8_t *derived)
{
    struct pos_mac *mac;
    enum pos_status status = pos_mac_create(POS_MAC_CMAC, algorithm, key, &mac);
    if (status != POS_OK)
        return status;
    status = pos_derive_by(mac, algorithm, usage, derived);
    pos_mac_destroy(mac);
    return status;
}
