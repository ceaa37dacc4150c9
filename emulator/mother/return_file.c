#include "emulator/mother/return_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/failpoint.h"
#include "core/base/file.h"
#include "core/wire/return_file.h"

/* A file under way: each line goes into the file and into the MAC. */
struct writing {
    struct pos_mother *mother;
    FILE *file;
    char part[POS_PATH_SIZE_MAX]; /* its name until it is whole */
    uint32_t count;
    enum pos_status status;
    struct pos_error *error;
};

static enum pos_status put_line(struct writing *writing, struct pos_buffer *line, bool covered)
{
    pos_buffer_put_u8(line, '\n');
    if (line->overflow)
        return pos_error_set(writing->error, POS_ERR_LENGTH, "a line became too long");
    if (covered) {
        enum pos_status status =
            pos_hsm_file_mac_add(writing->mother->session, pos_buffer_view(line));
        if (status != POS_OK)
            return pos_error_set(writing->error, status, "the security module failed");
    }
    if (fwrite(line->data, 1, line->size, writing->file) != line->size)
        return pos_error_set(writing->error, POS_ERR_IO, "cannot write %s: %s", writing->part,
                             strerror(errno));
    return POS_OK;
}

static enum pos_status put_header(struct writing *writing, uint64_t utc_ms)
{
    const struct pos_mother *mother = writing->mother;
    struct pos_journal_counts counts;
    pos_journal_counts(mother->journal, &counts);
    struct pos_return_file_header header = {.created_utc_ms = utc_ms,
                                            .ktk_kcv = mother->ktk_kcv,
                                            .count = counts.free + counts.reserved + counts.issued +
                                                     counts.burned};
    memcpy(header.mother, mother->name, sizeof header.mother);
    memcpy(header.ktk, mother->ktk_name, sizeof header.ktk);
    uint8_t memory[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    pos_return_file_write_header(&header, &line);
    writing->count = header.count;
    if (header.count > POS_RETURN_FILE_COUNT_MAX)
        return pos_error_set(writing->error, POS_ERR_LIMIT, "%u keys, a return file has at most %d",
                             header.count, POS_RETURN_FILE_COUNT_MAX);
    return put_line(writing, &line, true);
}

static enum pos_return_state state_of(const struct pos_journal_row *row)
{
    switch (row->state) {
    case POS_JOURNAL_RESERVED:
        return POS_RETURN_RESERVED;
    case POS_JOURNAL_ISSUED:
        return POS_RETURN_ISSUED;
    case POS_JOURNAL_BURNED:
        return POS_RETURN_BURNED;
    default: /* a row of no other state can be read */
        return POS_RETURN_FREE;
    }
}

static bool put_key(void *context, const struct pos_journal_row *row)
{
    struct writing *writing = context;
    uint8_t memory[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    struct pos_return_file_key key = {.index = row->index, .state = state_of(row), .kcv = row->kcv};
    if (key.state != POS_RETURN_FREE) {
        memcpy(key.serial, row->serial, sizeof key.serial);
        key.changed_utc_ms = row->changed_ms;
    }
    pos_return_file_write_key(&key, &line);
    writing->status = put_line(writing, &line, true);
    return writing->status == POS_OK;
}

static enum pos_status put_trailer(struct writing *writing)
{
    uint8_t memory[POS_RETURN_FILE_LINE_SIZE_MAX + 1];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    struct pos_trailer trailer = {.count = writing->count};
    enum pos_status status = pos_hsm_file_mac_finish(writing->mother->session, trailer.mac);
    if (status != POS_OK)
        return pos_error_set(writing->error, status, "the security module failed");
    pos_trailer_write(&trailer, &line);
    return put_line(writing, &line, false);
}

static enum pos_status put_all(struct writing *writing, uint64_t utc_ms)
{
    struct pos_mother *mother = writing->mother;
    enum pos_status status = pos_hsm_return_mac_start(mother->session, &mother->ktk);
    if (status != POS_OK)
        return pos_error_set(writing->error, status, "the security module cannot open the KTK");
    status = put_header(writing, utc_ms);
    if (status != POS_OK)
        return status;
    status = pos_journal_walk(mother->journal, put_key, writing);
    if (status != POS_OK)
        return pos_error_set(writing->error, status, "the journal cannot be read: %s",
                             pos_status_text(status));
    status = writing->status == POS_OK ? put_trailer(writing) : writing->status;
    POS_FAILPOINT("return-file-written");
    if (status == POS_OK && (fflush(writing->file) != 0 || fsync(fileno(writing->file)) != 0))
        status = pos_error_set(writing->error, POS_ERR_IO, "cannot write %s: %s", writing->part,
                               strerror(errno));
    return status;
}

static enum pos_status create_part(struct writing *writing, const char *path)
{
    int used = snprintf(writing->part, sizeof writing->part, "%s.part", path);
    if (used < 0 || (size_t)used >= sizeof writing->part)
        return pos_error_set(writing->error, POS_ERR_USAGE, "the return file's path is too long");
    (void)unlink(writing->part); /* left over from one that broke off */
    int file = open(writing->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return pos_error_set(writing->error, POS_ERR_IO, "cannot create %s: %s", writing->part,
                             strerror(errno));
    writing->file = fdopen(file, "w");
    if (writing->file != NULL)
        return POS_OK;
    (void)close(file);
    (void)unlink(writing->part);
    return pos_error_set(writing->error, POS_ERR_MEMORY, "no memory to write %s", writing->part);
}

enum pos_status pos_mother_write_return_file(struct pos_mother *mother, const char *path,
                                             uint64_t utc_ms, struct pos_error *error)
{
    struct writing writing = {.mother = mother, .error = error};
    enum pos_status status = create_part(&writing, path);
    if (status != POS_OK)
        return status;
    status = put_all(&writing, utc_ms);
    (void)fclose(writing.file);
    POS_FAILPOINT("return-file-synced");
    if (status == POS_OK)
        status = pos_file_rename(writing.part, path, error);
    if (status != POS_OK)
        (void)unlink(writing.part);
    return status;
}
