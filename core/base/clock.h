/* Time, read in one place. The pure parts of posgate take times as arguments. Any thread. */
#ifndef POS_BASE_CLOCK_H
#define POS_BASE_CLOCK_H

#include <stdint.h>

uint64_t pos_clock_monotonic_ns(void);
uint64_t pos_clock_utc_ms(void); /* since 1970 */

/* Broken-down wall time for messages and logs; computed from milliseconds since 1970. */
struct pos_time {
    int year;  /* 2026 */
    int month; /* 1-12 */
    int day;   /* 1-31 */
    int hour, minute, second, millisecond;
    int day_of_year; /* 1-366 */
};

struct pos_time pos_time_utc(uint64_t utc_ms);
struct pos_time pos_time_local(uint64_t utc_ms); /* in TZ */

enum { POS_TIME_TEXT_SIZE = 25 };
/* "2026-11-23T09:00:00Z"; with milliseconds "2026-11-23T09:00:00.123Z". NUL-terminated. */
void pos_time_text(uint64_t utc_ms, int with_milliseconds, char text[POS_TIME_TEXT_SIZE]);

#endif
