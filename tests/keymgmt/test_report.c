#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keymgmt/report.h"

static const struct pos_column columns[] = {{"index", -8}, {"count", 6}};

struct capture {
    char *text;
    size_t size;
    FILE *out;
};

static void begin(struct capture *capture)
{
    *capture = (struct capture){0};
    capture->out = open_memstream(&capture->text, &capture->size);
    cr_assert_not_null(capture->out);
}

static void put_row(struct pos_report *report, uint32_t index, uint64_t count)
{
    pos_report_index(report, "index", index);
    pos_report_number(report, "count", count);
    pos_report_time(report, "when", 0);
    pos_report_end_row(report);
}

static void put_object(struct pos_report *report)
{
    struct pos_kcv kcv = {
        .method = POS_KCV_CMAC, .size = 5, .data = {0x8C, 0xD2, 0x4C, 0xD2, 0x97}};
    pos_report_text(report, "name", "MPOS0001");
    pos_report_number(report, "count", 12);
    pos_report_kcv(report, "kcv", &kcv);
    pos_report_time(report, "loaded", 0);
    pos_report_time(report, "created", 1000);
}

Test(report, object_in_lines)
{
    struct capture capture;
    begin(&capture);
    struct pos_report *report = pos_report_create(capture.out, false, NULL, 0);
    put_object(report);
    pos_report_destroy(report);
    (void)fclose(capture.out);
    cr_expect_str_eq(capture.text, "name             MPOS0001\n"
                                   "count            12\n"
                                   "kcv              CMAC:8CD24CD297\n"
                                   "loaded           -\n"
                                   "created          1970-01-01T00:00:01Z\n");
    free(capture.text);
}

Test(report, object_in_json)
{
    struct capture capture;
    begin(&capture);
    struct pos_report *report = pos_report_create(capture.out, true, NULL, 0);
    put_object(report);
    pos_report_table(report, "rows", columns, 2);
    put_row(report, 7, 1);
    put_row(report, 8, 2);
    pos_report_destroy(report);
    (void)fclose(capture.out);
    json_t *root = json_loads(capture.text, 0, NULL);
    cr_assert_not_null(root, "%s", capture.text);
    cr_expect_str_eq(json_string_value(json_object_get(root, "kcv")), "CMAC:8CD24CD297");
    cr_expect(json_is_null(json_object_get(root, "loaded")));
    json_t *rows = json_object_get(root, "rows");
    cr_assert_eq(json_array_size(rows), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "index")),
                     "00000008");
    json_decref(root);
    free(capture.text);
}

Test(report, table_of_any_length)
{
    for (size_t count = 0; count < 4; count++) {
        struct capture capture;
        begin(&capture);
        struct pos_report *report = pos_report_create(capture.out, true, columns, 2);
        for (size_t i = 0; i < count; i++)
            put_row(report, (uint32_t)i + 1, i);
        pos_report_destroy(report);
        (void)fclose(capture.out);
        json_t *root = json_loads(capture.text, 0, NULL);
        cr_assert_not_null(root, "%zu rows: %s", count, capture.text);
        cr_expect_eq(json_array_size(root), count, "%zu rows", count);
        json_decref(root);
        free(capture.text);
    }
}

Test(report, table_in_columns)
{
    struct capture capture;
    begin(&capture);
    struct pos_report *report = pos_report_create(capture.out, false, columns, 2);
    put_row(report, 278, 5);
    pos_report_destroy(report);
    (void)fclose(capture.out);
    cr_expect_str_eq(capture.text, "index      count\n00000278       5\n");
    free(capture.text);
}
