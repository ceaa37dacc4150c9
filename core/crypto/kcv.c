#include "core/crypto/kcv.h"

#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/crypto/mac.h"

static const struct {
    enum pos_kcv_method method;
    uint8_t zeros_size; /* bytes shown of zeros encrypted */
} customs[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_T2] = {POS_KCV_ZEROS, 3},  [POS_ALGORITHM_T3] = {POS_KCV_ZEROS, 3},
    [POS_ALGORITHM_A128] = {POS_KCV_CMAC, 5}, [POS_ALGORITHM_A256] = {POS_KCV_CMAC, 5},
    [POS_ALGORITHM_SM4] = {POS_KCV_ZEROS, 4},
};

static const uint8_t zero_block[POS_CIPHER_BLOCK_SIZE_MAX];

static enum pos_status encrypt_zeros(enum pos_algorithm algorithm, const uint8_t *key,
                                     uint8_t *block)
{
    struct pos_cipher cipher = {0};
    enum pos_status status = pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    memset(block, 0, POS_CIPHER_BLOCK_SIZE_MAX);
    if (status == POS_OK)
        status = pos_cipher_cbc(&cipher, zero_block, block, cipher.block_size);
    pos_cipher_fini(&cipher);
    return status;
}

static enum pos_status mac_zeros(enum pos_algorithm algorithm, const uint8_t *key, uint8_t *block)
{
    struct pos_mac *mac;
    enum pos_status status = pos_mac_create(POS_MAC_CMAC, algorithm, key, &mac);
    if (status != POS_OK)
        return status;
    status = pos_mac_compute(mac, pos_bytes(zero_block, pos_mac_size(mac)), block);
    pos_mac_destroy(mac);
    return status;
}

enum pos_status pos_kcv_compute_by(enum pos_kcv_method method, enum pos_algorithm algorithm,
                                   const uint8_t *key, struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    if (algorithm == POS_ALGORITHM_NONE || method == POS_KCV_NONE)
        return POS_ERR_USAGE;
    bool zeros = method == POS_KCV_ZEROS;
    uint8_t block[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status =
        zeros ? encrypt_zeros(algorithm, key, block) : mac_zeros(algorithm, key, block);
    if (status == POS_OK) {
        kcv->method = method;
        kcv->size = zeros ? customs[algorithm].zeros_size : POS_KCV_SIZE_MAX;
        memcpy(kcv->data, block, kcv->size);
    }
    /* The bytes that a check value does not show are a known pair of text and ciphertext more. */
    pos_secret_wipe(block, sizeof block);
    return status;
}

enum pos_status pos_kcv_compute(enum pos_algorithm algorithm, const uint8_t *key,
                                struct pos_kcv *kcv)
{
    return pos_kcv_compute_by(customs[algorithm].method, algorithm, key, kcv);
}
