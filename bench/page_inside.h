/* The parts of a page; nobody else includes it. Each writes a section, or nothing when the report
 * does not have what it is about. */
#ifndef POS_BENCH_PAGE_INSIDE_H
#define POS_BENCH_PAGE_INSIDE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/html.h"

extern const char pos_page_style[];

/* In the order of the page. */
void pos_page_summary(json_t *report, FILE *to);    /* the figures one looks for first */
void pos_page_targets(json_t *report, FILE *to);    /* what was to be reached: checks, --slo */
void pos_page_ratios(json_t *report, FILE *to);     /* CPU to CPU, with the noise */
void pos_page_sweep(json_t *report, FILE *to);      /* latency by rate, and the knee */
void pos_page_latency(json_t *report, FILE *to);    /* by percentile */
void pos_page_course(json_t *report, FILE *to);     /* as time went on */
void pos_page_servers(json_t *report, FILE *to);    /* table of all figures */
void pos_page_subjects(json_t *report, FILE *to);   /* the same of the small commands */
void pos_page_outcome(json_t *report, FILE *to);    /* replies by code, errors */
void pos_page_conditions(json_t *report, FILE *to); /* options, machine, versions */

/* ---- what they share ---- */

enum { POS_PAGE_CLASS_SIZE = 16 };

double pos_page_number(json_t *object, const char *key);    /* 0 when there is none */
const char *pos_page_text(json_t *object, const char *key); /* "" when there is none */

/* The servers of a report, whatever a command calls them; NULL: it has none. */
json_t *pos_page_all(json_t *report);
/* The class that colours one of them, whether it is measured or measured beside. */
void pos_page_class(json_t *servers, size_t i, char class_name[POS_PAGE_CLASS_SIZE]);
/* Names and colours of those that have `key`. */
void pos_page_legend(json_t *servers, const char *key, FILE *to);

/* A section with an explanation; text of ours. The caller writes "</section>". */
void pos_page_section(FILE *to, const char *title, const char *explanation);
/* A figure that programs can read as well: <data value="...">. */
void pos_page_data(FILE *to, double value, const char *shown);
/* Three cells' worth in one: median, and the spread below it. `write` shows a value. */
void pos_page_spread(FILE *to, json_t *summary, void (*write)(char *text, double value));

#endif
