#include "gateway/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/log.h"

enum { BLOCK_UNIT = 512, CLEAR_SHARE = 8 }; /* CLEAR_SHARE: so much more than the mark is room */

void pos_disk_init(struct pos_disk *disk, const struct pos_disk_options *options)
{
    *disk =
        (struct pos_disk){.ballast_size = options->ballast_size, .low_water = options->low_water};
    (void)snprintf(disk->folder, sizeof disk->folder, "%s", options->folder);
    (void)snprintf(disk->ballast_path, sizeof disk->ballast_path, "%s/ballast", options->folder);
}

static bool look(struct pos_disk *disk)
{
    struct statvfs facts;
    if (statvfs(disk->folder, &facts) != 0) {
        if (!disk->blind)
            pos_log(POS_LOG_ERROR, "disk-unknown", "folder=\"%s\" reason=\"%s\"", disk->folder,
                    strerror(errno));
        disk->blind = true;
        return false;
    }
    disk->blind = false;
    pos_counter_set(&disk->free_size, (uint64_t)facts.f_bavail * facts.f_frsize);
    return true;
}

/* ---- the mark ---- */

static uint64_t clear_size(const struct pos_disk *disk)
{
    return disk->low_water + disk->low_water / CLEAR_SHARE;
}

static void judge(struct pos_disk *disk)
{
    uint64_t free_size = pos_counter_read(&disk->free_size);
    bool was = pos_disk_low(disk);
    bool low = free_size < (was ? clear_size(disk) : disk->low_water);
    if (low == was)
        return;
    atomic_store(&disk->low, low);
    if (low)
        pos_log(POS_LOG_ERROR, "disk-low",
                "free=%llu low_water=%llu action=\"make room; until then nothing is written for "
                "terminals, authentication goes on\"",
                (unsigned long long)free_size, (unsigned long long)disk->low_water);
    else
        pos_log(POS_LOG_INFO, "disk-has-room", "free=%llu", (unsigned long long)free_size);
}

/* ---- the ballast ---- */

/* Whole: what a crash left half made takes up less than it says. (What this process made may do so
 * too, on a file system that compresses; it is not made again and again.) */
static bool ballast_is_there(const struct pos_disk *disk)
{
    struct stat facts;
    if (stat(disk->ballast_path, &facts) != 0 || !S_ISREG(facts.st_mode) ||
        (uint64_t)facts.st_size != disk->ballast_size)
        return false;
    return disk->ballast_made || (uint64_t)facts.st_blocks * BLOCK_UNIT >= disk->ballast_size;
}

static int make_ballast(const struct pos_disk *disk)
{
    (void)unlink(disk->ballast_path); /* of another size, or half made */
    int file = open(disk->ballast_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return errno;
    int error = posix_fallocate(file, 0, (off_t)disk->ballast_size);
    if (close(file) != 0 && error == 0)
        error = errno;
    if (error != 0)
        (void)unlink(disk->ballast_path);
    return error;
}

static void say_ballast_missing(struct pos_disk *disk, const char *reason)
{
    if (!disk->ballast_missed)
        pos_log(POS_LOG_WARNING, "ballast-missing", "size=%llu reason=\"%s\"",
                (unsigned long long)disk->ballast_size, reason);
    disk->ballast_missed = true;
}

/* True: there is one. Made only where more than the mark is left behind it: the ballast must not
 * make the disk low. */
static bool keep_ballast(struct pos_disk *disk)
{
    if (disk->ballast_size == 0) {
        (void)unlink(disk->ballast_path);
        return false;
    }
    if (ballast_is_there(disk))
        return true;
    if (pos_counter_read(&disk->free_size) < disk->ballast_size + clear_size(disk)) {
        say_ballast_missing(disk, "not enough room");
        return false;
    }
    int error = make_ballast(disk);
    if (error != 0) {
        say_ballast_missing(disk, strerror(error));
        return false;
    }
    pos_log(POS_LOG_INFO, "ballast-made", "size=%llu", (unsigned long long)disk->ballast_size);
    disk->ballast_made = true;
    disk->ballast_missed = false;
    (void)look(disk);
    return true;
}

void pos_disk_check(struct pos_disk *disk)
{
    if (!look(disk))
        return;
    pos_counter_set(&disk->ballast_held, keep_ballast(disk) ? disk->ballast_size : 0);
    judge(disk);
}

bool pos_disk_drop_ballast(struct pos_disk *disk)
{
    if (!look(disk) || pos_counter_read(&disk->free_size) >= disk->ballast_size + disk->low_water ||
        unlink(disk->ballast_path) != 0)
        return false;
    pos_counter_set(&disk->ballast_held, 0);
    pos_log(POS_LOG_WARNING, "ballast-dropped", "free=%llu size=%llu",
            (unsigned long long)pos_counter_read(&disk->free_size),
            (unsigned long long)disk->ballast_size);
    return true;
}
