#include "keymgmt/report.h"

#include <jansson.h>
#include <stdlib.h>

#include "core/base/clock.h"

struct pos_report {
    FILE *out;
    bool json;
    bool streaming; /* the document is a table: rows go out as they end */
    size_t row_count;
    const struct pos_column *columns; /* of the table; NULL while there is none */
    size_t column_count;
    json_t *object; /* NULL when the document is a table */
    json_t *rows;   /* borrowed from the object */
    json_t *row;    /* under way; NULL outside a table */
};

static void *need(void *memory)
{
    if (memory == NULL) {
        (void)fputs("posgate-keymgmt: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* Nothing needs to be filled up behind the last column. */
static int width_of(const struct pos_report *report, size_t column)
{
    int width = report->columns[column].width;
    return column + 1 == report->column_count && width < 0 ? 0 : width;
}

static void print_titles(struct pos_report *report)
{
    for (size_t i = 0; !report->json && i < report->column_count; i++)
        (void)fprintf(report->out, "%s%*s", i == 0 ? "" : "  ", width_of(report, i),
                      report->columns[i].name);
    if (!report->json)
        (void)fputc('\n', report->out);
}

static void begin_table(struct pos_report *report, const struct pos_column *columns,
                        size_t column_count)
{
    report->columns = columns;
    report->column_count = column_count;
    report->row = need(json_object());
    print_titles(report);
}

struct pos_report *pos_report_create(FILE *out, bool json, const struct pos_column *columns,
                                     size_t column_count)
{
    struct pos_report *report = need(calloc(1, sizeof *report));
    report->out = out;
    report->json = json;
    report->streaming = columns != NULL;
    if (report->streaming)
        begin_table(report, columns, column_count);
    else
        report->object = need(json_object());
    return report;
}

static void print_value(FILE *out, const json_t *value, int width)
{
    if (json_is_integer(value))
        (void)fprintf(out, "%*" JSON_INTEGER_FORMAT, width, json_integer_value(value));
    else
        (void)fprintf(out, "%*s", width, json_is_string(value) ? json_string_value(value) : "-");
}

static void print_lines(FILE *out, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (json_is_array(value))
            continue;
        (void)fprintf(out, "%-16s ", name);
        print_value(out, value, 0);
        (void)fputc('\n', out);
    }
}

static void print_row(struct pos_report *report)
{
    for (size_t i = 0; i < report->column_count; i++) {
        (void)fputs(i == 0 ? "" : "  ", report->out);
        print_value(report->out, json_object_get(report->row, report->columns[i].name),
                    width_of(report, i));
    }
    (void)fputc('\n', report->out);
}

void pos_report_table(struct pos_report *report, const char *name, const struct pos_column *columns,
                      size_t column_count)
{
    if (!report->json) {
        print_lines(report->out, report->object);
        (void)fputc('\n', report->out);
    }
    report->rows = need(json_array());
    (void)json_object_set_new(report->object, name, report->rows);
    begin_table(report, columns, column_count);
}

void pos_report_end_row(struct pos_report *report)
{
    if (!report->json)
        print_row(report);
    else if (!report->streaming)
        (void)json_array_append(report->rows, report->row);
    else {
        (void)fputs(report->row_count == 0 ? "[\n" : ",\n", report->out);
        (void)json_dumpf(report->row, report->out, JSON_COMPACT);
    }
    report->row_count++;
    json_decref(report->row);
    report->row = need(json_object());
}

static void end_document(struct pos_report *report)
{
    if (report->json && report->streaming)
        (void)fputs(report->row_count == 0 ? "[]\n" : "\n]\n", report->out);
    else if (report->json) {
        (void)json_dumpf(report->object, report->out, JSON_INDENT(2));
        (void)fputc('\n', report->out);
    } else if (report->columns == NULL)
        print_lines(report->out, report->object);
}

void pos_report_destroy(struct pos_report *report)
{
    end_document(report);
    json_decref(report->row);
    json_decref(report->object);
    free(report);
}

static void put(struct pos_report *report, const char *name, json_t *value)
{
    (void)json_object_set_new(report->row != NULL ? report->row : report->object, name,
                              need(value));
}

void pos_report_text(struct pos_report *report, const char *name, const char *value)
{
    json_t *text = json_string(value);
    /* A text that is not UTF-8 (an operator's name in an old character set) is not shown. */
    put(report, name, text != NULL ? text : json_string("?"));
}

void pos_report_number(struct pos_report *report, const char *name, uint64_t value)
{
    put(report, name, json_integer((json_int_t)value));
}

void pos_report_index(struct pos_report *report, const char *name, uint32_t index)
{
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%08u", index);
    pos_report_text(report, name, digits);
}

void pos_report_time(struct pos_report *report, const char *name, uint64_t utc_ms)
{
    char text[POS_TIME_TEXT_SIZE];
    pos_time_text(utc_ms, 0, text);
    put(report, name, utc_ms == 0 ? json_null() : json_string(text));
}

void pos_report_kcv(struct pos_report *report, const char *name, const struct pos_kcv *kcv)
{
    char text[POS_KCV_TEXT_SIZE];
    pos_kcv_text(kcv, text);
    pos_report_text(report, name, text);
}
