/*
 * The short forms in which UnionPay terminals get their working keys: nothing but each key in ECB
 * mode under the TMK and four bytes of its check value behind it. Those four bytes are all that
 * protects a key, so each is compared, and nothing is taken when one differs.
 */
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/terminal/keys.h"

enum { CHECK_SIZE = 4, HALF_SIZE = 8, PART_COUNT = 3 };

/* One key of a form, as it stands there. */
struct part {
    const char *name;  /* NULL ends a layout */
    size_t size;       /* of the key: 16, or 8 of single length */
    size_t zeros_size; /* zero bytes that fill it up */
};

struct layout {
    bool sm4, tdes; /* TMKs that have it */
    enum pos_key_form form;
    struct part parts[PART_COUNT];
};

static const struct layout layouts[] = {
    {true, true, POS_FORM_60, {{"TPK", 16, 0}, {"TAK", 16, 0}, {"TDK", 16, 0}}},
    {false, true, POS_FORM_40, {{"TPK", 16, 0}, {"TAK", 8, 8}}},
    {true, false, POS_FORM_40, {{"TPK", 16, 0}, {"TAK", 16, 0}}},
    {false, true, POS_FORM_24, {{"TPK", 8, 0}, {"TAK", 8, 0}}},
};
enum { LAYOUT_COUNT = sizeof layouts / sizeof layouts[0] };

static size_t part_size(const struct part *part)
{
    return part->name == NULL ? 0 : part->size + part->zeros_size + CHECK_SIZE;
}

static const struct layout *find_layout(enum pos_algorithm tmk, size_t size)
{
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        const struct layout *layout = &layouts[i];
        size_t whole = 0;
        for (size_t p = 0; p < PART_COUNT; p++)
            whole += part_size(&layout->parts[p]);
        if (whole == size && (tmk == POS_ALGORITHM_SM4 ? layout->sm4 : layout->tdes))
            return layout;
    }
    return NULL;
}

static bool all_zeros(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != 0)
            return false;
    return true;
}

/* Zeros encrypted: SM4 or TDES, which with two equal halves is DES. */
static enum pos_status verify(enum pos_algorithm algorithm, const uint8_t *key,
                              const uint8_t check[CHECK_SIZE])
{
    struct pos_cipher cipher = {0};
    uint8_t block[POS_CIPHER_BLOCK_SIZE_MAX] = {0};
    enum pos_status status = pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key);
    if (status == POS_OK)
        status = pos_cipher_ecb(&cipher, block, cipher.block_size);
    if (status == POS_OK && !pos_secret_equal(block, check, CHECK_SIZE))
        status = POS_ERR_MISMATCH;
    pos_cipher_fini(&cipher);
    pos_secret_wipe(block, sizeof block);
    return status;
}

/* A key of single length becomes one of two equal halves. */
static enum pos_status open_part(struct pos_cipher *tmk, const struct part *part,
                                 const uint8_t *data, uint8_t *key, struct pos_error *error)
{
    enum pos_algorithm algorithm = pos_algorithm_working(tmk->algorithm);
    const uint8_t *zeros = data + part->size;
    if (!all_zeros(zeros, part->zeros_size))
        return pos_error_set(error, POS_ERR_MISMATCH, "%s: expected %zu zero bytes behind it",
                             part->name, part->zeros_size);
    memcpy(key, data, part->size);
    enum pos_status status = pos_cipher_ecb(tmk, key, part->size);
    if (part->size == HALF_SIZE)
        memcpy(key + HALF_SIZE, key, HALF_SIZE);
    if (status == POS_OK)
        status = verify(algorithm, key, zeros + part->zeros_size);
    if (status == POS_ERR_MISMATCH)
        return pos_error_set(error, status, "%s: its check value is another one", part->name);
    return status == POS_OK
               ? status
               : pos_error_set(error, status, "%s: %s", part->name, pos_status_text(status));
}

static enum pos_status open_parts(const struct layout *layout, struct pos_cipher *tmk,
                                  const uint8_t *data, struct pos_working_keys *keys,
                                  struct pos_error *error)
{
    uint8_t *const targets[PART_COUNT] = {keys->tpk, keys->tak, keys->tdk};
    enum pos_status status = POS_OK;
    keys->form = layout->form;
    for (size_t i = 0; i < PART_COUNT && layout->parts[i].name != NULL && status == POS_OK; i++) {
        status = open_part(tmk, &layout->parts[i], data, targets[i], error);
        data += part_size(&layout->parts[i]);
    }
    return status;
}

enum pos_status pos_terminal_open_form(const struct pos_terminal *terminal, struct pos_bytes form,
                                       struct pos_working_keys *keys, struct pos_error *error)
{
    const struct layout *layout = find_layout(terminal->algorithm, form.size);
    if (layout == NULL)
        return pos_error_set(error, POS_ERR_MISMATCH,
                             "expected %s bytes of working keys for a TMK of %s, got %zu",
                             terminal->algorithm == POS_ALGORITHM_SM4 ? "40 or 60" : "24, 40 or 60",
                             pos_algorithm_name(terminal->algorithm), form.size);
    struct pos_cipher tmk = {0};
    enum pos_status status =
        pos_cipher_init(&tmk, terminal->algorithm, POS_CIPHER_DECRYPT, terminal->tmk);
    if (status == POS_OK)
        status = open_parts(layout, &tmk, form.data, keys, error);
    else
        (void)pos_error_set(error, status, "TMK: %s", pos_status_text(status));
    pos_cipher_fini(&tmk);
    return status;
}
