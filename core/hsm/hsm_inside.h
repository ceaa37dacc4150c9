/* What the files behind hsm.h share: the rules that are checked before a module is asked. */
#ifndef POS_HSM_HSM_INSIDE_H
#define POS_HSM_HSM_INSIDE_H

#include "core/hsm/module.h"

static inline const struct pos_hsm_module *pos_hsm_module_of(const struct pos_hsm_session *session)
{
    return session->hsm->module;
}

/* Is it a key of this usage and of an algorithm that this usage has and the module serves?
 * POS_ERR_USAGE, POS_ERR_CORRUPT. */
POS_MUST_USE enum pos_status pos_hsm_check_key(const struct pos_hsm_session *session,
                                               const struct pos_key *key, enum pos_key_usage usage);
/* The same of two keys, for a verb that a local session does not have: POS_ERR_NOT_ALLOWED. */
POS_MUST_USE enum pos_status pos_hsm_check_keys(const struct pos_hsm_session *session,
                                                const struct pos_key *first,
                                                enum pos_key_usage first_usage,
                                                const struct pos_key *second,
                                                enum pos_key_usage second_usage);
/* For any verb but making and verifying MACs: POS_ERR_NOT_ALLOWED in a local session. */
POS_MUST_USE enum pos_status pos_hsm_check_verb(const struct pos_hsm_session *session);

#endif
