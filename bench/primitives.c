#include "bench/primitives.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { POOL_SIZE = 4096, DIRECTIONS = 2 };

static const char *const ciphers[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_T2] = "DES-EDE-CBC",   [POS_ALGORITHM_T3] = "DES-EDE3-CBC",
    [POS_ALGORITHM_A128] = "AES-128-CBC", [POS_ALGORITHM_A256] = "AES-256-CBC",
    [POS_ALGORITHM_SM4] = "SM4-CBC",
};

static uint8_t key[POS_KEY_SIZE_MAX] = "any key will do as well as this";
static EVP_CIPHER_CTX *contexts[POS_ALGORITHM_COUNT][DIRECTIONS]; /* decryption, encryption */
static EVP_MAC_CTX *macs[POS_ALGORITHM_COUNT];
static uint8_t data[POS_STEP_SIZE_MAX]; /* what goes through them */
static uint8_t pool[POOL_SIZE];
static size_t pool_left;

void pos_recipe_add(struct pos_recipe *recipe, enum pos_step_kind kind,
                    enum pos_algorithm algorithm, size_t size)
{
    size_t at = 0;
    while (at < POS_STEP_COUNT_MAX && recipe->steps[at].kind != POS_STEP_NONE)
        at++;
    assert(at < POS_STEP_COUNT_MAX && size <= POS_STEP_SIZE_MAX);
    recipe->steps[at] = (struct pos_step){kind, algorithm, size};
}

/* Padding makes no difference to whole blocks that are encrypted, and once it was turned off every
 * keying takes longer. */
static EVP_CIPHER_CTX *make_context(enum pos_algorithm algorithm, int encrypt)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, ciphers[algorithm], NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = cipher != NULL && context != NULL &&
                EVP_CipherInit_ex2(context, cipher, key, key, encrypt, NULL) == 1 &&
                (encrypt || EVP_CIPHER_CTX_set_padding(context, 0) == 1);
    EVP_CIPHER_free(cipher);
    if (good)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

static EVP_CIPHER_CTX *context_of(enum pos_algorithm algorithm, int encrypt)
{
    EVP_CIPHER_CTX **context = &contexts[algorithm][encrypt];
    if (*context == NULL)
        *context = make_context(algorithm, encrypt);
    return *context;
}

static EVP_MAC_CTX *make_mac(enum pos_algorithm algorithm)
{
    OSSL_PARAM parameters[2];
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER,
                                                     (char *)(uintptr_t)ciphers[algorithm], 0);
    parameters[1] = OSSL_PARAM_construct_end();
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
    EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    bool good = context != NULL &&
                EVP_MAC_init(context, key, pos_algorithm_key_size(algorithm), parameters) == 1;
    EVP_MAC_free(mac);
    if (good)
        return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

static bool run_cipher(const struct pos_step *step, int encrypt)
{
    int done = 0;
    EVP_CIPHER_CTX *context = context_of(step->algorithm, encrypt);
    return context != NULL && EVP_CipherUpdate(context, data, &done, data, (int)step->size) == 1 &&
           (size_t)done == step->size;
}

static bool run_key(const struct pos_step *step)
{
    EVP_CIPHER_CTX *context = context_of(step->algorithm, 1);
    key[0]++; /* another one each time */
    return context != NULL && EVP_CipherInit_ex2(context, NULL, key, NULL, 1, NULL) == 1;
}

static bool run_mac(const struct pos_step *step)
{
    uint8_t out[EVP_MAX_BLOCK_LENGTH];
    size_t size = 0;
    EVP_MAC_CTX **context = &macs[step->algorithm];
    if (*context == NULL)
        *context = make_mac(step->algorithm);
    return *context != NULL && EVP_MAC_init(*context, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(*context, data, step->size) == 1 &&
           EVP_MAC_final(*context, out, &size, sizeof out) == 1;
}

static bool run_random(const struct pos_step *step)
{
    if (pool_left < step->size) {
        if (RAND_priv_bytes(pool, sizeof pool) != 1)
            return false;
        pool_left = sizeof pool;
    }
    pool_left -= step->size;
    return true;
}

static bool run_random_one(const struct pos_step *step)
{
    return RAND_priv_bytes(data, (int)step->size) == 1;
}

static bool run_step(const struct pos_step *step)
{
    switch (step->kind) {
    case POS_STEP_ENCRYPT:
        return run_cipher(step, 1);
    case POS_STEP_DECRYPT:
        return run_cipher(step, 0);
    case POS_STEP_KEY:
        return run_key(step);
    case POS_STEP_RANDOM:
        return run_random(step);
    case POS_STEP_RANDOM_ONE:
        return run_random_one(step);
    case POS_STEP_CMAC:
        return run_mac(step);
    case POS_STEP_NONE:
        break;
    }
    return false;
}

enum pos_status pos_recipe_run(void *context, uint64_t count)
{
    const struct pos_recipe *recipe = context;
    for (uint64_t i = 0; i < count; i++)
        for (size_t s = 0; s < POS_STEP_COUNT_MAX && recipe->steps[s].kind != POS_STEP_NONE; s++)
            if (!run_step(&recipe->steps[s]))
                return POS_ERR_CRYPTO;
    return POS_OK;
}
