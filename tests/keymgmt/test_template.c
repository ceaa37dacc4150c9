/* Line templates: every placeholder, and what is none. */
#include <criterion/criterion.h>
#include <string.h>

#include "keymgmt/template.h"

static const struct pos_template_file file = {.batch = 7,
                                              .count = 2,
                                              .first = 278,
                                              .last = 279,
                                              .mother = "MPOS0001",
                                              .utc_ms = UINT64_C(1795424461000)};

static struct pos_template_key key_of(unsigned kcv_digits)
{
    return (struct pos_template_key){
        .index = 278,
        .ciphertext = pos_bytes_text("00112233445566778899AABBCCDDEEFF"),
        .block = pos_bytes_text("D0176K1AB00E0200"),
        .kcv = {.method = POS_KCV_CMAC, .size = 5, .data = {0x71, 0xF8, 0x07, 0x94, 0xC0}},
        .kcv_digits = kcv_digits};
}

static void expect_line(const char *text, bool of_key, unsigned kcv_digits, const char *expected)
{
    char memory[POS_TEMPLATE_LINE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    struct pos_template_key key = key_of(kcv_digits);
    cr_expect(pos_template_valid(text, of_key ? POS_TEMPLATE_KEY : POS_TEMPLATE_FILE, NULL), "%s",
              text);
    cr_expect_eq(pos_template_expand(text, &file, of_key ? &key : NULL, &line), POS_OK, "%s", text);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&line), expected), "%s gave %.*s", text,
              (int)line.size, memory);
}

Test(template, each_placeholder_becomes_what_it_stands_for)
{
    expect_line("%i%c%k", true, 6, "0000027800112233445566778899AABBCCDDEEFF71F807");
    expect_line("K,%i,%b,%k", true, 10, "K,00000278,D0176K1AB00E0200,71F80794C0");
    expect_line("%k", true, 7, "71F8079");
    expect_line("%i of %n in %B", true, 6, "00000278 of 2 in 00000007");
    expect_line("H%B %n %f-%l %m %d %t", false, 0,
                "H00000007 2 00000278-00000279 MPOS0001 20261123 090101");
    expect_line("100%% %%i", false, 0, "100% %i");
    expect_line("", false, 0, "");
}

Test(template, what_is_no_placeholder_is_refused_with_its_letter)
{
    static const struct {
        const char *text;
        enum pos_template_scope scope;
        const char *says;
    } rows[] = {
        {"%i", POS_TEMPLATE_FILE, "%i"},
        {"%c", POS_TEMPLATE_FILE, "%c"},
        {"%x", POS_TEMPLATE_KEY, "%x"},
        {"a%", POS_TEMPLATE_KEY, "lone %"},
        {"%%%", POS_TEMPLATE_FILE, "lone %"},
        {"%I", POS_TEMPLATE_KEY, "%I"},
        {"a\xC3\xA4", POS_TEMPLATE_KEY, "20 to 7E"},
        {"%6k", POS_TEMPLATE_KEY, "%6"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[256] = "";
        struct pos_buffer reason = pos_buffer(memory, sizeof memory - 1);
        cr_expect_not(pos_template_valid(rows[i].text, rows[i].scope, &reason), "%s", rows[i].text);
        cr_expect_not_null(strstr(memory, rows[i].says), "%s: %s", rows[i].text, memory);
    }
}

Test(template, has_knows_a_placeholder_from_text)
{
    cr_expect(pos_template_has("%i%c", 'c'));
    cr_expect_not(pos_template_has("%i c", 'c'));
    cr_expect_not(pos_template_has("%%c", 'c'));
    cr_expect(pos_template_has("%%%c", 'c'));
}

Test(template, a_line_is_bounded_and_a_check_value_is_not_made_longer)
{
    char memory[7];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    struct pos_template_key key = key_of(6);
    cr_expect_eq(pos_template_expand("%i", &file, &key, &line), POS_ERR_LENGTH);
    char room[64];
    struct pos_buffer good = pos_buffer(room, sizeof room);
    key.kcv.size = 4; /* as an SM4 key's */
    key.kcv_digits = 8;
    cr_expect_eq(pos_template_expand("%k", &file, &key, &good), POS_OK);
    key.kcv_digits = 9;
    cr_expect_eq(pos_template_expand("%k", &file, &key, &good), POS_ERR_LENGTH);
}
