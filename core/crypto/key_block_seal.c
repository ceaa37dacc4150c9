/*
 * Keys at rest under an LMK: the ciphertext and MAC of a block of version D without its header,
 * which is made again from what the row says the key is.
 *
 * Keys are opened one at a time and sealed many at a time. Who makes a million of them would spend
 * more than half of the time in the two chains of each, MAC and encryption, one block after
 * another; side by side (chains.h) they take a tenth of that.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/chains.h"
#include "core/crypto/derive.h"
#include "core/crypto/key_block.h"
#include "core/crypto/key_block_protector.h"

enum {
    HEADER_SIZE = POS_KEY_BLOCK_HEADER_SIZE,
    MAC_SIZE = POS_KEY_BLOCK_D_MAC_SIZE,
    DATA_SIZE_MAX = POS_KEY_VALUE_SIZE_MAX - MAC_SIZE,
    TEXT_COUNT_MAX = 48, /* what fits into a page; more would not be quicker */
    PAGE_SIZE = 4096,
};

_Static_assert(DATA_SIZE_MAX == 2 + POS_KEY_SIZE_MAX + 14,
               "the longest key and its padding fill the sealed form");

/* What is MACed, of which all but the header is encrypted; secret memory. */
struct room {
    uint8_t texts[TEXT_COUNT_MAX][HEADER_SIZE + DATA_SIZE_MAX];
    uint8_t chain[TEXT_COUNT_MAX][MAC_SIZE];
};

_Static_assert(sizeof(struct room) <= PAGE_SIZE, "one page is locked");

struct pos_key_block_sealer {
    enum pos_algorithm algorithm;
    const struct pos_key_block_version *version;
    struct pos_chains *mac, *encrypt; /* with the derived keys */
    struct room *room;                /* nothing of a key is in it between two calls */
};

static void put_header(const struct pos_key_block_version *version,
                       const struct pos_key_block_attributes *attributes, size_t data_size,
                       uint8_t header[HEADER_SIZE])
{
    struct pos_buffer text = pos_buffer(header, HEADER_SIZE);
    pos_key_block_put_header(&text, version, attributes, NULL, 2 * (data_size + MAC_SIZE));
    assert(!text.overflow && text.size == HEADER_SIZE);
}

/* ---- the sealer ---- */

static enum pos_status set_up(struct pos_key_block_sealer *sealer, const uint8_t *key)
{
    enum pos_algorithm algorithm = sealer->algorithm;
    uint8_t *derived = sealer->room->texts[0];
    enum pos_status status = pos_derive(algorithm, key, POS_DERIVE_BLOCK_MAC, derived);
    if (status == POS_OK)
        status = pos_chains_create(algorithm, derived, &sealer->mac);
    if (status == POS_OK)
        status = pos_derive(algorithm, key, POS_DERIVE_BLOCK_ENCRYPTION, derived);
    if (status == POS_OK)
        status = pos_chains_create(algorithm, derived, &sealer->encrypt);
    pos_secret_wipe(derived, POS_KEY_SIZE_MAX);
    return status;
}

enum pos_status pos_key_block_sealer_create(enum pos_algorithm algorithm, const uint8_t *key,
                                            struct pos_key_block_sealer **sealer)
{
    *sealer = NULL;
    if (algorithm != POS_ALGORITHM_A128 && algorithm != POS_ALGORITHM_A256)
        return POS_ERR_USAGE;
    struct pos_key_block_sealer *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->algorithm = algorithm;
    made->version = pos_key_block_version('D');
    made->room = pos_secret_create(sizeof *made->room);
    enum pos_status status = made->room == NULL ? POS_ERR_MEMORY : set_up(made, key);
    if (status == POS_OK)
        *sealer = made;
    else
        pos_key_block_sealer_destroy(made);
    return status;
}

void pos_key_block_sealer_destroy(struct pos_key_block_sealer *sealer)
{
    if (sealer == NULL)
        return;
    pos_chains_destroy(sealer->mac);
    pos_chains_destroy(sealer->encrypt);
    pos_secret_destroy(sealer->room, sizeof *sealer->room);
    free(sealer);
}

/* ---- sealing ---- */

static enum pos_status write_texts(const struct pos_key_block_sealer *sealer,
                                   const struct pos_key_block_sealing *sealings, size_t count,
                                   size_t size)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++) {
        uint8_t *text = sealer->room->texts[i];
        put_header(sealer->version, &sealings[i].attributes, size, text);
        status = pos_key_block_put_key(sealings[i].key_algorithm, sealings[i].key,
                                       text + HEADER_SIZE, size);
    }
    return status;
}

/* The MAC is the IV of the encryption, which uses it up. */
static enum pos_status close_texts(struct pos_key_block_sealer *sealer,
                                   const struct pos_key_block_sealing *sealings, size_t count,
                                   size_t size)
{
    struct room *room = sealer->room;
    const size_t stride = sizeof room->texts[0];
    const struct pos_texts whole = {room->texts[0], stride, HEADER_SIZE + size, count};
    const struct pos_texts data = {room->texts[0] + HEADER_SIZE, stride, size, count};
    enum pos_status status = pos_chains_cmac(sealer->mac, &whole, room->chain[0]);
    for (size_t i = 0; i < count && status == POS_OK; i++)
        memcpy(sealings[i].sealed + size, room->chain[i], MAC_SIZE);
    if (status == POS_OK)
        status = pos_chains_encrypt(sealer->encrypt, &data, room->chain[0]);
    for (size_t i = 0; i < count && status == POS_OK; i++) {
        memcpy(sealings[i].sealed, room->texts[i] + HEADER_SIZE, size);
        *sealings[i].sealed_size = (uint8_t)(size + MAC_SIZE);
    }
    return status;
}

static enum pos_status seal_run(struct pos_key_block_sealer *sealer,
                                const struct pos_key_block_sealing *sealings, size_t count,
                                size_t size)
{
    struct room *room = sealer->room;
    enum pos_status status = write_texts(sealer, sealings, count, size);
    if (status == POS_OK)
        status = close_texts(sealer, sealings, count, size);
    pos_secret_wipe(room->texts, count * sizeof room->texts[0]);
    pos_secret_wipe(room->chain, count * sizeof room->chain[0]);
    return status;
}

/* How many from the first one on have data of its size: those go side by side. */
static size_t run_length(const struct pos_key_block_sealer *sealer,
                         const struct pos_key_block_sealing *sealings, size_t count, size_t size)
{
    size_t length = 0;
    while (length < count && length < TEXT_COUNT_MAX &&
           pos_key_block_data_size(sealer->version, sealings[length].key_algorithm) == size)
        length++;
    return length;
}

static enum pos_status check(const struct pos_key_block_sealer *sealer,
                             const struct pos_key_block_sealing *sealings, size_t count)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++)
        status = pos_key_block_may_protect(sealer->algorithm, &sealings[i].attributes,
                                           sealings[i].key_algorithm);
    return status;
}

enum pos_status pos_key_block_seal(struct pos_key_block_sealer *sealer,
                                   const struct pos_key_block_sealing *sealings, size_t count)
{
    enum pos_status status = check(sealer, sealings, count);
    for (size_t at = 0, part; at < count && status == POS_OK; at += part) {
        size_t size = pos_key_block_data_size(sealer->version, sealings[at].key_algorithm);
        part = run_length(sealer, sealings + at, count - at, size);
        status = seal_run(sealer, sealings + at, part, size);
    }
    for (size_t i = 0; i < count && status != POS_OK; i++)
        *sealings[i].sealed_size = 0;
    return status;
}

/* ---- opening ---- */

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
    uint8_t data[DATA_SIZE_MAX], header[HEADER_SIZE];
    memcpy(data, sealed.data, size);
    put_header(protector->version, attributes, size, header);
    enum pos_status status =
        pos_key_block_open_data(protector, protector->version, pos_bytes(header, sizeof header),
                                data, size, sealed.data + size);
    if (status == POS_OK)
        status = pos_key_block_take_key(data, size, key_algorithm, key);
    pos_secret_wipe(data, size);
    return status;
}
