/* What is found in the text itself, which libconfig would take without a word. */
#include <criterion/criterion.h>

#include "core/config/internal.h"

Test(config_scan, finds_numbers_that_do_not_fit_and_only_those)
{
    static const struct {
        const char *text;
        size_t found;
    } rows[] = {
        {"a = 2147483647;", 0},
        {"a = 2147483648;", 1},
        {"a = -2147483648;", 0},
        {"a = -2147483649;", 1},
        {"a = 2147483648L;", 0},
        {"a = 9223372036854775807L;", 0},
        {"a = 9223372036854775808L;", 1},
        {"a = 99999999999999999999;", 1},
        {"a = 0x7FFFFFFF;", 0},
        {"a = 0xFFFFFFFF;", 1},
        {"a = 99999999999.5;", 0},
        {"a = 1e12;", 0},
        {"a = \"99999999999\";", 0},
        {"a = \"\\\"99999999999\";", 0},
        {"a = \"x\"; b = 99999999999;", 1},
        {"# 99999999999", 0},
        {"// 99999999999", 0},
        {"/* 99999999999 */ a = 1;", 0},
        {"/* */ a = 99999999999;", 1},
        {"a99999999999 = 1;", 0},
        {"a-99999999999 = 1;", 0},
        {"a = 99999999999; b = 99999999999;", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct pos_config_report report;
        uint32_t lines[4];
        bool readable;
        report.count = 0;
        (void)pos_config_scan(rows[i].text, &report, lines, 4, &readable);
        cr_expect_eq(report.count, rows[i].found, "%s: %zu", rows[i].text, report.count);
        cr_expect(readable, "%s", rows[i].text);
    }
}

Test(config_scan, counts_lines_through_comments_and_strings)
{
    static struct pos_config_report report;
    uint32_t lines[4];
    bool readable;
    const char *text = "/* 1\n 2 */\n# 3\na = \"4\n5\";\nb = 99999999999;";
    cr_assert_eq(pos_config_scan(text, &report, lines, 4, &readable), 1);
    cr_expect_eq(lines[0], 6);
    cr_expect_eq(report.mistakes[0].line, 6);
}

Test(config_scan, refuses_include_but_not_its_name)
{
    static struct pos_config_report report;
    uint32_t lines[4];
    bool readable;
    (void)pos_config_scan("# @include\na = \"@include\";", &report, lines, 4, &readable);
    cr_expect(readable);
    (void)pos_config_scan("  @include \"b\"", &report, lines, 4, &readable);
    cr_expect(!readable);
    cr_expect_eq(report.count, 1);
}

Test(config_scan, names_the_line_where_text_without_an_end_begins)
{
    static const struct {
        const char *text;
        uint32_t line; /* 0: no mistake */
    } rows[] = {
        {"a = \"x\";\nb = \"y;\nc = 1;\n", 2},
        {"a = \"x\";\nb = \"y\";\nc = 1;\n", 0},
        {"a = \"", 1},
        {"a = \"\\\"", 1},
        {"a = \"\\", 1},
        {"# \"\n// \"\n/* \" */", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct pos_config_report report;
        uint32_t lines[4];
        bool readable;
        report.count = 0;
        (void)pos_config_scan(rows[i].text, &report, lines, 4, &readable);
        cr_expect_eq(readable, rows[i].line == 0, "%s", rows[i].text);
        cr_expect_eq(report.count, rows[i].line != 0, "%s", rows[i].text);
        if (report.count == 1)
            cr_expect_eq(report.mistakes[0].line, rows[i].line, "%s", rows[i].text);
    }
}
