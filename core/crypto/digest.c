#include "core/crypto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static bool digest_all(EVP_MD_CTX *context, const struct pos_bytes *pieces, size_t piece_count,
                       uint8_t *digest)
{
    if (EVP_DigestInit_ex2(context, sha256, NULL) != 1)
        return false;
    for (size_t i = 0; i < piece_count; i++)
        if (EVP_DigestUpdate(context, pieces[i].data, pieces[i].size) != 1)
            return false;
    return EVP_DigestFinal_ex(context, digest, NULL) == 1;
}

enum pos_status pos_digest(const struct pos_bytes *pieces, size_t piece_count,
                           uint8_t digest[POS_DIGEST_SIZE])
{
    (void)pthread_once(&sha256_once, fetch_sha256);
    if (sha256 == NULL)
        return POS_ERR_CRYPTO;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        return POS_ERR_MEMORY;
    bool done = digest_all(context, pieces, piece_count, digest);
    EVP_MD_CTX_free(context);
    return done ? POS_OK : POS_ERR_CRYPTO;
}
