#include "core/crypto/chains.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cmac.h"

enum { BLOCK_SIZE = POS_CHAIN_BLOCK_SIZE };

struct pos_chains {
    EVP_CIPHER_CTX *cipher;
    uint8_t subkey[BLOCK_SIZE]; /* K1 of the CMAC: texts end with a whole block */
};

static const char *const names[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_A128] = "AES-128-ECB", [POS_ALGORITHM_A256] = "AES-256-ECB"};

/* ---- making them ---- */

static enum pos_status encrypt_blocks(struct pos_chains *chains, uint8_t *blocks, size_t count)
{
    size_t size = count * BLOCK_SIZE;
    int done = 0;
    return EVP_EncryptUpdate(chains->cipher, blocks, &done, blocks, (int)size) == 1 &&
                   (size_t)done == size
               ? POS_OK
               : POS_ERR_CRYPTO;
}

static enum pos_status set_up(struct pos_chains *chains, enum pos_algorithm algorithm,
                              const uint8_t *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[algorithm], NULL);
    chains->cipher = EVP_CIPHER_CTX_new();
    bool keyed = cipher != NULL && chains->cipher != NULL &&
                 EVP_EncryptInit_ex2(chains->cipher, cipher, key, NULL, NULL) == 1;
    EVP_CIPHER_free(cipher);
    if (!keyed)
        return POS_ERR_CRYPTO;
    enum pos_status status = encrypt_blocks(chains, chains->subkey, 1); /* of zeros */
    pos_cmac_double(chains->subkey, BLOCK_SIZE, chains->subkey);
    return status;
}

enum pos_status pos_chains_create(enum pos_algorithm algorithm, const uint8_t *key,
                                  struct pos_chains **chains)
{
    *chains = NULL;
    assert(algorithm >= POS_ALGORITHM_NONE && algorithm < POS_ALGORITHM_COUNT);
    if (names[algorithm] == NULL)
        return POS_ERR_USAGE;
    struct pos_chains *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status = set_up(made, algorithm, key);
    if (status == POS_OK)
        *chains = made;
    else
        pos_chains_destroy(made);
    return status;
}

void pos_chains_destroy(struct pos_chains *chains)
{
    if (chains == NULL)
        return;
    EVP_CIPHER_CTX_free(chains->cipher);
    pos_secret_wipe(chains, sizeof *chains);
    free(chains);
}

/* ---- going along them ---- */

static uint8_t *block_of(const struct pos_texts *texts, size_t text, size_t offset)
{
    return texts->data + text * texts->stride + offset;
}

static void mix(uint8_t *into, const uint8_t *block)
{
    uint64_t here[2], there[2];
    memcpy(here, into, sizeof here);
    memcpy(there, block, sizeof there);
    here[0] ^= there[0];
    here[1] ^= there[1];
    memcpy(into, here, sizeof here);
}

/* Mixes the block that each text has at `offset` into its chain. */
static void mix_all(uint8_t *chain, const struct pos_texts *texts, size_t offset)
{
    for (size_t i = 0; i < texts->count; i++)
        mix(chain + i * BLOCK_SIZE, block_of(texts, i, offset));
}

enum pos_status pos_chains_cmac(struct pos_chains *chains, const struct pos_texts *texts,
                                uint8_t *macs)
{
    size_t last = texts->size - BLOCK_SIZE;
    enum pos_status status = POS_OK;
    assert(texts->size >= BLOCK_SIZE && texts->size % BLOCK_SIZE == 0);
    memset(macs, 0, texts->count * BLOCK_SIZE);
    for (size_t at = 0; at < last && status == POS_OK; at += BLOCK_SIZE) {
        mix_all(macs, texts, at);
        status = encrypt_blocks(chains, macs, texts->count);
    }
    if (status != POS_OK)
        return status;
    mix_all(macs, texts, last);
    for (size_t i = 0; i < texts->count; i++)
        mix(macs + i * BLOCK_SIZE, chains->subkey);
    return encrypt_blocks(chains, macs, texts->count);
}

enum pos_status pos_chains_encrypt(struct pos_chains *chains, const struct pos_texts *texts,
                                   uint8_t *chain)
{
    assert(texts->size >= BLOCK_SIZE && texts->size % BLOCK_SIZE == 0);
    for (size_t at = 0; at < texts->size; at += BLOCK_SIZE) {
        mix_all(chain, texts, at);
        enum pos_status status = encrypt_blocks(chains, chain, texts->count);
        if (status != POS_OK)
            return status;
        for (size_t i = 0; i < texts->count; i++)
            memcpy(block_of(texts, i, at), chain + i * BLOCK_SIZE, BLOCK_SIZE);
    }
    return POS_OK;
}
