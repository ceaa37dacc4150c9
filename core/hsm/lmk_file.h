/*
 * The software module's LMK at rest. Internal to core/hsm.
 *
 *   "POSLMK" | version 2, big endian | sealed (core/crypto/seal.h): algorithm 1 | key
 *
 * The eight bytes in front are covered by the seal. Version 1 is AES-256.
 */
#ifndef POS_HSM_LMK_FILE_H
#define POS_HSM_LMK_FILE_H

#include "core/hsm/hsm.h"

struct pos_lmk {
    enum pos_algorithm algorithm;
    uint8_t key[POS_KEY_SIZE_MAX];
};

/* Mode 0600, synced. POS_ERR_EXISTS: never overwritten. */
POS_MUST_USE enum pos_status pos_lmk_file_write(const char *path, struct pos_bytes secret,
                                                const struct pos_lmk *lmk, struct pos_error *error);
/* POS_ERR_NOT_FOUND, POS_ERR_NOT_ALLOWED (others may read it), POS_ERR_FORMAT (not such a file),
 * POS_ERR_VERSION (a newer one), POS_ERR_MAC. `lmk` in secret memory. */
POS_MUST_USE enum pos_status pos_lmk_file_read(const char *path, struct pos_bytes secret,
                                               struct pos_lmk *lmk, struct pos_error *error);

#endif
