#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keymgmt/key_file_scan.h"

/* The MAC is not looked at, so any well-formed file does. */
#define HEADER                                                                                     \
    "#POSGATE-KEYS|1|batch=00000007|created=2026-11-23T09:00:00Z|alg=A256|ktk=MPOS0001|"           \
    "ktkkcv=CMAC:8CD24CD297|dest=MPOS0001|count=2|first=00000278|last=00000279\n"

static char block[177];

static void make_block(void)
{
    memset(block, 'A', sizeof block - 1);
    memcpy(block, "D0176K1AB00E0000", 16);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    cr_assert_eq(fclose(file), 0);
}

static void put_key(struct pos_buffer *text, unsigned index)
{
    pos_buffer_format(text, "K|%08u|%s|CMAC:71F80794C0\n", index, block);
}

#define TRAILER(count) "#END|" count "|CMAC:00112233445566778899AABBCCDDEEFF\n"

struct row {
    const char *name;
    const char *header;
    unsigned keys[4]; /* ended by 0 */
    const char *tail;
    enum pos_status status;
};

static const struct row rows[] = {
    {"whole", HEADER, {278, 279, 0}, TRAILER("2"), POS_OK},
    {"a range with gaps",
     "#POSGATE-KEYS|1|batch=00000007|created=2026-11-23T09:00:00Z|alg=A256|ktk=MPOS0001|"
     "ktkkcv=CMAC:8CD24CD297|dest=MPOS0001|count=2|first=00000278|last=00000280\n",
     {278, 280, 0},
     TRAILER("2"),
     POS_ERR_FORMAT},
    {"a key less", HEADER, {278, 0}, TRAILER("1"), POS_ERR_FORMAT},
    {"a key more", HEADER, {278, 279, 280, 0}, TRAILER("3"), POS_ERR_FORMAT},
    {"swapped", HEADER, {279, 278, 0}, TRAILER("2"), POS_ERR_ORDER},
    {"doubled", HEADER, {278, 278, 0}, TRAILER("2"), POS_ERR_ORDER},
    {"other index", HEADER, {278, 280, 0}, TRAILER("2"), POS_ERR_ORDER},
    {"trailer's count", HEADER, {278, 279, 0}, TRAILER("3"), POS_ERR_FORMAT},
    {"no trailer", HEADER, {278, 279, 0}, "", POS_ERR_FORMAT},
    {"cut in the trailer", HEADER, {278, 279, 0}, "#END|2|CMAC:00112233", POS_ERR_FORMAT},
    {"last line end missing",
     HEADER,
     {278, 279, 0},
     "#END|2|CMAC:00112233445566778899AABBCCDDEEFF",
     POS_ERR_FORMAT},
    {"something behind", HEADER, {278, 279, 0}, TRAILER("2") "\n", POS_ERR_FORMAT},
    {"no header", "", {278, 279, 0}, TRAILER("2"), POS_ERR_FORMAT},
    {"empty", "", {0}, "", POS_ERR_FORMAT},
};

Test(key_file_scan, takes_whole_files_only)
{
    char path[] = "/tmp/posgate-key-file.XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    (void)close(file);
    make_block();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[4096];
        struct pos_buffer buffer = pos_buffer(text, sizeof text);
        pos_buffer_put_text(&buffer, rows[i].header);
        for (size_t j = 0; rows[i].keys[j] != 0; j++)
            put_key(&buffer, rows[i].keys[j]);
        pos_buffer_put_text(&buffer, rows[i].tail);
        pos_buffer_put_u8(&buffer, '\0');
        cr_assert_not(buffer.overflow);
        write_file(path, text);
        struct pos_key_file_header header;
        struct pos_error error = {.text = ""};
        cr_expect_eq(pos_key_file_scan(path, &header, &error), rows[i].status, "%s: %s",
                     rows[i].name, error.text);
        if (rows[i].status == POS_OK)
            cr_expect_eq(header.batch, 7);
        else
            cr_expect_not_null(strstr(error.text, path), "%s: %s", rows[i].name, error.text);
    }
    (void)unlink(path);
    struct pos_key_file_header header;
    cr_expect_eq(pos_key_file_scan(path, &header, NULL), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_key_file_scan("/tmp", &header, NULL), POS_ERR_IO, "a folder");
    cr_expect_eq(pos_key_file_scan("/dev/null/x", &header, NULL), POS_ERR_IO, "below a file");
}

Test(key_file_scan, finds_any_line_again)
{
    char path[] = "/tmp/posgate-key-file.XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    (void)close(file);
    write_file(path, "one\ntwo\nthree\nfour\n");
    static const struct {
        uint32_t number;
        const char *text;
    } order[] = {{1, "one"}, {2, "two"}, {4, "four"}, {1, "one"}, {3, "three"}, {3, "three"}};
    struct pos_key_file_reader reader;
    cr_assert_eq(pos_key_file_reader_open(&reader, path, NULL), POS_OK);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct pos_bytes line;
        cr_assert_eq(pos_key_file_reader_seek(&reader, order[i].number, NULL), POS_OK);
        cr_assert_eq(pos_key_file_reader_next(&reader, &line, NULL), POS_OK);
        cr_expect(pos_bytes_equal_text(line, order[i].text), "row %zu", i);
    }
    cr_expect_eq(pos_key_file_reader_seek(&reader, 9, NULL), POS_ERR_CLOSED);
    pos_key_file_reader_close(&reader);
    (void)unlink(path);
}

Test(key_file_scan, refuses_a_line_without_end)
{
    char path[] = "/tmp/posgate-key-file.XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    (void)close(file);
    char text[POS_KEY_FILE_LINE_SIZE_MAX + 10];
    memset(text, 'A', sizeof text);
    text[POS_KEY_FILE_LINE_SIZE_MAX] = '\n';
    text[POS_KEY_FILE_LINE_SIZE_MAX + 1] = '\0';
    for (int more = 0; more < 2; more++) {
        if (more == 1)
            memcpy(text + POS_KEY_FILE_LINE_SIZE_MAX, "A\n", 3);
        write_file(path, text);
        struct pos_key_file_reader reader;
        struct pos_bytes line;
        cr_assert_eq(pos_key_file_reader_open(&reader, path, NULL), POS_OK);
        cr_expect_eq(pos_key_file_reader_next(&reader, &line, NULL),
                     more == 0 ? POS_OK : POS_ERR_FORMAT);
        pos_key_file_reader_close(&reader);
    }
    (void)unlink(path);
}
