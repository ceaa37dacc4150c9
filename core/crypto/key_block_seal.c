/*
 * Keys at rest under an LMK: the ciphertext and MAC of a block of version D without its header,
 * which is made again from what the row says the key is.
 */
#include <assert.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/key_block.h"
#include "core/crypto/key_block_protector.h"

enum {
    MAC_SIZE = POS_KEY_BLOCK_D_MAC_SIZE,
    DATA_SIZE_MAX = POS_KEY_VALUE_SIZE_MAX - MAC_SIZE,
};

_Static_assert(DATA_SIZE_MAX == 2 + POS_KEY_SIZE_MAX + 14,
               "the longest key and its padding fill the sealed form");

static struct pos_bytes rebuild_header(const struct pos_key_block_protector *protector,
                                       const struct pos_key_block_attributes *attributes,
                                       size_t data_size, char memory[POS_KEY_BLOCK_HEADER_SIZE + 1])
{
    struct pos_buffer text = pos_buffer(memory, POS_KEY_BLOCK_HEADER_SIZE + 1);
    pos_key_block_put_header(&text, protector->version, attributes, NULL,
                             2 * (data_size + MAC_SIZE));
    assert(!text.overflow && text.size == POS_KEY_BLOCK_HEADER_SIZE);
    return pos_buffer_view(&text);
}

enum pos_status pos_key_block_seal(struct pos_key_block_protector *protector,
                                   const struct pos_key_block_attributes *attributes,
                                   enum pos_algorithm key_algorithm, const uint8_t *key,
                                   uint8_t *sealed, uint8_t *sealed_size)
{
    *sealed_size = 0;
    if (protector->version->tdes)
        return POS_ERR_USAGE;
    enum pos_status status = pos_key_block_may_protect(protector, attributes, key_algorithm);
    if (status != POS_OK)
        return status;
    char memory[POS_KEY_BLOCK_HEADER_SIZE + 1];
    size_t size = pos_key_block_data_size(protector->version, key_algorithm);
    struct pos_bytes header = rebuild_header(protector, attributes, size, memory);
    status =
        pos_key_block_close_key(protector, header, key_algorithm, key, sealed, size, sealed + size);
    if (status == POS_OK)
        *sealed_size = (uint8_t)(size + MAC_SIZE);
    return status;
}

enum pos_status pos_key_block_unseal(struct pos_key_block_protector *protector,
                                     const struct pos_key_block_attributes *attributes,
                                     enum pos_algorithm key_algorithm, struct pos_bytes sealed,
                                     uint8_t *key)
{
    assert(key_algorithm > POS_ALGORITHM_NONE && key_algorithm < POS_ALGORITHM_COUNT);
    if (protector->version->tdes)
        return POS_ERR_USAGE;
    size_t size = pos_key_block_data_size(protector->version, key_algorithm);
    if (sealed.size != size + MAC_SIZE)
        return POS_ERR_FORMAT;
    uint8_t data[DATA_SIZE_MAX];
    memcpy(data, sealed.data, size);
    char memory[POS_KEY_BLOCK_HEADER_SIZE + 1];
    struct pos_bytes header = rebuild_header(protector, attributes, size, memory);
    enum pos_status status = pos_key_block_open_data(protector, protector->version, header, data,
                                                     size, sealed.data + size);
    if (status == POS_OK)
        status = pos_key_block_take_key(data, size, key_algorithm, key);
    pos_secret_wipe(data, size);
    return status;
}
