#include "bench/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"

enum { DESCRIPTOR_COUNT = 16, LOG_TAIL_SIZE = 2000 };

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
