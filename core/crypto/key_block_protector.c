/*
 * Versions B and D: two keys are derived from the protection key by CMAC. What is MACed is the
 * clear part and the clear key data, with CMAC; what is encrypted is the key data, in CBC mode with
 * the MAC as IV. So opening one decrypts first and believes nothing until the MAC over the result
 * is right.
 *
 * Versions A and C, which are read only: the two keys are the protection key XOR a constant. What
 * is MACed is the clear part and the ciphertext, with a CBC-MAC of which 4 bytes are shown; the IV
 * of the encryption is the header's first 8 characters. (TR-31:2005 and 2010.)
 *
 * Key data: length in bits, 2 bytes; key; random padding to whole cipher blocks.
 */
#include "core/crypto/key_block_protector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/derive.h"
#include "core/crypto/random.h"

enum {
    BIT_COUNT_SIZE = 2,
    TDES_BLOCK_SIZE = 8,
    VARIANT_ENCRYPTION = 0x45, /* 'E' */
    VARIANT_MAC = 0x4D,        /* 'M' */
};

static const struct {
    char letter;
    size_t padded_size; /* bytes that a key is padded to: the longest of its algorithm */
} traits[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_NONE] = {'\0', 0}, [POS_ALGORITHM_T2] = {'T', 24},
    [POS_ALGORITHM_T3] = {'T', 24},   [POS_ALGORITHM_A128] = {'A', 32},
    [POS_ALGORITHM_A256] = {'A', 32}, [POS_ALGORITHM_SM4] = {'4', 16},
};

static const uint8_t zero_block[POS_CIPHER_BLOCK_SIZE_MAX];

char pos_key_block_algorithm_letter(enum pos_algorithm algorithm)
{
    assert(algorithm < POS_ALGORITHM_COUNT);
    return traits[algorithm].letter;
}

/* ---- the protector ---- */

/* Both check values that a KP may hold; five bytes of each, more than is ever compared. The
 * encrypting cipher is keyed with the protection key for that, and with a derived one afterwards.
 */
static enum pos_status set_up_check_values(struct pos_key_block_protector *protector,
                                           struct pos_mac *mac, const uint8_t *key)
{
    uint8_t block[POS_MAC_FULL_SIZE_MAX] = {0};
    struct pos_cipher *cipher = &protector->encrypt;
    enum pos_status status = pos_cipher_init(cipher, protector->algorithm, POS_CIPHER_ENCRYPT, key);
    if (status == POS_OK)
        status = pos_cipher_cbc(cipher, zero_block, block, cipher->block_size);
    protector->zeros_kcv = (struct pos_kcv){.method = POS_KCV_ZEROS, .size = POS_KCV_SIZE_MAX};
    memcpy(protector->zeros_kcv.data, block, POS_KCV_SIZE_MAX);
    if (status == POS_OK)
        status = pos_mac_compute(mac, pos_bytes(zero_block, pos_mac_size(mac)), block);
    protector->cmac_kcv = (struct pos_kcv){.method = POS_KCV_CMAC, .size = POS_KCV_SIZE_MAX};
    memcpy(protector->cmac_kcv.data, block, POS_KCV_SIZE_MAX);
    pos_secret_wipe(block, sizeof block);
    return status;
}

static enum pos_status key_encryption(struct pos_key_block_protector *protector,
                                      const uint8_t *derived)
{
    enum pos_status status =
        pos_cipher_init(&protector->encrypt, protector->algorithm, POS_CIPHER_ENCRYPT, derived);
    if (status == POS_OK)
        status =
            pos_cipher_init(&protector->decrypt, protector->algorithm, POS_CIPHER_DECRYPT, derived);
    return status;
}

/* `mac` is keyed with the protection key. */
static enum pos_status set_up_derived(struct pos_key_block_protector *protector,
                                      struct pos_mac *mac)
{
    enum pos_algorithm algorithm = protector->algorithm;
    uint8_t derived[POS_KEY_SIZE_MAX];
    enum pos_status status = pos_derive_by(mac, algorithm, POS_DERIVE_BLOCK_ENCRYPTION, derived);
    if (status == POS_OK)
        status = key_encryption(protector, derived);
    if (status == POS_OK)
        status = pos_derive_by(mac, algorithm, POS_DERIVE_BLOCK_MAC, derived);
    if (status == POS_OK)
        status = pos_mac_create(POS_MAC_CMAC, algorithm, derived, &protector->mac);
    pos_secret_wipe(derived, sizeof derived);
    return status;
}

static enum pos_status key_variant(struct pos_cipher *cipher, enum pos_algorithm algorithm,
                                   enum pos_cipher_direction direction, const uint8_t *key,
                                   uint8_t constant)
{
    uint8_t variant[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < pos_algorithm_key_size(algorithm); i++)
        variant[i] = key[i] ^ constant;
    enum pos_status status = pos_cipher_init(cipher, algorithm, direction, variant);
    pos_secret_wipe(variant, sizeof variant);
    return status;
}

static enum pos_status set_up_variants(struct pos_key_block_protector *protector,
                                       const uint8_t *key)
{
    if (!protector->version->tdes)
        return POS_OK;
    enum pos_status status = key_variant(&protector->variant_decrypt, protector->algorithm,
                                         POS_CIPHER_DECRYPT, key, VARIANT_ENCRYPTION);
    if (status == POS_OK)
        status = key_variant(&protector->variant_mac, protector->algorithm, POS_CIPHER_ENCRYPT, key,
                             VARIANT_MAC);
    protector->reads_variants = status == POS_OK;
    return status;
}

static enum pos_status set_up(struct pos_key_block_protector *protector, const uint8_t *key)
{
    struct pos_mac *mac;
    enum pos_status status = pos_mac_create(POS_MAC_CMAC, protector->algorithm, key, &mac);
    if (status != POS_OK)
        return status;
    status = set_up_check_values(protector, mac, key);
    if (status == POS_OK)
        status = set_up_derived(protector, mac);
    if (status == POS_OK)
        status = set_up_variants(protector, key);
    pos_mac_destroy(mac);
    return status;
}

/* '\0' where no version has such protection keys. */
static char written_version(enum pos_algorithm algorithm)
{
    if (algorithm == POS_ALGORITHM_A128 || algorithm == POS_ALGORITHM_A256)
        return 'D';
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3 ? 'B' : '\0';
}

static enum pos_status create(enum pos_algorithm algorithm,
                              struct pos_key_block_protector **protector)
{
    *protector = NULL;
    const struct pos_key_block_version *version = pos_key_block_version(written_version(algorithm));
    if (version == NULL)
        return POS_ERR_USAGE;
    struct pos_key_block_protector *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->algorithm = algorithm;
    made->version = version;
    *protector = made;
    return POS_OK;
}

static enum pos_status keep_or_destroy(struct pos_key_block_protector **protector,
                                       enum pos_status status)
{
    if (status != POS_OK) {
        pos_key_block_protector_destroy(*protector);
        *protector = NULL;
    }
    return status;
}

enum pos_status pos_key_block_protector_create(enum pos_algorithm algorithm, const uint8_t *key,
                                               struct pos_key_block_protector **protector)
{
    enum pos_status status = create(algorithm, protector);
    return status == POS_OK ? keep_or_destroy(protector, set_up(*protector, key)) : status;
}

enum pos_status pos_key_block_protector_create_derived(enum pos_algorithm algorithm,
                                                       const struct pos_key_block_derived *derived,
                                                       struct pos_key_block_protector **protector)
{
    enum pos_status status = create(algorithm, protector);
    if (status != POS_OK)
        return status;
    (*protector)->zeros_kcv = derived->zeros_kcv;
    (*protector)->cmac_kcv = derived->cmac_kcv;
    status = key_encryption(*protector, derived->encryption);
    if (status == POS_OK)
        status = pos_mac_create(POS_MAC_CMAC, algorithm, derived->mac, &(*protector)->mac);
    return keep_or_destroy(protector, status);
}

void pos_key_block_protector_destroy(struct pos_key_block_protector *protector)
{
    if (protector == NULL)
        return;
    pos_cipher_fini(&protector->encrypt);
    pos_cipher_fini(&protector->decrypt);
    pos_cipher_fini(&protector->variant_decrypt);
    pos_cipher_fini(&protector->variant_mac);
    pos_mac_destroy(protector->mac);
    free(protector);
}

/* ---- key data, both ways ---- */

size_t pos_key_block_data_size(const struct pos_key_block_version *version,
                               enum pos_algorithm key_algorithm)
{
    size_t size = BIT_COUNT_SIZE + traits[key_algorithm].padded_size;
    return (size + version->block_size - 1) / version->block_size * version->block_size;
}

enum pos_status pos_key_block_may_protect(enum pos_algorithm protection,
                                          const struct pos_key_block_attributes *attributes,
                                          enum pos_algorithm key_algorithm)
{
    assert(key_algorithm > POS_ALGORITHM_NONE && key_algorithm < POS_ALGORITHM_COUNT);
    assert(attributes->algorithm == traits[key_algorithm].letter);
    bool stronger = pos_algorithm_strength(key_algorithm) > pos_algorithm_strength(protection);
    return stronger ? POS_ERR_NOT_ALLOWED : POS_OK;
}

enum pos_status pos_key_block_put_key(enum pos_algorithm key_algorithm, const uint8_t *key,
                                      uint8_t *data, size_t size)
{
    size_t key_size = pos_algorithm_key_size(key_algorithm);
    size_t bit_count = 8 * key_size;
    data[0] = (uint8_t)(bit_count >> 8);
    data[1] = (uint8_t)bit_count;
    memcpy(data + BIT_COUNT_SIZE, key, key_size);
    size_t used = BIT_COUNT_SIZE + key_size;
    return pos_random(data + used, size - used);
}

static enum pos_status compute_mac(struct pos_key_block_protector *protector,
                                   struct pos_bytes clear, struct pos_bytes data, uint8_t *mac)
{
    enum pos_status status = pos_mac_start(protector->mac);
    if (status == POS_OK)
        status = pos_mac_add(protector->mac, clear);
    if (status == POS_OK)
        status = pos_mac_add(protector->mac, data);
    return status == POS_OK ? pos_mac_finish(protector->mac, mac) : status;
}

enum pos_status pos_key_block_close_key(struct pos_key_block_protector *protector,
                                        struct pos_bytes clear, enum pos_algorithm key_algorithm,
                                        const uint8_t *key, uint8_t *data, size_t size,
                                        uint8_t *mac)
{
    uint8_t full_mac[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = pos_key_block_put_key(key_algorithm, key, data, size);
    if (status == POS_OK)
        status = compute_mac(protector, clear, pos_bytes(data, size), full_mac);
    if (status == POS_OK)
        status = pos_cipher_cbc(&protector->encrypt, full_mac, data, size);
    if (status == POS_OK)
        memcpy(mac, full_mac, protector->version->mac_size);
    else
        pos_secret_wipe(data, size);
    return status;
}

static enum pos_status open_derived(struct pos_key_block_protector *protector,
                                    struct pos_bytes clear, uint8_t *data, size_t size,
                                    const uint8_t *mac)
{
    uint8_t right[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = pos_cipher_cbc(&protector->decrypt, mac, data, size);
    if (status == POS_OK)
        status = compute_mac(protector, clear, pos_bytes(data, size), right);
    if (status == POS_OK && !pos_secret_equal(right, mac, protector->version->mac_size))
        status = POS_ERR_MAC;
    return status;
}

/* Here the MAC is over ciphertext, and is checked before anything is decrypted. */
static enum pos_status open_variant(struct pos_key_block_protector *protector,
                                    const struct pos_key_block_version *version,
                                    struct pos_bytes clear, uint8_t *data, size_t size,
                                    const uint8_t *mac)
{
    uint8_t covered[POS_KEY_BLOCK_SIZE_MAX];
    size_t covered_size = clear.size + size;
    assert(covered_size <= sizeof covered);
    memcpy(covered, clear.data, clear.size);
    memcpy(covered + clear.size, data, size);
    enum pos_status status =
        pos_cipher_cbc(&protector->variant_mac, zero_block, covered, covered_size);
    const uint8_t *right = covered + covered_size - TDES_BLOCK_SIZE;
    if (status == POS_OK && !pos_secret_equal(right, mac, version->mac_size))
        status = POS_ERR_MAC;
    if (status == POS_OK)
        status = pos_cipher_cbc(&protector->variant_decrypt, clear.data, data, size);
    return status;
}

enum pos_status pos_key_block_open_data(struct pos_key_block_protector *protector,
                                        const struct pos_key_block_version *version,
                                        struct pos_bytes clear, uint8_t *data, size_t size,
                                        const uint8_t *mac)
{
    assert(version->tdes == protector->version->tdes);
    enum pos_status status = version->variant
                                 ? open_variant(protector, version, clear, data, size, mac)
                                 : open_derived(protector, clear, data, size, mac);
    if (status != POS_OK)
        pos_secret_wipe(data, size);
    return status;
}

enum pos_status pos_key_block_take_key(const uint8_t *data, size_t size,
                                       enum pos_algorithm key_algorithm, uint8_t *key)
{
    size_t bit_count = (size_t)data[0] << 8 | data[1];
    size_t key_size = pos_algorithm_key_size(key_algorithm);
    if (key_size == 0 || bit_count != 8 * key_size || BIT_COUNT_SIZE + key_size > size)
        return POS_ERR_MISMATCH;
    memcpy(key, data + BIT_COUNT_SIZE, key_size);
    return POS_OK;
}
