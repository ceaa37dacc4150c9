/* What a program's outcome is to the shell: the exit codes that scripts rely on, the same for all
 * programs. */
#ifndef POS_BASE_EXIT_CODE_H
#define POS_BASE_EXIT_CODE_H

#include "core/base/status.h"

enum pos_exit_code {
    POS_EXIT_DONE = 0,
    POS_EXIT_FAILED = 1,
    POS_EXIT_USAGE = 2,
    POS_EXIT_MISSED = 3,  /* a stated limit was missed (bench) */
    POS_EXIT_ABSENT = 69, /* something needed is not there: module, mother POS, host, database */
    POS_EXIT_AGAIN = 75,  /* busy, too late, interrupted: the same command again */
    POS_EXIT_DENIED = 77, /* wrong credential, a secret's file open to others */
    POS_EXIT_CONFIG = 78,
};

/* The code of a status, where the program knows nothing better. */
enum pos_exit_code pos_exit_code(enum pos_status status);

#endif
