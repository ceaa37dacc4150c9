/*
 * How many requests a second one source address may send: a small fixed table, so that no peer can
 * make it grow. When a row of the table is crowded the oldest address of it is forgotten, which
 * errs on the side of letting through. One thread.
 */
#ifndef POS_GATEWAY_RATE_H
#define POS_GATEWAY_RATE_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct pos_rate_table;

/* `per_second` per address; 0: no limit, everything is allowed. */
POS_MUST_USE enum pos_status pos_rate_create(uint32_t per_second, struct pos_rate_table **table);
void pos_rate_destroy(struct pos_rate_table *table);

/* Counts one; false when the address has had its share of this second. */
bool pos_rate_allow(struct pos_rate_table *table, uint64_t address, uint64_t utc_ms);

#endif
