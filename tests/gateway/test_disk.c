#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/disk.h"

enum { MIB = 1 << 20 };

static char folder[64];
static struct pos_disk disk;

/* A file system of so many MiB, in a mount namespace of the test's own. */
static void mount_disk(const char *size)
{
    (void)snprintf(folder, sizeof folder, "/tmp/posgate-disk-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, size) != 0)
        cr_skip_test("needs root, to mount a small file system");
}

static void grow_disk(const char *size)
{
    cr_assert_eq(mount("none", folder, "tmpfs", MS_REMOUNT, size), 0);
}

static void unmount_disk(void)
{
    (void)umount(folder);
    (void)rmdir(folder);
}

static void begin(uint64_t ballast, uint64_t low_water)
{
    const struct pos_disk_options options = {
        .folder = folder, .ballast_size = ballast, .low_water = low_water};
    pos_disk_init(&disk, &options);
    pos_disk_check(&disk);
}

/* Whatever else takes up room on that disk. */
static void put_file(const char *name, off_t size)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(file, 0);
    cr_assert_eq(ftruncate(file, 0), 0);
    cr_assert_eq(posix_fallocate(file, 0, size), 0);
    (void)close(file);
}

static void remove_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(unlink(path), 0);
}

static bool has_ballast(void)
{
    struct stat facts;
    return stat(disk.ballast_path, &facts) == 0;
}

TestSuite(disk, .fini = unmount_disk);

Test(disk, is_low_below_the_mark_until_an_eighth_more_is_free)
{
    static const struct {
        const char *name;
        off_t used;
        bool low;
    } rows[] = {
        {"empty", 1 * MIB, false},
        {"above the mark", 11 * MIB, false},
        {"below the mark", 13 * MIB, true},
        {"above it again, not by an eighth", 12 * MIB - MIB / 2, true},
        {"above by an eighth", 10 * MIB, false},
        {"above the mark once more", 11 * MIB, false},
    };
    mount_disk("size=20m");
    begin(0, 8 * MIB);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_file("other", rows[i].used);
        pos_disk_check(&disk);
        cr_expect_eq(pos_disk_low(&disk), rows[i].low, "%s", rows[i].name);
        cr_expect_eq(pos_counter_read(&disk.free_size), 20 * MIB - (uint64_t)rows[i].used, "%s",
                     rows[i].name);
    }
}

Test(disk, a_mark_of_zero_is_none)
{
    mount_disk("size=2m");
    put_file("other", 2 * MIB);
    begin(0, 0);
    cr_expect(!pos_disk_low(&disk));
}

Test(disk, keeps_a_ballast_where_it_does_not_make_the_disk_low)
{
    mount_disk("size=16m");
    begin(8 * MIB, 8 * MIB);
    cr_expect(!has_ballast(), "8 and 9 are more than 16");
    cr_expect_eq(pos_counter_read(&disk.ballast_held), 0);
    grow_disk("size=18m");
    pos_disk_check(&disk);
    cr_expect(has_ballast());
    cr_expect_eq(pos_counter_read(&disk.ballast_held), 8 * MIB);
    cr_expect_eq(pos_counter_read(&disk.free_size), 10 * MIB, "it takes up what it says");
    cr_expect(!pos_disk_low(&disk));
}

Test(disk, makes_the_ballast_anew_when_it_is_not_whole_or_of_another_size)
{
    mount_disk("size=64m");
    begin(0, 8 * MIB);
    int file = open(disk.ballast_path, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(ftruncate(file, 8 * MIB), 0); /* all hole: a crash came before it was allocated */
    (void)close(file);
    begin(8 * MIB, 8 * MIB);
    cr_expect_eq(pos_counter_read(&disk.free_size), 56 * MIB);
    begin(4 * MIB, 8 * MIB);
    cr_expect_eq(pos_counter_read(&disk.free_size), 60 * MIB);
    begin(0, 8 * MIB);
    cr_expect(!has_ballast(), "none is wanted any more");
}

Test(disk, gives_the_ballast_up_only_when_there_is_no_room)
{
    mount_disk("size=20m");
    begin(4 * MIB, 4 * MIB);
    cr_assert(has_ballast());
    cr_expect(!pos_disk_drop_ballast(&disk), "16 MiB are free: it would not help");
    cr_expect(has_ballast());
    put_file("other", 16 * MIB);
    cr_expect(pos_disk_drop_ballast(&disk));
    cr_expect(!has_ballast());
    cr_expect(!pos_disk_drop_ballast(&disk), "it is given up once");
    pos_disk_check(&disk);
    cr_expect(!has_ballast(), "what was given up is not taken back");
    cr_expect(!pos_disk_low(&disk));
    put_file("more", 1 * MIB);
    pos_disk_check(&disk);
    cr_expect(pos_disk_low(&disk));
    remove_file("other");
    pos_disk_check(&disk);
    cr_expect(has_ballast(), "there is room again");
    cr_expect(!pos_disk_low(&disk));
}

Test(disk, a_folder_that_is_not_there_is_not_low)
{
    (void)snprintf(folder, sizeof folder, "/tmp/posgate-disk-that-is-not-there");
    begin(4 * MIB, 4 * MIB);
    cr_expect(!pos_disk_low(&disk));
    cr_expect(!pos_disk_drop_ballast(&disk));
}
