/*
 * One line on standard error that says how far a run is, when that is a terminal: rewritten, and
 * gone when the run has ended. It belongs to the process, as the terminal does.
 *
 * While a server is measured it is written at most twice a second, a few microseconds each.
 */
#ifndef POS_BENCH_PROGRESS_H
#define POS_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many steps of about so many seconds are to come. False: somebody has planned already, and what
 * comes is a part of that. Whoever got true leaves at last. */
bool pos_progress_plan(size_t steps, double step_s);
void pos_progress_leave(bool planned);

/* What goes before each step's text until the next call: "at 30 %: "; "" for nothing. */
void pos_progress_stage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A step begins: round n of m (0: does not count) of something. */
void pos_progress_step(uint32_t round, uint32_t rounds, const char *what);
/* How it goes: replies a second, p99 in us, replies and connections that were not good. */
void pos_progress_tell(double per_second, double p99_us, uint64_t errors);
/* Something else that takes its time. */
void pos_progress_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Wipes the line, before others write. */
void pos_progress_wipe(void);

#endif
