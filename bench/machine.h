/* The machine that figures are of. */
#ifndef POS_BENCH_MACHINE_H
#define POS_BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum { POS_MACHINE_TEXT_SIZE = 160 };

struct pos_machine {
    char processor[64]; /* "Intel(R) Xeon(R) ...": texts are NUL-terminated, "" when not known */
    char kernel[64];    /* "Linux 6.1.0" */
    char system[64];    /* "Debian GNU/Linux 12 (bookworm)" */
    char governor[32];  /* of the clock of core 0: "performance" */
    uint64_t memory;    /* bytes */
    long cores;         /* that run */
    bool is_virtual;    /* there is a hypervisor below */
};

void pos_machine_read(struct pos_machine *machine);

/* Bytes that it can give without swapping, now; 0: not known. */
uint64_t pos_machine_available(void);

/* "Intel(R) Xeon(R) ..., 2 cores, Linux 6.1.0", NUL-terminated. */
void pos_machine_text(char text[POS_MACHINE_TEXT_SIZE]);

#endif
