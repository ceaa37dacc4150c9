#include "core/wire/key_file.h"

#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/hex.h"

/*
 * A line is read piece by piece, each with its name in the error; then it is written again and
 * must come out as it came in. So whatever a reader might have let pass (lower case, a leading
 * zero, the 31st of February) is refused.
 */

static const char header_mark[] = "#POSGATE-KEYS|";
static const char key_mark[] = "K|";
static const char trailer_mark[] = "#END|";

static bool starts_with(struct pos_bytes line, const char *mark)
{
    size_t size = strlen(mark);
    return line.size >= size && memcmp(line.data, mark, size) == 0;
}

enum pos_status pos_key_file_line_kind(struct pos_bytes line, enum pos_key_file_line *kind)
{
    if (starts_with(line, header_mark))
        *kind = POS_KEY_FILE_HEADER;
    else if (starts_with(line, key_mark))
        *kind = POS_KEY_FILE_KEY;
    else if (starts_with(line, trailer_mark))
        *kind = POS_KEY_FILE_TRAILER;
    else
        return POS_ERR_FORMAT;
    return POS_OK;
}

/* What is left of a line, and where the first mistake is told. */
struct reader {
    struct pos_bytes rest;
    struct pos_error *error;
    enum pos_status status; /* of the first mistake; nothing is read after it */
};

static void refuse(struct reader *reader, const char *what)
{
    if (reader->status == POS_OK)
        reader->status = pos_error_set(reader->error, POS_ERR_FORMAT, "key file: %s", what);
}

static struct reader begin(struct pos_bytes line, const char *mark, struct pos_error *error)
{
    struct reader reader = {.rest = line, .error = error};
    if (line.size > POS_KEY_FILE_LINE_SIZE_MAX)
        refuse(&reader, "line is too long");
    else if (!starts_with(line, mark))
        refuse(&reader, "line is not of the kind that is expected here");
    if (reader.status != POS_OK)
        return reader;
    reader.rest = pos_bytes(line.data + strlen(mark), line.size - strlen(mark));
    return reader;
}

/* The next piece, up to '|' (or, the last one, to the end), behind its name. */
static struct pos_bytes piece(struct reader *reader, const char *name, bool last, const char *what)
{
    if (reader->status == POS_OK && !starts_with(reader->rest, name))
        refuse(reader, what);
    if (reader->status != POS_OK)
        return pos_bytes("", 0);
    const uint8_t *start = reader->rest.data + strlen(name);
    size_t left = reader->rest.size - strlen(name);
    const uint8_t *bar = left == 0 ? NULL : memchr(start, '|', left);
    if ((bar == NULL) != last) {
        refuse(reader, bar == NULL ? "line ends too early" : "line has more than it may");
        return pos_bytes("", 0);
    }
    size_t size = last ? left : (size_t)(bar - start);
    size_t used = last ? left : size + 1;
    reader->rest = pos_bytes(start + used, left - used);
    return pos_bytes(start, size);
}

/* Digits of a number within min..max; its form is checked by writing it again. */
static uint32_t number(struct reader *reader, struct pos_bytes text, uint32_t min, uint32_t max,
                       const char *what)
{
    uint64_t value = 0;
    bool good = text.size >= 1 && text.size <= 10;
    for (size_t i = 0; i < text.size && good; i++) {
        good = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (uint64_t)(text.data[i] & 15);
    }
    if (!good || value < min || value > max)
        refuse(reader, what);
    return (uint32_t)value;
}

static int two_digits(const uint8_t *at)
{
    return (at[0] - '0') * 10 + at[1] - '0';
}

/* Reads the shape of "2026-11-23T09:00:00Z"; a character that is wrong, or a day that does not
 * exist, does not come out again when the line is rewritten. */
static uint64_t created(struct reader *reader, struct pos_bytes text)
{
    if (text.size != 20) {
        refuse(reader, "created= is not a time like 2026-11-23T09:00:00Z");
        return 0;
    }
    const uint8_t *at = text.data;
    struct tm parts = {
        .tm_year = two_digits(at) * 100 + two_digits(at + 2) - 1900,
        .tm_mon = two_digits(at + 5) - 1,
        .tm_mday = two_digits(at + 8),
        .tm_hour = two_digits(at + 11),
        .tm_min = two_digits(at + 14),
        .tm_sec = two_digits(at + 17),
    };
    time_t seconds = timegm(&parts);
    char again[POS_TIME_TEXT_SIZE];
    if (seconds >= 0)
        pos_time_text((uint64_t)seconds * 1000, 0, again);
    if (seconds < 0 || !pos_bytes_equal_text(text, again))
        refuse(reader, "created= is not a time like 2026-11-23T09:00:00Z");
    return seconds < 0 ? 0 : (uint64_t)seconds * 1000;
}

static void name(struct reader *reader, struct pos_bytes text, char *into, const char *what)
{
    if (!pos_key_name_valid(text)) {
        refuse(reader, what);
        return;
    }
    memcpy(into, text.data, text.size);
    into[text.size] = '\0';
}

static void check_value(struct reader *reader, struct pos_bytes text, struct pos_kcv *kcv,
                        const char *what)
{
    /* CMAC over zeros has 5 bytes, zeros encrypted 3 (TDES) or 4 (SM4): a shorter one is a cut one.
     */
    bool good = pos_kcv_parse(text, kcv) == POS_OK;
    if (!good || (kcv->method == POS_KCV_CMAC) != (kcv->size == 5))
        refuse(reader, what);
}

/* The line as this module would write it must be the line that was read. */
static enum pos_status finish(struct reader *reader, struct pos_bytes line,
                              const struct pos_buffer *again)
{
    if (reader->status == POS_OK && !pos_bytes_equal(line, pos_buffer_view(again)))
        refuse(reader, "line is not in its one allowed form (digits, zeros, upper case)");
    return reader->status;
}

static void read_version(struct reader *reader)
{
    uint32_t version =
        number(reader, piece(reader, "", false, ""), 1, UINT32_MAX, "version is not a number");
    if (reader->status == POS_OK && version != POS_KEY_FILE_VERSION)
        reader->status = pos_error_set(reader->error, POS_ERR_VERSION,
                                       "key file: version %u is not known, only %d is", version,
                                       POS_KEY_FILE_VERSION);
}

static void read_range(struct reader *reader, struct pos_key_file_header *header)
{
    header->count = number(reader, piece(reader, "count=", false, "count= is missing"), 1,
                           POS_KEY_FILE_COUNT_MAX, "count= is out of range");
    header->first = number(reader, piece(reader, "first=", false, "first= is missing"),
                           POS_KEY_INDEX_MIN, POS_KEY_INDEX_MAX, "first= is not a key index");
    header->last = number(reader, piece(reader, "last=", true, "last= is missing"),
                          POS_KEY_INDEX_MIN, POS_KEY_INDEX_MAX, "last= is not a key index");
    if (header->last < header->first || header->count > header->last - header->first + 1)
        refuse(reader, "count= does not fit between first= and last=");
}

enum pos_status pos_key_file_read_header(struct pos_bytes line, struct pos_key_file_header *header,
                                         struct pos_error *error)
{
    struct reader reader = begin(line, header_mark, error);
    *header = (struct pos_key_file_header){.count = 0};
    read_version(&reader);
    header->batch = number(&reader, piece(&reader, "batch=", false, "batch= is missing"), 0,
                           99999999, "batch= is not a number of 8 digits");
    header->created_utc_ms =
        created(&reader, piece(&reader, "created=", false, "created= is missing"));
    header->algorithm = pos_algorithm_parse(piece(&reader, "alg=", false, "alg= is missing"));
    if (header->algorithm == POS_ALGORITHM_NONE)
        refuse(&reader, "alg= is not T2, T3, A128, A256 or SM4");
    name(&reader, piece(&reader, "ktk=", false, "ktk= is missing"), header->ktk,
         "ktk= is not a name of 1 to 16 characters A-Z and 0-9");
    check_value(&reader, piece(&reader, "ktkkcv=", false, "ktkkcv= is missing"), &header->ktk_kcv,
                "ktkkcv= is not a check value");
    name(&reader, piece(&reader, "dest=", false, "dest= is missing"), header->destination,
         "dest= is not a name of 1 to 16 characters A-Z and 0-9");
    read_range(&reader, header);
    char memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (reader.status == POS_OK)
        pos_key_file_write_header(header, &again);
    return finish(&reader, line, &again);
}

/* A key block says its own length in characters 2 to 5 (X9.143, table 1) and is of A-Z and 0-9. */
static void check_block(struct reader *reader, struct pos_bytes block)
{
    enum { HEADER_SIZE = 16 };
    bool good = block.size >= HEADER_SIZE && block.size <= POS_KEY_BLOCK_SIZE_MAX;
    for (size_t i = 0; i < block.size && good; i++) {
        uint8_t c = block.data[i];
        good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    }
    if (!good)
        refuse(reader, "key block is not 16 to 512 characters of A-Z and 0-9");
    else
        (void)number(reader, pos_bytes(block.data + 1, 4), (uint32_t)block.size,
                     (uint32_t)block.size, "key block is not as long as it says");
}

enum pos_status pos_key_file_read_key(struct pos_bytes line, struct pos_key_file_key *key,
                                      struct pos_error *error)
{
    struct reader reader = begin(line, key_mark, error);
    *key = (struct pos_key_file_key){.index = 0};
    key->index = number(&reader, piece(&reader, "", false, ""), POS_KEY_INDEX_MIN,
                        POS_KEY_INDEX_MAX, "key index is not one of 00000001 to 99999999");
    key->block = piece(&reader, "", false, "");
    check_block(&reader, key->block);
    check_value(&reader, piece(&reader, "", true, ""), &key->kcv, "check value is malformed");
    char memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (reader.status == POS_OK)
        pos_key_file_write_key(key, &again);
    return finish(&reader, line, &again);
}

enum pos_status pos_key_file_read_trailer(struct pos_bytes line,
                                          struct pos_key_file_trailer *trailer,
                                          struct pos_error *error)
{
    struct reader reader = begin(line, trailer_mark, error);
    *trailer = (struct pos_key_file_trailer){.count = 0};
    trailer->count = number(&reader, piece(&reader, "", false, ""), 1, POS_KEY_FILE_COUNT_MAX,
                            "count of the trailer is out of range");
    struct pos_bytes mac = piece(&reader, "CMAC:", true, "MAC of the trailer is missing");
    if (pos_hex_decode(mac, trailer->mac, POS_KEY_FILE_MAC_SIZE) != POS_OK)
        refuse(&reader, "MAC of the trailer is not 32 hexadecimal digits");
    char memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (reader.status == POS_OK)
        pos_key_file_write_trailer(trailer, &again);
    return finish(&reader, line, &again);
}

void pos_key_file_write_header(const struct pos_key_file_header *header, struct pos_buffer *line)
{
    char time[POS_TIME_TEXT_SIZE];
    char kcv[POS_KCV_TEXT_SIZE];
    pos_time_text(header->created_utc_ms, 0, time);
    pos_kcv_text(&header->ktk_kcv, kcv);
    pos_buffer_format(line, "%s%d|batch=%08u|created=%s|alg=%s|ktk=%s|ktkkcv=%s|dest=%s|",
                      header_mark, POS_KEY_FILE_VERSION, header->batch, time,
                      pos_algorithm_name(header->algorithm), header->ktk, kcv, header->destination);
    pos_buffer_format(line, "count=%u|first=%08u|last=%08u", header->count, header->first,
                      header->last);
}

void pos_key_file_write_key(const struct pos_key_file_key *key, struct pos_buffer *line)
{
    char kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&key->kcv, kcv);
    pos_buffer_format(line, "%s%08u|", key_mark, key->index);
    pos_buffer_put(line, key->block);
    pos_buffer_put_text(line, "|");
    pos_buffer_put_text(line, kcv);
}

void pos_key_file_write_trailer(const struct pos_key_file_trailer *trailer, struct pos_buffer *line)
{
    char mac[2 * POS_KEY_FILE_MAC_SIZE + 1];
    pos_hex_encode(pos_bytes(trailer->mac, sizeof trailer->mac), mac);
    pos_buffer_format(line, "%s%u|CMAC:%s", trailer_mark, trailer->count, mac);
}
