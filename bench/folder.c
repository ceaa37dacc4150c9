#include "bench/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/file.h"

enum { DESCRIPTOR_COUNT = 16, LOG_TAIL_SIZE = 2000, COPY_SIZE = 1 << 24 };

enum pos_status pos_folder_make(const char *wanted, char path[POS_PATH_SIZE_MAX],
                                struct pos_error *error)
{
    if (wanted != NULL) {
        (void)snprintf(path, POS_PATH_SIZE_MAX, "%s", wanted);
        if (access(path, F_OK) == 0)
            return pos_error_set(error, POS_ERR_EXISTS, "%s exists already: name a new folder",
                                 path);
        return pos_file_make_folder(path, error);
    }
    const char *parent = getenv("TMPDIR");
    (void)snprintf(path, POS_PATH_SIZE_MAX, "%s/posgate-bench-XXXXXX",
                   parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (mkdtemp(path) != NULL)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "cannot make a folder %s: %s", path, strerror(errno));
}

enum pos_status pos_folder_make_beside(const char *beside, char path[POS_PATH_SIZE_MAX],
                                       struct pos_error *error)
{
    size_t size = strlen(beside);
    while (size > 1 && beside[size - 1] == '/')
        size--;
    int needed = snprintf(path, POS_PATH_SIZE_MAX, "%.*s-XXXXXX", (int)size, beside);
    if (needed < POS_PATH_SIZE_MAX && mkdtemp(path) != NULL)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "cannot make a folder beside %s: %s", beside,
                         strerror(errno));
}

/* ---- copies ---- */

static bool copy_content(int in, int out)
{
    ssize_t copied;
    do
        copied = copy_file_range(in, NULL, out, NULL, COPY_SIZE, 0);
    while (copied > 0);
    return copied == 0;
}

enum pos_status pos_folder_copy_file(const char *from, const char *name, const char *to,
                                     struct pos_error *error)
{
    char source[2 * POS_PATH_SIZE_MAX], target[2 * POS_PATH_SIZE_MAX];
    struct stat facts;
    int out = -1;
    (void)snprintf(source, sizeof source, "%s/%s", from, name);
    (void)snprintf(target, sizeof target, "%s/%s", to, name);
    int in = open(source, O_RDONLY | O_CLOEXEC);
    if (in < 0 && errno == ENOENT)
        return POS_OK;
    if (in >= 0 && fstat(in, &facts) == 0)
        out = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, facts.st_mode & 0777);
    bool good = out >= 0 && copy_content(in, out);
    int why = errno;
    if (out >= 0)
        good = close(out) == 0 && good;
    if (in >= 0)
        (void)close(in);
    return good ? POS_OK
                : pos_error_set(error, POS_ERR_IO, "cannot copy %s: %s", source, strerror(why));
}

static enum pos_status link_file(const char *from, const char *name, const char *to,
                                 struct pos_error *error)
{
    char source[2 * POS_PATH_SIZE_MAX], target[2 * POS_PATH_SIZE_MAX];
    (void)snprintf(source, sizeof source, "%s/%s", from, name);
    (void)snprintf(target, sizeof target, "%s/%s", to, name);
    return link(source, target) == 0
               ? POS_OK
               : pos_error_set(error, POS_ERR_IO, "cannot link %s: %s", source, strerror(errno));
}

/* RocksDB holds a lock on this file while a database is open. */
static bool is_open(const char *database)
{
    char path[2 * POS_PATH_SIZE_MAX];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    (void)snprintf(path, sizeof path, "%s/LOCK", database);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0)
        (void)close(fd);
    return held;
}

static enum pos_status copy_entry(const char *from, const char *name, const char *to,
                                  struct pos_error *error)
{
    const char *end = strrchr(name, '.');
    if (name[0] == '.' || strncmp(name, "LOG", 3) == 0 || strcmp(name, "ballast") == 0)
        return POS_OK;
    if (end != NULL && strcmp(end, ".sst") == 0)
        return link_file(from, name, to, error);
    return pos_folder_copy_file(from, name, to, error);
}

enum pos_status pos_folder_copy_database(const char *from, const char *name, const char *to,
                                         struct pos_error *error)
{
    char source[POS_PATH_SIZE_MAX + 16], target[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(source, sizeof source, "%s/%s", from, name);
    (void)snprintf(target, sizeof target, "%s/%s", to, name);
    if (is_open(source))
        return pos_error_set(error, POS_ERR_BUSY, "%s: another program has it open", source);
    enum pos_status status = pos_file_make_folder(target, error);
    DIR *listing = status == POS_OK ? opendir(source) : NULL;
    if (status == POS_OK && listing == NULL)
        return pos_error_set(error, POS_ERR_IO, "cannot read %s: %s", source, strerror(errno));
    const struct dirent *entry;
    while (status == POS_OK && (entry = readdir(listing)) != NULL)
        status = copy_entry(source, entry->d_name, target, error);
    if (listing != NULL)
        (void)closedir(listing);
    return status;
}

/* ---- all of it ---- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void pos_folder_remove(const char *path)
{
    (void)nftw(path, remove_entry, DESCRIPTOR_COUNT, FTW_DEPTH | FTW_PHYS);
}

void pos_folder_show_log(const char *log_path)
{
    char text[LOG_TAIL_SIZE + 1];
    FILE *file = fopen(log_path, "re");
    if (file == NULL)
        return;
    if (fseek(file, -LOG_TAIL_SIZE, SEEK_END) != 0)
        rewind(file);
    size_t size = fread(text, 1, LOG_TAIL_SIZE, file);
    (void)fclose(file);
    (void)fprintf(stderr, "last lines of its log:\n%.*s\n", (int)size, text);
}

static uint64_t size_found;

static int add_size(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)path;
    (void)walk;
    if (type == FTW_F)
        size_found += (uint64_t)status->st_blocks * 512;
    return 0;
}

uint64_t pos_folder_size(const char *path)
{
    size_found = 0;
    (void)nftw(path, add_size, DESCRIPTOR_COUNT, FTW_PHYS);
    return size_found;
}

static int forget_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)close(fd);
    return 0;
}

void pos_folder_forget(const char *path)
{
    (void)nftw(path, forget_file, DESCRIPTOR_COUNT, FTW_PHYS);
}

uint64_t pos_folder_room(const char *path)
{
    struct statvfs facts;
    return statvfs(path, &facts) == 0 ? (uint64_t)facts.f_bavail * facts.f_frsize : 0;
}
