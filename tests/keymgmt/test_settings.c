/* The settings: the sample file says what the program does, and bad files are refused. */
#include <assert.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "keymgmt/settings.h"

#define SAMPLE POSGATE_SOURCE_DIR "/conf/keymgmt.conf"

static struct pos_keymgmt_settings settings;
static struct pos_config_report report;

/* To be given back with free(). */
static char *sample_text(void)
{
    uint8_t *text;
    size_t size;
    cr_assert_eq(pos_file_read(SAMPLE, POS_CONFIG_FILE_SIZE_MAX, &text, &size, NULL), POS_OK);
    return (char *)text;
}

static enum pos_status read_text(const char *text)
{
    char path[] = "/tmp/posgate-settings-XXXXXX";
    int file = mkstemp(path);
    assert(file >= 0);
    ssize_t written = write(file, text, strlen(text));
    assert(written == (ssize_t)strlen(text));
    (void)close(file);
    enum pos_status status = pos_keymgmt_settings_read(path, &settings, &report);
    (void)unlink(path);
    return status;
}

Test(settings, the_sample_file_is_the_defaults)
{
    static struct pos_keymgmt_settings defaults;
    static char text[POS_KEYMGMT_DUMP_SIZE_MAX + 1];
    struct pos_buffer out = pos_buffer(text, sizeof text - 1);
    pos_keymgmt_settings_defaults(&defaults);
    cr_assert_eq(pos_keymgmt_settings_read(SAMPLE, &settings, &report), POS_OK, "%s",
                 report.mistakes[0].text);
    cr_expect_eq(memcmp(&settings, &defaults, sizeof settings), 0);
    pos_keymgmt_settings_dump(&defaults, &out);
    cr_assert_not(out.overflow);
    char *sample = sample_text();
    cr_expect_str_eq(sample, text, "conf/keymgmt.conf is not what --dump-defaults writes");
    free(sample);
}

/* The sample's "#:" lines show a format; taken in, they must be as good as the rest. */
Test(settings, the_example_in_the_sample_can_be_used)
{
    static char text[POS_KEYMGMT_DUMP_SIZE_MAX];
    struct pos_buffer out = pos_buffer(text, sizeof text - 1);
    char *source = sample_text(), *rest = source, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        if (strcmp(line, "formats = ( );") != 0)
            pos_buffer_format(&out, "%s\n", strncmp(line, "#:", 2) == 0 ? line + 2 : line);
    text[out.size] = '\0';
    free(source);
    cr_assert_eq(read_text(text), POS_OK, "%s", report.mistakes[0].text);
    cr_assert_eq(settings.format_count, 1);
    const struct pos_format *format = pos_format_find(&settings, "bare");
    cr_assert_not_null(format);
    cr_expect_str_eq(format->header, "");
    cr_expect_str_eq(format->key, "%i%c%k");
    cr_expect_str_eq(format->trailer, "");
    cr_expect(format->kcv_digits == 6 && format->line_end == POS_LINE_END_LF);
    cr_expect_null(pos_format_find(&settings, "bar"));
}

Test(settings, every_key_of_a_format_is_read)
{
    cr_assert_eq(read_text("formats = ( { name = \"one\"; },\n"
                           "  { name = \"Two_2-\"; header = \"H%B\"; key = \"%i;%b\"; trailer = "
                           "\"T%n\"; kcv_digits = 10; line_end = \"crlf\"; } );\n"),
                 POS_OK, "%s", report.mistakes[0].text);
    cr_assert_eq(settings.format_count, 2);
    const struct pos_format *format = pos_format_find(&settings, "Two_2-");
    cr_assert_not_null(format);
    cr_expect_str_eq(format->header, "H%B");
    cr_expect_str_eq(format->key, "%i;%b");
    cr_expect_str_eq(format->trailer, "T%n");
    cr_expect(format->kcv_digits == 10 && format->line_end == POS_LINE_END_CRLF);
}

Test(settings, what_cannot_work_is_refused_with_its_line)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *says;
    } rows[] = {
        {"formats = ( {\nkey = \"%i\"; } );", 2, "must have the index (%i) and the key"},
        {"formats = ( {\nkey = \"%c\"; } );", 2, "must have the index (%i) and the key"},
        {"formats = ( {\nkey = \"\"; } );", 2, "must not be empty"},
        {"formats = ( {\nkey = \"%i%c%q\"; } );", 2, "%q"},
        {"formats = ( {\nheader = \"%i\"; } );", 2, "%i"},
        {"formats = ( {\ntrailer = \"%c\"; } );", 2, "%c"},
        {"formats = ( {\nname = \"a b\"; } );", 2, "letters, digits"},
        {"formats = ( {\nname = \"12345678901234567\"; } );", 2, "16 are allowed"},
        {"formats = ( {\nkcv_digits = 5; } );", 2, "not between 6 and 10"},
        {"formats = ( {\nkcv_digits = 11; } );", 2, "not between 6 and 10"},
        {"formats = ( {\nline_end = \"cr\"; } );", 2, "\"lf\" or \"crlf\""},
        {"formats = ( { },\n{ } );", 2, "has the name of formats[0]"},
        {"security_module = {\nkind = \"token\"; };", 2, "\"software\" or \"pkcs11\""},
        {"security_module = {\nkind = \"pkcs11\"; };", 0, "needs security_module.module"},
        {"security_module = {\ntoken = \"posgate\"; };", 2, "not a PKCS#11 URI"},
        {"security_module = {\ntoken = \"pkcs11:token=a?pin-value=1\"; };", 2, "holds a PIN"},
        {"security_module = {\nlmk_label = \"\"; };", 2, "must not be empty"},
        {"formats = ( {\nheadre = \"\"; } );", 2, "did you mean header?"},
        {"formts = ( );", 1, "did you mean formats?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(read_text(rows[i].text), POS_ERR_CONFIG, "%s", rows[i].text);
        cr_expect_eq(report.mistakes[0].line, rows[i].line, "%s", rows[i].text);
        cr_expect_not_null(strstr(report.mistakes[0].text, rows[i].says), "%s: %s", rows[i].text,
                           report.mistakes[0].text);
    }
}
