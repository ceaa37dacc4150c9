/* Reading a file by a table: what it gives, and every kind of mistake with its line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/core/config/sample.h"

static struct sample sample;
static struct pos_config_report report;

Test(config_read, an_empty_file_gives_the_defaults)
{
    cr_expect_eq(sample_read("", &sample, &report), POS_OK);
    cr_expect_eq(sample.timeout_ms, 1000);
    cr_expect_eq(sample.port, 8583);
    cr_expect_str_eq(sample.title, "a \"b\" \\");
    cr_expect_eq(sample.colour, COLOUR_GREEN);
    cr_expect_eq(sample.inner.depth, 4);
    cr_expect_eq(sample.item_count, 1);
    cr_expect_eq(sample.items[0].line, 0);
    cr_expect_str_eq(sample.items[0].name, "one");
}

Test(config_read, a_file_goes_over_the_defaults)
{
    const char *text = "timeout_ms = 10;\n"
                       "title = \"t\";\n"
                       "colour = \"red\";\n"
                       "inner = { depth = 9; };\n"
                       "items = ( { name = \"a\"; },\n"
                       "          { port = 65535; } );\n";
    cr_assert_eq(sample_read(text, &sample, &report), POS_OK);
    cr_expect_eq(sample.timeout_ms, 10);
    cr_expect_str_eq(sample.title, "t");
    cr_expect_eq(sample.colour, COLOUR_RED);
    cr_expect_eq(sample.inner.depth, 9);
    cr_assert_eq(sample.item_count, 2);
    cr_expect_str_eq(sample.items[0].name, "a");
    cr_expect_eq(sample.items[0].port, 80);
    cr_expect_eq(sample.items[0].line, 5);
    cr_expect_str_eq(sample.items[1].name, "one");
    cr_expect_eq(sample.items[1].port, 65535);
    cr_expect_eq(sample.items[1].line, 6);
}

Test(config_read, a_text_is_empty_only_where_that_means_something)
{
    cr_expect_eq(sample_read("note = \"\";", &sample, &report), POS_OK);
    cr_expect_str_eq(sample.note, "");
    cr_expect_eq(sample_read("", &sample, &report), POS_OK);
    cr_expect_str_eq(sample.note, "n");
    cr_expect_eq(sample_read("note = \"12345678\";", &sample, &report), POS_ERR_CONFIG);
    cr_expect_eq(sample_read("title = \"\";", &sample, &report), POS_ERR_CONFIG);
    cr_expect_not_null(strstr(report.mistakes[0].text, "must not be empty"));
}

/* Each row stands beside what is good about it in the tests above. */
Test(config_read, each_mistake_has_its_line_and_reason)
{
    static const struct {
        const char *name, *text;
        uint32_t line;
        const char *says;
    } rows[] = {
        {"slip of a finger", "\ntimeuot_ms = 10;", 2,
         "unknown key timeuot_ms; did you mean timeout_ms?"},
        {"unknown in a group", "inner = {\n dpth = 1; };", 2,
         "unknown key inner.dpth; did you mean depth?"},
        {"unknown in a list", "items = ( { },\n\n { prot = 1; } );", 3,
         "unknown key items[1].prot; did you mean port?"},
        {"nothing is near", "inner = { zzzzzz = 1; };", 1,
         "unknown key inner.zzzzzz; known here: depth"},
        {"below", "timeout_ms = 9;", 1, "timeout_ms = 9 is not between 10 and 2000000000 ms"},
        {"above", "port = 65536;", 1, "port = 65536 is not between 0 and 65535"},
        {"negative", "port = -1;", 1, "port = -1 is not between 0 and 65535"},
        {"long and out of range", "timeout_ms = 2000000001L;", 1,
         "timeout_ms = 2000000001 is not between 10 and 2000000000 ms"},
        {"wrapped by the parser", "\n\ntimeout_ms = 4294967396;", 3,
         "the number 4294967396 is too large (32 bits)"},
        {"wrapped to what is out of range", "timeout_ms = 4294967297;", 1,
         "the number 4294967297 is too large (32 bits)"},
        {"text for a number", "port = \"80\";", 1, "port must be a whole number, not text"},
        {"fraction", "port = 80.5;", 1,
         "port must be a whole number, not a number with a fraction"},
        {"number for text", "title = 5;", 1, "title must be text in quotes, not a whole number"},
        {"truth for text", "title = true;", 1, "title must be text in quotes, not true or false"},
        {"empty text", "title = \"\";", 1, "title must not be empty"},
        {"text of 16", "title = \"1234567890123456\";", 1,
         "title has 16 characters, 15 are allowed"},
        {"control character", "title = \"a\\nb\";", 1, "title must not hold control characters"},
        {"refused by its check", "title = \"forbidden\";", 1, "title may not be that"},
        {"not a choice", "colour = \"rde\";", 1,
         "colour = \"rde\" must be \"red\" or \"green\"; did you mean \"red\"?"},
        {"far from any choice", "colour = \"blue-ish\";", 1,
         "colour = \"blue-ish\" must be \"red\" or \"green\""},
        {"number for a choice", "colour = 1;", 1,
         "colour must be text in quotes, not a whole number"},
        {"number for a group", "inner = 1;", 1, "inner must be a group { }, not a whole number"},
        {"group for a list", "items = { };", 1,
         "items must be a list of groups ( { }, ... ), not a group { }"},
        {"number in a list", "items = ( 1 );", 1,
         "items[0] must be a group { }, not a whole number"},
        {"one too many", "items = ( { }, { }, { }, { } );", 1,
         "items has 4 entries, 0 to 3 are allowed"},
        {"syntax", "port = 1;\ntitle 2;\n", 2,
         "syntax error; what the rest of the file says was not checked"},
        {"twice", "port = 1;\nport = 2;\n", 2,
         "duplicate setting name; what the rest of the file says was not checked"},
        {"include", "@include \"/etc/passwd\"\n", 1,
         "@include is not supported: put everything into one file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum pos_status status = sample_read(rows[i].text, &sample, &report);
        cr_expect_eq(status, POS_ERR_CONFIG, "%s: accepted", rows[i].name);
        cr_expect_eq(report.count, 1, "%s: %zu mistakes", rows[i].name, report.count);
        cr_expect_eq(report.mistakes[0].line, rows[i].line, "%s: line %u", rows[i].name,
                     report.mistakes[0].line);
        cr_expect_str_eq(report.mistakes[0].text, rows[i].says, "%s: %s", rows[i].name,
                         report.mistakes[0].text);
    }
}

Test(config_read, the_ends_of_each_range_are_good)
{
    static const char *const rows[] = {
        "timeout_ms = 10;",
        "timeout_ms = 2000000000;",
        "timeout_ms = 2000000000L;",
        "port = 0;",
        "port = 65535;",
        "port = 0xFFFF;",
        "title = \"123456789012345\";",
        "items = ( );",
        "items = ( { }, { }, { } );",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(sample_read(rows[i], &sample, &report), POS_OK, "%s: %s", rows[i],
                     report.mistakes[0].text);
}

Test(config_read, all_mistakes_are_reported_in_order_of_lines)
{
    const char *text = "port = 99999;\n"
                       "colour = \"grean\";\n"
                       "nonsense_key = 1;\n"
                       "timeout_ms = 99999999999;\n";
    cr_expect_eq(sample_read(text, &sample, &report), POS_ERR_CONFIG);
    cr_assert_eq(report.count, 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(report.mistakes[i].line, i + 1);
}

Test(config_read, more_mistakes_than_fit_are_counted)
{
    char text[4096], printed[40000];
    struct pos_buffer source = pos_buffer(text, sizeof text - 1);
    struct pos_buffer out = pos_buffer(printed, sizeof printed - 1);
    enum { WRONG = POS_CONFIG_MISTAKE_COUNT_MAX + 6 };
    for (int i = 0; i < WRONG; i++)
        pos_buffer_format(&source, "unknown_key_%d = 1;\n", i);
    text[source.size] = '\0';
    cr_expect_eq(sample_read(text, &sample, &report), POS_ERR_CONFIG);
    cr_expect_eq(report.count, WRONG);
    pos_config_report_format(&report, &out);
    cr_assert(!out.overflow);
    printed[out.size] = '\0';
    cr_expect_not_null(strstr(printed, ":1: unknown key unknown_key_0"));
    cr_expect_not_null(strstr(printed, ": and 6 more\n"));
}

Test(config_read, a_file_that_is_not_there_is_a_mistake)
{
    cr_expect_eq(pos_config_read("/nonexistent/posgate.conf", sample_keys, &sample, &report),
                 POS_ERR_CONFIG);
    cr_assert_eq(report.count, 1);
    cr_expect_eq(report.mistakes[0].line, 0);
    cr_expect_not_null(strstr(report.mistakes[0].text, "/nonexistent/posgate.conf"));
}

static void dump(const struct sample *from, char *text, size_t size)
{
    struct pos_buffer out = pos_buffer(text, size - 1);
    pos_config_dump(sample_keys, from, &out);
    cr_assert(!out.overflow);
    text[out.size] = '\0';
}

Test(config_dump, what_is_written_reads_back_the_same)
{
    char first[4096], second[4096];
    const char *text = "timeout_ms = 77; title = \"q\\\"u\\\\o\"; colour = \"red\";\n"
                       "items = ( { name = \"x\"; }, { port = 9; } );";
    cr_assert_eq(sample_read(text, &sample, &report), POS_OK);
    dump(&sample, first, sizeof first);
    cr_assert_eq(sample_read(first, &sample, &report), POS_OK, "%s", report.mistakes[0].text);
    dump(&sample, second, sizeof second);
    cr_expect_str_eq(first, second);
    cr_expect_eq(sample.timeout_ms, 77);
    cr_expect_str_eq(sample.title, "q\"u\\o");
    cr_expect_str_eq(sample.items[0].name, "x");
    cr_expect_eq(sample.items[1].port, 9);
}

Test(config_dump, an_empty_list_shows_an_example)
{
    char text[4096];
    cr_assert_eq(sample_read("items = ( );", &sample, &report), POS_OK);
    dump(&sample, text, sizeof text);
    cr_expect_not_null(strstr(text, "items = ( );\n#: items = (\n"));
    cr_expect_not_null(strstr(text, "#:         name = \"one\";\n"), "%s", text);
}

Test(config_accept, a_name_is_letters_digits_and_two_signs)
{
    static const char *const bad[] = {"a b", "a\n", "a|b", "\"", "caf\xc3\xa9", "a=b"};
    char memory[80];
    struct pos_buffer reason = pos_buffer(memory, sizeof memory);
    cr_expect(pos_config_accept_name("aZ09-_", &reason));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reason = pos_buffer(memory, sizeof memory);
        cr_expect(!pos_config_accept_name(bad[i], &reason), "%s", bad[i]);
        cr_expect_gt(reason.size, 0, "%s", bad[i]);
    }
}
