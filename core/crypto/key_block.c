/* Key blocks as text: how they are written, and what a reader insists on. */
#include "core/crypto/key_block.h"

#include <assert.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block_protector.h"

enum { DATA_SIZE_MAX = POS_KEY_BLOCK_SIZE_MAX / 2 };

/* ---- writing ---- */

/* pos_hex_encode ends with a NUL, for which a block has no room. */
static void put_hex(struct pos_buffer *out, const uint8_t *data, size_t size)
{
    char digits[2 * DATA_SIZE_MAX + 1];
    pos_hex_encode(pos_bytes(data, size), digits);
    pos_buffer_put(out, pos_bytes(digits, 2 * size));
}

enum pos_status pos_key_block_wrap(struct pos_key_block_protector *protector,
                                   const struct pos_key_block_attributes *attributes,
                                   const struct pos_key_block_optional *optional,
                                   enum pos_algorithm key_algorithm, const uint8_t *key,
                                   struct pos_buffer *block)
{
    enum pos_status status =
        pos_key_block_may_protect(protector->algorithm, attributes, key_algorithm);
    if (status != POS_OK)
        return status;
    const struct pos_key_block_version *version = protector->version;
    size_t size = pos_key_block_data_size(version, key_algorithm);
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    pos_key_block_put_header(&text, version, attributes, optional, 2 * (size + version->mac_size));
    assert(!text.overflow);
    uint8_t data[POS_KEY_VALUE_SIZE_MAX], mac[POS_MAC_FULL_SIZE_MAX];
    assert(size <= sizeof data);
    status = pos_key_block_close_key(protector, pos_buffer_view(&text), key_algorithm, key, data,
                                     size, mac);
    if (status != POS_OK)
        return status;
    put_hex(&text, data, size);
    put_hex(&text, mac, version->mac_size);
    assert(!text.overflow);
    pos_buffer_put(block, pos_buffer_view(&text));
    return block->overflow ? POS_ERR_LENGTH : POS_OK;
}

/* ---- what a reader insists on ---- */

/* Compares one attribute; an optional one is not asked for when it begins with 0. */
static enum pos_status check_attribute(const char *name, const char *found, const char *wanted,
                                       size_t size, struct pos_error *error)
{
    if (memcmp(found, wanted, size) == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_MISMATCH, "key block: %s is %.*s and not %.*s", name,
                         (int)size, found, (int)size, wanted);
}

static enum pos_status check_attributes(const struct pos_key_block_attributes *found,
                                        const struct pos_key_block_attributes *wanted,
                                        struct pos_error *error)
{
    const struct {
        const char *name, *found, *wanted;
        size_t size;
        bool asked;
    } rows[] = {
        {"usage", found->usage, wanted->usage, 2, true},
        {"algorithm", &found->algorithm, &wanted->algorithm, 1, true},
        {"mode of use", &found->mode, &wanted->mode, 1, wanted->mode != 0},
        {"key version", found->version, wanted->version, 2, wanted->version[0] != 0},
        {"exportability", &found->exportable, &wanted->exportable, 1, wanted->exportable != 0},
    };
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && status == POS_OK; i++)
        if (rows[i].asked)
            status =
                check_attribute(rows[i].name, rows[i].found, rows[i].wanted, rows[i].size, error);
    return status;
}

/* KP: made for another protection key, though the MAC is right under ours: somebody mixed up
 * names or keys. */
static enum pos_status check_kp(const struct pos_key_block_protector *protector,
                                const struct pos_kcv *kp, struct pos_error *error)
{
    if (kp->method == POS_KCV_NONE || pos_kcv_equal(kp, &protector->zeros_kcv) ||
        pos_kcv_equal(kp, &protector->cmac_kcv))
        return POS_OK;
    return pos_error_set(error, POS_ERR_MISMATCH,
                         "key block: its KP is not the protection key's check value");
}

static enum pos_status check_kc(const struct pos_kcv *kc, enum pos_algorithm key_algorithm,
                                const uint8_t *key, struct pos_error *error)
{
    if (kc->method == POS_KCV_NONE)
        return POS_OK;
    struct pos_kcv right;
    enum pos_status status = pos_kcv_compute_by(kc->method, key_algorithm, key, &right);
    if (status != POS_OK)
        return pos_error_set(error, status, "key block: the key's check value cannot be made");
    return pos_kcv_equal(kc, &right)
               ? POS_OK
               : pos_error_set(error, POS_ERR_MISMATCH,
                               "key block: its KC is not the key's check value");
}

static enum pos_status check_strength(const struct pos_key_block_protector *protector,
                                      enum pos_algorithm key_algorithm, struct pos_error *error)
{
    if (pos_algorithm_strength(key_algorithm) <= pos_algorithm_strength(protector->algorithm))
        return POS_OK;
    return pos_error_set(error, POS_ERR_MISMATCH,
                         "key block: strength of the key (%s) is above its protection key's (%s)",
                         pos_algorithm_name(key_algorithm),
                         pos_algorithm_name(protector->algorithm));
}

/* ---- reading ---- */

/* From a verified block to the key that was asked for. */
static enum pos_status accept_key(const struct pos_key_block_protector *protector,
                                  const struct pos_key_block_parts *parts,
                                  const struct pos_key_block_expectation *expected,
                                  const uint8_t *data, size_t size, uint8_t *key,
                                  struct pos_error *error)
{
    enum pos_algorithm algorithm = expected->key_algorithm;
    enum pos_status status = check_attributes(&parts->attributes, &expected->attributes, error);
    if (status == POS_OK)
        status = check_kp(protector, &parts->kp, error);
    if (status == POS_OK)
        status = check_strength(protector, algorithm, error);
    if (status != POS_OK)
        return status;
    if (pos_key_block_take_key(data, size, algorithm, key) != POS_OK)
        return pos_error_set(error, POS_ERR_MISMATCH, "key block: length of the key is not %s's",
                             pos_algorithm_name(algorithm));
    status = check_kc(&parts->kc, algorithm, key, error);
    if (status != POS_OK)
        pos_secret_wipe(key, POS_KEY_SIZE_MAX);
    return status;
}

static enum pos_status split_for(const struct pos_key_block_protector *protector,
                                 struct pos_bytes block, struct pos_key_block_parts *parts,
                                 struct pos_error *error)
{
    enum pos_status status = pos_key_block_split(block, parts, error);
    if (status != POS_OK)
        return status;
    if (parts->version->tdes != protector->version->tdes)
        return pos_error_set(error, POS_ERR_FORMAT,
                             "key block: version %c is not read under a protection key of %s",
                             parts->version->letter, pos_algorithm_name(protector->algorithm));
    if (parts->version->variant && !protector->reads_variants)
        return pos_error_set(error, POS_ERR_USAGE,
                             "key block: version %c takes the protection key itself",
                             parts->version->letter);
    return POS_OK;
}

enum pos_status pos_key_block_unwrap(struct pos_key_block_protector *protector,
                                     struct pos_bytes block,
                                     const struct pos_key_block_expectation *expected, uint8_t *key,
                                     struct pos_error *error)
{
    struct pos_key_block_parts parts;
    enum pos_status status = split_for(protector, block, &parts, error);
    if (status != POS_OK)
        return status;
    uint8_t data[DATA_SIZE_MAX], mac[POS_MAC_FULL_SIZE_MAX];
    size_t size = parts.ciphertext.size / 2;
    if (pos_hex_decode(parts.ciphertext, data, size) != POS_OK ||
        pos_hex_decode(parts.mac, mac, parts.version->mac_size) != POS_OK)
        return pos_error_set(error, POS_ERR_FORMAT, "key block: not hexadecimal");
    status = pos_key_block_open_data(protector, parts.version, parts.clear, data, size, mac);
    if (status != POS_OK)
        return pos_error_set(error, status,
                             status == POS_ERR_MAC
                                 ? "key block: its MAC does not verify (changed, or under another "
                                   "key)"
                                 : "key block: it cannot be opened");
    status = accept_key(protector, &parts, expected, data, size, key, error);
    pos_secret_wipe(data, size);
    return status;
}
