#include "keymgmt/anchor_file.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/store/anchor.h"

enum { FILE_SIZE_MAX = 2 * POS_ANCHOR_SLOT_STEP };

enum pos_status pos_anchor_file_parse(struct pos_bytes file, struct pos_anchor_head *head)
{
    struct pos_anchor_mark mark;
    enum pos_status status = pos_anchor_parse(file, &mark);
    if (status != POS_OK)
        return status;
    head->sequence = mark.audit_sequence;
    memcpy(head->hash, mark.audit_hash, sizeof head->hash);
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
    if (status == POS_ERR_VERSION)
        return pos_error_set(error, status, "%s was written by a newer version; use that one",
                             path);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "%s is no anchor, or is damaged", path);
}
