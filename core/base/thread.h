/* What a thread asks of the kernel's scheduler. */
#ifndef POS_BASE_THREAD_H
#define POS_BASE_THREAD_H

/*
 * The calling thread runs soon after it wakes: it asks for slices of 0.1 ms, with its share of the
 * processor as before. Without it a thread that computes on the same core may finish its slice
 * first, which is milliseconds. For threads that wake often and do little at a time.
 *
 * Linux 6.12 and later; earlier ones have no such slices and nothing changes, nor does anything for
 * a thread whose policy is not SCHED_OTHER.
 */
void pos_thread_be_prompt(void);

#endif
