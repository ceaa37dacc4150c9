#include "keymgmt/anchor_file.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/crypto/digest.h"
#include "core/store/anchor.h"

enum {
    SLOT_COUNT = 2,
    MAGIC_SIZE = 8,
    VERSION_AT = 8,
    EPOCH_AT = 25,
    BATCHES_AT = 33,
    SEQUENCE_AT = 45,
    HASH_AT = 53,
    DIGEST_AT = 85,
    VERSION = 1,
    FILE_SIZE_MAX = 4096,
};

static uint64_t number_at(const uint8_t *slot, size_t at)
{
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | slot[at + i];
    return number;
}

static bool is_whole(const uint8_t *slot)
{
    uint8_t digest[POS_DIGEST_SIZE];
    struct pos_bytes covered = pos_bytes(slot, DIGEST_AT);
    return memcmp(slot, "POSANCHR", MAGIC_SIZE) == 0 && slot[VERSION_AT] == VERSION &&
           pos_digest(&covered, 1, digest) == POS_OK &&
           memcmp(slot + DIGEST_AT, digest, sizeof digest) == 0;
}

static bool is_newer(const uint8_t *slot, const uint8_t *other)
{
    uint64_t epoch = number_at(slot, EPOCH_AT), others = number_at(other, EPOCH_AT);
    if (epoch != others)
        return epoch > others;
    return number_at(slot, BATCHES_AT) > number_at(other, BATCHES_AT);
}

enum pos_status pos_anchor_file_parse(struct pos_bytes file, struct pos_anchor_head *head)
{
    const uint8_t *newest = NULL;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const uint8_t *slot = file.data + i * POS_ANCHOR_SLOT_SIZE;
        if (file.size < (i + 1) * POS_ANCHOR_SLOT_SIZE || !is_whole(slot))
            continue;
        if (newest == NULL || is_newer(slot, newest))
            newest = slot;
    }
    if (newest == NULL)
        return POS_ERR_CORRUPT;
    head->sequence = number_at(newest, SEQUENCE_AT);
    memcpy(head->hash, newest + HASH_AT, sizeof head->hash);
    return POS_OK;
}

enum pos_status pos_anchor_file_read(const char *path, struct pos_anchor_head *head,
                                     struct pos_error *error)
{
    uint8_t *data;
    size_t size;
    *head = (struct pos_anchor_head){0};
    enum pos_status status = pos_file_read(path, FILE_SIZE_MAX, &data, &size, error);
    if (status != POS_OK)
        return status;
    status = pos_anchor_file_parse(pos_bytes(data, size), head);
    free(data);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "%s is no anchor, or is damaged", path);
}
