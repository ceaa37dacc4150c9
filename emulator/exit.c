#include "emulator/exit.h"

#include <stdio.h>

#include "emulator/command.h"

static int exit_code(enum pos_status status)
{
    switch (status) {
    case POS_OK:
        return POS_EXIT_DONE;
    case POS_ERR_USAGE:
        return POS_EXIT_USAGE;
    case POS_ERR_BUSY:
        return POS_EXIT_AGAIN;
    case POS_ERR_NOT_ALLOWED:
    case POS_ERR_EXISTS:
        return POS_EXIT_NOT_ALLOWED;
    case POS_ERR_NOT_FOUND:
    case POS_ERR_UNREACHABLE:
    case POS_ERR_NETWORK:
    case POS_ERR_HSM:
    case POS_ERR_DATABASE:
        return POS_EXIT_MISSING;
    default:
        return POS_EXIT_FAILED;
    }
}

int pos_exit_report(const char *command, enum pos_status status, const struct pos_error *error)
{
    if (status != POS_OK)
        (void)fprintf(stderr, "posgate-emulator %s: %s\n", command,
                      error->text[0] != '\0' ? error->text : pos_status_text(status));
    return exit_code(status);
}
