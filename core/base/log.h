/*
 * One line per event on stderr: time, level, event name, then key=value pairs (or JSON).
 *
 * Never a key, PIN block, track or full PAN: pos_log_pan masks. Any thread; a line is one write.
 * Not for the steady-state request path: what a peer can cause at will is counted, and logged only
 * when pos_log_allow lets it through.
 */
#ifndef POS_BASE_LOG_H
#define POS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

enum pos_log_level { POS_LOG_DEBUG, POS_LOG_INFO, POS_LOG_WARNING, POS_LOG_ERROR, POS_LOG_LEVELS };

void pos_log_set_level(enum pos_log_level level); /* at run time, any thread */
enum pos_log_level pos_log_level(void);
void pos_log_set_json(bool json); /* at start-up */
/* "debug" "info" "warning" "error"; -1 when it is none of them. */
int pos_log_level_parse(const char *name);

/* pos_log(POS_LOG_INFO, "listener-open", "address=%s port=%u", ...): `pairs` is a printf format of
 * space-separated key=value, values without spaces or quoted by the caller with "..." */
void pos_log(enum pos_log_level level, const char *event, const char *pairs, ...) POS_PRINTF(3, 4);

/* A bucket for events that peers can cause: at most `per_second_max` lines a second, and the next
 * line that gets through says how many were left out (suppressed=N). Static, zeroed. */
struct pos_log_limit {
    uint64_t second;
    uint32_t count;
    uint32_t suppressed;
};

/* False: leave the line out. One thread per limit. */
bool pos_log_allow(struct pos_log_limit *limit, uint32_t per_second_max, uint64_t utc_ms,
                   uint32_t *suppressed);

enum { POS_LOG_PAN_SIZE = 20 };
/* First 6 and last 4 digits, stars between; all stars when there are fewer than 13. */
void pos_log_pan(const char *pan, char masked[POS_LOG_PAN_SIZE]);

#endif
