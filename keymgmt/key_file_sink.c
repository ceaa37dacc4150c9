#include "keymgmt/key_file_sink.h"

static enum pos_status put_line(struct pos_key_file_sink *sink, struct pos_buffer *line,
                                bool covered, struct pos_error *error)
{
    pos_buffer_put_u8(line, '\n');
    if (line->overflow)
        return pos_error_set(error, POS_ERR_LENGTH, "a line of the key file became too long");
    if (covered) {
        enum pos_status status = pos_hsm_file_mac_add(sink->session, pos_buffer_view(line));
        if (status != POS_OK)
            return pos_error_set(error, status, "the security module failed");
    }
    return pos_part_file_put(&sink->part, pos_buffer_view(line), error);
}

static enum pos_status start(struct pos_key_file_sink *sink, const struct pos_key *ktk,
                             const struct pos_key_file_header *header, struct pos_error *error)
{
    enum pos_status status = pos_hsm_file_mac_start(sink->session, ktk);
    if (status != POS_OK)
        return pos_error_set(error, status, "the security module cannot open the KTK");
    uint8_t memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_key_file_write_header(header, &line);
    return put_line(sink, &line, true, error);
}

enum pos_status pos_key_file_sink_open(struct pos_key_file_sink *sink, const char *path,
                                       struct pos_hsm_session *session, const struct pos_key *ktk,
                                       const struct pos_key_file_header *header,
                                       struct pos_error *error)
{
    *sink = (struct pos_key_file_sink){.session = session};
    enum pos_status status = pos_part_file_create(&sink->part, path, error);
    if (status != POS_OK)
        return status;
    status = start(sink, ktk, header, error);
    if (status != POS_OK)
        pos_key_file_sink_close(sink, true);
    return status;
}

enum pos_status pos_key_file_sink_add(struct pos_key_file_sink *sink,
                                      const struct pos_key_file_key *key, struct pos_error *error)
{
    uint8_t memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_key_file_write_key(key, &line);
    sink->count++;
    return put_line(sink, &line, true, error);
}

enum pos_status pos_key_file_sink_finish(struct pos_key_file_sink *sink, struct pos_error *error)
{
    struct pos_trailer trailer = {.count = sink->count};
    enum pos_status status = pos_hsm_file_mac_finish(sink->session, trailer.mac);
    if (status != POS_OK)
        return pos_error_set(error, status, "the security module failed");
    uint8_t memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_trailer_write(&trailer, &line);
    status = put_line(sink, &line, false, error);
    return status == POS_OK ? pos_part_file_sync(&sink->part, error) : status;
}

void pos_key_file_sink_close(struct pos_key_file_sink *sink, bool remove)
{
    pos_part_file_close(&sink->part, remove);
}
