/*
 * A follower beside a writer that comes and goes, as keymgmt's commands do: what was on disk before
 * it caught up is what it says, or something newer.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/store/rocks.h"
#include "tests/core/store/support.h"

enum { KEYS = 7, WRITES_A_SESSION = 3, WRITTEN_COUNT = 150, ROUNDS_MIN = 10 };

static const char *const families[] = {"rows", "meta"};
static char folder[TEST_PATH_SIZE], db[2 * TEST_PATH_SIZE];
static _Atomic unsigned written; /* numbers are written in order, each to key number % KEYS */
static _Atomic bool stop;

static struct pos_rocks *open_one(const char *scratch)
{
    struct pos_rocks_options options = {.path = db,
                                        .families = families,
                                        .family_count = 2,
                                        .format = "test",
                                        .writer = "posgate-test",
                                        .scratch = scratch,
                                        .create = scratch == NULL,
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
        struct pos_rocks *rocks = open_one(NULL);
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

static void follow_sessions(enum pos_status (*renew)(struct pos_rocks *rocks))
{
    pthread_t writer;
    char scratch[2 * TEST_PATH_SIZE];
    test_folder(folder);
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "db"));
    (void)snprintf(scratch, sizeof scratch, "%s", test_path(folder, "scratch"));
    pos_rocks_close(open_one(NULL));
    struct pos_rocks *follower = open_one(scratch);
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

Test(rocks_instance, a_follower_that_catches_up_has_missed_nothing)
{
    follow_sessions(pos_rocks_catch_up);
}

Test(rocks_instance, a_follower_that_begins_anew_has_missed_nothing)
{
    follow_sessions(pos_rocks_let_go);
}

Test(rocks_instance, a_writer_follows_nobody)
{
    test_folder(folder);
    (void)snprintf(db, sizeof db, "%s", test_path(folder, "db"));
    struct pos_rocks *rocks = open_one(NULL);
    cr_expect_eq(pos_rocks_catch_up(rocks), POS_ERR_NOT_ALLOWED);
    cr_expect_eq(pos_rocks_let_go(rocks), POS_ERR_NOT_ALLOWED);
    pos_rocks_close(rocks);
}
