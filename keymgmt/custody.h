/* The custodians who hold a key's components: one each, nobody twice. */
#ifndef POS_KEYMGMT_CUSTODY_H
#define POS_KEYMGMT_CUSTODY_H

#include "core/hsm/hsm.h"

enum { POS_CUSTODIAN_SIZE_MAX = 40 };

/* Everything a ceremony gathered; lives in secret memory as a whole. */
struct pos_custody {
    size_t count;
    bool unrecorded; /* the audit chain could not take the steps yet */
    struct pos_component components[POS_COMPONENT_COUNT_MAX];
    struct pos_kcv kcvs[POS_COMPONENT_COUNT_MAX];
    char custodians[POS_COMPONENT_COUNT_MAX][POS_CUSTODIAN_SIZE_MAX + 1];
};

/* Takes `name`, without spaces at its ends, as the custodian of the next component (not yet
 * counted). POS_ERR_USAGE: empty, too long, or a custodian already, in whatever case. */
POS_MUST_USE enum pos_status pos_custody_name(struct pos_custody *custody, const char *name,
                                              struct pos_error *error);

#endif
