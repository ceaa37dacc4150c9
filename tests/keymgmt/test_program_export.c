/* Exports through the real program: the same again, one that broke off, and formats of others. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/keymgmt/program_steps.h"

TestSuite(program_export, .init = enter_folder, .fini = leave_folder, .timeout = 290);

static struct outcome outcome;

static void expect_said(const char *words)
{
    cr_expect_not_null(strstr(outcome.err, words), "not said: '%s' in: %s", words, outcome.err);
}

static long long record_count(void)
{
    EXPECT(&outcome, 0, "audit", "verify", "--json");
    json_t *verdict = parse(&outcome);
    long long count = number_of(verdict, "records");
    json_decref(verdict);
    return count;
}

/* The crash between the mark and the rename: OUT.part is whole, OUT is not there. */
Test(program_export, an_export_that_broke_off_is_finished_not_repeated)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    step_mother(&outcome, "MPOS0002", "A256");
    (void)step_generate(&outcome, "4");
    char *out = strdup(in_folder("keys.txt"));
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    shell("cp %s %s && mv %s %s.part", out, in_folder("copy"), out, out);
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0002", "--out", out);
    /* One digit of a check value: well formed, but not what the MAC was made over. */
    shell("sed -i '2s/[0-8]$/9/;t;2s/[9A-F]$/0/' %s.part", out);
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    shell("cp -p %s %s.part", in_folder("copy"), out);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    shell("cmp -s %s %s", in_folder("copy"), out);
    free(out);
}

/* Whoever runs the command twice gets the file of the first time, and nothing is written. */
Test(program_export, the_same_again_is_the_same_file_and_no_other)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    step_mother(&outcome, "MPOS0002", "A256");
    (void)step_generate(&outcome, "4");
    (void)step_generate(&outcome, "3");
    char *out = strdup(in_folder("keys.txt")), *other = strdup(in_folder("other.txt"));
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    EXPECT(&outcome, 0, "export", "--batch", "2", "--dest", "MPOS0001", "--out", other);
    shell("cp %s %s", out, in_folder("copy"));
    long long before = record_count();
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--json");
    json_t *answer = parse(&outcome);
    cr_expect_not_null(json_object_get(answer, "again"));
    cr_expect_str_eq(text_of(answer, "file"), out);
    json_decref(answer);
    shell("cmp -s %s %s", out, in_folder("copy"));
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0002", "--out", out);
    expect_said("a batch is exported once");
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", other);
    expect_said("a batch is exported once");
    for (unsigned byte = 0; byte < 900; byte += 100) {
        shell("cp %s %s && printf x | dd of=%s bs=1 seek=%u conv=notrunc status=none",
              in_folder("copy"), out, out, byte);
        EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
        expect_said("a batch is exported once");
    }
    shell("cp %s %s && printf x >>%s", in_folder("copy"), out, out);
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    shell("rm %s", out);
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    cr_expect_neq(access(out, F_OK), 0, "no second file is made");
    cr_expect_eq(record_count(), before);
    free(out);
    free(other);
}

/* ---- formats of others ---- */

static char *configure(const char *text)
{
    char *path = strdup(in_folder("home/keymgmt.conf"));
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    return path;
}

static char *content_of(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

static const char two_formats[] =
    "formats = ( { name = \"bare\"; },\n"
    "  { name = \"full\"; header = \"HDR %B %n %f %l %m\"; key = \"%i;%b;%k\";\n"
    "    trailer = \"END %n\"; kcv_digits = 10; line_end = \"crlf\"; } );\n";

Test(program_export, a_format_of_its_own_has_its_lines_and_says_that_nothing_protects_them)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    (void)step_generate(&outcome, "2");
    (void)step_generate(&outcome, "2");
    free(configure(two_formats));
    char *out = strdup(in_folder("bare.txt")), *full = strdup(in_folder("full.txt"));
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    expect_said("nothing in a file of format bare shows whether it was changed");
    const char *text = content_of(out);
    const char *second = strchr(text, '\n');
    cr_assert_not_null(second);
    /* index, 32 bytes in hex, 6 digits of check value, LF: twice, and nothing else */
    cr_expect_eq(second - text, 8 + 64 + 6);
    cr_expect_eq(strlen(text), 2 * (8 + 64 + 6 + 1));
    cr_expect_eq(strncmp(text, "00000001", 8), 0);
    cr_expect_eq(strncmp(second + 1, "00000002", 8), 0);
    cr_expect_eq(strspn(text, "0123456789ABCDEF"), 8 + 64 + 6);
    EXPECT(&outcome, 0, "export", "--batch", "2", "--dest", "MPOS0001", "--out", full, "--format",
           "full");
    text = content_of(full);
    cr_expect_eq(
        strncmp(text, "HDR 00000002 2 00000003 00000004 MPOS0001\r\n00000003;D0176K1AB00E",
                strlen("HDR 00000002 2 00000003 00000004 MPOS0001\r\n00000003;D0176K1AB00E")),
        0, "%s", text);
    cr_expect_str_eq(text + strlen(text) - 7, "END 2\r\n");
    EXPECT(&outcome, 0, "audit", "show");
    cr_expect_not_null(strstr(outcome.out, "format=bare integrity=none"));
    cr_expect_not_null(strstr(outcome.out, "format=full integrity=none"));
    /* Not a key file: nobody may take it for one. */
    EXPECT(&outcome, 1, "load", "--to", "127.0.0.1:1", out);
    free(out);
    free(full);
}

/* What a format cannot carry is refused with the way out, and the batch is as new afterwards. */
Test(program_export, a_format_is_refused_where_the_keys_do_not_fit_it)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    EXPECT(&outcome, 0, "generate", "--count", "1", "--alg", "T3");
    EXPECT(&outcome, 0, "generate", "--count", "1", "--alg", "SM4");
    free(
        configure("formats = ( { name = \"bare\"; }, { name = \"full\"; key = \"%i;%b;%k\"; } );"));
    char *out = strdup(in_folder("out.txt"));
    EXPECT(&outcome, 77, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    expect_said("24 bytes, which are not whole blocks of the KTK's A256");
    EXPECT(&outcome, 77, "export", "--batch", "2", "--dest", "MPOS0001", "--out", out, "--format",
           "full");
    expect_said("no letter for SM4 keys");
    cr_expect_neq(access(out, F_OK), 0);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "full");
    EXPECT(&outcome, 0, "export", "--batch", "2", "--dest", "MPOS0001", "--out",
           in_folder("bare.txt"), "--format", "bare");
    free(out);
}

Test(program_export, a_format_is_exported_once_too_and_finished_after_a_crash)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    (void)step_generate(&outcome, "2");
    free(configure(two_formats));
    char *out = strdup(in_folder("bare.txt"));
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    shell("cp %s %s", out, in_folder("copy"));
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    expect_said("with format=bare");
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "full");
    shell("mv %s %s.part", out, out);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    shell("cmp -s %s %s", out, in_folder("copy"));
    shell("mv %s %s.part && sed -i '1s/^0/1/' %s.part", out, out, out);
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    cr_expect_neq(access(out, F_OK), 0);
    free(out);
}

Test(program_export, formats_that_are_not_there)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    (void)step_generate(&outcome, "2");
    char *out = strdup(in_folder("bare.txt"));
    EXPECT(&outcome, 78, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    expect_said("keymgmt.conf");
    char *path = configure(two_formats);
    EXPECT(&outcome, 78, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "none");
    expect_said("no format 'none'");
    EXPECT(&outcome, 2, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--config",
           path);
    free(configure("formats = ( {\n key = \"%q\"; } );"));
    EXPECT(&outcome, 78, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare");
    expect_said("2: formats[0].key has %q");
    shell("mv %s %s", path, in_folder("elsewhere.conf"));
    free(configure(two_formats));
    EXPECT(&outcome, 78, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare", "--config", in_folder("elsewhere.conf"));
    cr_expect_neq(access(out, F_OK), 0);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--format",
           "bare", "--dry-run");
    cr_expect_neq(access(out, F_OK), 0);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    free(path);
    free(out);
}
