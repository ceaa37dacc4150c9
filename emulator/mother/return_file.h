/* The return file: what became of every key, for the key room. */
#ifndef POS_EMULATOR_MOTHER_RETURN_FILE_H
#define POS_EMULATOR_MOTHER_RETURN_FILE_H

#include "emulator/mother/mother.h"

/* Writes the journal's keys to `path`, with a MAC under a key derived from the KTK; after a crash
 * there is the old file or the new one, never a part. Nobody may write to the journal meanwhile. */
POS_MUST_USE enum pos_status pos_mother_write_return_file(struct pos_mother *mother,
                                                          const char *path, uint64_t utc_ms,
                                                          struct pos_error *error);

#endif
