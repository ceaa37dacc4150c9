#include "core/crypto/exchange.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"

struct pos_exchange {
    EVP_PKEY *pair;
    uint8_t public_key[POS_EXCHANGE_KEY_SIZE];
};

static EVP_KDF *hkdf;
static pthread_once_t hkdf_once = PTHREAD_ONCE_INIT;

static void fetch_hkdf(void)
{
    hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
}

/* Takes the pair over. */
static enum pos_status wrap_pair(EVP_PKEY *pair, struct pos_exchange **exchange)
{
    *exchange = NULL;
    if (pair == NULL)
        return POS_ERR_CRYPTO;
    struct pos_exchange *made = calloc(1, sizeof *made);
    if (made == NULL) {
        EVP_PKEY_free(pair);
        return POS_ERR_MEMORY;
    }
    made->pair = pair;
    size_t size = sizeof made->public_key;
    if (EVP_PKEY_get_raw_public_key(pair, made->public_key, &size) != 1) {
        pos_exchange_destroy(made);
        return POS_ERR_CRYPTO;
    }
    *exchange = made;
    return POS_OK;
}

enum pos_status pos_exchange_create(struct pos_exchange **exchange)
{
    return wrap_pair(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), exchange);
}

enum pos_status pos_exchange_restore(const uint8_t private_key[POS_EXCHANGE_KEY_SIZE],
                                     struct pos_exchange **exchange)
{
    return wrap_pair(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, POS_EXCHANGE_KEY_SIZE),
        exchange);
}

void pos_exchange_destroy(struct pos_exchange *exchange)
{
    if (exchange == NULL)
        return;
    EVP_PKEY_free(exchange->pair); /* clears the private part */
    free(exchange);
}

void pos_exchange_public(const struct pos_exchange *exchange,
                         uint8_t public_key[POS_EXCHANGE_KEY_SIZE])
{
    memcpy(public_key, exchange->public_key, POS_EXCHANGE_KEY_SIZE);
}

/* RFC 7748 clause 6.1: an all-zero secret means a peer key of small order, and is refused. OpenSSL
 * refuses it too, so every failure from the peer's key on is the peer's. */
static enum pos_status derive_secret(EVP_PKEY_CTX *context, EVP_PKEY *peer, uint8_t *secret)
{
    static const uint8_t zeros[POS_EXCHANGE_KEY_SIZE];
    size_t size = POS_EXCHANGE_KEY_SIZE;
    if (EVP_PKEY_derive_init(context) != 1)
        return POS_ERR_CRYPTO;
    if (EVP_PKEY_derive_set_peer(context, peer) != 1 ||
        EVP_PKEY_derive(context, secret, &size) != 1 || size != POS_EXCHANGE_KEY_SIZE)
        return POS_ERR_FORMAT;
    return pos_secret_equal(secret, zeros, sizeof zeros) ? POS_ERR_FORMAT : POS_OK;
}

static enum pos_status shared_secret(const struct pos_exchange *exchange,
                                     const uint8_t *peer_public, uint8_t *secret)
{
    EVP_PKEY *peer =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer_public, POS_EXCHANGE_KEY_SIZE);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(exchange->pair, NULL);
    enum pos_status status =
        peer == NULL || context == NULL ? POS_ERR_CRYPTO : derive_secret(context, peer, secret);
    if (status != POS_OK)
        ERR_clear_error();
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    return status;
}

static enum pos_status expand(uint8_t *secret, uint8_t *salt, size_t salt_size, uint8_t *out)
{
    static char info[] = "posgate mother v1";
    static char hash[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, POS_EXCHANGE_KEY_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, salt_size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info - 1),
        OSSL_PARAM_construct_end(),
    };
    (void)pthread_once(&hkdf_once, fetch_hkdf);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
    int done = context == NULL ? 0 : EVP_KDF_derive(context, out, POS_KEY_SIZE_MAX, parameters);
    EVP_KDF_CTX_free(context);
    return done == 1 ? POS_OK : POS_ERR_CRYPTO;
}

enum pos_status pos_exchange_session_key(const struct pos_exchange *exchange,
                                         enum pos_exchange_side own_side,
                                         const uint8_t peer_public[POS_EXCHANGE_KEY_SIZE],
                                         uint8_t session_key[POS_KEY_SIZE_MAX])
{
    bool terminal = own_side == POS_EXCHANGE_TERMINAL;
    uint8_t salt[2 * POS_EXCHANGE_KEY_SIZE];
    memcpy(salt, terminal ? exchange->public_key : peer_public, POS_EXCHANGE_KEY_SIZE);
    memcpy(salt + POS_EXCHANGE_KEY_SIZE, terminal ? peer_public : exchange->public_key,
           POS_EXCHANGE_KEY_SIZE);
    uint8_t secret[POS_EXCHANGE_KEY_SIZE];
    enum pos_status status = shared_secret(exchange, peer_public, secret);
    if (status == POS_OK)
        status = expand(secret, salt, sizeof salt, session_key);
    pos_secret_wipe(secret, sizeof secret);
    return status;
}
