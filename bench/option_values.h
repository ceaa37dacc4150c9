/* Values of options: each is taken whole and within its bounds, or ends the process with 2. */
#ifndef POS_BENCH_OPTION_VALUES_H
#define POS_BENCH_OPTION_VALUES_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

/* A whole number, digits alone. */
uint64_t pos_option_number(struct argp_state *state, const char *name, const char *text,
                           uint64_t low, uint64_t high);
double pos_option_decimal(struct argp_state *state, const char *name, const char *text, double low,
                          double high);
bool pos_option_on(struct argp_state *state, const char *name, const char *text); /* on or off */

#endif
