#include "core/store/rocks_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"

enum {
    OPEN_ROOM_SIZE = 1 << 20, /* free bytes that opening needs besides what it replays */
    LOOK_AGAIN_MS = 5,
};

static const char brief_parent[] = "/tmp";

bool pos_rocks_there(const char *path)
{
    char current[POS_PATH_SIZE_MAX + 16];
    int used = snprintf(current, sizeof current, "%s/CURRENT", path);
    return used > 0 && (size_t)used < sizeof current && access(current, F_OK) == 0;
}

enum pos_status pos_rocks_check_folder(const struct pos_rocks_options *options,
                                       struct pos_error *error)
{
    if (strlen(options->path) >= POS_PATH_SIZE_MAX)
        return pos_error_set(error, POS_ERR_LIMIT, "path of a database is too long: %.64s...",
                             options->path);
    bool there = pos_rocks_there(options->path);
    if (there && options->create && options->exclusive)
        return pos_error_set(error, POS_ERR_EXISTS, "%s holds a database already", options->path);
    if (!there && !options->create)
        return pos_error_set(error, POS_ERR_NOT_FOUND, "%s holds no database; %s makes it",
                             options->path, options->writer);
    if (options->follower)
        return options->scratch == NULL ? POS_OK : pos_file_make_folder(options->scratch, error);
    return there ? POS_OK : pos_file_make_folder(options->path, error);
}

/* Bytes of write-ahead logs, which opening writes out as tables. */
static uint64_t logs_size(const char *path)
{
    uint64_t sum = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct stat facts;
        const char *end = strrchr(entry->d_name, '.');
        if (end != NULL && strcmp(end, ".log") == 0 &&
            fstatat(dirfd(folder), entry->d_name, &facts, 0) == 0)
            sum += (uint64_t)facts.st_size;
    }
    (void)closedir(folder);
    return sum;
}

/* Where opening writes. */
static const char *written_folder(const struct pos_rocks_options *options)
{
    if (!options->follower)
        return options->path;
    return options->scratch == NULL ? brief_parent : options->scratch;
}

enum pos_status pos_rocks_check_room(const struct pos_rocks_options *options,
                                     struct pos_error *error)
{
    const char *path = written_folder(options);
    uint64_t logs = options->follower ? 0 : logs_size(path);
    uint64_t needed = OPEN_ROOM_SIZE + logs + logs / 4;
    struct statvfs facts;
    if (statvfs(path, &facts) != 0)
        return pos_error_set(error, POS_ERR_DATABASE, "cannot look how much room there is in %s",
                             path);
    uint64_t free_size = (uint64_t)facts.f_bavail * facts.f_frsize;
    if (free_size < needed)
        return pos_error_set(error, POS_ERR_DATABASE,
                             "the disk of %s is full: %llu KiB free, opening needs %llu; make room",
                             path, (unsigned long long)free_size >> 10,
                             (unsigned long long)needed >> 10);
    return POS_OK;
}

/* ---- a folder for the time of an opening ---- */

bool pos_rocks_make_brief(char path[POS_ROCKS_BRIEF_SIZE])
{
    (void)snprintf(path, POS_ROCKS_BRIEF_SIZE, "%s/posgate-follower.XXXXXX", brief_parent);
    return mkdtemp(path) != NULL;
}

/* RocksDB puts plain files into it only. */
void pos_rocks_remove_brief(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    (void)closedir(folder);
    (void)rmdir(path);
}

/* ---- which files are left ---- */

/* One file: its number where it is of that kind, or 0. */
struct seen_file {
    uint64_t table, log, manifest, size;
};

/* "000123.sst" and ".sst": 123; 0 for any other name. */
static uint64_t number_of(const char *name, const char *ending)
{
    uint64_t number;
    char rest[8];
    if (sscanf(name, "%" SCNu64 "%7s", &number, rest) != 2 || strcmp(rest, ending) != 0)
        return 0;
    return number;
}

static struct seen_file look_at(int folder, const char *name)
{
    struct seen_file file = {.table = number_of(name, ".sst"), .log = number_of(name, ".log")};
    struct stat facts;
    if (sscanf(name, "MANIFEST-%" SCNu64, &file.manifest) != 1)
        file.manifest = 0;
    /* A file that cannot be looked at is not taken for an empty one. */
    file.size = fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)facts.st_size
                                                                        : UINT64_MAX;
    return file;
}

static enum pos_status each_file(const char *path,
                                 void (*each)(void *context, const struct seen_file *file),
                                 void *context)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return POS_ERR_IO;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct seen_file file = look_at(dirfd(folder), entry->d_name);
        each(context, &file);
    }
    (void)closedir(folder);
    return POS_OK;
}

static void find_newest(void *context, const struct seen_file *file)
{
    struct pos_rocks_age *newest = context;
    newest->table = file->table > newest->table ? file->table : newest->table;
    newest->log = file->log > newest->log ? file->log : newest->log;
    newest->log_count += file->log != 0;
    if (file->manifest > newest->manifest) {
        newest->manifest = file->manifest;
        newest->manifest_size = file->size;
    }
}

enum pos_status pos_rocks_newest(const char *path, struct pos_rocks_age *newest)
{
    *newest = (struct pos_rocks_age){0};
    return each_file(path, find_newest, newest);
}

struct old_files {
    struct pos_rocks_age newest;
    uint64_t count;
};

/* A start that wrote nothing leaves an empty log that RocksDB removes hours later. */
static void count_old(void *context, const struct seen_file *file)
{
    struct old_files *old = context;
    if (file->size == 0)
        return;
    old->count += file->table != 0 && file->table <= old->newest.table;
    old->count += file->log != 0 && file->log < old->newest.log;
}

enum pos_status pos_rocks_wait_gone(const char *path, const struct pos_rocks_age *newest)
{
    uint64_t until = pos_clock_monotonic_ns() + (uint64_t)POS_ROCKS_LEAVE_MS_MAX * 1000000;
    for (;;) {
        struct old_files old = {.newest = *newest};
        enum pos_status status = each_file(path, count_old, &old);
        if (status != POS_OK || old.count == 0)
            return status;
        if (pos_clock_monotonic_ns() > until)
            return POS_ERR_BUSY;
        struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000};
        (void)nanosleep(&pause, NULL);
    }
}
