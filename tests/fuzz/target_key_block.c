/*
 * Key blocks and sealed keys under keys that everybody knows.
 *
 * Nobody guesses a MAC, so behind it nothing would ever be reached. The "opened" target takes what
 * stands for the encrypted part as clear key data, and makes MAC and encryption itself, as somebody
 * with the protection key would: what is behind the MAC must not believe such a person either. A
 * sealed key can be made so too. Version D is under an AES key, A, B and C under a TDES one.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/cipher.h"
#include "core/crypto/derive.h"
#include "core/crypto/key_block.h"
#include "core/crypto/key_block_header.h"
#include "core/crypto/mac.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t protection_key[POS_KEY_SIZE_MAX] = "a protection key of 32 letters.";

/* What stands behind the MAC of one kind of protection key. */
static struct side {
    enum pos_algorithm algorithm;
    struct pos_key_block_protector *protector;
    struct pos_cipher cipher, variant_encryption, variant_mac;
    struct pos_mac *mac;
} aes = {.algorithm = POS_ALGORITHM_A256}, tdes = {.algorithm = POS_ALGORITHM_T3};

static void set_up_variant(struct pos_cipher *cipher, uint8_t constant)
{
    uint8_t variant[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < sizeof variant; i++)
        variant[i] = protection_key[i] ^ constant;
    fuzz_must(pos_cipher_init(cipher, tdes.algorithm, POS_CIPHER_ENCRYPT, variant) == POS_OK,
              "a variant");
}

static void set_up_side(struct side *side)
{
    uint8_t derived[POS_KEY_SIZE_MAX];
    enum pos_algorithm a = side->algorithm;
    fuzz_must(pos_key_block_protector_create(a, protection_key, &side->protector) == POS_OK &&
                  pos_derive(a, protection_key, POS_DERIVE_BLOCK_ENCRYPTION, derived) == POS_OK &&
                  pos_cipher_init(&side->cipher, a, POS_CIPHER_ENCRYPT, derived) == POS_OK &&
                  pos_derive(a, protection_key, POS_DERIVE_BLOCK_MAC, derived) == POS_OK &&
                  pos_mac_create(POS_MAC_CMAC, a, derived, &side->mac) == POS_OK,
              "a protector and its keys");
}

static void set_up(void)
{
    if (aes.protector != NULL)
        return;
    set_up_side(&aes);
    set_up_side(&tdes);
    set_up_variant(&tdes.variant_encryption, 0x45);
    set_up_variant(&tdes.variant_mac, 0x4D);
}

/* Encrypts key data in place and makes its MAC; `data` is a whole number of blocks. */
static void close_data(struct side *side, struct pos_bytes clear, uint8_t *data, size_t size,
                       uint8_t *out)
{
    fuzz_must(pos_mac_start(side->mac) == POS_OK && pos_mac_add(side->mac, clear) == POS_OK &&
                  pos_mac_add(side->mac, pos_bytes(data, size)) == POS_OK &&
                  pos_mac_finish(side->mac, out) == POS_OK &&
                  pos_cipher_cbc(&side->cipher, out, data, size) == POS_OK,
              "a MAC can be made");
}

/* The same for versions A and C: the MAC is over what was encrypted. */
static void close_variant(struct pos_bytes clear, uint8_t *data, size_t size, uint8_t *out)
{
    static const uint8_t zeros[8];
    uint8_t covered[POS_KEY_BLOCK_SIZE_MAX];
    fuzz_must(pos_cipher_cbc(&tdes.variant_encryption, clear.data, data, size) == POS_OK,
              "encryption");
    memcpy(covered, clear.data, clear.size);
    memcpy(covered + clear.size, data, size);
    fuzz_must(pos_cipher_cbc(&tdes.variant_mac, zeros, covered, clear.size + size) == POS_OK,
              "a MAC can be made");
    memcpy(out, covered + clear.size + size - 8, 8);
}

static void unwrap(struct pos_bytes block, unsigned choice)
{
    static const enum pos_algorithm algorithms[] = {POS_ALGORITHM_A256, POS_ALGORITHM_A128,
                                                    POS_ALGORITHM_T2, POS_ALGORITHM_SM4};
    enum pos_algorithm algorithm = algorithms[choice & 3];
    struct pos_key_block_expectation expected = {.key_algorithm = algorithm};
    struct pos_key_block_attributes *attributes = &expected.attributes;
    uint8_t key[POS_KEY_SIZE_MAX];
    struct pos_error error = {.text = ""};
    memcpy(attributes->usage, choice & 4 ? "M6" : "K1", 2);
    attributes->algorithm = pos_key_block_algorithm_letter(algorithm);
    attributes->mode = choice & 8 ? 'B' : 0;
    attributes->exportable = choice & 16 ? 'E' : 0;
    memcpy(attributes->version, choice & 32 ? "00" : "\0\0", 2);
    bool is_d = block.size > 0 && block.data[0] == 'D';
    bool fits = (choice & 64) == 0; /* else the key of the other cipher */
    struct side *side = is_d == fits ? &aes : &tdes;
    enum pos_status status = pos_key_block_unwrap(side->protector, block, &expected, key, &error);
    fuzz_must(status == POS_OK || status == POS_ERR_FORMAT || status == POS_ERR_MAC ||
                  status == POS_ERR_MISMATCH || status == POS_ERR_USAGE,
              "a block is taken or refused as its sender's fault");
    fuzz_must((status == POS_OK) == (error.text[0] == '\0'), "what is refused is explained");
    fuzz_must(status != POS_OK || fits, "no block is read under the other cipher");
    fuzz_must(status != POS_OK || side == &aes || algorithm == POS_ALGORITHM_T2,
              "TDES protects nothing stronger");
}

/* The first byte says what is expected, the rest is a block. */
void fuzz_key_block(const uint8_t *data, size_t size)
{
    struct pos_key_block_parts parts;
    if (size == 0)
        return;
    set_up();
    struct pos_bytes block = pos_bytes(data + 1, size - 1);
    if (pos_key_block_split(block, &parts, NULL) == POS_OK)
        fuzz_must(parts.clear.size + parts.ciphertext.size + parts.mac.size == block.size &&
                      block.size <= POS_KEY_BLOCK_SIZE_MAX &&
                      parts.clear.size % parts.version->block_size == 0,
                  "the parts are the block");
    unwrap(block, data[0]);
}

/* The same, but the encrypted part is key data in the clear and the MAC does not matter. */
void fuzz_key_block_opened(const uint8_t *data, size_t size)
{
    static char text[POS_KEY_BLOCK_SIZE_MAX + 1];
    uint8_t key_data[POS_KEY_BLOCK_SIZE_MAX / 2], made[POS_MAC_FULL_SIZE_MAX];
    struct pos_key_block_parts parts;
    if (size == 0)
        return;
    set_up();
    if (pos_key_block_split(pos_bytes(data + 1, size - 1), &parts, NULL) != POS_OK)
        return;
    size_t data_size = parts.ciphertext.size / 2;
    fuzz_must(pos_hex_decode(parts.ciphertext, key_data, data_size) == POS_OK, "hexadecimal");
    if (parts.version->variant)
        close_variant(parts.clear, key_data, data_size, made);
    else
        close_data(parts.version->tdes ? &tdes : &aes, parts.clear, key_data, data_size, made);
    char *end = text;
    memcpy(end, parts.clear.data, parts.clear.size);
    end += parts.clear.size;
    pos_hex_encode(pos_bytes(key_data, data_size), end);
    end += 2 * data_size;
    pos_hex_encode(pos_bytes(made, parts.version->mac_size), end);
    unwrap(pos_bytes(text, size - 1), data[0]);
}

/* The first byte says algorithm and usage, and whether the rest is a sealed key or key data. */
void fuzz_sealed_key(const uint8_t *data, size_t size)
{
    uint8_t sealed[POS_KEY_VALUE_SIZE_MAX], key[POS_KEY_SIZE_MAX];
    char header_memory[POS_KEY_BLOCK_HEADER_SIZE + 1];
    if (size == 0 || size - 1 > sizeof sealed)
        return;
    set_up();
    enum pos_algorithm algorithm = (enum pos_algorithm)(1 + data[0] % (POS_ALGORITHM_COUNT - 1));
    const struct pos_key_block_attributes attributes = {
        .usage = {'K', '1'},
        .algorithm = pos_key_block_algorithm_letter(algorithm),
        .mode = 'B',
        .version = {'0', '0'},
        .exportable = data[0] & 64 ? 'E' : 'N'};
    size_t sealed_size = size - 1;
    memcpy(sealed, data + 1, sealed_size);
    if ((data[0] & 128) != 0 && sealed_size > POS_KEY_BLOCK_D_MAC_SIZE && sealed_size % 16 == 0) {
        size_t data_size = sealed_size - POS_KEY_BLOCK_D_MAC_SIZE;
        struct pos_buffer header = pos_buffer(header_memory, sizeof header_memory);
        pos_key_block_put_header(&header, pos_key_block_version('D'), &attributes, NULL,
                                 2 * sealed_size);
        close_data(&aes, pos_buffer_view(&header), sealed, data_size, sealed + data_size);
    }
    enum pos_status status = pos_key_block_unseal(aes.protector, &attributes, algorithm,
                                                  pos_bytes(sealed, sealed_size), key);
    fuzz_must(status == POS_OK || status == POS_ERR_FORMAT || status == POS_ERR_MAC ||
                  status == POS_ERR_MISMATCH,
              "a sealed key opens or is refused");
}
