/*
 * How many PIN blocks of one terminal may fail in an hour. Who could try without end could learn
 * what makes a block fail; a terminal that is all right has none. Those under way count as failed
 * until they are not, so that sending many at once is no way around it.
 *
 * Any thread, all loops together; asked for requests that carry a PIN alone. A fixed table: where
 * it is crowded the terminal with the fewest failures is forgotten.
 */
#ifndef POS_GATEWAY_PIN_LIMIT_H
#define POS_GATEWAY_PIN_LIMIT_H

#include "core/base/smn.h"
#include "core/base/status.h"

struct pos_pin_limit;

/* `per_hour` 0: no limit. */
POS_MUST_USE enum pos_status pos_pin_limit_create(uint32_t per_hour, struct pos_pin_limit **limit);
void pos_pin_limit_destroy(struct pos_pin_limit *limit);

/* One is begun; false: this terminal has had its failures of this hour. Each true is followed by
 * one end. */
POS_MUST_USE bool pos_pin_limit_begin(struct pos_pin_limit *limit, const struct pos_smn *smn,
                                      uint64_t utc_ms);
/* True for the failure that uses up the hour, so once for each terminal and hour. */
bool pos_pin_limit_end(struct pos_pin_limit *limit, const struct pos_smn *smn, uint64_t utc_ms,
                       bool failed);

#endif
