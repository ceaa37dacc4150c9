#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/secret.h"

static enum pos_status status_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return POS_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return POS_ERR_NOT_ALLOWED;
    default:
        return POS_ERR_IO;
    }
}

static enum pos_status system_error(struct pos_error *error, const char *what, const char *path)
{
    int number = errno;
    return pos_error_set(error, status_of(number), "%s %s: %s", what, path, strerror(number));
}

static enum pos_status open_sized(const char *path, size_t size_max, int *file, struct stat *facts,
                                  struct pos_error *error)
{
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*file < 0)
        return system_error(error, "cannot open", path);
    enum pos_status status = POS_OK;
    if (fstat(*file, facts) != 0)
        status = system_error(error, "cannot look at", path);
    else if (!S_ISREG(facts->st_mode))
        status = pos_error_set(error, POS_ERR_IO, "%s is not a regular file", path);
    else if ((size_t)facts->st_size > size_max)
        status = pos_error_set(error, POS_ERR_LIMIT, "%s has %lld bytes, %zu are allowed", path,
                               (long long)facts->st_size, size_max);
    if (status != POS_OK)
        (void)close(*file);
    return status;
}

static enum pos_status read_all(int file, const char *path, uint8_t *data, size_t size,
                                struct pos_error *error)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(file, data + have, size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return system_error(error, "cannot read", path);
        if (got == 0)
            return pos_error_set(error, POS_ERR_IO, "%s became shorter while it was read", path);
        have += (size_t)got;
    }
    data[size] = '\0';
    return POS_OK;
}

enum pos_status pos_file_read(const char *path, size_t size_max, uint8_t **data, size_t *size,
                              struct pos_error *error)
{
    int file;
    struct stat facts;
    enum pos_status status = open_sized(path, size_max, &file, &facts, error);
    if (status != POS_OK)
        return status;
    *size = (size_t)facts.st_size;
    *data = malloc(*size + 1);
    status = *data == NULL ? pos_error_set(error, POS_ERR_MEMORY, "no memory to read %s", path)
                           : read_all(file, path, *data, *size, error);
    (void)close(file);
    if (status != POS_OK) {
        free(*data);
        *data = NULL;
    }
    return status;
}

static enum pos_status private_enough(const char *path, const struct stat *facts,
                                      struct pos_error *error)
{
    if (facts->st_uid != geteuid() && facts->st_uid != 0)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "%s belongs to another user; it holds a secret, so it must be yours",
                             path);
    if ((facts->st_mode & 077) != 0)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "%s has mode %04o; it holds a secret: chmod 600 it", path,
                             (unsigned)facts->st_mode & 07777);
    return POS_OK;
}

enum pos_status pos_file_read_secret(const char *path, size_t size_max, uint8_t **data,
                                     size_t *size, struct pos_error *error)
{
    int file;
    struct stat facts;
    enum pos_status status = open_sized(path, size_max, &file, &facts, error);
    if (status != POS_OK)
        return status;
    *data = NULL;
    *size = (size_t)facts.st_size;
    status = private_enough(path, &facts, error);
    if (status == POS_OK && (*data = pos_secret_create(*size + 1)) == NULL)
        status = pos_error_set(error, POS_ERR_MEMORY, "no locked memory to read %s", path);
    if (status == POS_OK)
        status = read_all(file, path, *data, *size, error);
    (void)close(file);
    if (status != POS_OK) {
        pos_secret_destroy(*data, *size + 1);
        *data = NULL;
    }
    return status;
}

static enum pos_status write_and_sync(int file, const char *path, struct pos_bytes content,
                                      struct pos_error *error)
{
    size_t done = 0;
    while (done < content.size) {
        ssize_t put = write(file, content.data + done, content.size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return system_error(error, "cannot write", path);
        done += (size_t)put;
    }
    return fsync(file) == 0 ? POS_OK : system_error(error, "cannot sync", path);
}

static enum pos_status sync_folder_of(const char *path, struct pos_error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof folder)
        return pos_error_set(error, POS_ERR_LIMIT, "path is too long: %.64s...", path);
    if (slash == NULL)
        memcpy(folder, ".", 2);
    else if (size == 0)
        memcpy(folder, "/", 2);
    else {
        memcpy(folder, path, size);
        folder[size] = '\0';
    }
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return system_error(error, "cannot open folder", folder);
    enum pos_status status =
        fsync(file) == 0 ? POS_OK : system_error(error, "cannot sync folder", folder);
    (void)close(file);
    return status;
}

enum pos_status pos_file_rename(const char *from, const char *to, struct pos_error *error)
{
    if (rename(from, to) != 0)
        return system_error(error, "cannot rename to", to);
    return sync_folder_of(to, error);
}

enum pos_status pos_file_write(const char *path, struct pos_bytes content, unsigned mode,
                               struct pos_error *error)
{
    char temporary[PATH_MAX];
    int used = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (used < 0 || (size_t)used >= sizeof temporary)
        return pos_error_set(error, POS_ERR_LIMIT, "path is too long: %.64s...", path);
    (void)unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (file < 0)
        return system_error(error, "cannot create", temporary);
    enum pos_status status = write_and_sync(file, temporary, content, error);
    (void)close(file);
    if (status == POS_OK)
        status = pos_file_rename(temporary, path, error);
    if (status != POS_OK)
        (void)unlink(temporary);
    return status;
}

enum pos_status pos_file_make_folder(const char *path, struct pos_error *error)
{
    struct stat facts;
    if (mkdir(path, 0700) == 0)
        return POS_OK;
    if (errno == EEXIST && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return POS_OK;
    return system_error(error, "cannot make folder", path);
}
