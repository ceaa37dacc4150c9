#include "core/crypto/kcv.h"

#include <stdlib.h>
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

/* The ciphers of an algorithm; each is made when it is first needed. */
struct tools {
    struct pos_cipher cipher;
    struct pos_mac *mac;
};

struct pos_kcv_maker {
    struct tools tools[POS_ALGORITHM_COUNT];
};

static enum pos_status encrypt_zeros(struct tools *tools, enum pos_algorithm algorithm,
                                     const uint8_t *key, uint8_t *block)
{
    struct pos_cipher *cipher = &tools->cipher;
    enum pos_status status = pos_cipher_init(cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    memset(block, 0, POS_CIPHER_BLOCK_SIZE_MAX);
    return status == POS_OK ? pos_cipher_cbc(cipher, zero_block, block, cipher->block_size)
                            : status;
}

static enum pos_status mac_zeros(struct tools *tools, enum pos_algorithm algorithm,
                                 const uint8_t *key, uint8_t *block)
{
    enum pos_status status = tools->mac == NULL
                                 ? pos_mac_create(POS_MAC_CMAC, algorithm, key, &tools->mac)
                                 : pos_mac_rekey(tools->mac, POS_MAC_CMAC, algorithm, key);
    if (status != POS_OK)
        return status;
    return pos_mac_compute(tools->mac, pos_bytes(zero_block, pos_mac_size(tools->mac)), block);
}

static enum pos_status compute(struct tools *tools, enum pos_kcv_method method,
                               enum pos_algorithm algorithm, const uint8_t *key,
                               struct pos_kcv *kcv)
{
    bool zeros = method == POS_KCV_ZEROS;
    uint8_t block[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = zeros ? encrypt_zeros(tools, algorithm, key, block)
                                   : mac_zeros(tools, algorithm, key, block);
    if (status == POS_OK) {
        kcv->method = method;
        kcv->size = zeros ? customs[algorithm].zeros_size : POS_KCV_SIZE_MAX;
        memcpy(kcv->data, block, kcv->size);
    }
    /* The bytes that a check value does not show are a known pair of text and ciphertext more. */
    pos_secret_wipe(block, sizeof block);
    return status;
}

static void release(struct tools *tools)
{
    pos_cipher_fini(&tools->cipher);
    pos_mac_destroy(tools->mac);
    tools->mac = NULL;
}

enum pos_status pos_kcv_compute_by(enum pos_kcv_method method, enum pos_algorithm algorithm,
                                   const uint8_t *key, struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    if (algorithm == POS_ALGORITHM_NONE || method == POS_KCV_NONE)
        return POS_ERR_USAGE;
    struct tools tools = {0};
    enum pos_status status = compute(&tools, method, algorithm, key, kcv);
    release(&tools);
    return status;
}

enum pos_status pos_kcv_compute(enum pos_algorithm algorithm, const uint8_t *key,
                                struct pos_kcv *kcv)
{
    return pos_kcv_compute_by(customs[algorithm].method, algorithm, key, kcv);
}

/* ---- many of them ---- */

struct pos_kcv_maker *pos_kcv_maker_create(void)
{
    return calloc(1, sizeof(struct pos_kcv_maker));
}

void pos_kcv_maker_destroy(struct pos_kcv_maker *maker)
{
    if (maker == NULL)
        return;
    for (size_t i = 0; i < POS_ALGORITHM_COUNT; i++)
        release(&maker->tools[i]);
    free(maker);
}

/* Keying once more takes a third of making the ciphers anew, which would wipe them as well. */
static enum pos_status forget_key(struct tools *tools, enum pos_algorithm algorithm)
{
    static const uint8_t no_key[POS_KEY_SIZE_MAX];
    return customs[algorithm].method == POS_KCV_ZEROS
               ? pos_cipher_init(&tools->cipher, algorithm, POS_CIPHER_ENCRYPT, no_key)
               : pos_mac_rekey(tools->mac, POS_MAC_CMAC, algorithm, no_key);
}

enum pos_status pos_kcv_make(struct pos_kcv_maker *maker, enum pos_algorithm algorithm,
                             const uint8_t *key, struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    if (algorithm == POS_ALGORITHM_NONE)
        return POS_ERR_USAGE;
    struct tools *tools = &maker->tools[algorithm];
    struct pos_kcv made = {0};
    enum pos_status status = compute(tools, customs[algorithm].method, algorithm, key, &made);
    if (status == POS_OK)
        status = forget_key(tools, algorithm);
    if (status == POS_OK)
        *kcv = made;
    else
        release(tools);
    return status;
}
