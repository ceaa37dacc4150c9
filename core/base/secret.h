/*
 * What holds clear key material, and how it goes away.
 *
 * Memory from pos_secret_create is locked, left out of core dumps and guarded against fork;
 * releasing it wipes it. A process that holds keys calls pos_secret_protect_process once, first.
 */
#ifndef POS_BASE_SECRET_H
#define POS_BASE_SECRET_H

#include "core/base/bytes.h"

/* No core file, no ptrace by others of the same user. POS_ERR_IO when the kernel refuses. */
POS_MUST_USE enum pos_status pos_secret_protect_process(void);

/* Locked, zeroed memory of `size` bytes; NULL when there is none (see RLIMIT_MEMLOCK). Owned by
 * the caller, given back with pos_secret_destroy and the same size. Any thread. */
void *pos_secret_create(size_t size);
void pos_secret_destroy(void *memory, size_t size); /* wipes; NULL is fine */

/* Overwrites memory in a way that the compiler keeps. */
void pos_secret_wipe(void *memory, size_t size);

/* Compares in time that depends on the size alone. */
bool pos_secret_equal(const void *a, const void *b, size_t size);

#endif
