#include "keymgmt/key_file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
    if (fwrite(line->data, 1, line->size, sink->file) != line->size)
        return pos_error_set(error, POS_ERR_IO, "cannot write %s: %s", sink->path, strerror(errno));
    return POS_OK;
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
    *sink = (struct pos_key_file_sink){.path = path, .session = session};
    (void)unlink(path); /* left over from an export that broke off */
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return pos_error_set(error, POS_ERR_IO, "cannot create %s: %s", path, strerror(errno));
    sink->file = fdopen(file, "w");
    if (sink->file == NULL) {
        (void)close(file);
        (void)unlink(path);
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to write %s", path);
    }
    enum pos_status status = start(sink, ktk, header, error);
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
    struct pos_key_file_trailer trailer = {.count = sink->count};
    enum pos_status status = pos_hsm_file_mac_finish(sink->session, trailer.mac);
    if (status != POS_OK)
        return pos_error_set(error, status, "the security module failed");
    uint8_t memory[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_key_file_write_trailer(&trailer, &line);
    status = put_line(sink, &line, false, error);
    if (status == POS_OK && (fflush(sink->file) != 0 || fsync(fileno(sink->file)) != 0))
        status =
            pos_error_set(error, POS_ERR_IO, "cannot write %s: %s", sink->path, strerror(errno));
    return status;
}

void pos_key_file_sink_close(struct pos_key_file_sink *sink, bool remove)
{
    if (sink->file != NULL)
        (void)fclose(sink->file);
    sink->file = NULL;
    if (remove)
        (void)unlink(sink->path);
}
