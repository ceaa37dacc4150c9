/*
 * Disks that fail. This program has an fdatasync of its own, which RocksDB finds before libc's: it
 * counts, fails or delays the syncs of a write-ahead log. A program of its own, so that no other
 * test runs on it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/store/key_library.h"
#include "core/store/terminal_bulk.h"
#include "tests/core/store/support.h"

static _Atomic int sync_count; /* of write-ahead logs, that returned 0 */
static _Atomic int sync_fails; /* fail this many more */
static _Atomic int anchor_sync_count, anchor_sync_fails;

static bool is_called(int file, const char *end)
{
    char link[64], path[512];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path);
    size_t end_size = strlen(end);
    return size > (ssize_t)end_size && memcmp(path + size - end_size, end, end_size) == 0;
}

int fdatasync(int file)
{
    bool is_anchor = is_called(file, ".anchor");
    _Atomic int *count = is_anchor ? &anchor_sync_count : &sync_count;
    _Atomic int *fails = is_anchor ? &anchor_sync_fails : &sync_fails;
    if (!is_anchor && !is_called(file, ".log"))
        return (int)syscall(SYS_fdatasync, file);
    if (atomic_load(fails) > 0) {
        atomic_fetch_sub(fails, 1);
        errno = EIO;
        return -1;
    }
    int result = (int)syscall(SYS_fdatasync, file);
    atomic_fetch_add(count, result == 0);
    return result;
}

static struct test_chain chain;
static char folder[TEST_PATH_SIZE];

static struct pos_anchor_report anchored;

static struct pos_terminal_table *open_with(const char *path, const char *anchor)
{
    struct pos_terminal_table_options options = {.path = path,
                                                 .create_if_missing = true,
                                                 .cache_size = 1 << 20,
                                                 .audit = test_chain_writer(&chain),
                                                 .anchor = {.path = anchor, .report = &anchored}};
    struct pos_terminal_table *table;
    struct pos_error error = {0};
    cr_assert_eq(pos_terminal_table_open(&options, &table, &error), POS_OK, "%s", error.text);
    return table;
}

static struct pos_terminal_table *open_at(const char *path)
{
    return open_with(path, NULL);
}

static struct pos_terminal_write registration(uint32_t index)
{
    return (struct pos_terminal_write){.operation = POS_TERMINAL_REGISTER,
                                       .smn = test_smn("AAAA0001", index),
                                       .algorithm = POS_ALGORITHM_A256,
                                       .proved = true,
                                       .events[POS_OUTCOME_CREATED] = "registered"};
}

static enum pos_status find(struct pos_terminal_table *table, uint32_t index)
{
    struct pos_smn smn = test_smn("AAAA0001", index);
    struct pos_terminal_hot hot;
    enum pos_status found;
    pos_terminal_table_find(table, &smn, 1, &hot, &found);
    return found;
}

static const char *records(struct pos_terminal_table *table)
{
    static struct test_records found;
    found.text[0] = '\0';
    cr_assert_eq(pos_terminal_table_walk_audit(table, 0, test_records_each, &found), POS_OK);
    return found.text;
}

Test(fault, a_failed_sync_ends_all_writing_and_no_reading)
{
    test_folder(folder);
    struct pos_terminal_table *table = open_at(test_path(folder, "db"));
    struct pos_terminal_write good = registration(1), lost = registration(2),
                              after = registration(3);
    cr_assert_eq(pos_terminal_table_run(table, &good), POS_OK);
    atomic_store(&sync_fails, 1);
    cr_expect_eq(pos_terminal_table_run(table, &lost), POS_ERR_DATABASE);
    cr_expect_eq(atomic_load(&sync_fails), 0, "the sync was tried, once");
    cr_expect_eq(pos_terminal_table_run(table, &after), POS_ERR_DATABASE,
                 "the disk is well again; the writer is not");
    struct pos_committer_stats stats;
    pos_terminal_table_stats(table, &stats);
    cr_expect(stats.failed && stats.failures == 1);
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    pos_terminal_table_counts(table, counts);
    cr_expect_eq(counts[POS_TERMINAL_ACTIVE], 1, "what failed is not counted");
    cr_expect_eq(find(table, 1), POS_OK);
    cr_expect_eq(find(table, 3), POS_ERR_NOT_FOUND);
    pos_terminal_table_close(table);

    table = open_at(test_path(folder, "db"));
    cr_expect_eq(find(table, 1), POS_OK, "what was acknowledged is there");
    cr_expect_eq(find(table, 3), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_terminal_table_run(table, &after), POS_OK, "and the restart writes again");
    cr_expect_eq(find(table, 3), POS_OK);
    cr_expect(strncmp(records(table), "1:registered", 12) == 0);
    pos_terminal_table_close(table);
}

/* The batch is on disk and counts as failed: nobody may build on what the anchor does not know. */
Test(fault, a_failed_sync_of_the_anchor_ends_all_writing_too)
{
    test_folder(folder);
    char db[TEST_PATH_SIZE + 8], anchor[TEST_PATH_SIZE + 16];
    (void)snprintf(db, sizeof db, "%s/db", folder);
    (void)snprintf(anchor, sizeof anchor, "%s/db.anchor", folder);
    struct pos_terminal_table *table = open_with(db, anchor);
    struct pos_terminal_write good = registration(1), lost = registration(2),
                              after = registration(3);
    cr_assert_eq(pos_terminal_table_run(table, &good), POS_OK);
    int logs = atomic_load(&sync_count), anchors = atomic_load(&anchor_sync_count);
    atomic_store(&anchor_sync_fails, 1);
    cr_expect_eq(pos_terminal_table_run(table, &lost), POS_ERR_DATABASE);
    cr_expect_eq(atomic_load(&anchor_sync_fails), 0, "the sync was tried, once");
    cr_expect_eq(pos_terminal_table_run(table, &after), POS_ERR_DATABASE);
    cr_expect_eq(atomic_load(&sync_count), logs + 1, "nothing is written after it");
    cr_expect_eq(atomic_load(&anchor_sync_count), anchors);
    cr_expect_eq(find(table, 1), POS_OK, "reads go on");
    pos_terminal_table_close(table);

    table = open_with(db, anchor);
    cr_expect_eq(anchored.finding, POS_ANCHOR_MATCH, "one batch ahead is what a failure leaves");
    cr_expect_eq(find(table, 2), POS_OK);
    cr_expect_eq(find(table, 3), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_terminal_table_run(table, &after), POS_OK);
    logs = atomic_load(&sync_count), anchors = atomic_load(&anchor_sync_count);
    struct pos_terminal_write on = {.operation = POS_TERMINAL_SIGN_ON,
                                    .smn = test_smn("AAAA0001", 3),
                                    .tak = test_key(POS_USAGE_TAK, POS_ALGORITHM_A256, 1)};
    cr_expect_eq(pos_terminal_table_run(table, &on), POS_OK);
    cr_expect_eq(atomic_load(&anchor_sync_count), anchors + 1);
    struct pos_terminal_write promote = {.operation = POS_TERMINAL_PROMOTE, .smn = on.smn};
    promote.tak = on.tak;
    cr_expect_eq(pos_terminal_table_run(table, &promote), POS_OK);
    cr_expect(atomic_load(&anchor_sync_count) == anchors + 1 &&
                  atomic_load(&sync_count) == logs + 1,
              "a promotion waits for neither");
    pos_terminal_table_close(table);
}

struct ordered {
    struct pos_terminal_write write;
    _Atomic int syncs_at_done; /* -1: not done */
};

static void note_syncs(struct pos_commit *commit, enum pos_status status)
{
    struct ordered *ordered = (struct ordered *)(void *)pos_terminal_write_of(commit);
    cr_expect_eq(status, POS_OK);
    atomic_store(&ordered->syncs_at_done, atomic_load(&sync_count));
}

Test(fault, done_comes_after_the_sync_has_returned)
{
    test_folder(folder);
    struct pos_terminal_table *table = open_at(test_path(folder, "db"));
    for (uint32_t i = 1; i <= 20; i++) {
        struct ordered ordered = {.write = registration(i), .syncs_at_done = -1};
        int before = atomic_load(&sync_count);
        ordered.write.commit.done = note_syncs;
        cr_assert_eq(pos_terminal_table_submit(table, &ordered.write), POS_OK);
        while (atomic_load(&ordered.syncs_at_done) == -1)
            (void)usleep(100);
        cr_expect_geq(atomic_load(&ordered.syncs_at_done), before + 1);
    }
    pos_terminal_table_close(table);
}

/* What is queued when the sync fails hears of it, each write once. */
static _Atomic int failed_count;

static void count_failure(struct pos_commit *commit, enum pos_status status)
{
    (void)commit;
    atomic_fetch_add(&failed_count, status == POS_ERR_DATABASE);
}

Test(fault, every_queued_write_hears_of_the_failure)
{
    enum { COUNT = 5000 };
    test_folder(folder);
    struct pos_terminal_table *table = open_at(test_path(folder, "db"));
    struct pos_terminal_write *writes = calloc(COUNT, sizeof *writes);
    int submitted = 0;
    atomic_store(&sync_fails, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        writes[i] = registration(i + 1);
        writes[i].commit.done = count_failure;
        submitted += pos_terminal_table_submit(table, &writes[i]) == POS_OK;
    }
    pos_terminal_table_close(table);
    cr_expect_gt(submitted, 0);
    cr_expect_eq(atomic_load(&failed_count), submitted);
    free(writes);
}

/* In a mount namespace of its own, so that nothing stays mounted however the test ends. */
static void mount_disk(const char *size)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, size) != 0)
        cr_skip_test("needs root, to mount a small file system");
}

/* Not a crash, not a hang: an error, and every row that was acknowledged before and after. */
Test(fault, a_full_disk_fails_the_write_and_not_the_process)
{
    test_folder(folder);
    mount_disk("size=2m");
    struct pos_terminal_table *table = open_at(test_path(folder, "db"));
    enum pos_status status = POS_OK;
    uint32_t count = 0;
    while (status == POS_OK && count < 20000) {
        struct pos_terminal_write write = registration(count + 1);
        status = pos_terminal_table_run(table, &write);
        count += status == POS_OK;
    }
    cr_expect_eq(status, POS_ERR_DATABASE);
    cr_expect_gt(count, 100);
    for (uint32_t i = 1; i <= count; i++)
        cr_expect_eq(find(table, i), POS_OK, "%u", i);
    cr_expect_eq(mount("none", folder, "tmpfs", MS_REMOUNT, "size=64m"), 0);
    pos_terminal_table_close(table);
    table = open_at(test_path(folder, "db"));
    for (uint32_t i = 1; i <= count; i++)
        cr_expect_eq(find(table, i), POS_OK, "%u after the restart", i);
    pos_terminal_table_close(table);
    cr_expect_eq(umount(folder), 0);
}

static void fill_disk(const char *name, off_t leave)
{
    struct statvfs facts;
    cr_assert_eq(statvfs(folder, &facts), 0);
    off_t size = (off_t)(facts.f_bavail * facts.f_frsize) - leave;
    int file = open(test_path(folder, name), O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(file, 0);
    cr_assert(size <= 0 || posix_fallocate(file, 0, size) == 0);
    (void)close(file);
}

static void note_result(struct pos_commit *commit, enum pos_status status)
{
    struct ordered *ordered = (struct ordered *)(void *)pos_terminal_write_of(commit);
    atomic_store(&ordered->syncs_at_done, status == POS_OK ? 1 : 0);
}

/* A chunk of registrations together; how many were acknowledged. */
static uint32_t register_chunk(struct pos_terminal_table *table, uint32_t first,
                               struct ordered *chunk, uint32_t count)
{
    uint32_t good = 0, submitted = 0;
    for (; submitted < count; submitted++) {
        chunk[submitted] = (struct ordered){registration(first + submitted), -1};
        chunk[submitted].write.commit.done = note_result;
        if (pos_terminal_table_submit(table, &chunk[submitted].write) != POS_OK)
            break;
    }
    for (uint32_t i = 0; i < submitted; i++) {
        while (atomic_load(&chunk[i].syncs_at_done) == -1)
            (void)usleep(50);
        good += atomic_load(&chunk[i].syncs_at_done) == 1;
    }
    return good;
}

/* The log was given its room when the table was opened, so writes go on for a while. */
Test(fault, a_disk_that_fills_under_an_open_table_fails_a_write_later)
{
    enum { CHUNK = 1000, COUNT_MAX = 400000 };
    test_folder(folder);
    mount_disk("size=64m");
    struct pos_terminal_table *table = open_at(test_path(folder, "db"));
    struct ordered *chunk = calloc(CHUNK, sizeof *chunk);
    uint32_t count = register_chunk(table, 1, chunk, 1), good = 1;
    fill_disk("filler", 0);
    while (good > 0 && count < COUNT_MAX)
        count += good = register_chunk(table, count + 1, chunk, CHUNK);
    free(chunk);
    cr_expect_gt(count, 1000);
    cr_expect_lt(count, COUNT_MAX, "the disk is full");
    for (uint32_t i = 1; i <= count; i += 97)
        cr_expect_eq(find(table, i), POS_OK, "%u", i);
    pos_terminal_table_close(table);
    cr_expect_eq(mount("none", folder, "tmpfs", MS_REMOUNT, "size=256m"), 0);
    table = open_at(test_path(folder, "db"));
    for (uint32_t i = 1; i <= count; i++)
        cr_assert_eq(find(table, i), POS_OK, "%u after the restart", i);
    pos_terminal_table_close(table);
    cr_expect_eq(umount(folder), 0);
}

/* Rows that must go from memory to the disk, and cannot. */
Test(fault, a_full_disk_fails_a_flush_and_not_the_process)
{
    test_folder(folder);
    mount_disk("size=64m");
    struct pos_terminal_table *table = open_at(test_path(folder, "db"));
    for (uint32_t i = 1; i <= 100; i++) {
        struct pos_terminal_write write = registration(i);
        cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
    }
    fill_disk("filler", 0);
    cr_expect_eq(pos_terminal_table_flush(table), POS_ERR_DATABASE);
    struct pos_terminal_write after = registration(101);
    enum pos_status status = pos_terminal_table_run(table, &after);
    for (uint32_t i = 1; i <= 100; i++)
        cr_expect_eq(find(table, i), POS_OK, "%u", i);
    pos_terminal_table_close(table);
    cr_expect_eq(mount("none", folder, "tmpfs", MS_REMOUNT, "size=256m"), 0);
    table = open_at(test_path(folder, "db"));
    for (uint32_t i = 1; i <= 100; i++)
        cr_expect_eq(find(table, i), POS_OK, "%u after the restart", i);
    cr_expect(status != POS_OK || find(table, 101) == POS_OK);
    pos_terminal_table_close(table);
    cr_expect_eq(umount(folder), 0);
}

static enum pos_status open_status(const char *path, struct pos_terminal_table **table,
                                   struct pos_error *error)
{
    struct pos_terminal_table_options options = {.path = path,
                                                 .create_if_missing = true,
                                                 .cache_size = 1 << 20,
                                                 .audit = test_chain_writer(&chain)};
    return pos_terminal_table_open(&options, table, error);
}

/* RocksDB would abort. */
Test(fault, a_disk_without_room_is_not_opened)
{
    struct pos_terminal_table *table;
    struct pos_error error = {0};
    test_folder(folder);
    mount_disk("size=64m");
    table = open_at(test_path(folder, "db"));
    for (uint32_t i = 1; i <= 100; i++) {
        struct pos_terminal_write write = registration(i);
        cr_assert_eq(pos_terminal_table_run(table, &write), POS_OK);
    }
    pos_terminal_table_close(table);
    for (off_t leave = 0; leave < 2 << 20; leave += 128 << 10) {
        fill_disk("filler", leave);
        if (open_status(test_path(folder, "db"), &table, &error) == POS_OK) {
            cr_expect_geq(leave, 1 << 20, "%lld", (long long)leave);
            cr_expect_eq(find(table, 100), POS_OK);
            pos_terminal_table_close(table);
        } else {
            cr_expect_leq(leave, (1 << 20) + (256 << 10), "%lld", (long long)leave);
            cr_expect_eq(error.status, POS_ERR_DATABASE);
            cr_expect_not_null(strstr(error.text, "make room"), "%s", error.text);
        }
        cr_assert_eq(unlink(test_path(folder, "filler")), 0);
    }
    struct pos_terminal_table *follower;
    fill_disk("filler", 0);
    cr_expect_eq(pos_terminal_table_follow(test_path(folder, "db"), test_path(folder, "scratch"),
                                           &follower, &error),
                 POS_ERR_DATABASE);
    cr_assert_eq(unlink(test_path(folder, "filler")), 0);
    cr_assert_eq(pos_terminal_table_follow(test_path(folder, "db"), test_path(folder, "scratch"),
                                           &follower, &error),
                 POS_OK, "%s", error.text);
    cr_expect_eq(find(follower, 100), POS_OK);
    struct pos_terminal_write write = registration(101);
    cr_expect_eq(pos_terminal_table_run(follower, &write), POS_ERR_NOT_ALLOWED);
    pos_terminal_table_close(follower);
    cr_expect_eq(umount(folder), 0);
}

/* Beginning anew writes a log of its own, which must not end the process. */
Test(fault, a_follower_without_room_stays_with_what_it_has)
{
    struct pos_key_library *library, *follower;
    struct pos_error error = {0};
    uint32_t index, batch;
    test_folder(folder);
    mount_disk("size=64m");
    struct pos_key_library_options options = {
        .path = test_path(folder, "db"), .create = true, .audit = test_chain_writer(&chain)};
    cr_assert_eq(pos_key_library_open(&options, &library, &error), POS_OK, "%s", error.text);
    pos_key_library_close(library);
    cr_assert_eq(pos_key_library_follow(test_path(folder, "db"), test_path(folder, "scratch"),
                                        &follower, &error),
                 POS_OK, "%s", error.text);
    fill_disk("filler", 0);
    cr_expect_eq(pos_key_library_let_go(follower), POS_ERR_DATABASE);
    cr_expect_eq(pos_key_library_next(follower, &index, &batch), POS_OK);
    cr_assert_eq(unlink(test_path(folder, "filler")), 0);
    cr_expect_eq(pos_key_library_let_go(follower), POS_OK);
    pos_key_library_close(follower);
    cr_expect_eq(umount(folder), 0);
}
