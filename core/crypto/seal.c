#include "core/crypto/seal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/random.h"
#include "core/crypto/stretch.h"

enum {
    MAGIC_SIZE = 4,
    PARAMETERS_SIZE = 4,
    SALT_SIZE = POS_STRETCH_SALT_SIZE,
    NONCE_SIZE = 12,
    HEAD_SIZE = MAGIC_SIZE + PARAMETERS_SIZE + SALT_SIZE + NONCE_SIZE,
    TAG_SIZE = 16,
    KEY_SIZE = POS_STRETCH_KEY_SIZE,
};

static const uint8_t magic[MAGIC_SIZE] = {'P', 'S', 'L', '1'};

_Static_assert(POS_SEAL_OVERHEAD == HEAD_SIZE + TAG_SIZE, "the layout is as the header says");

static struct pos_stretch parameters_of(const uint8_t *head)
{
    const uint8_t *p = head + MAGIC_SIZE;
    return (struct pos_stretch){.cost_bits = p[0], .block_factor = p[1], .parallel = p[2]};
}

/* `head` is the sealed form's first HEAD_SIZE bytes. */
static enum pos_status stretch(struct pos_bytes passphrase, const uint8_t *head, uint8_t *key)
{
    return pos_stretch(parameters_of(head), passphrase, head + MAGIC_SIZE + PARAMETERS_SIZE, key);
}

static bool begin(EVP_CIPHER_CTX *cipher, bool encrypt, const uint8_t *key, const uint8_t *head,
                  struct pos_bytes context)
{
    const uint8_t *nonce = head + HEAD_SIZE - NONCE_SIZE;
    int size;
    return EVP_CipherInit_ex2(cipher, EVP_aes_256_gcm(), key, nonce, encrypt ? 1 : 0, NULL) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &size, head, HEAD_SIZE) == 1 &&
           (context.size == 0 ||
            EVP_CipherUpdate(cipher, NULL, &size, context.data, (int)context.size) == 1);
}

static enum pos_status encrypt(const uint8_t *key, const uint8_t *head, struct pos_bytes context,
                               struct pos_bytes secret, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int size;
    bool done =
        cipher != NULL && begin(cipher, true, key, head, context) &&
        EVP_CipherUpdate(cipher, out, &size, secret.data, (int)secret.size) == 1 &&
        EVP_CipherFinal_ex(cipher, out + size, &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + secret.size) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done ? POS_OK : POS_ERR_CRYPTO;
}

static enum pos_status decrypt(const uint8_t *key, const uint8_t *head, struct pos_bytes context,
                               struct pos_bytes ciphertext, uint8_t *out)
{
    uint8_t tag[TAG_SIZE];
    memcpy(tag, ciphertext.data + ciphertext.size, TAG_SIZE);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int size;
    bool ready = cipher != NULL && begin(cipher, false, key, head, context) &&
                 EVP_CipherUpdate(cipher, out, &size, ciphertext.data, (int)ciphertext.size) == 1 &&
                 EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1;
    bool good = ready && EVP_CipherFinal_ex(cipher, out + size, &size) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (good)
        return POS_OK;
    ERR_clear_error();
    pos_secret_wipe(out, ciphertext.size);
    return ready ? POS_ERR_MAC : POS_ERR_CRYPTO;
}

enum pos_status pos_seal(struct pos_bytes passphrase, struct pos_bytes context,
                         struct pos_bytes secret, struct pos_buffer *sealed)
{
    if (secret.size == 0 || secret.size > POS_SEAL_SECRET_SIZE_MAX)
        return POS_ERR_LENGTH;
    uint8_t head[HEAD_SIZE];
    const uint8_t parameters[PARAMETERS_SIZE] = {
        pos_stretch_own.cost_bits, pos_stretch_own.block_factor, pos_stretch_own.parallel, 0};
    memcpy(head, magic, MAGIC_SIZE);
    memcpy(head + MAGIC_SIZE, parameters, PARAMETERS_SIZE);
    enum pos_status status =
        pos_random(head + MAGIC_SIZE + PARAMETERS_SIZE, SALT_SIZE + NONCE_SIZE);
    uint8_t key[KEY_SIZE];
    uint8_t body[POS_SEAL_SECRET_SIZE_MAX + TAG_SIZE];
    if (status == POS_OK)
        status = stretch(passphrase, head, key);
    if (status == POS_OK)
        status = encrypt(key, head, context, secret, body);
    pos_secret_wipe(key, sizeof key);
    if (status != POS_OK)
        return status;
    pos_buffer_put(sealed, pos_bytes(head, sizeof head));
    pos_buffer_put(sealed, pos_bytes(body, secret.size + TAG_SIZE));
    return sealed->overflow ? POS_ERR_LENGTH : POS_OK;
}

static bool acceptable(struct pos_bytes sealed)
{
    if (sealed.size <= POS_SEAL_OVERHEAD ||
        sealed.size > POS_SEAL_OVERHEAD + POS_SEAL_SECRET_SIZE_MAX ||
        memcmp(sealed.data, magic, MAGIC_SIZE) != 0)
        return false;
    return pos_stretch_acceptable(parameters_of(sealed.data)) &&
           sealed.data[MAGIC_SIZE + PARAMETERS_SIZE - 1] == 0;
}

enum pos_status pos_unseal(struct pos_bytes passphrase, struct pos_bytes context,
                           struct pos_bytes sealed, uint8_t *secret, size_t *secret_size)
{
    *secret_size = 0;
    if (!acceptable(sealed))
        return POS_ERR_FORMAT;
    struct pos_bytes ciphertext =
        pos_bytes(sealed.data + HEAD_SIZE, sealed.size - POS_SEAL_OVERHEAD);
    uint8_t key[KEY_SIZE];
    enum pos_status status = stretch(passphrase, sealed.data, key);
    if (status == POS_OK)
        status = decrypt(key, sealed.data, context, ciphertext, secret);
    pos_secret_wipe(key, sizeof key);
    if (status == POS_OK)
        *secret_size = ciphertext.size;
    return status;
}
