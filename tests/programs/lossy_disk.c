/*
 * LD_PRELOAD for crash tests: a disk that loses what was not synced when the process is killed.
 *
 * A SIGKILL alone loses nothing that was written, because the kernel still has it; so a test that
 * kills cannot tell whether a sync is missing. This holds back what is appended to a RocksDB log
 * in memory until fdatasync or fsync, and so a kill loses it. With LOSSY_DISK_IGNORE_SYNC=1
 * the syncs are ignored as well: a test that is any good then goes red.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTOR_COUNT = 4096, PATH_SIZE = 512 };

struct held {
    enum { UNKNOWN, OTHER, LOG } kind;
    char *data;
    size_t size, capacity;
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

/* RocksDB's write-ahead logs are called 000012.log and the like. */
static bool is_database_log(int file)
{
    char link[64], path[PATH_SIZE];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path);
    return size > 10 && memcmp(path + size - 4, ".log", 4) == 0 && path[size - 11] == '/' &&
           path[size - 5] >= '0' && path[size - 5] <= '9';
}

/* The descriptor's entry when it is a database log, else NULL. With the lock held. */
static struct held *log_of(int file)
{
    if (file < 0 || file >= DESCRIPTOR_COUNT)
        return NULL;
    if (held[file].kind == UNKNOWN)
        held[file].kind = is_database_log(file) ? LOG : OTHER;
    return held[file].kind == LOG ? &held[file] : NULL;
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
    (void)pthread_mutex_unlock(&lock);
}

static bool ignored(void)
{
    const char *value = getenv("LOSSY_DISK_IGNORE_SYNC");
    return value != NULL && value[0] == '1';
}

ssize_t write(int file, const void *data, size_t size)
{
    (void)pthread_mutex_lock(&lock);
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

static int sync_with(const char *name, int file)
{
    int (*function)(int);
    *(void **)&function = next(name);
    if (ignored())
        return 0;
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
