/*
 * How far long work is, on stderr: one line that is written over on a terminal, else a line now and
 * then. Nothing when it is done quickly.
 */
#ifndef POS_KEYMGMT_PROGRESS_H
#define POS_KEYMGMT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pos_progress {
    const char *what; /* "keys generated" */
    uint64_t total;
    uint64_t begun_ns, shown_ns; /* monotonic */
    bool terminal;
    bool line_open; /* a line on the terminal waits to be ended */
};

void pos_progress_start(struct pos_progress *progress, const char *what, uint64_t total);
void pos_progress_show(struct pos_progress *progress, uint64_t done);
void pos_progress_end(struct pos_progress *progress);

enum { POS_PROGRESS_TEXT_SIZE = 128 };
/* "1200 of 5000 keys generated (24 %, 3 s left)"; pure. */
void pos_progress_text(const char *what, uint64_t done, uint64_t total, uint64_t elapsed_ns,
                       char text[POS_PROGRESS_TEXT_SIZE]);

/* From now on SIGINT and SIGTERM do not end the process but make pos_interrupted true; the second
 * one ends it. For work that can stop between two of its steps. */
void pos_interrupt_catch(void);
bool pos_interrupted(void);

#endif
