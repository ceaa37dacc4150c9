/* What the gateway's tests with a main() of their own share: counting, and an audit chain that is
 * only words. One program each, one thread counts. */
#ifndef POS_TESTS_GATEWAY_PLAIN_H
#define POS_TESTS_GATEWAY_PLAIN_H

#include <stdbool.h>

#include "core/base/audit_writer.h"

/* Counts; what failed is printed. */
void expect(bool good, const char *what);
/* Ends the program when what the test needs cannot be had. */
void must(enum pos_status status, const char *what);
/* Prints "N passed, N failed"; what main returns. */
int finish(void);

/* Records are the events' texts, which hold no chain together. */
extern const struct pos_audit_writer plain_audit;

#endif
