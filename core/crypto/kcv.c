#include "core/crypto/kcv.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/crypto/cmac.h"

static const struct {
    enum pos_kcv_method method;
    uint8_t zeros_size; /* bytes shown of zeros encrypted */
} customs[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_T2] = {POS_KCV_ZEROS, 3},  [POS_ALGORITHM_T3] = {POS_KCV_ZEROS, 3},
    [POS_ALGORITHM_A128] = {POS_KCV_CMAC, 5}, [POS_ALGORITHM_A256] = {POS_KCV_CMAC, 5},
    [POS_ALGORITHM_SM4] = {POS_KCV_ZEROS, 4},
};

static const uint8_t zero_block[POS_CIPHER_BLOCK_SIZE_MAX];

/* Zeros encrypted; the CMAC of one block of zeros is that, doubled and encrypted once more. */
static enum pos_status encrypt_zeros(struct pos_cipher *cipher, enum pos_kcv_method method,
                                     uint8_t *block)
{
    size_t size = cipher->block_size;
    memset(block, 0, size);
    enum pos_status status = pos_cipher_cbc(cipher, zero_block, block, size);
    if (status != POS_OK || method == POS_KCV_ZEROS)
        return status;
    pos_cmac_double(block, size, block);
    return pos_cipher_cbc(cipher, zero_block, block, size);
}

static enum pos_status compute(struct pos_cipher *cipher, enum pos_kcv_method method,
                               enum pos_algorithm algorithm, const uint8_t *key,
                               struct pos_kcv *kcv)
{
    uint8_t block[POS_CIPHER_BLOCK_SIZE_MAX];
    enum pos_status status = pos_cipher_init(cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    if (status != POS_OK)
        return status;
    status = encrypt_zeros(cipher, method, block);
    if (status == POS_OK) {
        kcv->method = method;
        kcv->size =
            method == POS_KCV_ZEROS ? customs[algorithm].zeros_size : (uint8_t)POS_KCV_SIZE_MAX;
        memcpy(kcv->data, block, kcv->size);
    }
    /* The bytes that a check value does not show are a known pair of text and ciphertext more. */
    pos_secret_wipe(block, sizeof block);
    return status;
}

enum pos_status pos_kcv_compute_by(enum pos_kcv_method method, enum pos_algorithm algorithm,
                                   const uint8_t *key, struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    if (algorithm == POS_ALGORITHM_NONE || method == POS_KCV_NONE)
        return POS_ERR_USAGE;
    struct pos_cipher cipher = {0};
    enum pos_status status = compute(&cipher, method, algorithm, key, kcv);
    pos_cipher_fini(&cipher);
    return status;
}

enum pos_status pos_kcv_compute(enum pos_algorithm algorithm, const uint8_t *key,
                                struct pos_kcv *kcv)
{
    return pos_kcv_compute_by(customs[algorithm].method, algorithm, key, kcv);
}

/* ---- many of them ---- */

/* A cipher for each algorithm, made when it is first needed. */
struct pos_kcv_maker {
    struct pos_cipher ciphers[POS_ALGORITHM_COUNT];
    bool keyed[POS_ALGORITHM_COUNT]; /* with a key that is to be forgotten */
};

struct pos_kcv_maker *pos_kcv_maker_create(void)
{
    return calloc(1, sizeof(struct pos_kcv_maker));
}

void pos_kcv_maker_destroy(struct pos_kcv_maker *maker)
{
    if (maker == NULL)
        return;
    for (size_t i = 0; i < POS_ALGORITHM_COUNT; i++)
        pos_cipher_fini(&maker->ciphers[i]);
    free(maker);
}

enum pos_status pos_kcv_make_next(struct pos_kcv_maker *maker, enum pos_algorithm algorithm,
                                  const uint8_t *key, struct pos_kcv *kcv)
{
    struct pos_kcv made = {0};
    *kcv = made;
    if (algorithm == POS_ALGORITHM_NONE)
        return POS_ERR_USAGE;
    maker->keyed[algorithm] = true;
    enum pos_status status =
        compute(&maker->ciphers[algorithm], customs[algorithm].method, algorithm, key, &made);
    if (status == POS_OK)
        *kcv = made;
    return status;
}

/* Keying once more takes a third of making the cipher anew, which would wipe it as well. */
enum pos_status pos_kcv_forget(struct pos_kcv_maker *maker)
{
    static const uint8_t no_key[POS_KEY_SIZE_MAX];
    enum pos_status status = POS_OK;
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++) {
        if (!maker->keyed[i])
            continue;
        maker->keyed[i] = false;
        enum pos_status keyed =
            pos_cipher_init(&maker->ciphers[i], (enum pos_algorithm)i, POS_CIPHER_ENCRYPT, no_key);
        if (keyed != POS_OK) {
            pos_cipher_fini(&maker->ciphers[i]);
            status = keyed;
        }
    }
    return status;
}

enum pos_status pos_kcv_make(struct pos_kcv_maker *maker, enum pos_algorithm algorithm,
                             const uint8_t *key, struct pos_kcv *kcv)
{
    enum pos_status status = pos_kcv_make_next(maker, algorithm, key, kcv);
    enum pos_status forgotten = pos_kcv_forget(maker);
    if (status == POS_OK && forgotten != POS_OK)
        *kcv = (struct pos_kcv){0};
    return status == POS_OK ? forgotten : status;
}
