/*
 * A report as a page of HTML, from its JSON. One file: no script, no link, nothing that is fetched;
 * light or dark as the reader's system is. It is well-formed XML as well, so that anything can read
 * it again. Whatever text the report holds is escaped.
 */
#ifndef POS_BENCH_PAGE_H
#define POS_BENCH_PAGE_H

#include <stdio.h>

struct json_t;

/* Of a report of any command. What cannot be written shows in ferror. */
void pos_page_write(struct json_t *report, FILE *to);

#endif
