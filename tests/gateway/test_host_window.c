/* Which request a host's reply belongs to, and which waited too long. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gateway/host_window.h"

enum { SIZE = 64 };

static struct pos_host_key key_of(unsigned number)
{
    struct pos_host_key key;
    char text[16];
    memset(&key, 0, sizeof key);
    key.mti = 0x0210;
    (void)snprintf(text, sizeof text, "%06u", number % 1000000);
    memcpy(key.stan, text, 6);
    (void)snprintf(text, sizeof text, "632709%06u", number % 1000000);
    memcpy(key.rrn, text, 12);
    memcpy(key.tid, "TERM0001", 8);
    return key;
}

static int requests[100000];

Test(host_window, gives_each_reply_its_request_once)
{
    struct pos_host_window *window;
    cr_assert_eq(pos_host_window_create(SIZE, &window), POS_OK);
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < SIZE; i++) {
            struct pos_host_key key = key_of(round * SIZE + i);
            cr_assert_eq(pos_host_window_put(window, &key, round, &requests[i]), POS_OK);
        }
        struct pos_host_key one_more = key_of(999999);
        cr_assert_eq(pos_host_window_put(window, &one_more, round, &requests[0]), POS_ERR_LIMIT);
        for (unsigned i = 0; i < SIZE; i++) {
            unsigned at = (i * 37) % SIZE;
            struct pos_host_key key = key_of(round * SIZE + at);
            cr_assert_eq(pos_host_window_take(window, &key), &requests[at]);
            cr_assert_null(pos_host_window_take(window, &key), "once");
        }
        cr_assert_eq(pos_host_window_count(window), 0);
    }
    pos_host_window_destroy(window);
}

Test(host_window, tells_apart_by_each_part_of_the_key)
{
    struct pos_host_window *window;
    cr_assert_eq(pos_host_window_create(SIZE, &window), POS_OK);
    struct pos_host_key key = key_of(1);
    cr_assert_eq(pos_host_window_put(window, &key, 0, &requests[1]), POS_OK);
    cr_expect_eq(pos_host_window_put(window, &key, 0, &requests[2]), POS_ERR_EXISTS);
    struct pos_host_key others[4] = {key, key, key, key};
    others[0].mti = 0x0410;
    others[1].stan[5]++;
    others[2].rrn[11]++;
    others[3].tid[7]++;
    for (size_t i = 0; i < 4; i++)
        cr_expect_null(pos_host_window_take(window, &others[i]), "part %zu", i);
    cr_expect_eq(pos_host_window_take(window, &key), &requests[1]);
    pos_host_window_destroy(window);
}

Test(host_window, gives_up_the_oldest_first_and_only_when_late)
{
    struct pos_host_window *window;
    cr_assert_eq(pos_host_window_create(SIZE, &window), POS_OK);
    for (unsigned i = 0; i < 10; i++) {
        struct pos_host_key key = key_of(i);
        cr_assert_eq(pos_host_window_put(window, &key, 100 + i, &requests[i]), POS_OK);
    }
    struct pos_host_key answered = key_of(3);
    cr_assert_eq(pos_host_window_take(window, &answered), &requests[3]);
    cr_expect_null(pos_host_window_take_late(window, 99));
    for (unsigned i = 0; i < 6; i++)
        if (i != 3)
            cr_expect_eq(pos_host_window_take_late(window, 105), &requests[i], "%u", i);
    cr_expect_null(pos_host_window_take_late(window, 105));
    cr_expect_eq(pos_host_window_count(window), 4);
    pos_host_window_destroy(window);
}
