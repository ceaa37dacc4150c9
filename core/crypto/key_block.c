/*
 * Key blocks of version D: what is MACed is the clear part and the clear key data, with AES-CMAC;
 * what is encrypted is the key data, with AES-CBC and the MAC as IV. So opening one decrypts first
 * and believes nothing until the MAC over the result is right.
 *
 * Key data: length in bits, 2 bytes; key; random padding to whole cipher blocks.
 */
#include "core/crypto/key_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/crypto/derive.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block_header.h"
#include "core/crypto/mac.h"
#include "core/crypto/random.h"

enum {
    BIT_COUNT_SIZE = 2,
    BLOCK_SIZE = 16,
    MAC_SIZE = POS_KEY_BLOCK_D_MAC_SIZE,
    DATA_SIZE_MAX = POS_KEY_BLOCK_SIZE_MAX / 2, /* a block's, read */
    SEALED_DATA_SIZE_MAX = POS_KEY_VALUE_SIZE_MAX - MAC_SIZE,
};

_Static_assert(SEALED_DATA_SIZE_MAX == BIT_COUNT_SIZE + POS_KEY_SIZE_MAX + 14,
               "the longest key and its padding fill the sealed form");

struct pos_key_block_protector {
    enum pos_algorithm algorithm;
    struct pos_cipher encrypt, decrypt;
    struct pos_mac *mac;
};

static const struct {
    char letter;
    size_t padded_size; /* bytes that a key is padded to: the longest of its algorithm */
    int strength;       /* bits */
} traits[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_NONE] = {'\0', 0, 0},   [POS_ALGORITHM_T2] = {'T', 24, 80},
    [POS_ALGORITHM_T3] = {'T', 24, 112},   [POS_ALGORITHM_A128] = {'A', 32, 128},
    [POS_ALGORITHM_A256] = {'A', 32, 256}, [POS_ALGORITHM_SM4] = {'4', 16, 128},
};

char pos_key_block_algorithm_letter(enum pos_algorithm algorithm)
{
    assert(algorithm < POS_ALGORITHM_COUNT);
    return traits[algorithm].letter;
}

/* ---- the protector ---- */

static enum pos_status set_up(struct pos_key_block_protector *protector, const uint8_t *key)
{
    enum pos_algorithm algorithm = protector->algorithm;
    uint8_t derived[POS_KEY_SIZE_MAX];
    enum pos_status status = pos_derive(algorithm, key, POS_DERIVE_BLOCK_ENCRYPTION, derived);
    if (status == POS_OK)
        status = pos_cipher_init(&protector->encrypt, algorithm, POS_CIPHER_ENCRYPT, derived);
    if (status == POS_OK)
        status = pos_cipher_init(&protector->decrypt, algorithm, POS_CIPHER_DECRYPT, derived);
    if (status == POS_OK)
        status = pos_derive(algorithm, key, POS_DERIVE_BLOCK_MAC, derived);
    if (status == POS_OK)
        status = pos_mac_create(POS_MAC_CMAC, algorithm, derived, &protector->mac);
    pos_secret_wipe(derived, sizeof derived);
    return status;
}

enum pos_status pos_key_block_protector_create(enum pos_algorithm algorithm, const uint8_t *key,
                                               struct pos_key_block_protector **protector)
{
    *protector = NULL;
    if (algorithm != POS_ALGORITHM_A128 && algorithm != POS_ALGORITHM_A256)
        return POS_ERR_USAGE;
    struct pos_key_block_protector *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->algorithm = algorithm;
    enum pos_status status = set_up(made, key);
    if (status == POS_OK)
        *protector = made;
    else
        pos_key_block_protector_destroy(made);
    return status;
}

void pos_key_block_protector_destroy(struct pos_key_block_protector *protector)
{
    if (protector == NULL)
        return;
    pos_cipher_fini(&protector->encrypt);
    pos_cipher_fini(&protector->decrypt);
    pos_mac_destroy(protector->mac);
    free(protector);
}

/* ---- key data, both ways ---- */

static size_t padded_data_size(enum pos_algorithm key_algorithm)
{
    size_t size = BIT_COUNT_SIZE + traits[key_algorithm].padded_size;
    return (size + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
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

/* Makes key data of `size` bytes behind `clear`, its MAC, and encrypts it in place. */
static enum pos_status close_data(struct pos_key_block_protector *protector, struct pos_bytes clear,
                                  enum pos_algorithm key_algorithm, const uint8_t *key,
                                  uint8_t *data, size_t size, uint8_t *mac)
{
    size_t key_size = pos_algorithm_key_size(key_algorithm);
    size_t bit_count = 8 * key_size;
    data[0] = (uint8_t)(bit_count >> 8);
    data[1] = (uint8_t)bit_count;
    memcpy(data + BIT_COUNT_SIZE, key, key_size);
    size_t used = BIT_COUNT_SIZE + key_size;
    enum pos_status status = pos_random(data + used, size - used);
    if (status == POS_OK)
        status = compute_mac(protector, clear, pos_bytes(data, size), mac);
    if (status == POS_OK)
        status = pos_cipher_cbc(&protector->encrypt, mac, data, size);
    if (status != POS_OK)
        pos_secret_wipe(data, size);
    return status;
}

/* Decrypts `data` in place and verifies; it is wiped when the MAC is not right. */
static enum pos_status open_data(struct pos_key_block_protector *protector, struct pos_bytes clear,
                                 uint8_t *data, size_t size, const uint8_t *mac)
{
    uint8_t right[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = pos_cipher_cbc(&protector->decrypt, mac, data, size);
    if (status == POS_OK)
        status = compute_mac(protector, clear, pos_bytes(data, size), right);
    if (status == POS_OK && !pos_secret_equal(right, mac, MAC_SIZE))
        status = POS_ERR_MAC;
    if (status != POS_OK)
        pos_secret_wipe(data, size);
    return status;
}

/* Only behind open_data: takes the key when it has exactly the length of its algorithm. */
static enum pos_status take_key(const uint8_t *data, size_t size, enum pos_algorithm key_algorithm,
                                uint8_t *key)
{
    size_t bit_count = (size_t)data[0] << 8 | data[1];
    size_t key_size = pos_algorithm_key_size(key_algorithm);
    if (key_size == 0 || bit_count != 8 * key_size || BIT_COUNT_SIZE + key_size > size)
        return POS_ERR_MISMATCH;
    memcpy(key, data + BIT_COUNT_SIZE, key_size);
    return POS_OK;
}

static enum pos_status may_protect(const struct pos_key_block_protector *protector,
                                   const struct pos_key_block_attributes *attributes,
                                   enum pos_algorithm key_algorithm)
{
    assert(key_algorithm > POS_ALGORITHM_NONE && key_algorithm < POS_ALGORITHM_COUNT);
    assert(attributes->algorithm == traits[key_algorithm].letter);
    return traits[protector->algorithm].strength < traits[key_algorithm].strength
               ? POS_ERR_NOT_ALLOWED
               : POS_OK;
}

/* ---- blocks ---- */

/* pos_hex_encode ends with a NUL, for which a block has no room. */
static void put_hex(struct pos_buffer *out, const uint8_t *data, size_t size)
{
    char digits[2 * DATA_SIZE_MAX + 1];
    pos_hex_encode(pos_bytes(data, size), digits);
    pos_buffer_put(out, pos_bytes(digits, 2 * size));
}

enum pos_status pos_key_block_wrap(struct pos_key_block_protector *protector,
                                   const struct pos_key_block_attributes *attributes,
                                   const struct pos_key_block_optional *optional,
                                   enum pos_algorithm key_algorithm, const uint8_t *key,
                                   struct pos_buffer *block)
{
    enum pos_status status = may_protect(protector, attributes, key_algorithm);
    if (status != POS_OK)
        return status;
    size_t size = padded_data_size(key_algorithm);
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    pos_key_block_put_header(&text, attributes, optional, 2 * (size + MAC_SIZE));
    assert(!text.overflow);
    uint8_t data[SEALED_DATA_SIZE_MAX], mac[POS_MAC_FULL_SIZE_MAX];
    status = close_data(protector, pos_buffer_view(&text), key_algorithm, key, data, size, mac);
    if (status != POS_OK)
        return status;
    put_hex(&text, data, size);
    put_hex(&text, mac, MAC_SIZE);
    assert(!text.overflow);
    pos_buffer_put(block, pos_buffer_view(&text));
    return block->overflow ? POS_ERR_LENGTH : POS_OK;
}

static bool as_expected(const struct pos_key_block_attributes *found,
                        const struct pos_key_block_attributes *expected)
{
    return memcmp(found->usage, expected->usage, sizeof found->usage) == 0 &&
           found->algorithm == expected->algorithm &&
           (expected->mode == 0 || found->mode == expected->mode) &&
           (expected->version[0] == 0 ||
            memcmp(found->version, expected->version, sizeof found->version) == 0) &&
           (expected->exportable == 0 || found->exportable == expected->exportable);
}

static enum pos_status check_kc(const struct pos_kcv *kc, enum pos_algorithm key_algorithm,
                                const uint8_t *key)
{
    if (kc->method == POS_KCV_NONE)
        return POS_OK;
    struct pos_kcv right;
    enum pos_status status = pos_kcv_compute_by(kc->method, key_algorithm, key, &right);
    if (status != POS_OK)
        return status;
    return pos_kcv_equal(kc, &right) ? POS_OK : POS_ERR_MISMATCH;
}

/* From a verified block to the key that was asked for. */
static enum pos_status accept_key(const struct pos_key_block_parts *parts,
                                  const struct pos_key_block_expectation *expected,
                                  const uint8_t *data, size_t size, uint8_t *key,
                                  struct pos_error *error)
{
    const struct pos_key_block_attributes *found = &parts->attributes;
    if (!as_expected(found, &expected->attributes))
        return pos_error_set(error, POS_ERR_MISMATCH,
                             "key block: usage %.2s, algorithm %c, mode %c, version %.2s, "
                             "exportability %c is not what was asked for",
                             found->usage, found->algorithm, found->mode, found->version,
                             found->exportable);
    if (take_key(data, size, expected->key_algorithm, key) != POS_OK)
        return pos_error_set(error, POS_ERR_MISMATCH, "key block: the key is not %s",
                             pos_algorithm_name(expected->key_algorithm));
    enum pos_status status = check_kc(&parts->kc, expected->key_algorithm, key);
    if (status == POS_OK)
        return POS_OK;
    pos_secret_wipe(key, POS_KEY_SIZE_MAX);
    return pos_error_set(error, status, "key block: its KC is not this key's check value");
}

enum pos_status pos_key_block_unwrap(struct pos_key_block_protector *protector,
                                     struct pos_bytes block,
                                     const struct pos_key_block_expectation *expected, uint8_t *key,
                                     struct pos_error *error)
{
    struct pos_key_block_parts parts;
    enum pos_status status = pos_key_block_split(block, &parts, error);
    if (status != POS_OK)
        return status;
    uint8_t data[DATA_SIZE_MAX], mac[MAC_SIZE];
    size_t size = parts.ciphertext.size / 2;
    if (pos_hex_decode(parts.ciphertext, data, size) != POS_OK ||
        pos_hex_decode(parts.mac, mac, sizeof mac) != POS_OK)
        return pos_error_set(error, POS_ERR_FORMAT, "key block: not hexadecimal");
    status = open_data(protector, parts.clear, data, size, mac);
    if (status != POS_OK)
        return pos_error_set(error, status,
                             "key block: its MAC does not verify (changed, or under another key)");
    status = accept_key(&parts, expected, data, size, key, error);
    pos_secret_wipe(data, size);
    return status;
}

/* ---- the sealed form ---- */

static struct pos_bytes rebuild_header(const struct pos_key_block_attributes *attributes,
                                       size_t data_size, char memory[POS_KEY_BLOCK_HEADER_SIZE + 1])
{
    struct pos_buffer text = pos_buffer(memory, POS_KEY_BLOCK_HEADER_SIZE + 1);
    pos_key_block_put_header(&text, attributes, NULL, 2 * (data_size + MAC_SIZE));
    assert(!text.overflow && text.size == POS_KEY_BLOCK_HEADER_SIZE);
    return pos_buffer_view(&text);
}

enum pos_status pos_key_block_seal(struct pos_key_block_protector *protector,
                                   const struct pos_key_block_attributes *attributes,
                                   enum pos_algorithm key_algorithm, const uint8_t *key,
                                   uint8_t *sealed, uint8_t *sealed_size)
{
    enum pos_status status = may_protect(protector, attributes, key_algorithm);
    if (status != POS_OK)
        return status;
    char memory[POS_KEY_BLOCK_HEADER_SIZE + 1];
    size_t size = padded_data_size(key_algorithm);
    struct pos_bytes header = rebuild_header(attributes, size, memory);
    status = close_data(protector, header, key_algorithm, key, sealed, size, sealed + size);
    *sealed_size = status == POS_OK ? (uint8_t)(size + MAC_SIZE) : 0;
    return status;
}

enum pos_status pos_key_block_unseal(struct pos_key_block_protector *protector,
                                     const struct pos_key_block_attributes *attributes,
                                     enum pos_algorithm key_algorithm, struct pos_bytes sealed,
                                     uint8_t *key)
{
    assert(key_algorithm > POS_ALGORITHM_NONE && key_algorithm < POS_ALGORITHM_COUNT);
    size_t size = padded_data_size(key_algorithm);
    if (sealed.size != size + MAC_SIZE)
        return POS_ERR_FORMAT;
    uint8_t data[SEALED_DATA_SIZE_MAX];
    memcpy(data, sealed.data, size);
    char memory[POS_KEY_BLOCK_HEADER_SIZE + 1];
    struct pos_bytes header = rebuild_header(attributes, size, memory);
    enum pos_status status = open_data(protector, header, data, size, sealed.data + size);
    if (status == POS_OK)
        status = take_key(data, size, key_algorithm, key);
    pos_secret_wipe(data, size);
    return status;
}
