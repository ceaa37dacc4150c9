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
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/hex.h"

enum { PATTERN_SIZE_MAX = 128, FRONT_SIZE = 8, HEAD_COUNT = 1 << 16, OPEN_MAX_DEPTH = 32 };

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

static int visit(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)where;
    if (kind != FTW_F || !S_ISREG(facts->st_mode))
        return 0;
    file_count++;
    byte_count += (unsigned long long)facts->st_size;
    if (facts->st_size < FRONT_SIZE)
        return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) /* a running program has removed it meanwhile */
        return 0;
    size_t size = (size_t)facts->st_size;
    void *data = file < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    search(path, data, size);
    (void)munmap(data, size);
    (void)close(file);
    return 0;
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
            (void)visit(values[i], &facts, FTW_F, NULL);
        else if (nftw(values[i], visit, OPEN_MAX_DEPTH, FTW_PHYS) != 0) {
            perror(values[i]);
            return 2;
        }
    }
    (void)printf("%lu keys, %lu files, %llu bytes, %lu found\n", key_count, file_count, byte_count,
                 found_count);
    return found_count > 0 ? 1 : 0;
}
