#include "core/hsm/lmk_file.h"

#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/secret.h"
#include "core/crypto/seal.h"

enum {
    VERSION = 1,
    MAGIC_SIZE = 6,
    HEAD_SIZE = MAGIC_SIZE + 2,
    PLAIN_SIZE = 1 + POS_KEY_SIZE_MAX,
    FILE_SIZE = HEAD_SIZE + POS_SEAL_OVERHEAD + PLAIN_SIZE,
    FILE_SIZE_MAX = 4096,
};

static const uint8_t magic[MAGIC_SIZE] = {'P', 'O', 'S', 'L', 'M', 'K'};

/* ---- writing ---- */

static enum pos_status seal_lmk(struct pos_bytes secret, const struct pos_lmk *lmk,
                                struct pos_buffer *file)
{
    uint8_t *plain = pos_secret_create(PLAIN_SIZE);
    if (plain == NULL)
        return POS_ERR_MEMORY;
    plain[0] = (uint8_t)lmk->algorithm;
    memcpy(plain + 1, lmk->key, POS_KEY_SIZE_MAX);
    pos_buffer_put(file, pos_bytes(magic, sizeof magic));
    pos_buffer_put_u16(file, VERSION);
    enum pos_status status =
        pos_seal(secret, pos_buffer_view(file), pos_bytes(plain, PLAIN_SIZE), file);
    pos_secret_destroy(plain, PLAIN_SIZE);
    return status;
}

enum pos_status pos_lmk_file_write(const char *path, struct pos_bytes secret,
                                   const struct pos_lmk *lmk, struct pos_error *error)
{
    if (secret.size == 0)
        return pos_error_set(error, POS_ERR_USAGE, "the secret that seals the LMK is empty");
    uint8_t memory[FILE_SIZE];
    struct pos_buffer file = pos_buffer(memory, sizeof memory);
    enum pos_status status = seal_lmk(secret, lmk, &file);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot seal the LMK: %s", pos_status_text(status));
    if (access(path, F_OK) == 0)
        return pos_error_set(error, POS_ERR_EXISTS,
                             "%s is there already; an LMK is never overwritten, because every key "
                             "under it would be lost",
                             path);
    return pos_file_write(path, pos_buffer_view(&file), 0600, error);
}

/* ---- reading ---- */

static enum pos_status read_head(const char *path, struct pos_bytes file, struct pos_error *error)
{
    struct pos_cursor cursor = pos_cursor(file);
    struct pos_bytes start = pos_cursor_take(&cursor, MAGIC_SIZE);
    uint16_t version = pos_cursor_u16(&cursor);
    if (cursor.failed || memcmp(start.data, magic, MAGIC_SIZE) != 0)
        return pos_error_set(error, POS_ERR_FORMAT, "%s is not an LMK file", path);
    if (version > VERSION)
        return pos_error_set(error, POS_ERR_VERSION,
                             "%s has version %u; this posgate reads up to %d: update it", path,
                             version, VERSION);
    if (version < 1 || file.size != FILE_SIZE)
        return pos_error_set(error, POS_ERR_FORMAT, "%s is a damaged LMK file", path);
    return POS_OK;
}

static enum pos_status unseal_lmk(struct pos_bytes secret, struct pos_bytes file, uint8_t *plain,
                                  struct pos_lmk *lmk)
{
    size_t size = 0;
    enum pos_status status =
        pos_unseal(secret, pos_bytes(file.data, HEAD_SIZE),
                   pos_bytes(file.data + HEAD_SIZE, file.size - HEAD_SIZE), plain, &size);
    if (status != POS_OK)
        return status;
    if (size != PLAIN_SIZE || plain[0] != POS_ALGORITHM_A256)
        return POS_ERR_FORMAT;
    lmk->algorithm = POS_ALGORITHM_A256;
    memcpy(lmk->key, plain + 1, POS_KEY_SIZE_MAX);
    return POS_OK;
}

static enum pos_status open_file(const char *path, struct pos_bytes secret, struct pos_bytes file,
                                 struct pos_lmk *lmk, struct pos_error *error)
{
    enum pos_status status = read_head(path, file, error);
    if (status != POS_OK)
        return status;
    uint8_t *plain = pos_secret_create(PLAIN_SIZE);
    if (plain == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the LMK");
    status = unseal_lmk(secret, file, plain, lmk);
    pos_secret_destroy(plain, PLAIN_SIZE);
    if (status == POS_ERR_MAC)
        return pos_error_set(error, status,
                             "%s does not open: a wrong passphrase or credential, or the file is "
                             "damaged",
                             path);
    if (status != POS_OK)
        return pos_error_set(error, status, "%s does not open: %s", path, pos_status_text(status));
    return POS_OK;
}

enum pos_status pos_lmk_file_read(const char *path, struct pos_bytes secret, struct pos_lmk *lmk,
                                  struct pos_error *error)
{
    uint8_t *data;
    size_t size;
    struct pos_error reading = {0};
    enum pos_status status = pos_file_read_secret(path, FILE_SIZE_MAX, &data, &size, &reading);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status,
                             "there is no LMK at %s: hold a ceremony first (ceremony lmk)", path);
    if (status == POS_ERR_LIMIT)
        return pos_error_set(error, POS_ERR_FORMAT, "%s is not an LMK file", path);
    if (status != POS_OK)
        return pos_error_set(error, status, "%s", reading.text);
    status = open_file(path, secret, pos_bytes(data, size), lmk, error);
    pos_secret_destroy(data, size + 1);
    return status;
}
