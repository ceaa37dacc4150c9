/*
 * How many terminals may be connected, in all and from one address: counted over all loops, at
 * accept and close, never per request. Fixed size. Any thread.
 */
#ifndef POS_GATEWAY_ADMISSION_H
#define POS_GATEWAY_ADMISSION_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct pos_admission;

/* `per_address` 0: no limit per address. */
POS_MUST_USE enum pos_status pos_admission_create(uint32_t connections, uint32_t per_address,
                                                  struct pos_admission **admission);
void pos_admission_destroy(struct pos_admission *admission);

/* A number that stands for the address of "127.0.0.1:50312" or "[::1]:50312"; never 0. */
uint64_t pos_admission_address(const char *peer);

/* False: full, in all or for this address. Each true is followed by one leave. */
bool pos_admission_enter(struct pos_admission *admission, uint64_t address);
void pos_admission_leave(struct pos_admission *admission, uint64_t address);
uint32_t pos_admission_count(struct pos_admission *admission);

#endif
