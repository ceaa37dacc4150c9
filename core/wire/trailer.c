#include "core/wire/trailer.h"

#include "core/base/hex.h"
#include "core/wire/record.h"

enum { LINE_SIZE_MAX = 64 };

static const char mark[] = "#END|";

bool pos_trailer_is(struct pos_bytes line)
{
    return pos_record_starts(line, mark);
}

enum pos_status pos_trailer_read(const char *kind, struct pos_bytes line, uint32_t count_min,
                                 uint32_t count_max, struct pos_trailer *trailer,
                                 struct pos_error *error)
{
    struct pos_record record = pos_record_begin(kind, line, LINE_SIZE_MAX, mark, error);
    *trailer = (struct pos_trailer){.count = 0};
    trailer->count = pos_record_number(&record, pos_record_piece(&record, "", false, ""), count_min,
                                       count_max, "count of the trailer is out of range");
    struct pos_bytes mac =
        pos_record_piece(&record, "CMAC:", true, "MAC of the trailer is missing");
    if (pos_hex_decode(mac, trailer->mac, POS_TRAILER_MAC_SIZE) != POS_OK)
        pos_record_refuse(&record, "MAC of the trailer is not 32 hexadecimal digits");
    char memory[LINE_SIZE_MAX];
    struct pos_buffer again = pos_buffer(memory, sizeof memory);
    if (record.status == POS_OK)
        pos_trailer_write(trailer, &again);
    return pos_record_finish(&record, &again);
}

void pos_trailer_write(const struct pos_trailer *trailer, struct pos_buffer *line)
{
    char mac[2 * POS_TRAILER_MAC_SIZE + 1];
    pos_hex_encode(pos_bytes(trailer->mac, sizeof trailer->mac), mac);
    pos_buffer_format(line, "%s%u|CMAC:%s", mark, trailer->count, mac);
}
