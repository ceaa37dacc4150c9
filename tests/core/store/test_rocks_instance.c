/*
 * A follower beside a writer that comes and goes, as keymgmt's commands do: what was on disk before
 * it caught up is what it says, or something newer.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/store/rocks.h"
#include "tests/core/store/support.h"

enum { KEYS = 7, WRITES_A_SESSION = 3, WRITTEN_COUNT = 150, ROUNDS_MIN = 10 };

static const char *const families[] = {"rows", "meta"};
static char folder[TEST_PATH_SIZE], db[2 * TEST_PATH_SIZE], scratch[2 * TEST_PATH_SIZE];
static _Atomic unsigned written; /* numbers are written in order, each to key number % KEYS */
static _Atomic bool stop;

static struct pos_rocks *open_one(bool follower, const char *own)
{
    struct pos_rocks_options options = {.path = db,
                                        .families = families,
                                        .family_count = 2,
                                        .format = "test",
                                        .writer = "posgate-test",
                                        .follower = follower,
                                        .scratch = own,
                                        .create = !follower,
                                        .cache_size = 1 << 20};
    struct pos_rocks *rocks;
    struct pos_error error = {0};
    cr_assert_eq(pos_rocks_open(&options, &rocks, &error), POS_OK, "%s", error.text);
    return rocks;
}

static struct pos_bytes key_text(unsigned key, char text[8])
{
    (void)snprintf(text, 8, "key-%u", key);
    return pos_bytes_text(text);
}

static void write_number(struct pos_rocks *rocks, unsigned number)
{
    char key[8], value[16];
    (void)snprintf(value, sizeof value, "%u", number);
    struct pos_rocks_batch *batch = pos_rocks_batch_create_blind(rocks);
    pos_rocks_batch_put(batch, 0, key_text(number % KEYS, key), pos_bytes_text(value));
    cr_assert_eq(pos_rocks_batch_write(batch, false), POS_OK);
    pos_rocks_batch_destroy(batch);
    atomic_store(&written, number);
}

static unsigned read_number(struct pos_rocks *rocks, unsigned key)
{
    char text[8], memory[17] = "";
    struct pos_buffer value = pos_buffer((uint8_t *)memory, sizeof memory - 1);
    if (pos_rocks_get(rocks, 0, key_text(key, text), &value) != POS_OK)
        return 0;
    return (unsigned)strtoul(memory, NULL, 10);
}

/* Sessions of a few writes; some flush, so that logs go within them too. */
static void *write_sessions(void *nothing)
{
    for (unsigned session = 1; !atomic_load(&stop); session++) {
        struct pos_rocks *rocks = open_one(false, NULL);
        for (int i = 0; i < WRITES_A_SESSION; i++) {
            write_number(rocks, atomic_load(&written) + 1);
            if (session % 3 == 0)
                cr_assert_eq(pos_rocks_flush(rocks), POS_OK);
        }
        pos_rocks_close(rocks);
    }
    return nothing;
}

static void expect_up_to_date(struct pos_rocks *follower, unsigned due)
{
    for (unsigned number = due; number > 0 && number + KEYS > due; number--) {
        unsigned seen = read_number(follower, number % KEYS);
        cr_assert_geq(seen, number, "key %u is that of %u, %u was written", number % KEYS, seen,
                      number);
    }
}

static void follow_sessions(const char *own, enum pos_status (*renew)(struct pos_rocks *rocks))
{
    pthread_t writer;
    pos_rocks_close(open_one(false, NULL));
    struct pos_rocks *follower = open_one(true, own);
    cr_assert_eq(pthread_create(&writer, NULL, write_sessions, NULL), 0);
    unsigned rounds = 0;
    while (rounds < ROUNDS_MIN || atomic_load(&written) < WRITTEN_COUNT) {
        unsigned due = atomic_load(&written);
        if (renew(follower) != POS_OK)
            continue;
        expect_up_to_date(follower, due);
        rounds++;
    }
    atomic_store(&stop, true);
    (void)pthread_join(writer, NULL);
    cr_expect_eq(renew(follower), POS_OK);
    expect_up_to_date(follower, atomic_load(&written));
    pos_rocks_close(follower);
}

static void name_paths(void)
{
    test_folder(folder);
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "db"));
    (void)snprintf(scratch, sizeof scratch, "%s", test_path(folder, "scratch"));
}

Test(rocks_instance, a_follower_that_catches_up_has_missed_nothing, .init = name_paths)
{
    follow_sessions(scratch, pos_rocks_catch_up);
}

Test(rocks_instance, a_follower_that_begins_anew_has_missed_nothing, .init = name_paths)
{
    follow_sessions(scratch, pos_rocks_let_go);
}

/* A command that reads, and waits for its turn while others come and go. */
Test(rocks_instance, a_follower_without_a_folder_has_missed_nothing, .init = name_paths)
{
    follow_sessions(NULL, pos_rocks_catch_up);
}

/* What this process has open of a brief folder; each must be gone from the file system. */
static unsigned count_brief_files(void)
{
    unsigned count = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    const struct dirent *entry;
    cr_assert_not_null(descriptors);
    while ((entry = readdir(descriptors)) != NULL) {
        char link[512];
        ssize_t size = readlinkat(dirfd(descriptors), entry->d_name, link, sizeof link - 1);
        if (size <= 0)
            continue;
        link[size] = '\0';
        if (strstr(link, "/posgate-follower.") == NULL)
            continue;
        count++;
        cr_expect_str_eq(strchr(link, ' ') == NULL ? "" : strchr(link, ' '), " (deleted)");
        *strrchr(link, '/') = '\0';
        cr_expect_neq(access(link, F_OK), 0, "%s is still there", link);
    }
    (void)closedir(descriptors);
    return count;
}

Test(rocks_instance, a_follower_without_a_folder_leaves_none, .init = name_paths)
{
    pos_rocks_close(open_one(false, NULL));
    struct pos_rocks *follower = open_one(true, NULL);
    cr_expect_gt(count_brief_files(), 0);
    cr_expect_eq(pos_rocks_let_go(follower), POS_OK);
    cr_expect_gt(count_brief_files(), 0);
    pos_rocks_close(follower);
    cr_expect_eq(count_brief_files(), 0);
}

static bool growing;

/* The C library's, for the whole program: while `growing`, a manifest is larger with each look at
 * it, as beside writers that never rest. */
int fstatat(int folder_fd, const char *name, struct stat *facts, int flags)
{
    static off_t grown;
    int failed = (int)syscall(SYS_newfstatat, folder_fd, name, facts, flags);
    if (failed == 0 && growing && strncmp(name, "MANIFEST-", 9) == 0)
        facts->st_size += ++grown;
    return failed;
}

Test(rocks_instance, a_follower_that_may_have_missed_something_says_so, .init = name_paths)
{
    pos_rocks_close(open_one(false, NULL));
    struct pos_rocks *follower = open_one(true, NULL);
    growing = true;
    cr_expect_eq(pos_rocks_let_go(follower), POS_ERR_BUSY);
    cr_expect_eq(pos_rocks_catch_up(follower), POS_ERR_BUSY);
    growing = false;
    cr_expect_eq(pos_rocks_catch_up(follower), POS_OK, "and is sure again");
    pos_rocks_close(follower);
}

Test(rocks_instance, a_writer_follows_nobody, .init = name_paths)
{
    struct pos_rocks *rocks = open_one(false, NULL);
    cr_expect_eq(pos_rocks_catch_up(rocks), POS_ERR_NOT_ALLOWED);
    cr_expect_eq(pos_rocks_let_go(rocks), POS_ERR_NOT_ALLOWED);
    pos_rocks_close(rocks);
}
