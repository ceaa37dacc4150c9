#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/core/net/support.h"

enum { RUNS = 50 };

Test(loop, stop_closes_everything_and_says_why)
{
    struct server server = {.options.connection.idle_timeout_ms = 60000};
    int fds[20];
    uint8_t part[5] = {0, 100};
    server_start(&server);
    for (int i = 0; i < 20; i++) {
        fds[i] = client_connect(&server);
        cr_assert(client_echo(fds[i]));
        client_send(fds[i], part, sizeof part); /* half a message each */
    }
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_STOP], 20);
    for (int i = 0; i < 20; i++) {
        cr_expect(client_ended(fds[i], PATIENCE_MS));
        close(fds[i]);
    }
}

Test(loop, can_be_destroyed_without_having_run)
{
    struct pos_loop *loop;
    struct pos_timer *timer;
    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    cr_expect_eq(pos_timer_open(loop, 1000, NULL, NULL, &timer), POS_OK);
    pos_loop_destroy(loop);
    pos_loop_destroy(NULL);
}

struct ticks {
    struct pos_loop *loop;
    struct pos_timer *timer;
    int count, turns;
    uint64_t start_ns, end_ns;
};

static void tick(void *context)
{
    struct ticks *ticks = context;
    cr_expect(pos_loop_now_ns(ticks->loop) >= ticks->start_ns);
    if (++ticks->count < 5)
        return;
    ticks->end_ns = pos_clock_monotonic_ns();
    pos_timer_close(ticks->timer);
    pos_loop_stop(ticks->loop);
}

static void turn(void *context)
{
    struct ticks *ticks = context;
    ticks->turns++;
}

/* Milliseconds for five ticks of 20. */
static double run_five_ticks(void)
{
    struct ticks ticks = {.start_ns = pos_clock_monotonic_ns()};
    cr_assert_eq(pos_loop_create(&ticks.loop), POS_OK);
    pos_loop_on_turn(ticks.loop, turn, &ticks);
    cr_assert_eq(pos_timer_open(ticks.loop, 20, tick, &ticks, &ticks.timer), POS_OK);
    pos_loop_run(ticks.loop);
    cr_expect_eq(ticks.count, 5);
    cr_expect(ticks.turns >= 5);
    pos_loop_destroy(ticks.loop);
    return (double)(ticks.end_ns - ticks.start_ns) / 1e6;
}

/* The machine may hold one run up; a timer that is slow is so in each. */
Test(loop, timer_fires_until_closed_and_turns_follow)
{
    double ms = 400;
    for (int i = 0; i < RUNS && ms >= 400; i++) {
        ms = run_five_ticks();
        cr_expect(ms >= 95, "%.1f ms", ms);
    }
    cr_expect(ms < 400, "%.1f ms", ms);
}

static int caught_signal;

static void caught(void *context, int number)
{
    caught_signal = number;
    pos_loop_stop(context);
}

static void raise_usr1(void *context)
{
    (void)context;
    kill(getpid(), SIGUSR1);
}

Test(loop, hands_a_signal_to_a_turn)
{
    struct pos_loop *loop;
    struct pos_timer *timer;
    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    cr_assert_eq(pos_loop_on_signal(loop, SIGUSR1, caught, loop), POS_OK);
    cr_expect_eq(pos_loop_on_signal(loop, SIGKILL, caught, loop), POS_ERR_USAGE);
    cr_assert_eq(pos_timer_open(loop, 10, raise_usr1, NULL, &timer), POS_OK);
    pos_loop_run(loop);
    pos_loop_destroy(loop);
    cr_expect_eq(caught_signal, SIGUSR1);
}

static int posts_run;

static void count_post(struct pos_post *post)
{
    (void)post;
    posts_run++;
}

Test(loop, runs_what_was_posted_too_late_when_it_is_destroyed)
{
    struct pos_loop *loop;
    struct pos_post posts[3] = {{.run = count_post}, {.run = count_post}, {.run = count_post}};
    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    pos_loop_stop(loop);
    pos_loop_run(loop);
    for (int i = 0; i < 3; i++)
        pos_loop_post(loop, &posts[i]);
    pos_loop_destroy(loop);
    cr_expect_eq(posts_run, 3);
}

/* One connection's end writes to another and ends a third, from within `closed`. */
struct web {
    struct pos_loop *loop;
    struct pos_connection_handle handles[3];
    int count, closed;
};

static void web_opened(void *context, struct pos_connection *connection)
{
    struct web *web = context;
    web->handles[web->count++] = pos_connection_handle(connection);
    if (web->count == 3)
        pos_connection_close(pos_connection_find(web->loop, web->handles[0]), POS_CLOSE_DONE);
}

static size_t web_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    (void)context;
    (void)connection;
    return bytes.size;
}

static void web_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct web *web = context;
    (void)connection;
    (void)reason;
    web->closed++;
    if (web->closed == 3) {
        pos_loop_stop(web->loop);
        return;
    }
    struct pos_connection *next = pos_connection_find(web->loop, web->handles[web->closed]);
    cr_assert_not_null(next);
    pos_connection_write(next, pos_bytes("bye", 3));
    pos_connection_close(next, POS_CLOSE_DONE);
}

static const struct pos_connection_events web_events = {
    .opened = web_opened, .bytes = web_bytes, .closed = web_closed};

Test(loop, closing_from_within_closed_is_safe)
{
    struct web web = {0};
    struct pos_listener *listener;
    struct pos_error error;
    struct pos_listener_options options = {.address = "127.0.0.1"};
    cr_assert_eq(pos_loop_create(&web.loop), POS_OK);
    cr_assert_eq(pos_listener_open(web.loop, &options, &web_events, &web, &listener, &error),
                 POS_OK);
    struct server server = {.port = pos_listener_port(listener), .options = options};
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = client_connect(&server);
    pos_loop_run(web.loop);
    pos_listener_close(listener); /* the loop has closed it: nothing happens */
    pos_loop_destroy(web.loop);
    cr_expect_eq(web.closed, 3);
    char text[3];
    cr_expect(client_receive(fds[1], text, 3));
    cr_expect(client_receive(fds[2], text, 3));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* A timer closes the first of three; each `closed` closes the next. Nothing else happens, so the
 * loop must not wait in between. */
static uint64_t chain_start_ns, chain_end_ns;

static void chain_start(void *context)
{
    struct web *web = context;
    if (web->count < 3 || web->closed > 0)
        return;
    chain_start_ns = pos_clock_monotonic_ns();
    pos_connection_close(pos_connection_find(web->loop, web->handles[0]), POS_CLOSE_DONE);
}

static void chain_opened(void *context, struct pos_connection *connection)
{
    struct web *web = context;
    web->handles[web->count++] = pos_connection_handle(connection);
}

static void chain_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct web *web = context;
    (void)connection;
    if (++web->closed < 3) {
        pos_connection_close(pos_connection_find(web->loop, web->handles[web->closed]), reason);
        return;
    }
    chain_end_ns = pos_clock_monotonic_ns();
    pos_loop_stop(web->loop);
}

static const struct pos_connection_events chain_events = {
    .opened = chain_opened, .bytes = web_bytes, .closed = chain_closed};

/* Milliseconds from the first close to the last. */
static double run_chain(void)
{
    struct web web = {0};
    struct pos_listener *listener;
    struct pos_timer *timer;
    struct pos_error error;
    struct pos_listener_options options = {.address = "127.0.0.1"};
    cr_assert_eq(pos_loop_create(&web.loop), POS_OK);
    cr_assert_eq(pos_listener_open(web.loop, &options, &chain_events, &web, &listener, &error),
                 POS_OK);
    cr_assert_eq(pos_timer_open(web.loop, 400, chain_start, &web, &timer), POS_OK);
    struct server server = {.port = pos_listener_port(listener), .options = options};
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = client_connect(&server);
    pos_loop_run(web.loop);
    pos_loop_destroy(web.loop);
    cr_expect_eq(web.closed, 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    return (double)(chain_end_ns - chain_start_ns) / 1e6;
}

/* The machine may hold one run up; a loop that waits does so in each. */
Test(loop, does_not_wait_while_a_turn_left_something)
{
    double ms = 40;
    for (int i = 0; i < RUNS && ms >= 40; i++)
        ms = run_chain();
    cr_expect(ms < 40, "%.1f ms", ms); /* the wheel turns every 50 */
}

/*
 * Three connections; in one turn the first is closed and the third written to. The first one's
 * `closed` writes more to the second than a turn's memory holds, while the third's bytes are still
 * in it.
 */
static uint8_t flood[700000];

static void flood_opened(void *context, struct pos_connection *connection)
{
    struct web *web = context;
    web->handles[web->count++] = pos_connection_handle(connection);
    if (web->count < 3)
        return;
    pos_connection_close(pos_connection_find(web->loop, web->handles[0]), POS_CLOSE_DONE);
    pos_connection_write(pos_connection_find(web->loop, web->handles[2]), pos_bytes("mine", 4));
}

static void flood_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct web *web = context;
    (void)connection;
    (void)reason;
    if (web->closed++ > 0)
        return;
    struct pos_connection *second = pos_connection_find(web->loop, web->handles[1]);
    memset(flood, 'f', sizeof flood);
    pos_connection_write(second, pos_bytes(flood, sizeof flood));
    pos_connection_write(second, pos_bytes(flood, sizeof flood));
}

static const struct pos_connection_events flood_events = {
    .opened = flood_opened, .bytes = web_bytes, .closed = flood_closed};

static void *run_loop(void *argument)
{
    pos_loop_run(argument);
    return NULL;
}

Test(loop, full_turn_in_the_middle_of_its_end_mixes_nothing_up)
{
    struct web web = {0};
    struct pos_listener *listener;
    struct pos_error error;
    pthread_t thread;
    struct pos_listener_options options = {.address = "127.0.0.1",
                                           .connection.write_queue_size_max = 4 * sizeof flood};
    cr_assert_eq(pos_loop_create(&web.loop), POS_OK);
    cr_assert_eq(pos_listener_open(web.loop, &options, &flood_events, &web, &listener, &error),
                 POS_OK);
    struct server server = {.port = pos_listener_port(listener), .options = options};
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = client_connect(&server);
    pthread_create(&thread, NULL, run_loop, web.loop);
    char text[4];
    cr_expect(client_receive(fds[2], text, 4));
    cr_expect(memcmp(text, "mine", 4) == 0, "%.4s", text);
    static uint8_t back[sizeof flood];
    for (int i = 0; i < 2; i++) {
        cr_expect(client_receive(fds[1], back, sizeof back));
        cr_expect(memcmp(back, flood, sizeof back) == 0);
    }
    pos_loop_stop(web.loop);
    pthread_join(thread, NULL);
    pos_loop_destroy(web.loop);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}
