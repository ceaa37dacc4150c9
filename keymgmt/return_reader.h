/* A return file, read whole and verified before anything of it is believed. */
#ifndef POS_KEYMGMT_RETURN_READER_H
#define POS_KEYMGMT_RETURN_READER_H

#include "core/hsm/hsm.h"
#include "core/wire/return_file.h"

struct pos_return_file {
    struct pos_return_file_header header;
    struct pos_return_file_key *keys; /* owned; in order of their indexes */
    size_t count;
    char mac[2 * POS_TRAILER_MAC_SIZE + 1]; /* in hexadecimal: names the file */
};

/* Which KTK the file's MAC is under; any failure refuses the file. */
typedef enum pos_status pos_return_find_ktk(void *context,
                                            const struct pos_return_file_header *header,
                                            struct pos_key *ktk);

/*
 * POS_ERR_NOT_FOUND, POS_ERR_NOT_ALLOWED, POS_ERR_IO; POS_ERR_FORMAT, POS_ERR_VERSION,
 * POS_ERR_ORDER, POS_ERR_MAC, with file and line; or what find_ktk says. After POS_OK the keys are
 * given back with pos_return_file_free.
 */
POS_MUST_USE enum pos_status pos_return_file_load(const char *path, struct pos_hsm_session *session,
                                                  pos_return_find_ktk *find_ktk, void *context,
                                                  struct pos_return_file *file,
                                                  struct pos_error *error);
void pos_return_file_free(struct pos_return_file *file);

#endif
