#include "core/hsm/working_form.h"

#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/hsm/tdes.h"

enum { KEY_SIZE = 16 };

static const struct pos_form_part whole = {KEY_SIZE, 0};
static const struct pos_form_part half = {POS_DES_KEY_SIZE, 0};
static const struct pos_form_part padded_half = {POS_DES_KEY_SIZE, POS_DES_KEY_SIZE};

size_t pos_form_parts(enum pos_key_form form, enum pos_algorithm tmk,
                      struct pos_form_part parts[POS_FORM_PART_COUNT_MAX])
{
    bool tdes = pos_is_tdes(tmk);
    if (!tdes && tmk != POS_ALGORITHM_SM4)
        return 0;
    if ((unsigned)form >= POS_FORM_COUNT || !pos_key_form_possible(form, tmk))
        return 0;
    parts[0] = form == POS_FORM_24 ? half : whole;
    parts[1] = form == POS_FORM_24 ? half : whole;
    if (form == POS_FORM_40 && tdes)
        parts[1] = padded_half;
    parts[2] = whole;
    return pos_key_form_has_tdk(form, tmk) ? 3 : 2;
}

/* What travels as one half must be nothing but that half, and what travels whole must be worth it.
 */
static bool fits(const struct pos_form_part *part, enum pos_algorithm algorithm,
                 const uint8_t *clear)
{
    if (part->key_size == KEY_SIZE)
        return !pos_tdes_repeats(algorithm, clear);
    return pos_secret_equal(clear, clear + POS_DES_KEY_SIZE, POS_DES_KEY_SIZE);
}

static enum pos_status encrypt_zeros(enum pos_algorithm algorithm, const uint8_t *clear,
                                     uint8_t block[POS_CIPHER_BLOCK_SIZE_MAX])
{
    struct pos_cipher cipher = {0};
    enum pos_status status = pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, clear);
    if (status == POS_OK)
        status = pos_cipher_ecb(&cipher, block, cipher.block_size);
    pos_cipher_fini(&cipher);
    return status;
}

enum pos_status pos_form_put(const struct pos_form_part *part, const struct pos_block_cipher *tmk,
                             enum pos_algorithm algorithm, uint8_t *clear, struct pos_buffer *out)
{
    static const uint8_t zeros[POS_DES_KEY_SIZE];
    uint8_t check[POS_CIPHER_BLOCK_SIZE_MAX] = {0};
    if (!fits(part, algorithm, clear))
        return POS_ERR_MISMATCH;
    enum pos_status status = encrypt_zeros(algorithm, clear, check);
    if (status == POS_OK) /* in place: nothing leaves before it is encrypted */
        status = tmk->run(tmk->context, clear, part->key_size);
    if (status == POS_OK) {
        pos_buffer_put(out, pos_bytes(clear, part->key_size));
        pos_buffer_put(out, pos_bytes(zeros, part->zero_size));
        pos_buffer_put(out, pos_bytes(check, POS_FORM_KCV_SIZE));
    }
    pos_secret_wipe(check, sizeof check);
    if (status == POS_OK && out->overflow)
        return POS_ERR_LENGTH;
    return status;
}
