#include "tests/emulator/folder.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"

static void must(bool done, const char *what)
{
    if (done)
        return;
    perror(what);
    abort();
}

void folder_make(struct folder *folder)
{
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/posgate-test-emulator.XXXXXX");
    must(mkdtemp(folder->path) != NULL, "mkdtemp");
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts;
    (void)type;
    (void)place;
    return remove(path);
}

void folder_remove(struct folder *folder)
{
    must(nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, folder->path);
}

const char *folder_file(const struct folder *folder, const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
    return path;
}

void folder_write(const struct folder *folder, const char *name, const char *text, unsigned mode)
{
    struct pos_error error = {.text = ""};
    must(pos_file_write(folder_file(folder, name), pos_bytes_text(text), mode, &error) == POS_OK,
         error.text);
}

char *folder_read(const struct folder *folder, const char *name)
{
    uint8_t *data = NULL;
    size_t size;
    struct pos_error error = {.text = ""};
    must(pos_file_read(folder_file(folder, name), 1 << 24, &data, &size, &error) == POS_OK,
         error.text);
    return (char *)data;
}

/* nftw gives its callback no context. */
static struct {
    char prefix[160];
    const void *bytes;
    size_t size;
    char hex[2 * 64 + 1];
    int found;
} search;

static int search_one(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    uint8_t *data;
    size_t size;
    (void)facts;
    (void)place;
    if (type != FTW_F || strncmp(path, search.prefix, strlen(search.prefix)) != 0)
        return 0;
    must(pos_file_read(path, 1 << 28, &data, &size, NULL) == POS_OK, path);
    search.found += memmem(data, size, search.bytes, search.size) != NULL ||
                    memmem(data, size, search.hex, 2 * search.size) != NULL;
    free(data);
    return 0;
}

int folder_holds(const struct folder *folder, const char *name, const void *bytes, unsigned size)
{
    must(size <= 64, "folder_holds");
    (void)snprintf(search.prefix, sizeof search.prefix, "%s/%s", folder->path, name);
    search.bytes = bytes;
    search.size = size;
    search.found = 0;
    pos_hex_encode(pos_bytes(bytes, size), search.hex);
    must(nftw(folder->path, search_one, 16, FTW_PHYS) == 0, folder->path);
    return search.found;
}
