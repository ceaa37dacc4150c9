#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/failpoint.h"
#include "core/base/file.h"
#include "keymgmt/rotate.h"

enum { MARK_SIZE_MAX = 1024, SHRED_SIZE_MAX = 65536 };

void pos_rotation_paths(struct pos_rotation *rotation)
{
    const char *home = rotation->home->options->home;
    (void)snprintf(rotation->next_path, sizeof rotation->next_path, "%s/lmk.next", home);
    (void)snprintf(rotation->old_path, sizeof rotation->old_path, "%s/lmk.old", home);
}

/* ---- library.rotating ---- */

/* Takes "name=value LF" off the front of *text. */
static bool take_line(struct pos_bytes *text, const char *name, char *value, size_t capacity)
{
    size_t name_size = strlen(name);
    const uint8_t *end = memchr(text->data, '\n', text->size);
    if (end == NULL || text->size < name_size || memcmp(text->data, name, name_size) != 0)
        return false;
    size_t line_size = (size_t)(end - text->data), value_size = line_size - name_size;
    if (line_size < name_size || value_size >= capacity)
        return false;
    memcpy(value, text->data + name_size, value_size);
    value[value_size] = '\0';
    *text = pos_bytes(end + 1, text->size - line_size - 1);
    return true;
}

enum pos_status pos_rotation_mark_parse(struct pos_bytes text, struct pos_rotation_mark *mark)
{
    struct pos_kcv kcv;
    *mark = (struct pos_rotation_mark){.table = ""};
    if (!take_line(&text, "from=", mark->from, sizeof mark->from) ||
        !take_line(&text, "table=", mark->table, sizeof mark->table) ||
        !take_line(&text, "from_label=", mark->from_label, sizeof mark->from_label) ||
        !take_line(&text, "to_label=", mark->to_label, sizeof mark->to_label) || text.size != 0 ||
        pos_kcv_parse(pos_bytes_text(mark->from), &kcv) != POS_OK)
        return POS_ERR_FORMAT;
    return POS_OK;
}

enum pos_status pos_rotation_mark_read(const char *path, struct pos_rotation_mark *mark,
                                       struct pos_error *error)
{
    uint8_t *data = NULL;
    size_t size;
    enum pos_status status = pos_file_read(path, MARK_SIZE_MAX, &data, &size, error);
    if (status != POS_OK)
        return status;
    status = pos_rotation_mark_parse(pos_bytes(data, size), mark);
    free(data);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status,
                         "%s is not what a rotation of the LMK writes: put it back "
                         "as it was, or restore this home folder",
                         path);
}

enum pos_status pos_rotation_mark_write(const char *path, const struct pos_rotation_mark *mark,
                                        struct pos_error *error)
{
    char memory[MARK_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    pos_buffer_format(&text, "from=%s\ntable=%s\nfrom_label=%s\nto_label=%s\n", mark->from,
                      mark->table, mark->from_label, mark->to_label);
    return pos_file_write(path, pos_buffer_view(&text), 0600, error);
}

/* ---- the LMKs ---- */

static enum pos_status overwrite(int file, const char *path, struct pos_error *error)
{
    static const uint8_t zeros[SHRED_SIZE_MAX];
    struct stat facts;
    if (fstat(file, &facts) == 0 && facts.st_size <= SHRED_SIZE_MAX &&
        pwrite(file, zeros, (size_t)facts.st_size, 0) == (ssize_t)facts.st_size && fsync(file) == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "cannot overwrite %s: %s", path, strerror(errno));
}

enum pos_status pos_rotation_shred(const char *path, struct pos_error *error)
{
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno == ENOENT)
        return POS_OK;
    if (file < 0)
        return pos_error_set(error, POS_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    enum pos_status status = overwrite(file, path, error);
    (void)close(file);
    if (status == POS_OK && unlink(path) != 0)
        status = pos_error_set(error, POS_ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    return status;
}

enum pos_status pos_rotation_swap_files(const struct pos_rotation *rotation,
                                        struct pos_error *error)
{
    const char *sealed = rotation->home->lmk_path;
    if (link(sealed, rotation->old_path) != 0 && errno != EEXIST)
        return pos_error_set(error, POS_ERR_IO, "cannot make %s: %s", rotation->old_path,
                             strerror(errno));
    POS_FAILPOINT("rotate-linked");
    enum pos_status status = pos_file_rename(rotation->next_path, sealed, error);
    POS_FAILPOINT("rotate-swapped");
    if (status == POS_OK)
        status = pos_rotation_shred(rotation->old_path, error);
    POS_FAILPOINT("rotate-shredded");
    return status;
}
