/* From a status to what the shell sees. */
#ifndef POS_EMULATOR_EXIT_H
#define POS_EMULATOR_EXIT_H

#include "core/base/error.h"

/* Prints the error, if there is one, on stderr; returns the exit code. */
int pos_exit_report(const char *command, enum pos_status status, const struct pos_error *error);

#endif
