/* Questions to a person on the terminal: answers with echo, secrets without. */
#ifndef POS_KEYMGMT_PROMPT_H
#define POS_KEYMGMT_PROMPT_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* True when stdin is a terminal. */
bool pos_prompt_possible(void);

/* Asks on stderr and reads one line from stdin into `answer`, without its end, NUL-terminated.
 * POS_ERR_LENGTH: it does not fit in `capacity` (nothing of it is kept); POS_ERR_CLOSED: end of
 * input; POS_ERR_IO. */
POS_MUST_USE enum pos_status pos_prompt_line(const char *question, char *answer, size_t capacity,
                                             struct pos_error *error);

/* The same without echo. `answer` should be secret memory. A signal that ends or stops the process
 * meets a terminal with its echo restored. */
POS_MUST_USE enum pos_status pos_prompt_secret(const char *question, char *answer, size_t capacity,
                                               struct pos_error *error);

#endif
