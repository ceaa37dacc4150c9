#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/wire/return_file.h"

static const char header_line[] =
    "#POSGATE-RETURN|1|mother=MPOS0001|created=2026-11-23T17:00:00Z|ktk=KTK7|"
    "ktkkcv=CMAC:8CD24CD297|count=3";
static const char issued_line[] = "R|00000278|issued|123L013K|2026-11-23T10:12:13Z|CMAC:71F80794C0";
static const char free_line[] = "R|00000279|free|-|-|CMAC:5AAA42C6AD";
static const char burned_line[] = "R|00000280|burned|PYTHON01|-|CMAC:5AAA42C6AD";
static const char trailer_line[] = "#END|3|CMAC:00112233445566778899AABBCCDDEEFF";

/* By its first characters. */
static enum pos_status read_any(const char *line, struct pos_buffer *again, struct pos_error *error)
{
    struct pos_return_file_header header;
    struct pos_return_file_key key;
    struct pos_trailer trailer;
    struct pos_bytes bytes = pos_bytes_text(line);
    enum pos_status status;
    error->text[0] = '\0';
    if (line[0] == '#' && line[1] == 'E') {
        status = pos_return_file_read_trailer(bytes, &trailer, error);
        pos_trailer_write(&trailer, again);
    } else if (line[0] == '#') {
        status = pos_return_file_read_header(bytes, &header, error);
        pos_return_file_write_header(&header, again);
    } else {
        status = pos_return_file_read_key(bytes, &key, error);
        pos_return_file_write_key(&key, again);
    }
    return status;
}

static enum pos_status read_line(const char *line, struct pos_error *error)
{
    char memory[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    enum pos_status status = read_any(line, &again, error);
    if (status == POS_OK)
        cr_expect(pos_bytes_equal_text(pos_buffer_view(&again), line), "%s", line);
    return status;
}

Test(return_file, every_line_reads_and_writes)
{
    static const char *const lines[] = {
        header_line,
        issued_line,
        free_line,
        burned_line,
        "R|00000281|burned|-|2026-11-23T10:12:13Z|CMAC:5AAA42C6AD", /* nobody knows who has it */
        trailer_line,
        "R|99999999|reserved|00000000|2026-11-23T10:12:13Z|ZERO:71F80794",
        "#END|0|CMAC:"
        "00112233445566778899AABBCCDDEEFF"};
    struct pos_error error;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_expect_eq(read_line(lines[i], &error), POS_OK, "%s: %s", lines[i], error.text);
}

Test(return_file, says_what_the_mother_pos_says)
{
    struct pos_return_file_header header;
    struct pos_return_file_key key;
    cr_assert_eq(pos_return_file_read_header(pos_bytes_text(header_line), &header, NULL), POS_OK);
    cr_expect_str_eq(header.mother, "MPOS0001");
    cr_expect_str_eq(header.ktk, "KTK7");
    cr_expect_eq(header.created_utc_ms, UINT64_C(1795453200000));
    cr_expect_eq(header.count, 3);
    cr_expect(header.ktk_kcv.size == 5 && header.ktk_kcv.data[0] == 0x8C);
    cr_assert_eq(pos_return_file_read_key(pos_bytes_text(issued_line), &key, NULL), POS_OK);
    cr_expect(key.index == 278 && key.state == POS_RETURN_ISSUED);
    cr_expect_str_eq(key.serial, "123L013K");
    cr_expect_eq(key.changed_utc_ms, UINT64_C(1795428733000));
    cr_assert_eq(pos_return_file_read_key(pos_bytes_text(free_line), &key, NULL), POS_OK);
    cr_expect(key.state == POS_RETURN_FREE && key.serial[0] == '\0' && key.changed_utc_ms == 0);
}

Test(return_file, lines_that_are_not_quite_right_are_refused_with_a_reason)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"#POSGATE-KEYS|1|mother=M|created=2026-11-23T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD297|count="
         "3",
         "not of the kind"},
        {"#POSGATE-RETURN|2|mother=M|created=2026-11-23T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD297|"
         "count=3",
         "version 2"},
        {"#POSGATE-RETURN|1|mother=m|created=2026-11-23T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD297|"
         "count=3",
         "mother="},
        {"#POSGATE-RETURN|1|mother=M|created=2026-02-30T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD297|"
         "count=3",
         "created="},
        {"#POSGATE-RETURN|1|mother=M|created=2026-11-23T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD2|count="
         "3",
         "ktkkcv="},
        {"#POSGATE-RETURN|1|mother=M|created=2026-11-23T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD297|"
         "count=03",
         "one allowed form"},
        {"#POSGATE-RETURN|1|mother=M|created=2026-11-23T17:00:00Z|ktk=M|ktkkcv=CMAC:8CD24CD297|"
         "count=3|",
         "more than it may"},
        {"#POSGATE-RETURN|1|created=2026-11-23T17:00:00Z|mother=M|ktk=M|ktkkcv=CMAC:8CD24CD297|"
         "count=3",
         "mother= is missing"},
        {"R|00000000|free|-|-|CMAC:5AAA42C6AD", "key index"},
        {"R|278|free|-|-|CMAC:5AAA42C6AD", "one allowed form"},
        {"R|00000278|gone|-|-|CMAC:5AAA42C6AD", "state"},
        {"R|00000278|free|123L013K|-|CMAC:5AAA42C6AD", "free key has a serial"},
        {"R|00000278|free|-|2026-11-23T10:12:13Z|CMAC:5AAA42C6AD", "free key has a time"},
        {"R|00000278|issued|-|2026-11-23T10:12:13Z|CMAC:5AAA42C6AD", "no serial"},
        {"R|00000278|reserved|-|-|CMAC:5AAA42C6AD", "no serial"},
        {"R|00000278|issued|123L013|2026-11-23T10:12:13Z|CMAC:5AAA42C6AD", "serial is not"},
        {"R|00000278|issued|123l013K|2026-11-23T10:12:13Z|CMAC:5AAA42C6AD", "serial is not"},
        {"R|00000278|issued|123L013K|2026-11-23 10:12:13Z|CMAC:5AAA42C6AD", "time"},
        {"R|00000278|issued|123L013K|1970-01-01T00:00:00Z|CMAC:5AAA42C6AD", "one allowed form"},
        {"R|00000278|issued|123L013K|2026-11-23T10:12:13Z|CMAC:5aaa42c6ad", "one allowed form"},
        {"R|00000278|issued|123L013K|2026-11-23T10:12:13Z|5AAA42C6AD", "check value"},
        {"R|00000278|issued|123L013K|2026-11-23T10:12:13Z", "ends too early"},
        {"R|00000278|issued|123L013K|2026-11-23T10:12:13Z|CMAC:5AAA42C6AD|", "more than it may"},
        {"#END|3|CMAC:00112233445566778899AABBCCDDEEF", "32 hexadecimal"},
        {"#END|3|CMAC:00112233445566778899aabbccddeeff", "one allowed form"},
        {"#END|-1|CMAC:00112233445566778899AABBCCDDEEFF", "out of range"},
    };
    struct pos_error error;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_neq(read_line(rows[i].line, &error), POS_OK, "%s", rows[i].line);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].line, error.text);
        cr_expect_eq(strncmp(error.text, "return file: ", 13), 0, "%s", error.text);
    }
}

Test(return_file, no_line_can_be_cut_or_made_longer)
{
    static const char *const lines[] = {header_line, issued_line, free_line, burned_line,
                                        trailer_line};
    struct pos_error error;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
        for (size_t size = 0; size < strlen(lines[i]); size++) {
            (void)snprintf(text, sizeof text, "%.*s", (int)size, lines[i]);
            cr_expect_neq(read_line(text, &error), POS_OK, "%s", text);
        }
        (void)snprintf(text, sizeof text, "%s ", lines[i]);
        cr_expect_neq(read_line(text, &error), POS_OK, "%s", text);
    }
}
