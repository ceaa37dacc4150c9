/*
 * Answers on stdout, for people or in JSON, from the same calls: one object (a value a line), or a
 * table (a row a line), or an object with one table in it.
 *
 * A value is given by name; in a table the columns say which values stand where in the text. JSON
 * holds all of them. Rows of a plain table go out one by one, so it may be of any length.
 */
#ifndef POS_KEYMGMT_REPORT_H
#define POS_KEYMGMT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/key.h"

struct pos_report;

struct pos_column {
    const char *name;
    int width; /* characters; negative: flush left, as printf has it */
};

/* `columns` (borrowed until destroy) for a table; NULL for an object. Ends the process when there
 * is no memory. */
struct pos_report *pos_report_create(FILE *out, bool json, const struct pos_column *columns,
                                     size_t column_count);
/* What follows are rows of the object's table `name`. Once, on an object. */
void pos_report_table(struct pos_report *report, const char *name, const struct pos_column *columns,
                      size_t column_count);
void pos_report_end_row(struct pos_report *report); /* a row of the table is complete */
/* Prints what is left and ends the document. */
void pos_report_destroy(struct pos_report *report);

void pos_report_text(struct pos_report *report, const char *name, const char *value);
void pos_report_number(struct pos_report *report, const char *name, uint64_t value);
void pos_report_index(struct pos_report *report, const char *name, uint32_t index); /* 8 digits */
void pos_report_time(struct pos_report *report, const char *name, uint64_t utc_ms); /* 0: none */
void pos_report_kcv(struct pos_report *report, const char *name, const struct pos_kcv *kcv);

#endif
