/* Text, numbers and pages: whatever a report holds, a page stays one. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench/html.h"
#include "bench/page.h"

static char text[1 << 18];

static FILE *open_text(void)
{
    memset(text, 0, sizeof text);
    return fmemopen(text, sizeof text, "w");
}

Test(html, text_is_escaped)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain, with UTF-8: 终端", "plain, with UTF-8: 终端"},
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"\" onload=\"x", "&quot; onload=&quot;x"},
        {"a & b &amp; c", "a &amp; b &amp;amp; c"},
        {"bell\a and \033[1m", "bell\xef\xbf\xbd and \xef\xbf\xbd[1m"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        FILE *to = open_text();
        pos_html_text(to, rows[i].text);
        (void)fclose(to);
        cr_expect_str_eq(text, rows[i].expected);
    }
}

Test(html, numbers_are_as_people_read_them)
{
    static const struct {
        double value;
        const char *number, *time;
    } rows[] = {
        {0, "0", "0 µs"},
        {0.00123, "0.00123", "1.23 ns"},
        {0.5, "0.500", "500 ns"},
        {1, "1.00", "1.00 µs"},
        {9.999, "10.0", "10.0 µs"},
        {84.14, "84.1", "84.1 µs"},
        {999.4, "999", "999 µs"},
        {999.7, "1,000", "1.00 ms"},
        {1250, "1,250", "1.25 ms"},
        {12345, "12,345", "12.3 ms"},
        {2.1e6, "2,100,000", "2.10 s"},
        {1e9, "1,000,000,000", "1,000 s"},
    };
    char shown[POS_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pos_html_number(shown, rows[i].value);
        cr_expect_str_eq(shown, rows[i].number, "%g: %s", rows[i].value, shown);
        pos_html_time(shown, rows[i].value);
        cr_expect_str_eq(shown, rows[i].time, "%g us: %s", rows[i].value, shown);
    }
    pos_html_ratio(shown, 1.414);
    cr_expect_str_eq(shown, "1.41 ×");
    pos_html_nanoseconds(shown, 1500);
    cr_expect_str_eq(shown, "1.50 µs");
}

static void draw(json_t *report)
{
    cr_assert_not_null(report);
    FILE *to = open_text();
    pos_page_write(report, to);
    (void)fclose(to);
    json_decref(report);
}

/* Nothing of it is there, wrong types are, and every text is hostile. */
Test(html, any_report_is_a_page)
{
    static const char *const reports[] = {
        "{}",
        "{\"command\": 4, \"servers\": 5, \"checks\": {}, \"sweep\": \"\"}",
        "{\"servers\": [], \"subjects\": [], \"checks\": [], \"traces\": []}",
        "{\"servers\": [{}, {}], \"cpu_ratios\": [{}], \"slo\": [{}]}",
        "{\"subjects\": [{}], \"checks\": [{}], \"facts\": [{}], \"traces\": [{}]}",
        "{\"sweep\": [{\"points\": [{}, {}]}, {}]}",
        "{\"servers\": [{\"latency_curve\": {}, \"series\": {\"at_s\": [1], \"round\": [1]}}]}",
        "{\"command\": \"<script>\", \"servers\": [{\"name\": \"<script>\", \"role\": "
        "\"<script>\", "
        "\"codes\": {\"<script>\": 1}, \"latency_curve\": {\"share\": [0, 1], \"us\": [1, 2]}}], "
        "\"note\": \"<script>\", \"machine\": \"<script>\", \"versions\": {\"<script>\": "
        "\"<script>\"}, \"<script>\": \"<script>\", \"cpu_ratios\": [{\"of\": \"<script>\", "
        "\"to\": "
        "\"<script>\"}]}",
    };
    static const char *const wrong[] = {"<script", "\"nan", "-nan", " nan",
                                        "\"inf",   "-inf",  " inf"};
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        draw(json_loads(reports[i], 0, NULL));
        cr_expect_eq(strncmp(text, "<!DOCTYPE html>", 15), 0, "%zu", i);
        cr_expect_not_null(strstr(text, "</html>\n"), "%zu: it has an end", i);
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++)
            cr_expect_null(strstr(text, wrong[j]), "%zu: %.200s", i, strstr(text, wrong[j]));
    }
}

Test(html, what_is_not_text_of_ours_stands_escaped)
{
    draw(json_pack("{s:s, s:s}", "command", "auth", "command_line", "posgate-bench auth 'a<b&c'"));
    cr_expect_not_null(strstr(text, "posgate-bench auth 'a&lt;b&amp;c'"));
}
