/* Writing a key file: lines go to a temporary file and into the MAC at once, the trailer closes
 * both, and only a later rename makes it the key file. */
#ifndef POS_KEYMGMT_KEY_FILE_SINK_H
#define POS_KEYMGMT_KEY_FILE_SINK_H

#include "core/hsm/hsm.h"
#include "core/wire/key_file.h"
#include "keymgmt/part_file.h"

struct pos_key_file_sink {
    struct pos_part_file part;
    struct pos_hsm_session *session;
    uint32_t count;
};

/* Makes the file anew with mode 0600 and writes the header. */
POS_MUST_USE enum pos_status
pos_key_file_sink_open(struct pos_key_file_sink *sink, const char *path,
                       struct pos_hsm_session *session, const struct pos_key *ktk,
                       const struct pos_key_file_header *header, struct pos_error *error);
POS_MUST_USE enum pos_status pos_key_file_sink_add(struct pos_key_file_sink *sink,
                                                   const struct pos_key_file_key *key,
                                                   struct pos_error *error);
/* Writes the trailer and syncs. */
POS_MUST_USE enum pos_status pos_key_file_sink_finish(struct pos_key_file_sink *sink,
                                                      struct pos_error *error);
/* Closes; after a failure the temporary file is removed too. */
void pos_key_file_sink_close(struct pos_key_file_sink *sink, bool remove);

#endif
