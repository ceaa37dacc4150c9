#include "keymgmt/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hex.h"
#include "core/crypto/digest.h"

enum pos_status pos_part_file_create(struct pos_part_file *part, const char *path,
                                     struct pos_error *error)
{
    *part = (struct pos_part_file){.path = path};
    (void)unlink(path); /* left over from one that broke off */
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return pos_error_set(error, POS_ERR_IO, "cannot create %s: %s", path, strerror(errno));
    part->file = fdopen(file, "w");
    if (part->file != NULL)
        return POS_OK;
    (void)close(file);
    (void)unlink(path);
    return pos_error_set(error, POS_ERR_MEMORY, "no memory to write %s", path);
}

enum pos_status pos_part_file_put(struct pos_part_file *part, struct pos_bytes bytes,
                                  struct pos_error *error)
{
    if (fwrite(bytes.data, 1, bytes.size, part->file) == bytes.size)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "cannot write %s: %s", part->path, strerror(errno));
}

enum pos_status pos_part_file_sync(struct pos_part_file *part, struct pos_error *error)
{
    if (fflush(part->file) == 0 && fsync(fileno(part->file)) == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_IO, "cannot write %s: %s", part->path, strerror(errno));
}

void pos_part_file_close(struct pos_part_file *part, bool remove)
{
    if (part->file != NULL)
        (void)fclose(part->file);
    part->file = NULL;
    if (remove)
        (void)unlink(part->path);
}

/* ---- digest ---- */

static enum pos_status digest_of(int file, const char *path, uint8_t digest[POS_DIGEST_SIZE],
                                 struct pos_error *error)
{
    struct stat facts;
    if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode))
        return pos_error_set(error, POS_ERR_IO, "%s is not a file that can be read", path);
    struct pos_bytes all = pos_bytes("", 0);
    if (facts.st_size > 0) {
        void *mapped = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (mapped == MAP_FAILED)
            return pos_error_set(error, POS_ERR_IO, "cannot read %s: %s", path, strerror(errno));
        all = pos_bytes(mapped, (size_t)facts.st_size);
    }
    enum pos_status status = pos_digest(&all, 1, digest);
    if (facts.st_size > 0)
        (void)munmap((void *)(uintptr_t)all.data, all.size);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot compute the digest of %s", path);
    return POS_OK;
}

enum pos_status pos_file_digest(const char *path, char text[POS_FILE_DIGEST_TEXT_SIZE],
                                struct pos_error *error)
{
    uint8_t digest[POS_DIGEST_SIZE];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0)
        return pos_error_set(error, errno == ENOENT ? POS_ERR_NOT_FOUND : POS_ERR_IO,
                             "cannot open %s: %s", path, strerror(errno));
    enum pos_status status = digest_of(file, path, digest, error);
    (void)close(file);
    if (status == POS_OK)
        pos_hex_encode(pos_bytes(digest, sizeof digest), text);
    return status;
}
