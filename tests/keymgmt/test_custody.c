#include <criterion/criterion.h>

#include "keymgmt/custody.h"

Test(custody, nobody_is_custodian_twice)
{
    static const struct {
        const char *name;
        enum pos_status status;
    } rows[] = {{"Ada", POS_OK},
                {"ada", POS_ERR_USAGE},
                {" Ada ", POS_ERR_USAGE},
                {"", POS_ERR_USAGE},
                {"   ", POS_ERR_USAGE},
                {"a\x1b[2Jb", POS_ERR_USAGE},
                {"a name of more than forty characters, really", POS_ERR_USAGE},
                {"  Grace Hopper ", POS_OK},
                {"GRACE HOPPER", POS_ERR_USAGE},
                {"Grace", POS_OK}};
    struct pos_custody custody = {.count = 0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_error error = {.text = ""};
        cr_expect_eq(pos_custody_name(&custody, rows[i].name, &error), rows[i].status, "'%s': %s",
                     rows[i].name, error.text);
        if (rows[i].status == POS_OK)
            custody.count++;
    }
    cr_expect_str_eq(custody.custodians[1], "Grace Hopper");
}
