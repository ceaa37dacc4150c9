/* Layout: version 1 | log2 N | r | p | salt 16 | hash 32. */
#include "core/crypto/password.h"

#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/random.h"
#include "core/crypto/stretch.h"

enum { VERSION = 1, HEAD_SIZE = 4, HASH_AT = HEAD_SIZE + POS_STRETCH_SALT_SIZE };

_Static_assert(POS_PASSWORD_SIZE == HASH_AT + POS_STRETCH_KEY_SIZE,
               "the layout is as the header says");

enum pos_status pos_password_make(struct pos_bytes password, uint8_t *kept)
{
    if (password.size == 0)
        return POS_ERR_LENGTH;
    const uint8_t head[HEAD_SIZE] = {VERSION, pos_stretch_own.cost_bits,
                                     pos_stretch_own.block_factor, pos_stretch_own.parallel};
    memcpy(kept, head, HEAD_SIZE);
    enum pos_status status = pos_random(kept + HEAD_SIZE, POS_STRETCH_SALT_SIZE);
    if (status == POS_OK)
        status = pos_stretch(pos_stretch_own, password, kept + HEAD_SIZE, kept + HASH_AT);
    if (status != POS_OK)
        pos_secret_wipe(kept, POS_PASSWORD_SIZE);
    return status;
}

enum pos_status pos_password_check(struct pos_bytes password, const uint8_t *kept)
{
    const struct pos_stretch stretch = {
        .cost_bits = kept[1], .block_factor = kept[2], .parallel = kept[3]};
    if (kept[0] != VERSION || !pos_stretch_acceptable(stretch))
        return POS_ERR_CORRUPT;
    uint8_t hash[POS_STRETCH_KEY_SIZE];
    enum pos_status status = pos_stretch(stretch, password, kept + HEAD_SIZE, hash);
    if (status == POS_OK && !pos_secret_equal(hash, kept + HASH_AT, sizeof hash))
        status = POS_ERR_MISMATCH;
    pos_secret_wipe(hash, sizeof hash);
    return status;
}
