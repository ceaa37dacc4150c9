#include <criterion/criterion.h>

#include "core/base/exit_code.h"

Test(exit_code, is_what_scripts_rely_on)
{
    static const struct {
        enum pos_status status;
        int code;
    } rows[] = {{POS_OK, 0},
                {POS_ERR_FORMAT, 1},
                {POS_ERR_STATE, 1},
                {POS_ERR_EXISTS, 1},
                {POS_ERR_NOT_FOUND, 1},
                {POS_ERR_CORRUPT, 1},
                {POS_ERR_IO, 1},
                {POS_ERR_USAGE, 2},
                {POS_ERR_HSM, 69},
                {POS_ERR_DATABASE, 69},
                {POS_ERR_UNREACHABLE, 69},
                {POS_ERR_NETWORK, 69},
                {POS_ERR_BUSY, 75},
                {POS_ERR_TIMEOUT, 75},
                {POS_ERR_CLOSED, 75},
                {POS_ERR_NOT_ALLOWED, 77},
                {POS_ERR_CONFIG, 78}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq((int)pos_exit_code(rows[i].status), rows[i].code, "%s",
                     pos_status_name(rows[i].status));
}

Test(exit_code, only_done_is_zero)
{
    for (int i = POS_OK + 1; i < POS_STATUS_COUNT; i++)
        cr_expect_neq((int)pos_exit_code((enum pos_status)i), 0, "%s",
                      pos_status_name((enum pos_status)i));
}
