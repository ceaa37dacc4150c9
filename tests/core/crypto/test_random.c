#include "core/crypto/random.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 16, COUNT = 2000 };

static int by_value(const void *a, const void *b)
{
    return memcmp(a, b, SIZE);
}

Test(random, never_gives_the_same_bytes_twice_over_many_refills)
{
    static uint8_t drawn[COUNT][SIZE];
    for (int i = 0; i < COUNT; i++)
        cr_assert(pos_random(drawn[i], SIZE) == POS_OK);
    qsort(drawn, COUNT, SIZE, by_value);
    for (int i = 1; i < COUNT; i++)
        cr_expect(memcmp(drawn[i - 1], drawn[i], SIZE) != 0);
}

Test(random, serves_sizes_below_at_and_above_the_pool)
{
    static const size_t sizes[] = {0, 1, 4079, 4080, 4081, 4096, 10000};
    static uint8_t out[10000 + 1];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(out, 0, sizeof out);
        cr_expect(pos_random(out, sizes[i]) == POS_OK);
        cr_expect(out[sizes[i]] == 0, "nothing behind %zu bytes is written", sizes[i]);
        bool any = sizes[i] < 8;
        for (size_t b = 0; b < sizes[i]; b++)
            any = any || out[b] != 0;
        cr_expect(any, "%zu bytes are not all zero", sizes[i]);
    }
}

/* What the parent drew and had not given out yet must not come out of the child too. */
Test(random, differs_on_both_sides_of_a_fork)
{
    uint8_t first[SIZE], ours[COUNT][SIZE], theirs[COUNT][SIZE];
    cr_assert(pos_random(first, sizeof first) == POS_OK); /* fills the pool */
    int ends[2];
    cr_assert(pipe(ends) == 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        bool done = true;
        for (int i = 0; i < COUNT; i++)
            done = done && pos_random(theirs[i], SIZE) == POS_OK;
        for (size_t at = 0; done && at < sizeof theirs;) {
            ssize_t put = write(ends[1], (uint8_t *)theirs + at, sizeof theirs - at);
            done = put > 0;
            at += put > 0 ? (size_t)put : 0;
        }
        _exit(done ? 0 : 1);
    }
    (void)close(ends[1]);
    for (size_t at = 0; at < sizeof theirs;) {
        ssize_t got = read(ends[0], (uint8_t *)theirs + at, sizeof theirs - at);
        cr_assert(got > 0);
        at += (size_t)got;
    }
    int result;
    cr_assert(waitpid(child, &result, 0) == child && WIFEXITED(result) && WEXITSTATUS(result) == 0);
    for (int i = 0; i < COUNT; i++)
        cr_assert(pos_random(ours[i], SIZE) == POS_OK);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            cr_assert(memcmp(ours[i], theirs[j], SIZE) != 0);
    (void)close(ends[0]);
}

static void *draw_once(void *out)
{
    bool done = pos_random(out, SIZE) == POS_OK;
    return done ? out : NULL;
}

Test(random, has_a_pool_per_thread_that_goes_with_it)
{
    uint8_t drawn[50][SIZE];
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *result;
        cr_assert(pthread_create(&thread, NULL, draw_once, drawn[i]) == 0);
        cr_assert(pthread_join(thread, &result) == 0 && result != NULL);
    }
    qsort(drawn, 50, SIZE, by_value);
    for (int i = 1; i < 50; i++)
        cr_expect(memcmp(drawn[i - 1], drawn[i], SIZE) != 0);
}
