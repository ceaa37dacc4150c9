#include "keymgmt/format_sink.h"

static enum pos_status put_line(struct pos_format_sink *sink, const char *text,
                                const struct pos_template_key *key, struct pos_error *error)
{
    uint8_t memory[POS_TEMPLATE_LINE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    enum pos_status status = pos_template_expand(text, sink->file, key, &line);
    pos_buffer_put_text(&line, sink->format->line_end == POS_LINE_END_CRLF ? "\r\n" : "\n");
    if (status != POS_OK || line.overflow)
        return pos_error_set(error, POS_ERR_LENGTH,
                             "format %s: a line is too long, or a check value is shorter than %u "
                             "digits",
                             sink->format->name, sink->format->kcv_digits);
    return pos_part_file_put(&sink->part, pos_buffer_view(&line), error);
}

static enum pos_status put_optional(struct pos_format_sink *sink, const char *text,
                                    struct pos_error *error)
{
    return text[0] == '\0' ? POS_OK : put_line(sink, text, NULL, error);
}

enum pos_status pos_format_sink_open(struct pos_format_sink *sink, const char *path,
                                     const struct pos_format *format,
                                     const struct pos_template_file *file, struct pos_error *error)
{
    *sink = (struct pos_format_sink){.format = format, .file = file};
    enum pos_status status = pos_part_file_create(&sink->part, path, error);
    if (status != POS_OK)
        return status;
    status = put_optional(sink, format->header, error);
    if (status != POS_OK)
        pos_format_sink_close(sink, true);
    return status;
}

enum pos_status pos_format_sink_add(struct pos_format_sink *sink,
                                    const struct pos_template_key *key, struct pos_error *error)
{
    sink->count++;
    return put_line(sink, sink->format->key, key, error);
}

enum pos_status pos_format_sink_finish(struct pos_format_sink *sink, struct pos_error *error)
{
    enum pos_status status = put_optional(sink, sink->format->trailer, error);
    return status == POS_OK ? pos_part_file_sync(&sink->part, error) : status;
}

void pos_format_sink_close(struct pos_format_sink *sink, bool remove)
{
    pos_part_file_close(&sink->part, remove);
}
