#include "emulator/exit.h"

#include <stdio.h>

#include "core/base/exit_code.h"

/* A file that is in the way must not be overwritten; a name on the command line that is not there
 * is something needed. */
static enum pos_exit_code exit_code(enum pos_status status)
{
    if (status == POS_ERR_EXISTS)
        return POS_EXIT_DENIED;
    return status == POS_ERR_NOT_FOUND ? POS_EXIT_ABSENT : pos_exit_code(status);
}

int pos_exit_report(const char *command, enum pos_status status, const struct pos_error *error)
{
    if (status != POS_OK)
        (void)fprintf(stderr, "posgate-emulator %s: %s\n", command,
                      error->text[0] != '\0' ? error->text : pos_status_text(status));
    return exit_code(status);
}
