#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/wire/key_file.h"

static const char header_line[] =
    "#POSGATE-KEYS|1|batch=00000007|created=2026-11-23T09:00:00Z|alg=A256|ktk=MPOS0001|"
    "ktkkcv=CMAC:8CD24CD297|dest=MPOS0001|count=2|first=00000278|last=00000279";
static const char key_line[] = "K|00000278|D0032K1AB00E0200ABCDEF0123456789|CMAC:71F80794C0";
static const char trailer_line[] = "#END|2|CMAC:00112233445566778899AABBCCDDEEFF";

static enum pos_status read_any(const char *line, struct pos_error *error)
{
    struct pos_key_file_header header;
    struct pos_key_file_key key;
    struct pos_trailer trailer;
    struct pos_bytes bytes = pos_bytes_text(line);
    enum pos_key_file_line kind;
    error->text[0] = '\0';
    if (pos_key_file_line_kind(bytes, &kind) != POS_OK)
        return pos_error_set(error, POS_ERR_FORMAT, "kind");
    switch (kind) {
    case POS_KEY_FILE_HEADER:
        return pos_key_file_read_header(bytes, &header, error);
    case POS_KEY_FILE_KEY:
        return pos_key_file_read_key(bytes, &key, error);
    default:
        return pos_key_file_read_trailer(bytes, &trailer, error);
    }
}

Test(key_file, header_reads_and_writes)
{
    struct pos_key_file_header header;
    struct pos_error error;
    cr_assert_eq(pos_key_file_read_header(pos_bytes_text(header_line), &header, &error), POS_OK,
                 "%s", error.text);
    cr_expect_eq(header.batch, 7);
    cr_expect_eq(header.created_utc_ms, UINT64_C(1795424400000));
    cr_expect_eq(header.algorithm, POS_ALGORITHM_A256);
    cr_expect_str_eq(header.ktk, "MPOS0001");
    cr_expect_str_eq(header.destination, "MPOS0001");
    cr_expect(header.ktk_kcv.method == POS_KCV_CMAC && header.ktk_kcv.size == 5 &&
              memcmp(header.ktk_kcv.data, "\x8C\xD2\x4C\xD2\x97", 5) == 0);
    cr_expect(header.count == 2 && header.first == 278 && header.last == 279);
    char memory[POS_KEY_FILE_LINE_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_key_file_write_header(&header, &line);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&line), header_line));
}

Test(key_file, key_reads_and_writes)
{
    struct pos_key_file_key key;
    struct pos_error error;
    cr_assert_eq(pos_key_file_read_key(pos_bytes_text(key_line), &key, &error), POS_OK, "%s",
                 error.text);
    cr_expect_eq(key.index, 278);
    cr_expect(pos_bytes_equal_text(key.block, "D0032K1AB00E0200ABCDEF0123456789"));
    cr_expect_eq(key.kcv.size, 5);
    char memory[POS_KEY_FILE_LINE_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_key_file_write_key(&key, &line);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&line), key_line));
}

Test(key_file, check_values_of_every_algorithm_pass)
{
    static const char *const values[] = {"ZERO:AB7153", "ZERO:861E83E3", "CMAC:71F80794C0"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[128];
        struct pos_error error;
        (void)snprintf(text, sizeof text, "K|00000278|D0032K1AB00E0200ABCDEF0123456789|%s",
                       values[i]);
        cr_expect_eq(read_any(text, &error), POS_OK, "%s: %s", values[i], error.text);
    }
}

Test(key_file, trailer_reads_and_writes)
{
    struct pos_trailer trailer;
    struct pos_error error;
    cr_assert_eq(pos_key_file_read_trailer(pos_bytes_text(trailer_line), &trailer, &error), POS_OK,
                 "%s", error.text);
    cr_expect(trailer.count == 2 && trailer.mac[0] == 0 && trailer.mac[15] == 0xFF);
    char memory[POS_KEY_FILE_LINE_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_trailer_write(&trailer, &line);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&line), trailer_line));
}

/* The line with its first `from` made `to`. */
static void damaged(const char *line, const char *from, const char *to, char *out, size_t capacity)
{
    const char *at = strstr(line, from);
    cr_assert_not_null(at, "'%s' is not in the line", from);
    (void)snprintf(out, capacity, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
}

struct damage {
    const char *from, *to;
    const char *named; /* what the error must say */
};

static void expect_each_refused(const char *line, const struct damage *rows, size_t count)
{
    struct pos_error error;
    cr_assert_eq(read_any(line, &error), POS_OK, "the whole line is good: %s", error.text);
    for (size_t i = 0; i < count; i++) {
        char text[1200];
        damaged(line, rows[i].from, rows[i].to, text, sizeof text);
        enum pos_status status = read_any(text, &error);
        cr_expect(status == POS_ERR_FORMAT || status == POS_ERR_VERSION, "'%s' for '%s': %s",
                  rows[i].to, rows[i].from, pos_status_name(status));
        cr_expect_not_null(strstr(error.text, rows[i].named), "'%s' for '%s' says: %s", rows[i].to,
                           rows[i].from, error.text);
    }
}

Test(key_file, every_damaged_header_is_refused_and_named)
{
    static const struct damage rows[] = {
        {"#POSGATE-KEYS|1", "#POSGATE-KEYS|2", "version 2"},
        {"#POSGATE-KEYS|1", "#POSGATE-KEYS|0", "version"},
        {"#POSGATE-KEYS|1", "#POSGATE-KEYS|", "version"},
        {"#POSGATE-KEYS|1", "#POSGATE-KEYS|01", "form"},
        {"batch=", "Batch=", "batch="},
        {"batch=00000007|", "", "batch="},
        {"batch=00000007", "batch=7", "form"},
        {"batch=00000007", "batch=000000071", "form"},
        {"batch=00000007", "batch=100000000", "batch="},
        {"batch=00000007", "batch=0000000x", "batch="},
        {"created=", "made=", "created="},
        {"2026-11-23T09:00:00Z", "2026-11-23T09:00:00", "created="},
        {"2026-11-23T09:00:00Z", "2026-11-23 09:00:00Z", "created="},
        {"2026-11-23T09:00:00Z", "2026-02-30T09:00:00Z", "created="},
        {"2026-11-23T09:00:00Z", "2026-11-23T24:00:00Z", "created="},
        {"2026-11-23T09:00:00Z", "1966-11-23T09:00:00Z", "created="},
        {"2026-11-23T09:00:00Z", "2026-11-23T09:00:0xZ", "created="},
        {"alg=A256", "alg=A512", "alg="},
        {"alg=A256", "alg=a256", "alg="},
        {"alg=A256", "alg=", "alg="},
        {"ktk=MPOS0001", "ktk=", "ktk="},
        {"ktk=MPOS0001", "ktk=mpos0001", "ktk="},
        {"ktk=MPOS0001", "ktk=MPOS0001MPOS00011", "ktk="},
        {"ktkkcv=CMAC:8CD24CD297", "ktkkcv=CMAC:8CD24CD29", "ktkkcv="},
        {"ktkkcv=CMAC:8CD24CD297", "ktkkcv=CMAC:8CD2", "ktkkcv="},
        {"ktkkcv=CMAC:8CD24CD297", "ktkkcv=8CD24CD297", "ktkkcv="},
        {"ktkkcv=CMAC:8CD24CD297", "ktkkcv=CMAC:8cd24cd297", "form"},
        {"dest=MPOS0001", "dest=MPOS_001", "dest="},
        {"count=2", "count=0", "count="},
        {"count=2", "count=02", "form"},
        {"count=2", "count=3", "count="},
        {"count=2", "count=1000001", "count="},
        {"count=2", "count=-2", "count="},
        {"first=00000278", "first=00000000", "first="},
        {"first=00000278", "first=00000280", "count="},
        {"last=00000279", "last=279", "form"},
        {"last=00000279", "last=100000000", "last="},
        {"last=00000279", "last=00000279|", "more than"},
        {"last=00000279", "last=00000279|more=1", "more than"},
        {"last=00000279", "last=00000279 ", "last="},
        {"|last=00000279", "", "too early"},
        {"|first=00000278|last=00000279", "", "too early"},
        {"count=2|first=00000278", "first=00000278|count=2", "count="},
    };
    expect_each_refused(header_line, rows, sizeof rows / sizeof rows[0]);
}

Test(key_file, every_damaged_key_line_is_refused_and_named)
{
    static const struct damage rows[] = {
        {"00000278", "278", "form"},
        {"00000278", "00000000", "key index"},
        {"00000278", "0000027x", "key index"},
        {"00000278", "", "key index"},
        {"00000278", "100000000", "key index"},
        {"D0032", "D0031", "key block"},
        {"D0032", "D003", "key block"},
        {"D0032", "DX032", "key block"},
        {"ABCDEF", "abcdef", "key block"},
        {"ABCDEF", "ABC EF", "key block"},
        {"D0032K1AB00E0200ABCDEF0123456789", "", "key block"},
        {"CMAC:71F80794C0", "CMAC:71F80794C", "check value"},
        {"CMAC:71F80794C0", "CMAC:71F80794", "check value"},
        {"CMAC:71F80794C0", "ZERO:71F80794C0", "check value"},
        {"CMAC:71F80794C0", "CMAC:71f80794c0", "form"},
        {"CMAC:71F80794C0", "", "check value"},
        {"CMAC:71F80794C0", "CMAC:71F80794C0|", "more than"},
        {"|CMAC:71F80794C0", "", "too early"},
    };
    expect_each_refused(key_line, rows, sizeof rows / sizeof rows[0]);
}

Test(key_file, every_damaged_trailer_is_refused_and_named)
{
    static const struct damage rows[] = {
        {"|2|", "|0|", "count"},        {"|2|", "|02|", "form"},
        {"|2|", "||", "count"},         {"|2|", "|1000001|", "count"},
        {"CMAC:", "cmac:", "MAC"},      {"CMAC:", "", "MAC"},
        {"EEFF", "EEF", "MAC"},         {"EEFF", "EEFF00", "MAC"},
        {"EEFF", "eeff", "form"},       {"EEFF", "EEFG", "MAC"},
        {"EEFF", "EEFF|", "more than"}, {"|CMAC:00112233445566778899AABBCCDDEEFF", "", "early"},
    };
    expect_each_refused(trailer_line, rows, sizeof rows / sizeof rows[0]);
}

Test(key_file, lines_of_no_kind)
{
    static const char *const rows[] = {
        "", "K", "k|1", "#END", "#POSGATE-KEYS", " K|00000278|", "#POSGATE|1"};
    enum pos_key_file_line kind;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(pos_key_file_line_kind(pos_bytes_text(rows[i]), &kind), POS_ERR_FORMAT, "'%s'",
                     rows[i]);
    struct pos_key_file_header header;
    struct pos_error error;
    cr_expect_eq(pos_key_file_read_header(pos_bytes_text(key_line), &header, &error),
                 POS_ERR_FORMAT, "a line of another kind");
}

Test(key_file, every_truncation_and_every_changed_byte_but_content_is_refused)
{
    static const char *const lines[] = {header_line, key_line, trailer_line};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[512];
        struct pos_error error;
        size_t size = strlen(lines[i]);
        for (size_t cut = 0; cut < size; cut++) {
            (void)snprintf(text, sizeof text, "%.*s", (int)cut, lines[i]);
            cr_expect_eq(read_any(text, &error), POS_ERR_FORMAT, "'%s'", text);
        }
        for (size_t at = 0; at < size; at++) {
            (void)snprintf(text, sizeof text, "%s", lines[i]);
            text[at] = (char)(text[at] ^ 0x80);
            cr_expect_eq(read_any(text, &error), POS_ERR_FORMAT, "line %zu, byte %zu", i, at);
        }
    }
}

Test(key_file, longest_line_passes_and_a_longer_one_does_not)
{
    char text[POS_KEY_FILE_LINE_SIZE_MAX + 32];
    char block[POS_KEY_BLOCK_SIZE_MAX + 2];
    struct pos_error error;
    for (int size = POS_KEY_BLOCK_SIZE_MAX; size <= POS_KEY_BLOCK_SIZE_MAX + 1; size++) {
        memset(block, 'A', sizeof block);
        (void)snprintf(text, sizeof text, "D%04d", size);
        memcpy(block, text, 5);
        block[size] = '\0';
        (void)snprintf(text, sizeof text, "K|00000278|%s|CMAC:71F80794C0", block);
        cr_expect_eq(read_any(text, &error),
                     size <= POS_KEY_BLOCK_SIZE_MAX ? POS_OK : POS_ERR_FORMAT);
    }
    memset(text, 'A', sizeof text);
    memcpy(text, "K|", 2);
    text[POS_KEY_FILE_LINE_SIZE_MAX + 1] = '\0';
    cr_expect_eq(read_any(text, &error), POS_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "too long"), "%s", error.text);
}
