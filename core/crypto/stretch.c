#include "core/crypto/stretch.h"

#include <openssl/err.h>
#include <openssl/evp.h>

enum {
    COST_BITS_MAX = 18,
    BLOCK_FACTOR_MAX = 16,
    PARALLEL_MAX = 4,
    WORK_MEMORY_MAX = 256 * 1024 * 1024,
};

const struct pos_stretch pos_stretch_own = {.cost_bits = 15, .block_factor = 8, .parallel = 1};

bool pos_stretch_acceptable(struct pos_stretch stretch)
{
    return stretch.cost_bits >= 1 && stretch.cost_bits <= COST_BITS_MAX &&
           stretch.block_factor >= 1 && stretch.block_factor <= BLOCK_FACTOR_MAX &&
           stretch.parallel >= 1 && stretch.parallel <= PARALLEL_MAX &&
           ((uint64_t)128 << stretch.cost_bits) * stretch.block_factor <= WORK_MEMORY_MAX;
}

enum pos_status pos_stretch(struct pos_stretch stretch, struct pos_bytes secret,
                            const uint8_t *salt, uint8_t *key)
{
    if (!pos_stretch_acceptable(stretch))
        return POS_ERR_CRYPTO;
    int done =
        EVP_PBE_scrypt((const char *)secret.data, secret.size, salt, POS_STRETCH_SALT_SIZE,
                       (uint64_t)1 << stretch.cost_bits, stretch.block_factor, stretch.parallel,
                       WORK_MEMORY_MAX + 1024 * 1024, key, POS_STRETCH_KEY_SIZE);
    if (done != 1)
        ERR_clear_error();
    return done == 1 ? POS_OK : POS_ERR_CRYPTO;
}
