/* What a command's outcome is to the shell: the exit codes that scripts rely on. */
#ifndef POS_KEYMGMT_EXIT_CODE_H
#define POS_KEYMGMT_EXIT_CODE_H

#include "core/base/status.h"

enum pos_exit_code {
    POS_EXIT_DONE = 0,
    POS_EXIT_FAILED = 1,
    POS_EXIT_USAGE = 2,
    POS_EXIT_NOT_THERE = 69,   /* security module, mother POS, database */
    POS_EXIT_TRY_AGAIN = 75,   /* busy, too late, interrupted */
    POS_EXIT_NOT_ALLOWED = 77, /* wrong credential, file open to others */
    POS_EXIT_CONFIG = 78,
};

enum pos_exit_code pos_exit_code(enum pos_status status);

#endif
