#include "keymgmt/folder_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 65536 };

static enum pos_status copy_bytes(int in, int out)
{
    static char piece[PIECE_SIZE];
    for (;;) {
        ssize_t got = read(in, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && fsync(out) == 0 ? POS_OK : POS_ERR_IO;
        for (ssize_t put = 0; put < got;) {
            ssize_t count = write(out, piece + put, (size_t)(got - put));
            if (count < 0 && errno != EINTR)
                return POS_ERR_IO;
            put += count > 0 ? count : 0;
        }
    }
}

static enum pos_status copy_file(int from, int to, const char *name, struct pos_error *error)
{
    int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat facts;
    enum pos_status status = POS_ERR_IO;
    if (out >= 0 && fstat(in, &facts) == 0)
        status = S_ISREG(facts.st_mode) ? copy_bytes(in, out) : POS_ERR_FORMAT;
    if (status == POS_ERR_FORMAT)
        (void)pos_error_set(error, status, "%s is no plain file", name);
    else if (status != POS_OK)
        (void)pos_error_set(error, status, "cannot copy %s: %s", name, strerror(errno));
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return status;
}

static bool counts(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static enum pos_status copy_all(DIR *from, int to, struct pos_error *error)
{
    const struct dirent *entry;
    enum pos_status status = POS_OK;
    while (status == POS_OK && (entry = readdir(from)) != NULL)
        if (counts(entry))
            status = copy_file(dirfd(from), to, entry->d_name, error);
    if (status == POS_OK && fsync(to) != 0)
        status = pos_error_set(error, POS_ERR_IO, "cannot sync the new folder");
    return status;
}

static void drop_files(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL)
        if (counts(entry))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    (void)closedir(folder);
}

enum pos_status pos_folder_copy(const char *from, const char *to, struct pos_error *error)
{
    DIR *source = opendir(from);
    if (source == NULL)
        return pos_error_set(error, errno == ENOENT ? POS_ERR_NOT_FOUND : POS_ERR_IO,
                             "cannot read %s: %s", from, strerror(errno));
    drop_files(to);
    enum pos_status status = POS_OK;
    if (mkdir(to, 0700) != 0 && errno != EEXIST)
        status = pos_error_set(error, POS_ERR_IO, "cannot make %s: %s", to, strerror(errno));
    int folder = status == POS_OK ? open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (status == POS_OK && folder < 0)
        status = pos_error_set(error, POS_ERR_IO, "cannot open %s: %s", to, strerror(errno));
    if (status == POS_OK)
        status = copy_all(source, folder, error);
    if (folder >= 0)
        (void)close(folder);
    (void)closedir(source);
    return status;
}
