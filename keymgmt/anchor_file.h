/* An anchor as it lies on disk (core/store/anchor.h), for whoever verifies the chain that it knows:
 * read only, also while its table is written. */
#ifndef POS_KEYMGMT_ANCHOR_FILE_H
#define POS_KEYMGMT_ANCHOR_FILE_H

#include "core/audit/audit.h"

struct pos_anchor_head {
    uint64_t sequence; /* of the last audit record that it knows; 0: none */
    uint8_t hash[POS_AUDIT_HASH_SIZE];
};

/* The newer of its two slots. POS_ERR_NOT_FOUND: no such file; POS_ERR_CORRUPT: neither slot is
 * whole; POS_ERR_VERSION, POS_ERR_IO, POS_ERR_NOT_ALLOWED. */
POS_MUST_USE enum pos_status pos_anchor_file_read(const char *path, struct pos_anchor_head *head,
                                                  struct pos_error *error);

/* The same of bytes; POS_ERR_CORRUPT, POS_ERR_VERSION. Pure. */
POS_MUST_USE enum pos_status pos_anchor_file_parse(struct pos_bytes file,
                                                   struct pos_anchor_head *head);

#endif
