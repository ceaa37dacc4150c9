/*
 * LD_PRELOAD for crash and fault tests: a disk that loses what was not synced when the process is
 * killed, and that fails when it is told to.
 *
 * A SIGKILL alone loses nothing that was written, because the kernel still has it; so a test that
 * kills cannot tell whether a sync is missing. This holds back what is appended to a RocksDB log
 * in memory until fdatasync or fsync, and so a kill loses it; and likewise what is written into an
 * anchor. With LOSSY_DISK_IGNORE_SYNC=1 the syncs are ignored as well: a test that is any good then
 * goes red. With LOSSY_DISK_IGNORE_SYNC=log those of RocksDB logs alone: a disk that lies about the
 * database, not about the anchor.
 *
 * LOSSY_DISK_FAIL_SYNC_AFTER=N: the first N syncs are good, the next one is EIO, and what it should
 * have written is lost; those behind it return 0, as a kernel does that has dropped the pages. So a
 * program that tries again loses data. LOSSY_DISK_FAIL_WRITE_AFTER=N: after N good writes each one
 * is EIO. Both count those of RocksDB logs, or, with LOSSY_DISK_NAME=X, of files whose name ends
 * with X.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTOR_COUNT = 4096, PATH_SIZE = 512 };

struct held {
    enum { UNKNOWN, OTHER, LOG, ANCHOR } kind;
    bool may_fail;
    char *data;
    size_t size, capacity;
    off_t at; /* of an anchor: where it goes */
};

static struct held held[DESCRIPTOR_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *next(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL)
        abort();
    return symbol;
}

static ssize_t real_write(int file, const void *data, size_t size)
{
    static ssize_t (*function)(int, const void *, size_t);
    if (function == NULL)
        *(void **)&function = next("write");
    return function(file, data, size);
}

static ssize_t real_pwrite(int file, const void *data, size_t size, off_t at)
{
    static ssize_t (*function)(int, const void *, size_t, off_t);
    if (function == NULL)
        *(void **)&function = next("pwrite");
    return function(file, data, size, at);
}

/* RocksDB's write-ahead logs are called 000012.log and the like. */
static bool is_database_log(const char *path, size_t size)
{
    return size > 10 && memcmp(path + size - 4, ".log", 4) == 0 && path[size - 11] == '/' &&
           path[size - 5] >= '0' && path[size - 5] <= '9';
}

static bool is_anchor(const char *path, size_t size)
{
    return size > 7 && memcmp(path + size - 7, ".anchor", 7) == 0;
}

static void find_out(int file)
{
    char link[64], path[PATH_SIZE];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t got = readlink(link, path, sizeof path);
    size_t size = got < 0 ? 0 : (size_t)got;
    const char *name = getenv("LOSSY_DISK_NAME");
    size_t end = name == NULL ? 0 : strlen(name);
    held[file].kind = is_database_log(path, size) ? LOG : is_anchor(path, size) ? ANCHOR : OTHER;
    held[file].may_fail = name == NULL ? held[file].kind == LOG
                                       : size >= end && memcmp(path + size - end, name, end) == 0;
}

static struct held *entry_of(int file)
{
    if (file < 0 || file >= DESCRIPTOR_COUNT)
        return NULL;
    if (held[file].kind == UNKNOWN)
        find_out(file);
    return &held[file];
}

/* The descriptor's entry when it is of this kind, else NULL. With the lock held. */
static struct held *held_of(int file, int kind)
{
    struct held *entry = entry_of(file);
    return entry != NULL && (int)entry->kind == kind ? entry : NULL;
}

static struct held *log_of(int file)
{
    return held_of(file, LOG);
}

/* Which of its kind this is on a file that may fail, from 1; 0: on another. With the lock held. */
static long count(int file, long *counter)
{
    const struct held *entry = entry_of(file);
    return entry != NULL && entry->may_fail ? ++*counter : 0;
}

/* The number in a variable of the environment; -1: not set. */
static long limit(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? -1 : strtol(value, NULL, 10);
}

static void let_go(int file, struct held *entry)
{
    size_t done = 0;
    while (done < entry->size) {
        ssize_t put = real_write(file, entry->data + done, entry->size - done);
        if (put <= 0)
            abort();
        done += (size_t)put;
    }
    entry->size = 0;
}

static void flush(int file)
{
    (void)pthread_mutex_lock(&lock);
    struct held *entry = log_of(file);
    if (entry != NULL)
        let_go(file, entry);
    entry = held_of(file, ANCHOR);
    if (entry != NULL && entry->size > 0) {
        if (real_pwrite(file, entry->data, entry->size, entry->at) != (ssize_t)entry->size)
            abort();
        entry->size = 0;
    }
    (void)pthread_mutex_unlock(&lock);
}

static bool ignored(int file)
{
    const char *value = getenv("LOSSY_DISK_IGNORE_SYNC");
    if (value == NULL || strcmp(value, "log") != 0)
        return value != NULL && value[0] == '1';
    (void)pthread_mutex_lock(&lock);
    bool is_log = log_of(file) != NULL;
    (void)pthread_mutex_unlock(&lock);
    return is_log;
}

static bool write_fails(int file)
{
    static long writes;
    long good = limit("LOSSY_DISK_FAIL_WRITE_AFTER");
    return good >= 0 && count(file, &writes) > good;
}

/* The one that fails loses what is held. */
static bool sync_fails(int file)
{
    static long syncs;
    long good = limit("LOSSY_DISK_FAIL_SYNC_AFTER");
    (void)pthread_mutex_lock(&lock);
    bool fails = good >= 0 && count(file, &syncs) == good + 1;
    struct held *entry = entry_of(file);
    if (fails && entry != NULL)
        entry->size = 0;
    (void)pthread_mutex_unlock(&lock);
    return fails;
}

ssize_t write(int file, const void *data, size_t size)
{
    (void)pthread_mutex_lock(&lock);
    if (write_fails(file)) {
        (void)pthread_mutex_unlock(&lock);
        errno = EIO;
        return -1;
    }
    struct held *entry = log_of(file);
    if (entry != NULL && entry->size + size > entry->capacity) {
        entry->capacity = 2 * (entry->size + size);
        entry->data = realloc(entry->data, entry->capacity);
        if (entry->data == NULL)
            abort();
    }
    if (entry != NULL) {
        memcpy(entry->data + entry->size, data, size);
        entry->size += size;
    }
    (void)pthread_mutex_unlock(&lock);
    return entry != NULL ? (ssize_t)size : real_write(file, data, size);
}

/* Of an anchor the last slot is held: an earlier one was synced before it. */
ssize_t pwrite(int file, const void *data, size_t size, off_t at)
{
    (void)pthread_mutex_lock(&lock);
    if (write_fails(file)) {
        (void)pthread_mutex_unlock(&lock);
        errno = EIO;
        return -1;
    }
    struct held *entry = held_of(file, ANCHOR);
    if (entry != NULL) {
        entry->data = realloc(entry->data, size);
        if (entry->data == NULL)
            abort();
        memcpy(entry->data, data, size);
        entry->size = entry->capacity = size;
        entry->at = at;
    }
    (void)pthread_mutex_unlock(&lock);
    return entry != NULL ? (ssize_t)size : real_pwrite(file, data, size, at);
}

static int sync_with(const char *name, int file)
{
    int (*function)(int);
    *(void **)&function = next(name);
    if (ignored(file))
        return 0;
    if (sync_fails(file)) {
        errno = EIO;
        return -1;
    }
    flush(file);
    return function(file);
}

int fdatasync(int file)
{
    return sync_with("fdatasync", file);
}

int fsync(int file)
{
    return sync_with("fsync", file);
}

int ftruncate(int file, off_t size)
{
    int (*function)(int, off_t);
    *(void **)&function = next("ftruncate");
    flush(file);
    return function(file, size);
}

int close(int file)
{
    static int (*function)(int);
    if (function == NULL)
        *(void **)&function = next("close");
    flush(file);
    if (file >= 0 && file < DESCRIPTOR_COUNT)
        held[file].kind = UNKNOWN;
    return function(file);
}
