#include "keymgmt/custody.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool printable(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (iscntrl((unsigned char)name[i]))
            return false;
    return true;
}

enum pos_status pos_custody_name(struct pos_custody *custody, const char *name,
                                 struct pos_error *error)
{
    while (isspace((unsigned char)*name))
        name++;
    size_t size = strlen(name);
    while (size > 0 && isspace((unsigned char)name[size - 1]))
        size--;
    if (size == 0 || size > POS_CUSTODIAN_SIZE_MAX || !printable(name, size))
        return pos_error_set(error, POS_ERR_USAGE,
                             "a custodian's name has 1 to %d printable characters",
                             POS_CUSTODIAN_SIZE_MAX);
    for (size_t i = 0; i < custody->count; i++)
        if (strlen(custody->custodians[i]) == size &&
            strncasecmp(custody->custodians[i], name, size) == 0)
            return pos_error_set(error, POS_ERR_USAGE,
                                 "'%s' gave component %zu already: one custodian, one component",
                                 custody->custodians[i], i + 1);
    memcpy(custody->custodians[custody->count], name, size);
    custody->custodians[custody->count][size] = '\0';
    return POS_OK;
}
