#include "core/wire/return_file.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/wire/record.h"

static const char kind_name[] = "return file";
static const char header_mark[] = "#POSGATE-RETURN|";
static const char key_mark[] = "R|";
static const char nothing[] = "-";

static const char *const state_names[POS_RETURN_STATE_COUNT] = {
    [POS_RETURN_FREE] = "free",
    [POS_RETURN_RESERVED] = "reserved",
    [POS_RETURN_ISSUED] = "issued",
    [POS_RETURN_BURNED] = "burned",
};

const char *pos_return_state_name(enum pos_return_state state)
{
    return (unsigned)state < POS_RETURN_STATE_COUNT ? state_names[state] : "unknown";
}

static struct pos_record begin(struct pos_bytes line, const char *mark, struct pos_error *error)
{
    return pos_record_begin(kind_name, line, POS_RETURN_FILE_LINE_SIZE_MAX, mark, error);
}

/* ---- header ---- */

enum pos_status pos_return_file_read_header(struct pos_bytes line,
                                            struct pos_return_file_header *header,
                                            struct pos_error *error)
{
    struct pos_record record = begin(line, header_mark, error);
    *header = (struct pos_return_file_header){.count = 0};
    pos_record_version(&record, POS_RETURN_FILE_VERSION);
    pos_record_name(&record, pos_record_piece(&record, "mother=", false, "mother= is missing"),
                    header->mother, "mother= is not a name of 1 to 16 characters A-Z and 0-9");
    header->created_utc_ms = pos_record_time(
        &record, pos_record_piece(&record, "created=", false, "created= is missing"),
        "created= is not a time like 2026-11-23T09:00:00Z");
    pos_record_name(&record, pos_record_piece(&record, "ktk=", false, "ktk= is missing"),
                    header->ktk, "ktk= is not a name of 1 to 16 characters A-Z and 0-9");
    pos_record_kcv(&record, pos_record_piece(&record, "ktkkcv=", false, "ktkkcv= is missing"),
                   &header->ktk_kcv, "ktkkcv= is not a check value");
    header->count =
        pos_record_number(&record, pos_record_piece(&record, "count=", true, "count= is missing"),
                          0, POS_RETURN_FILE_COUNT_MAX, "count= is out of range");
    char memory[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (record.status == POS_OK)
        pos_return_file_write_header(header, &again);
    return pos_record_finish(&record, &again);
}

void pos_return_file_write_header(const struct pos_return_file_header *header,
                                  struct pos_buffer *line)
{
    char time[POS_TIME_TEXT_SIZE];
    char kcv[POS_KCV_TEXT_SIZE];
    pos_time_text(header->created_utc_ms, 0, time);
    pos_kcv_text(&header->ktk_kcv, kcv);
    pos_buffer_format(line, "%s%d|mother=%s|created=%s|ktk=%s|ktkkcv=%s|count=%u", header_mark,
                      POS_RETURN_FILE_VERSION, header->mother, time, header->ktk, kcv,
                      header->count);
}

/* ---- keys ---- */

static enum pos_return_state read_state(struct pos_record *record, struct pos_bytes text)
{
    for (int i = 0; i < POS_RETURN_STATE_COUNT; i++)
        if (pos_bytes_equal_text(text, state_names[i]))
            return (enum pos_return_state)i;
    pos_record_refuse(record, "state is not free, reserved, issued or burned");
    return POS_RETURN_FREE;
}

/* A free key was given to nobody; any other to somebody, but of a burned one it may not be known.
 */
static void read_serial(struct pos_record *record, struct pos_bytes text,
                        struct pos_return_file_key *key)
{
    bool none = pos_bytes_equal_text(text, nothing);
    bool may_be_none = key->state == POS_RETURN_FREE || key->state == POS_RETURN_BURNED;
    if (none ? !may_be_none : key->state == POS_RETURN_FREE)
        pos_record_refuse(record, none ? "a key that was handed out has no serial"
                                       : "a free key has a serial");
    else if (!none && !pos_serial_valid(text))
        pos_record_refuse(record, "serial is not 8 characters A-Z and 0-9");
    else if (!none)
        memcpy(key->serial, text.data, POS_SERIAL_SIZE);
}

static void read_changed(struct pos_record *record, struct pos_bytes text,
                         struct pos_return_file_key *key)
{
    if (pos_bytes_equal_text(text, nothing))
        return;
    if (key->state == POS_RETURN_FREE)
        pos_record_refuse(record, "a free key has a time");
    key->changed_utc_ms =
        pos_record_time(record, text, "time is not one like 2026-11-23T09:00:00Z");
}

enum pos_status pos_return_file_read_key(struct pos_bytes line, struct pos_return_file_key *key,
                                         struct pos_error *error)
{
    struct pos_record record = begin(line, key_mark, error);
    *key = (struct pos_return_file_key){.index = 0};
    key->index =
        pos_record_number(&record, pos_record_piece(&record, "", false, ""), POS_KEY_INDEX_MIN,
                          POS_KEY_INDEX_MAX, "key index is not one of 00000001 to 99999999");
    key->state = read_state(&record, pos_record_piece(&record, "", false, ""));
    read_serial(&record, pos_record_piece(&record, "", false, ""), key);
    read_changed(&record, pos_record_piece(&record, "", false, ""), key);
    pos_record_kcv(&record, pos_record_piece(&record, "", true, ""), &key->kcv,
                   "check value is malformed");
    char memory[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (record.status == POS_OK)
        pos_return_file_write_key(key, &again);
    return pos_record_finish(&record, &again);
}

void pos_return_file_write_key(const struct pos_return_file_key *key, struct pos_buffer *line)
{
    char time[POS_TIME_TEXT_SIZE];
    char kcv[POS_KCV_TEXT_SIZE];
    pos_time_text(key->changed_utc_ms, 0, time);
    pos_kcv_text(&key->kcv, kcv);
    pos_buffer_format(line, "%s%08u|%s|%s|%s|%s", key_mark, key->index,
                      pos_return_state_name(key->state),
                      key->serial[0] == '\0' ? nothing : key->serial,
                      key->changed_utc_ms == 0 ? nothing : time, kcv);
}

/* ---- trailer ---- */

enum pos_status pos_return_file_read_trailer(struct pos_bytes line, struct pos_trailer *trailer,
                                             struct pos_error *error)
{
    return pos_trailer_read(kind_name, line, 0, POS_RETURN_FILE_COUNT_MAX, trailer, error);
}
