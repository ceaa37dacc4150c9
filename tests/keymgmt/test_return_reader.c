/* A return file that was touched anywhere is refused whole; lists of serials. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "keymgmt/return_reader.h"
#include "keymgmt/serial_list.h"

enum { LINE_COUNT = 5, TEXT_SIZE_MAX = 2048 };

static char folder[64], path[96];
static struct pos_hsm *hsm;
static struct pos_hsm_session *session;
static struct pos_key ktk;
static struct pos_kcv ktk_kcv;
static char lines[LINE_COUNT][POS_RETURN_FILE_LINE_SIZE_MAX + 2]; /* with LF */
static struct pos_error error;

static void add_line(size_t number, struct pos_buffer *line)
{
    pos_buffer_put_u8(line, '\n');
    pos_buffer_put_u8(line, '\0');
    cr_assert_not(line->overflow);
    if (number + 1 < LINE_COUNT)
        cr_assert_eq(pos_hsm_file_mac_add(session, pos_bytes_text(lines[number])), POS_OK);
}

static struct pos_buffer line_at(size_t number)
{
    return pos_buffer(lines[number], sizeof lines[number]);
}

/* Header, three keys, trailer. */
static void make_lines(void)
{
    static const struct pos_return_file_key keys[] = {
        {.index = 278, .state = POS_RETURN_ISSUED, .serial = "123L013K", .changed_utc_ms = 1000},
        {.index = 279, .state = POS_RETURN_FREE},
        {.index = 300, .state = POS_RETURN_BURNED, .serial = "PYTHON01"}};
    struct pos_return_file_header header = {
        .mother = "MPOS0001", .ktk = "MPOS0001", .ktk_kcv = ktk_kcv, .count = 3};
    struct pos_buffer line = line_at(0);
    cr_assert_eq(pos_hsm_return_mac_start(session, &ktk), POS_OK);
    pos_return_file_write_header(&header, &line);
    add_line(0, &line);
    for (size_t i = 0; i < 3; i++) {
        struct pos_return_file_key key = keys[i];
        key.kcv = ktk_kcv;
        line = line_at(i + 1);
        pos_return_file_write_key(&key, &line);
        add_line(i + 1, &line);
    }
    struct pos_trailer trailer = {.count = 3};
    cr_assert_eq(pos_hsm_file_mac_finish(session, trailer.mac), POS_OK);
    line = line_at(4);
    pos_trailer_write(&trailer, &line);
    add_line(4, &line);
}

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/posgate-return-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/lmk", folder);
    struct pos_component parts[2] = {{.size = 32, .data = {1}}, {.size = 32, .data = {2}}};
    struct pos_kcv kcv;
    cr_assert_eq(pos_hsm_software_init(path, pos_bytes_text("secret"), parts, 2, &kcv, &error),
                 POS_OK, "%s", error.text);
    cr_assert_eq(pos_hsm_software_open(path, pos_bytes_text("secret"), &hsm, &error), POS_OK);
    cr_assert_eq(pos_hsm_session_open(hsm, &session), POS_OK);
    parts[0].data[9] = 7;
    cr_assert_eq(pos_hsm_import_components(session, POS_USAGE_KTK, POS_ALGORITHM_A256, parts, 2,
                                           &ktk, &ktk_kcv, &error),
                 POS_OK);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/file", folder);
    make_lines();
}

static void tear_down(void)
{
    pos_hsm_session_close(session);
    pos_hsm_close(hsm);
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(return_reader, .init = set_up, .fini = tear_down, .timeout = 290);

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

/* The lines in this order, ended by -1. */
static size_t join(const int *order, char text[TEXT_SIZE_MAX])
{
    size_t size = 0;
    for (; *order >= 0; order++)
        size += (size_t)snprintf(text + size, TEXT_SIZE_MAX - size, "%s", lines[*order]);
    return size;
}

static enum pos_status find_ktk(void *context, const struct pos_return_file_header *header,
                                struct pos_key *found)
{
    (void)context;
    if (strcmp(header->mother, "MPOS0001") != 0 || !pos_kcv_equal(&header->ktk_kcv, &ktk_kcv))
        return pos_error_set(&error, POS_ERR_MISMATCH, "another mother POS");
    *found = ktk;
    return POS_OK;
}

static enum pos_status load(struct pos_return_file *file)
{
    error.text[0] = '\0';
    return pos_return_file_load(path, session, find_ktk, NULL, file, &error);
}

static void expect_refused(const char *text, size_t size, const char *why, size_t at)
{
    struct pos_return_file file;
    write_file(text, size);
    cr_expect_neq(load(&file), POS_OK, "%s at %zu", why, at);
    cr_expect(error.text[0] != '\0', "%s at %zu: no reason", why, at);
    cr_expect(file.keys == NULL && file.count == 0, "%s at %zu: something of it is there", why, at);
}

static const int whole[] = {0, 1, 2, 3, 4, -1};

static void expect_good(void)
{
    char text[TEXT_SIZE_MAX];
    struct pos_return_file file;
    write_file(text, join(whole, text));
    cr_assert_eq(load(&file), POS_OK, "%s", error.text);
    cr_assert_eq(file.count, 3);
    cr_expect_str_eq(file.keys[0].serial, "123L013K");
    cr_expect(file.keys[2].index == 300 && file.keys[2].state == POS_RETURN_BURNED);
    cr_expect_eq(strlen(file.mac), 32);
    pos_return_file_free(&file);
}

Test(return_reader, a_file_as_it_was_written_is_read)
{
    expect_good();
    struct pos_return_file file;
    (void)unlink(path);
    cr_expect_eq(load(&file), POS_ERR_NOT_FOUND);
}

Test(return_reader, no_bit_of_a_byte_can_be_changed)
{
    char text[TEXT_SIZE_MAX];
    size_t size = join(whole, text);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            text[at] ^= (char)(1 << bit);
            expect_refused(text, size, "bit changed", at);
            text[at] ^= (char)(1 << bit);
        }
    expect_good();
}

Test(return_reader, a_file_that_is_cut_anywhere_or_longer_is_refused)
{
    char text[TEXT_SIZE_MAX];
    size_t size = join(whole, text);
    for (size_t cut = 0; cut < size; cut++)
        expect_refused(text, cut, "cut", cut);
    text[size] = '\n';
    expect_refused(text, size + 1, "a line more", size);
}

Test(return_reader, lines_swapped_doubled_or_left_out_are_refused)
{
    static const int orders[][7] = {
        {0, 2, 1, 3, 4, -1},    {0, 1, 3, 2, 4, -1},    {1, 0, 2, 3, 4, -1},
        {0, 1, 2, 4, 3, -1},    {0, 1, 1, 2, 3, 4, -1}, {0, 1, 2, 3, 3, 4, -1},
        {0, 0, 1, 2, 3, 4, -1}, {0, 1, 2, 3, 4, 4, -1}, {0, 2, 3, 4, -1},
        {0, 1, 2, 4, -1},       {1, 2, 3, 4, -1},       {0, 1, 1, 3, 4, -1}};
    char text[TEXT_SIZE_MAX];
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        expect_refused(text, join(orders[i], text), "order", i);
    expect_good();
}

/* Lines 0 to 3 as they stand now, under a MAC that is right all the same. */
static void seal_again(void)
{
    struct pos_trailer trailer = {.count = 3};
    cr_assert_eq(pos_hsm_return_mac_start(session, &ktk), POS_OK);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pos_hsm_file_mac_add(session, pos_bytes_text(lines[i])), POS_OK);
    cr_assert_eq(pos_hsm_file_mac_finish(session, trailer.mac), POS_OK);
    struct pos_buffer line = line_at(4);
    pos_trailer_write(&trailer, &line);
    pos_buffer_put_text(&line, "\n");
    pos_buffer_put_u8(&line, '\0');
}

Test(return_reader, keys_out_of_order_are_refused_under_a_right_mac_too)
{
    static const struct {
        size_t to, from;
    } rows[] = {{2, 1}, {1, 3}, {3, 2}};
    char text[TEXT_SIZE_MAX];
    seal_again();
    expect_good();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_lines();
        memcpy(lines[rows[i].to], lines[rows[i].from], sizeof lines[0]);
        seal_again();
        struct pos_return_file file;
        write_file(text, join(whole, text));
        cr_expect_eq(load(&file), POS_ERR_ORDER, "row %zu", i);
    }
    make_lines();
    char *count = strstr(lines[0], "count=3");
    count[6] = '4'; /* more than there are */
    seal_again();
    expect_refused(text, join(whole, text), "count", 4);
    count[6] = '2';
    seal_again();
    expect_refused(text, join(whole, text), "count", 2);
}

/* A key file's MAC is under another key: it does not vouch for a return file. */
Test(return_reader, the_mac_of_a_key_file_is_no_mac_of_a_return_file)
{
    char text[TEXT_SIZE_MAX];
    struct pos_trailer trailer = {.count = 3};
    cr_assert_eq(pos_hsm_file_mac_start(session, &ktk), POS_OK);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pos_hsm_file_mac_add(session, pos_bytes_text(lines[i])), POS_OK);
    cr_assert_eq(pos_hsm_file_mac_finish(session, trailer.mac), POS_OK);
    struct pos_buffer line = line_at(4);
    pos_trailer_write(&trailer, &line);
    pos_buffer_put_text(&line, "\n");
    pos_buffer_put_u8(&line, '\0');
    struct pos_return_file file;
    write_file(text, join(whole, text));
    cr_expect_eq(load(&file), POS_ERR_MAC);
}

/* The example of docs/keys.md, which was worked out without this code; its KTK stands there. */
Test(return_reader, the_example_of_the_documentation_is_read)
{
    struct pos_component parts[2] = {{.size = 32}, {.size = 32}};
    struct pos_return_file file;
    for (size_t i = 0; i < 32; i++) {
        parts[0].data[i] = 0x11;
        parts[1].data[i] = (uint8_t)(0x11 ^ (0x90 + i));
    }
    cr_assert_eq(pos_hsm_import_components(session, POS_USAGE_KTK, POS_ALGORITHM_A256, parts, 2,
                                           &ktk, &ktk_kcv, &error),
                 POS_OK);
    uint8_t *document;
    size_t size;
    cr_assert_eq(pos_file_read(POSGATE_SOURCE_DIR "/docs/keys.md", 1 << 20, &document, &size, NULL),
                 POS_OK);
    const char *begin = strstr((const char *)document, "\n#POSGATE-RETURN|1|mother=");
    cr_assert_not_null(begin);
    const char *end = strstr(begin, "\n```");
    cr_assert_not_null(end);
    write_file(begin + 1, (size_t)(end - begin));
    free(document);
    cr_assert_eq(load(&file), POS_OK, "%s", error.text);
    cr_assert_eq(file.count, 3);
    cr_expect_str_eq(file.keys[1].serial, "456M024L");
    cr_expect_eq(file.keys[1].state, POS_RETURN_BURNED);
    pos_return_file_free(&file);
}

/* ---- lists of serials ---- */

Test(return_reader, serials_on_a_list_are_seen_and_others_are_not)
{
    struct pos_serial_list list;
    write_file("ZZZZZZZZ\n123L013K\nAAAAAAAA\n", 27);
    cr_assert_eq(pos_serial_list_read(path, &list, &error), POS_OK, "%s", error.text);
    cr_expect_eq(list.count, 3);
    cr_expect(pos_serial_list_see(&list, "123L013K"));
    cr_expect_not(pos_serial_list_see(&list, "123L013L"));
    size_t seen = 0;
    for (size_t i = 0; i < list.count; i++)
        seen += list.serials[i].seen;
    cr_expect_eq(seen, 1);
    pos_serial_list_free(&list);
    write_file("", 0);
    cr_assert_eq(pos_serial_list_read(path, &list, &error), POS_OK);
    cr_expect_not(pos_serial_list_see(&list, "123L013K"));
    pos_serial_list_free(&list);
}

Test(return_reader, a_list_with_something_else_in_it_is_refused_with_its_line)
{
    static const struct {
        const char *text, *says;
    } rows[] = {{"123L013K\n123l013K\n", "line 2"},
                {"123L013\n", "line 1"},
                {"123L013K", "line 1"},
                {"123L013K\n\n", "line 2"},
                {"123L013K\nA1234567\n123L013K\n", "123L013K twice"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_serial_list list;
        write_file(rows[i].text, strlen(rows[i].text));
        cr_expect_eq(pos_serial_list_read(path, &list, &error), POS_ERR_FORMAT, "row %zu", i);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s", error.text);
    }
}
