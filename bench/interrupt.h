/* SIGINT and SIGTERM end a measurement between two of its steps, so that the servers it started are
 * ended and its folder is removed as always. */
#ifndef POS_BENCH_INTERRUPT_H
#define POS_BENCH_INTERRUPT_H

#include <stdbool.h>

void pos_interrupt_catch(void);
bool pos_interrupted(void); /* a signal came since */

#endif
