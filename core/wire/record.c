#include "core/wire/record.h"

#include <string.h>
#include <time.h>

#include "core/base/clock.h"

bool pos_record_starts(struct pos_bytes line, const char *mark)
{
    size_t size = strlen(mark);
    return line.size >= size && memcmp(line.data, mark, size) == 0;
}

void pos_record_refuse(struct pos_record *record, const char *what)
{
    if (record->status == POS_OK)
        record->status = pos_error_set(record->error, POS_ERR_FORMAT, "%s: %s", record->kind, what);
}

struct pos_record pos_record_begin(const char *kind, struct pos_bytes line, size_t size_max,
                                   const char *mark, struct pos_error *error)
{
    struct pos_record record = {.line = line, .rest = line, .kind = kind, .error = error};
    if (line.size > size_max)
        pos_record_refuse(&record, "line is too long");
    else if (!pos_record_starts(line, mark))
        pos_record_refuse(&record, "line is not of the kind that is expected here");
    if (record.status == POS_OK)
        record.rest = pos_bytes(line.data + strlen(mark), line.size - strlen(mark));
    return record;
}

struct pos_bytes pos_record_piece(struct pos_record *record, const char *name, bool last,
                                  const char *what)
{
    if (record->status == POS_OK && !pos_record_starts(record->rest, name))
        pos_record_refuse(record, what);
    if (record->status != POS_OK)
        return pos_bytes("", 0);
    const uint8_t *start = record->rest.data + strlen(name);
    size_t left = record->rest.size - strlen(name);
    const uint8_t *bar = left == 0 ? NULL : memchr(start, '|', left);
    if ((bar == NULL) != last) {
        pos_record_refuse(record,
                          bar == NULL ? "line ends too early" : "line has more than it may");
        return pos_bytes("", 0);
    }
    size_t size = last ? left : (size_t)(bar - start);
    size_t used = last ? left : size + 1;
    record->rest = pos_bytes(start + used, left - used);
    return pos_bytes(start, size);
}

uint32_t pos_record_number(struct pos_record *record, struct pos_bytes text, uint32_t min,
                           uint32_t max, const char *what)
{
    uint64_t value = 0;
    bool good = text.size >= 1 && text.size <= 10;
    for (size_t i = 0; i < text.size && good; i++) {
        good = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (uint64_t)(text.data[i] & 15);
    }
    if (!good || value < min || value > max)
        pos_record_refuse(record, what);
    return (uint32_t)value;
}

static int two_digits(const uint8_t *at)
{
    return (at[0] - '0') * 10 + at[1] - '0';
}

/* Reads the shape of "2026-11-23T09:00:00Z"; a character that is wrong, or a day that does not
 * exist, does not come out again. */
uint64_t pos_record_time(struct pos_record *record, struct pos_bytes text, const char *what)
{
    if (text.size != 20) {
        pos_record_refuse(record, what);
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
        pos_record_refuse(record, what);
    return seconds < 0 ? 0 : (uint64_t)seconds * 1000;
}

void pos_record_name(struct pos_record *record, struct pos_bytes text, char *into, const char *what)
{
    if (!pos_key_name_valid(text)) {
        pos_record_refuse(record, what);
        return;
    }
    memcpy(into, text.data, text.size);
    into[text.size] = '\0';
}

void pos_record_kcv(struct pos_record *record, struct pos_bytes text, struct pos_kcv *kcv,
                    const char *what)
{
    /* CMAC over zeros has 5 bytes, zeros encrypted 3 (TDES) or 4 (SM4): a shorter one is a cut one.
     */
    bool good = pos_kcv_parse(text, kcv) == POS_OK;
    if (!good || (kcv->method == POS_KCV_CMAC) != (kcv->size == 5))
        pos_record_refuse(record, what);
}

void pos_record_version(struct pos_record *record, uint32_t known)
{
    uint32_t version = pos_record_number(record, pos_record_piece(record, "", false, ""), 1,
                                         UINT32_MAX, "version is not a number");
    if (record->status == POS_OK && version != known)
        record->status =
            pos_error_set(record->error, POS_ERR_VERSION, "%s: version %u is not known, only %u is",
                          record->kind, version, known);
}

enum pos_status pos_record_finish(struct pos_record *record, const struct pos_buffer *again)
{
    if (record->status == POS_OK && !pos_bytes_equal(record->line, pos_buffer_view(again)))
        pos_record_refuse(record,
                          "line is not in its one allowed form (digits, zeros, upper case)");
    return record->status;
}
