/*
 * Key blocks and sealed keys under keys that everybody knows.
 *
 * Nobody guesses a MAC, so behind it nothing would ever be reached. The "opened" target takes what
 * stands for the encrypted part as clear key data, and makes MAC and encryption itself, as somebody
 * with the protection key would: what is behind the MAC must not believe such a person either. A
 * sealed key can be made so too.
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
static struct pos_key_block_protector *protector;
static struct pos_cipher cipher;
static struct pos_mac *mac;

static void set_up(void)
{
    uint8_t derived[POS_KEY_SIZE_MAX];
    const enum pos_algorithm a256 = POS_ALGORITHM_A256;
    if (protector != NULL)
        return;
    fuzz_must(pos_key_block_protector_create(a256, protection_key, &protector) == POS_OK &&
                  pos_derive(a256, protection_key, POS_DERIVE_BLOCK_ENCRYPTION, derived) ==
                      POS_OK &&
                  pos_cipher_init(&cipher, a256, POS_CIPHER_ENCRYPT, derived) == POS_OK &&
                  pos_derive(a256, protection_key, POS_DERIVE_BLOCK_MAC, derived) == POS_OK &&
                  pos_mac_create(POS_MAC_CMAC, a256, derived, &mac) == POS_OK,
              "a protector and its keys");
}

/* Encrypts key data in place and makes its MAC; `data` is a whole number of blocks. */
static void close_data(struct pos_bytes clear, uint8_t *data, size_t size, uint8_t *out)
{
    fuzz_must(pos_mac_start(mac) == POS_OK && pos_mac_add(mac, clear) == POS_OK &&
                  pos_mac_add(mac, pos_bytes(data, size)) == POS_OK &&
                  pos_mac_finish(mac, out) == POS_OK &&
                  pos_cipher_cbc(&cipher, out, data, size) == POS_OK,
              "a MAC can be made");
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
    enum pos_status status = pos_key_block_unwrap(protector, block, &expected, key, &error);
    fuzz_must(status == POS_OK || status == POS_ERR_FORMAT || status == POS_ERR_MAC ||
                  status == POS_ERR_MISMATCH || status == POS_ERR_USAGE,
              "a block is taken or refused as its sender's fault");
    fuzz_must((status == POS_OK) == (error.text[0] == '\0'), "what is refused is explained");
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
                      block.size <= POS_KEY_BLOCK_SIZE_MAX,
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
    close_data(parts.clear, key_data, data_size, made);
    char *end = text;
    memcpy(end, parts.clear.data, parts.clear.size);
    end += parts.clear.size;
    pos_hex_encode(pos_bytes(key_data, data_size), end);
    end += 2 * data_size;
    pos_hex_encode(pos_bytes(made, POS_KEY_BLOCK_D_MAC_SIZE), end);
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
        pos_key_block_put_header(&header, &attributes, NULL, 2 * sealed_size);
        close_data(pos_buffer_view(&header), sealed, data_size, sealed + data_size);
    }
    enum pos_status status = pos_key_block_unseal(protector, &attributes, algorithm,
                                                  pos_bytes(sealed, sealed_size), key);
    fuzz_must(status == POS_OK || status == POS_ERR_FORMAT || status == POS_ERR_MAC ||
                  status == POS_ERR_MISMATCH,
              "a sealed key opens or is refused");
}
