/* The machine that figures are of. */
#ifndef POS_BENCH_MACHINE_H
#define POS_BENCH_MACHINE_H

enum { POS_MACHINE_TEXT_SIZE = 160 };

/* "Intel(R) Xeon(R) ..., 2 cores, Linux 6.1.0", NUL-terminated. */
void pos_machine_text(char text[POS_MACHINE_TEXT_SIZE]);

#endif
