#include "core/base/exit_code.h"

enum pos_exit_code pos_exit_code(enum pos_status status)
{
    switch (status) {
    case POS_OK:
        return POS_EXIT_DONE;
    case POS_ERR_USAGE:
        return POS_EXIT_USAGE;
    case POS_ERR_CONFIG:
        return POS_EXIT_CONFIG;
    case POS_ERR_NOT_ALLOWED:
        return POS_EXIT_DENIED;
    case POS_ERR_BUSY:
    case POS_ERR_TIMEOUT:
    case POS_ERR_CLOSED:
        return POS_EXIT_AGAIN;
    case POS_ERR_HSM:
    case POS_ERR_DATABASE:
    case POS_ERR_UNREACHABLE:
    case POS_ERR_NETWORK:
        return POS_EXIT_ABSENT;
    default:
        return POS_EXIT_FAILED;
    }
}
