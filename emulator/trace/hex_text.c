#include "emulator/trace/hex_text.h"

#include "core/base/hex.h"
#include "core/base/limits.h"

struct reader {
    struct pos_trace *trace;
    struct pos_talk *talk;
    uint8_t bytes[POS_FRAME_BODY_SIZE_MAX];
    size_t size;
    int half; /* the first digit of a byte; -1 none */
    bool comment, digits_in_line;
    unsigned line;
};

static void hand_on(struct reader *reader)
{
    pos_talk_bytes(reader->talk, POS_TALK_CLIENT, pos_bytes(reader->bytes, reader->size), 0);
    reader->size = 0;
}

static enum pos_status end_block(struct reader *reader, struct pos_error *error)
{
    if (reader->half >= 0)
        return pos_error_set(error, POS_ERR_FORMAT, "line %u: an odd number of digits ends here",
                             reader->line);
    if (reader->size > 0)
        hand_on(reader);
    pos_talk_pause(reader->talk, 0);
    pos_trace_forget(reader->trace);
    return POS_OK;
}

static enum pos_status take_digit(struct reader *reader, int value, struct pos_error *error)
{
    reader->digits_in_line = true;
    if (reader->half < 0) {
        reader->half = value;
        return POS_OK;
    }
    if (reader->size == sizeof reader->bytes && reader->trace->options.bare)
        return pos_error_set(error, POS_ERR_LENGTH, "line %u: longer than a message may be (%d)",
                             reader->line, POS_FRAME_BODY_SIZE_MAX);
    if (reader->size == sizeof reader->bytes)
        hand_on(reader);
    reader->bytes[reader->size++] = (uint8_t)(reader->half << 4 | value);
    reader->half = -1;
    return POS_OK;
}

static enum pos_status take_line_end(struct reader *reader, struct pos_error *error)
{
    bool empty = !reader->digits_in_line;
    reader->comment = reader->digits_in_line = false;
    enum pos_status status = empty ? end_block(reader, error) : POS_OK;
    reader->line++;
    return status;
}

static enum pos_status take(struct reader *reader, int c, struct pos_error *error)
{
    if (c == '\n')
        return take_line_end(reader, error);
    if (c == '#')
        reader->comment = true;
    if (reader->comment || c == ' ' || c == '\t' || c == '\r')
        return POS_OK;
    int value = pos_hex_digit((uint8_t)c);
    if (value >= 0)
        return take_digit(reader, value, error);
    return pos_error_set(error, POS_ERR_FORMAT,
                         "line %u: byte %02X is no hexadecimal digit, and this is no capture",
                         reader->line, (unsigned)c);
}

enum pos_status pos_hex_text_read(struct pos_trace *trace, struct pos_bytes head, FILE *file,
                                  struct pos_error *error)
{
    struct reader reader = {.trace = trace, .half = -1, .line = 1};
    reader.talk = pos_talk_open(trace, "", "", 0);
    if (reader.talk == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for a conversation");
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < head.size && status == POS_OK; i++)
        status = take(&reader, head.data[i], error);
    int c;
    while (status == POS_OK && (c = getc(file)) != EOF)
        status = take(&reader, c, error);
    if (status == POS_OK && ferror(file) != 0)
        status = pos_error_set(error, POS_ERR_IO, "reading failed");
    if (status == POS_OK)
        status = end_block(&reader, error);
    pos_talk_close(reader.talk, 0);
    return status;
}
