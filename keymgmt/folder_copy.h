/* Copying the plain files of a folder, so that they are on disk when it says so. */
#ifndef POS_KEYMGMT_FOLDER_COPY_H
#define POS_KEYMGMT_FOLDER_COPY_H

#include "core/base/error.h"

/* Makes `to` (mode 0700; what another run left there is dropped) and copies every plain file of
 * `from` into it, mode 0600, synced. Other kinds of files are POS_ERR_FORMAT. POS_ERR_NOT_FOUND,
 * POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_folder_copy(const char *from, const char *to,
                                             struct pos_error *error);

#endif
