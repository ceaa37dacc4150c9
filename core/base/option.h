/*
 * Values of options, for argp's parsers: each is taken whole and within its bounds, or argp's error
 * says what it takes and ends the process with POS_EXIT_USAGE. `name` is what the person wrote it
 * behind: "--count", or a word's own name, "INDEX".
 */
#ifndef POS_BASE_OPTION_H
#define POS_BASE_OPTION_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/base/log.h"

/* Decimal digits, nothing else. */
uint64_t pos_option_number(struct argp_state *state, const char *name, const char *text,
                           uint64_t low, uint64_t high);
double pos_option_decimal(struct argp_state *state, const char *name, const char *text, double low,
                          double high);
/* "on" or "off". */
bool pos_option_on(struct argp_state *state, const char *name, const char *text);
/* T2, T3, A128, A256 or SM4. */
enum pos_algorithm pos_option_algorithm(struct argp_state *state, const char *name,
                                        const char *text);
/* debug, info, warning or error. */
enum pos_log_level pos_option_log_level(struct argp_state *state, const char *name,
                                        const char *text);

/* Decimal digits of at most UINT64_MAX, nothing else; false: it is not that. */
bool pos_number_parse(const char *text, uint64_t *number);

#endif
