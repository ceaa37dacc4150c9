/* Components as their custodians have them: hexadecimal digits, typed or in a file. */
#ifndef POS_HSM_COMPONENT_TEXT_H
#define POS_HSM_COMPONENT_TEXT_H

#include "core/hsm/hsm.h"

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

#endif
