/* Key components and the custodians who hold them: one each, nobody twice. */
#ifndef POS_KEYMGMT_COMPONENT_H
#define POS_KEYMGMT_COMPONENT_H

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

/* Reads a component written in hex, of the algorithm's key length; spaces between digits are fine,
 * a line end behind them too. POS_ERR_USAGE; the text never holds what was read. */
POS_MUST_USE enum pos_status pos_component_parse(struct pos_bytes text,
                                                 enum pos_algorithm algorithm,
                                                 struct pos_component *component,
                                                 struct pos_error *error);

/* The same from a file that only its owner may read. */
POS_MUST_USE enum pos_status pos_component_read(const char *path, enum pos_algorithm algorithm,
                                                struct pos_component *component,
                                                struct pos_error *error);

/* What the parity bits of a TDES component look like: "odd", "even", "mixed". They are part of the
 * component as it is and of its check value in no way; "-" for AES. */
const char *pos_component_parity(const struct pos_component *component,
                                 enum pos_algorithm algorithm);

/* Takes `name`, without spaces at its ends, as the custodian of the next component (not yet
 * counted). POS_ERR_USAGE: empty, too long, or a custodian already, in whatever case. */
POS_MUST_USE enum pos_status pos_custody_name(struct pos_custody *custody, const char *name,
                                              struct pos_error *error);

#endif
