#include "core/crypto/cipher.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "core/base/secret.h"

static const char *const names[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_T2] = "DES-EDE-CBC",   [POS_ALGORITHM_T3] = "DES-EDE3-CBC",
    [POS_ALGORITHM_A128] = "AES-128-CBC", [POS_ALGORITHM_A256] = "AES-256-CBC",
    [POS_ALGORITHM_SM4] = "SM4-CBC",
};

/* Fetched once for the life of the process: a fetch by name takes longer than a message's MAC. */
static EVP_CIPHER *fetched[POS_ALGORITHM_COUNT];
static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++)
        fetched[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
}

static enum pos_status first_context(struct pos_cipher *cipher)
{
    if (cipher->context == NULL)
        cipher->context = EVP_CIPHER_CTX_new();
    return cipher->context == NULL ? POS_ERR_MEMORY : POS_OK;
}

/* A padded cipher holds the last block back when it decrypts. When it encrypts whole blocks padding
 * makes no difference, but that turning it off makes every later keying a third slower. */
static bool start(struct pos_cipher *cipher, enum pos_algorithm algorithm,
                  enum pos_cipher_direction direction, const uint8_t *key)
{
    static const uint8_t zeros[POS_CIPHER_BLOCK_SIZE_MAX];
    return EVP_CipherInit_ex2(cipher->context, fetched[algorithm], key, zeros, (int)direction,
                              NULL) == 1 &&
           (direction == POS_CIPHER_ENCRYPT || EVP_CIPHER_CTX_set_padding(cipher->context, 0) == 1);
}

/* Another key: OpenSSL goes back to the IV that the cipher was started with. */
static bool start_again(struct pos_cipher *cipher, const uint8_t *key)
{
    return EVP_CipherInit_ex2(cipher->context, NULL, key, NULL, (int)cipher->direction, NULL) == 1;
}

enum pos_status pos_cipher_init(struct pos_cipher *cipher, enum pos_algorithm algorithm,
                                enum pos_cipher_direction direction, const uint8_t *key)
{
    assert(algorithm > POS_ALGORITHM_NONE && algorithm < POS_ALGORITHM_COUNT);
    (void)pthread_once(&fetched_once, fetch_all);
    if (fetched[algorithm] == NULL)
        return POS_ERR_CRYPTO;
    enum pos_status status = first_context(cipher);
    if (status != POS_OK)
        return status;
    bool same = cipher->algorithm == algorithm && cipher->direction == direction;
    cipher->algorithm = POS_ALGORITHM_NONE; /* until it is keyed */
    if (!(same ? start_again(cipher, key) : start(cipher, algorithm, direction, key)))
        return POS_ERR_CRYPTO;
    cipher->algorithm = algorithm;
    cipher->direction = direction;
    cipher->block_size = (size_t)EVP_CIPHER_get_block_size(fetched[algorithm]);
    assert(cipher->block_size == 8 || cipher->block_size == 16);
    memset(cipher->chain, 0, sizeof cipher->chain);
    return POS_OK;
}

void pos_cipher_fini(struct pos_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->context);
    pos_secret_wipe(cipher, sizeof *cipher);
}

/* Eight bytes at a time: blocks have 8 or 16. */
static void exchange_chain(const struct pos_cipher *cipher, const uint8_t *iv, uint8_t *block)
{
    for (size_t i = 0; i < cipher->block_size; i += sizeof(uint64_t)) {
        uint64_t wanted, there, word;
        memcpy(&wanted, iv + i, sizeof wanted);
        memcpy(&there, cipher->chain + i, sizeof there);
        memcpy(&word, block + i, sizeof word);
        word ^= wanted ^ there;
        memcpy(block + i, &word, sizeof word);
    }
}

static enum pos_status update(struct pos_cipher *cipher, uint8_t *data, size_t size)
{
    int done = 0;
    if (EVP_CipherUpdate(cipher->context, data, &done, data, (int)size) == 1 &&
        (size_t)done == size)
        return POS_OK;
    cipher->algorithm = POS_ALGORITHM_NONE;
    return POS_ERR_CRYPTO;
}

enum pos_status pos_cipher_cbc(struct pos_cipher *cipher, const uint8_t *iv, uint8_t *data,
                               size_t size)
{
    assert(size >= cipher->block_size && size % cipher->block_size == 0);
    if (cipher->algorithm == POS_ALGORITHM_NONE)
        return POS_ERR_CRYPTO;
    uint8_t *last = data + size - cipher->block_size;
    if (cipher->direction == POS_CIPHER_ENCRYPT) {
        exchange_chain(cipher, iv, data);
        enum pos_status status = update(cipher, data, size);
        if (status == POS_OK)
            memcpy(cipher->chain, last, cipher->block_size);
        return status;
    }
    uint8_t ciphertext[POS_CIPHER_BLOCK_SIZE_MAX];
    memcpy(ciphertext, last, cipher->block_size);
    enum pos_status status = update(cipher, data, size);
    if (status == POS_OK) {
        exchange_chain(cipher, iv, data);
        memcpy(cipher->chain, ciphertext, cipher->block_size);
    }
    return status;
}

enum pos_status pos_cipher_ecb(struct pos_cipher *cipher, uint8_t *data, size_t size)
{
    static const uint8_t zeros[POS_CIPHER_BLOCK_SIZE_MAX];
    assert(size >= cipher->block_size && size % cipher->block_size == 0);
    enum pos_status status = POS_OK;
    for (size_t at = 0; at < size && status == POS_OK; at += cipher->block_size)
        status = pos_cipher_cbc(cipher, zeros, data + at, cipher->block_size);
    return status;
}

enum pos_status pos_cipher_run_ecb(void *context, uint8_t *data, size_t size)
{
    return pos_cipher_ecb(context, data, size);
}
