#include "core/wire/key_file.h"

#include "core/base/clock.h"
#include "core/wire/record.h"

static const char kind_name[] = "key file";
static const char header_mark[] = "#POSGATE-KEYS|";
static const char key_mark[] = "K|";

enum pos_status pos_key_file_line_kind(struct pos_bytes line, enum pos_key_file_line *kind)
{
    if (pos_record_starts(line, header_mark))
        *kind = POS_KEY_FILE_HEADER;
    else if (pos_record_starts(line, key_mark))
        *kind = POS_KEY_FILE_KEY;
    else if (pos_trailer_is(line))
        *kind = POS_KEY_FILE_TRAILER;
    else
        return POS_ERR_FORMAT;
    return POS_OK;
}

static struct pos_record begin(struct pos_bytes line, const char *mark, struct pos_error *error)
{
    return pos_record_begin(kind_name, line, POS_KEY_FILE_LINE_SIZE_MAX, mark, error);
}

/* The value of "name=". */
static struct pos_bytes value(struct pos_record *record, const char *name, bool last)
{
    char missing[32];
    struct pos_buffer what = pos_buffer(missing, sizeof missing);
    pos_buffer_format(&what, "%s is missing", name);
    pos_buffer_put_u8(&what, '\0');
    return pos_record_piece(record, name, last, missing);
}

static void read_range(struct pos_record *record, struct pos_key_file_header *header)
{
    header->count = pos_record_number(record, value(record, "count=", false), 1,
                                      POS_KEY_FILE_COUNT_MAX, "count= is out of range");
    header->first = pos_record_number(record, value(record, "first=", false), POS_KEY_INDEX_MIN,
                                      POS_KEY_INDEX_MAX, "first= is not a key index");
    header->last = pos_record_number(record, value(record, "last=", true), POS_KEY_INDEX_MIN,
                                     POS_KEY_INDEX_MAX, "last= is not a key index");
    if (header->last < header->first || header->count > header->last - header->first + 1)
        pos_record_refuse(record, "count= does not fit between first= and last=");
}

enum pos_status pos_key_file_read_header(struct pos_bytes line, struct pos_key_file_header *header,
                                         struct pos_error *error)
{
    struct pos_record record = begin(line, header_mark, error);
    *header = (struct pos_key_file_header){.count = 0};
    pos_record_version(&record, POS_KEY_FILE_VERSION);
    header->batch = pos_record_number(&record, value(&record, "batch=", false), 0, 99999999,
                                      "batch= is not a number of 8 digits");
    header->created_utc_ms = pos_record_time(&record, value(&record, "created=", false),
                                             "created= is not a time like 2026-11-23T09:00:00Z");
    header->algorithm = pos_algorithm_parse(value(&record, "alg=", false));
    if (header->algorithm == POS_ALGORITHM_NONE)
        pos_record_refuse(&record, "alg= is not T2, T3, A128, A256 or SM4");
    pos_record_name(&record, value(&record, "ktk=", false), header->ktk,
                    "ktk= is not a name of 1 to 16 characters A-Z and 0-9");
    pos_record_kcv(&record, value(&record, "ktkkcv=", false), &header->ktk_kcv,
                   "ktkkcv= is not a check value");
    pos_record_name(&record, value(&record, "dest=", false), header->destination,
                    "dest= is not a name of 1 to 16 characters A-Z and 0-9");
    read_range(&record, header);
    char memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (record.status == POS_OK)
        pos_key_file_write_header(header, &again);
    return pos_record_finish(&record, &again);
}

/* A key block says its own length in characters 2 to 5 (X9.143, table 1) and is of A-Z and 0-9. */
static void check_block(struct pos_record *record, struct pos_bytes block)
{
    enum { HEADER_SIZE = 16 };
    bool good = block.size >= HEADER_SIZE && block.size <= POS_KEY_BLOCK_SIZE_MAX;
    for (size_t i = 0; i < block.size && good; i++) {
        uint8_t c = block.data[i];
        good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    }
    if (!good)
        pos_record_refuse(record, "key block is not 16 to 512 characters of A-Z and 0-9");
    else
        (void)pos_record_number(record, pos_bytes(block.data + 1, 4), (uint32_t)block.size,
                                (uint32_t)block.size, "key block is not as long as it says");
}

enum pos_status pos_key_file_read_key(struct pos_bytes line, struct pos_key_file_key *key,
                                      struct pos_error *error)
{
    struct pos_record record = begin(line, key_mark, error);
    *key = (struct pos_key_file_key){.index = 0};
    key->index =
        pos_record_number(&record, pos_record_piece(&record, "", false, ""), POS_KEY_INDEX_MIN,
                          POS_KEY_INDEX_MAX, "key index is not one of 00000001 to 99999999");
    key->block = pos_record_piece(&record, "", false, "");
    check_block(&record, key->block);
    pos_record_kcv(&record, pos_record_piece(&record, "", true, ""), &key->kcv,
                   "check value is malformed");
    char memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (record.status == POS_OK)
        pos_key_file_write_key(key, &again);
    return pos_record_finish(&record, &again);
}

enum pos_status pos_key_file_read_trailer(struct pos_bytes line, struct pos_trailer *trailer,
                                          struct pos_error *error)
{
    return pos_trailer_read(kind_name, line, 1, POS_KEY_FILE_COUNT_MAX, trailer, error);
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
