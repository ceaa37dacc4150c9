/*
 * Looks for clear keys in files: usage: key_scan KEYS-FILE PATH...
 *
 * KEYS-FILE holds keys, or keys as they rest under an LMK, in hex, one a line (16 to 64 bytes
 * each). Every regular file below the paths is searched for each in binary and in hex of either
 * case, at every offset. A path that is itself a link is followed, as those in /proc/PID/fd, which
 * lead to files that are deleted and still open. Prints FILE:OFFSET and the line's number for each
 * find and, last, "N keys, N files, N bytes, N found". Exit code 1 when something is found.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hex.h"

enum { PATTERN_SIZE_MAX = 128, FRONT_SIZE = 8, HEAD_COUNT = 1 << 16 };

struct pattern {
    uint8_t bytes[PATTERN_SIZE_MAX];
    size_t size;
    unsigned long line; /* of the keys' file */
    struct pattern *next;
};

static struct pattern *heads[HEAD_COUNT];
static unsigned long key_count, file_count, found_count;
static unsigned long long byte_count;

static size_t head_of(const uint8_t *front)
{
    uint64_t value;
    memcpy(&value, front, sizeof value);
    return (size_t)(value * 0x9E3779B97F4A7C15u >> 48);
}

static void add(const void *bytes, size_t size)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL)
        abort();
    memcpy(pattern->bytes, bytes, size);
    pattern->size = size;
    pattern->line = key_count;
    size_t head = head_of(pattern->bytes);
    pattern->next = heads[head];
    heads[head] = pattern;
}

static void add_key(char *line)
{
    uint8_t key[PATTERN_SIZE_MAX / 2];
    size_t size = strcspn(line, "\r\n");
    if (size < 32 || size > PATTERN_SIZE_MAX || size % 2 != 0 ||
        pos_hex_decode(pos_bytes(line, size), key, size / 2) != POS_OK) {
        (void)fprintf(stderr, "key_scan: a line that is no key\n");
        exit(2);
    }
    key_count++;
    add(key, size / 2);
    for (size_t i = 0; i < size; i++)
        line[i] = (char)toupper((unsigned char)line[i]);
    add(line, size);
    for (size_t i = 0; i < size; i++)
        line[i] = (char)tolower((unsigned char)line[i]);
    add(line, size);
}

static void read_keys(const char *path)
{
    char line[256];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof line, file) != NULL)
        add_key(line);
    (void)fclose(file);
}

static void search(const char *path, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + FRONT_SIZE <= size; at++)
        for (const struct pattern *p = heads[head_of(data + at)]; p != NULL; p = p->next)
            if (p->size <= size - at && memcmp(p->bytes, data + at, p->size) == 0) {
                (void)printf("%s:%zu %lu\n", path, at, p->line);
                found_count++;
            }
}

/* What there is of it: less than `size` when a running program has cut it meanwhile. */
static size_t read_file(const char *path, int file, uint8_t *data, size_t size)
{
    size_t done = 0;
    ssize_t got;
    while (done < size && (got = read(file, data + done, size - done)) != 0) {
        if (got < 0) {
            perror(path);
            exit(2);
        }
        done += (size_t)got;
    }
    return done;
}

static void visit(const char *path, const struct stat *facts)
{
    size_t size = (size_t)facts->st_size;
    if (!S_ISREG(facts->st_mode))
        return;
    file_count++;
    byte_count += size;
    if (size < FRONT_SIZE)
        return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) /* a running program has removed it meanwhile */
        return;
    uint8_t *data = malloc(size);
    if (file < 0 || data == NULL) {
        perror(path);
        exit(2);
    }
    search(path, data, read_file(path, file, data, size));
    free(data);
    (void)close(file);
}

/* False: something below is there and cannot be read. A running program may remove folders too. */
static bool visit_below(char *path)
{
    char *const paths[] = {path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    bool good = walk != NULL;
    for (FTSENT *entry; good && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info == FTS_F)
            visit(entry->fts_path, entry->fts_statp);
        bool failed =
            entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS;
        errno = entry->fts_errno;
        good = !failed || (errno == ENOENT && entry->fts_level > FTS_ROOTLEVEL);
    }
    if (!good)
        perror(path);
    if (walk != NULL)
        (void)fts_close(walk);
    return good;
}

int main(int count, char **values)
{
    if (count < 3) {
        (void)fprintf(stderr, "usage: key_scan KEYS-FILE PATH...\n");
        return 2;
    }
    read_keys(values[1]);
    for (int i = 2; i < count; i++) {
        struct stat facts;
        if (lstat(values[i], &facts) != 0 && strncmp(values[i], "/proc/", 6) == 0)
            continue; /* closed meanwhile */
        if (lstat(values[i], &facts) == 0 && S_ISLNK(facts.st_mode) &&
            stat(values[i], &facts) == 0 && S_ISREG(facts.st_mode))
            visit(values[i], &facts);
        else if (!visit_below(values[i]))
            return 2;
    }
    (void)printf("%lu keys, %lu files, %llu bytes, %lu found\n", key_count, file_count, byte_count,
                 found_count);
    return found_count > 0 ? 1 : 0;
}
