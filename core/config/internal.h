/* What the files of this folder share; nobody else includes it. */
#ifndef POS_CONFIG_INTERNAL_H
#define POS_CONFIG_INTERNAL_H

#include "core/config/config.h"

enum { POS_CONFIG_PATH_SIZE_MAX = 160 }; /* "listeners[3].address", with NUL */

/*
 * Looks for what libconfig would take without a word (numbers that it would wrap, @include, which
 * is not supported) and for text without a closing quote. Reports each; the lines with such numbers
 * go to `lines` (at most `capacity`), so that no second, misleading mistake is reported for them.
 * Returns how many lines, and sets *readable to false when libconfig must not see the text.
 */
size_t pos_config_scan(const char *text, struct pos_config_report *report, uint32_t *lines,
                       size_t capacity, bool *readable);

/* The value of a NUMBER member of either width. */
uint32_t pos_config_number(const struct pos_config_key *key, const void *settings);

#endif
