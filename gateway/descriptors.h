/*
 * Descriptors for connections, and enough beside them. A connection that finds none left is only
 * turned away; a database that finds none has failed to write, and writes nothing until a restart.
 * So the connections are told how many they may be, and the databases come first.
 */
#ifndef POS_GATEWAY_DESCRIPTORS_H
#define POS_GATEWAY_DESCRIPTORS_H

#include "core/base/error.h"

#include <stdint.h>

/* Raises this process's limit, as far as it may, to hold `wanted` connections beside what is open
 * and what the databases open later. POS_ERR_LIMIT with the numbers and the remedy: it may not have
 * so many; *connections is how many it may have, 0: none. Once everything has been opened. */
POS_MUST_USE enum pos_status pos_descriptors_take(uint32_t wanted, uint32_t *connections,
                                                  struct pos_error *error);

#endif
