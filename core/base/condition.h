/* Conditions whose timed waits count by pos_clock_monotonic_ns: setting the wall clock makes none
 * of them shorter or longer. Signalled, awaited without a time and destroyed as any pthread_cond_t.
 */
#ifndef POS_BASE_CONDITION_H
#define POS_BASE_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void pos_condition_init(pthread_cond_t *condition);

/* With `lock` held, as for pthread_cond_wait. False: it is `until_ns` now. */
bool pos_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns);

#endif
