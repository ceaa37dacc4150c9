/* Writing HTML: whatever text is not ours is escaped, and numbers are as people read them. */
#ifndef POS_BENCH_HTML_H
#define POS_BENCH_HTML_H

#include <stdio.h>

/* Escaped for text and for attributes in double quotes; what XML does not allow becomes U+FFFD.
 * UTF-8; NULL is nothing. */
void pos_html_text(FILE *to, const char *text);
/* The same, of what is formatted; cut after 1 KB. */
void pos_html_format(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum { POS_NUMBER_SIZE = 32 }; /* of the texts below, NUL included */

/* Three significant digits or all before the point, thousands apart: "12,345", "4.57", "0.012". */
void pos_html_number(char *text, double value);
/* Of microseconds, in the unit that fits: "850 ns", "84.1 µs", "1.25 ms", "2.1 s". */
void pos_html_time(char *text, double us);
void pos_html_nanoseconds(char *text, double ns); /* the same */
void pos_html_ratio(char *text, double ratio);    /* "1.41 ×" */

#endif
