/*
 * Deadlines in a time of their own: it stands still until a test lets it go on, so nothing ends
 * early or late because the machine was busy. The linker puts this clock in front of the real one
 * (--wrap); the wheel still turns every 50 real milliseconds and looks at this one.
 */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/core/net/support.h"

enum { TICK_MS = 50, LOOKS_MS = 3 * TICK_MS };

static atomic_ullong now_ms = 1000000;

uint64_t __wrap_pos_clock_monotonic_ns(void);
uint64_t __wrap_pos_clock_monotonic_ns(void)
{
    return atomic_load(&now_ms) * 1000000;
}

static void let_pass(unsigned ms)
{
    (void)atomic_fetch_add(&now_ms, ms);
}

/* While the wheel looks a few times at the time that it is. */
static bool stays(int fd)
{
    return !client_ended(fd, LOOKS_MS);
}

static bool ends(int fd)
{
    return client_ended(fd, PATIENCE_MS);
}

/* One byte, and the server has read it. */
static bool send_byte(const struct server *server, int fd, uint8_t byte)
{
    const struct pos_counter *reads = &pos_loop_stats(server->loop)->reads;
    uint64_t before = pos_counter_read(reads);
    client_send(fd, &byte, 1);
    return counter_becomes(reads, before + 1);
}

Test(deadline, ends_an_idle_connection_and_not_a_busy_one)
{
    struct server server = {.options.connection.idle_timeout_ms = 400};
    server_start(&server);
    int idle = client_connect(&server), busy = client_connect(&server);
    cr_assert(client_echo(idle));
    for (int i = 0; i < 3; i++) {
        cr_assert(client_echo(busy));
        let_pass(100);
    }
    cr_assert(client_echo(busy));
    let_pass(99);
    cr_expect(stays(idle), "not before its time");
    let_pass(1 + TICK_MS);
    cr_expect(ends(idle), "within a tick");
    let_pass(399 - 100 - TICK_MS);
    cr_expect(stays(busy));
    let_pass(1 + TICK_MS);
    cr_expect(ends(busy), "once it is idle too");
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_IDLE], 2);
    close(idle);
    close(busy);
}

Test(deadline, never_ends_a_connection_without_a_limit)
{
    struct server server = {0};
    server_start(&server);
    int fd = client_connect(&server);
    cr_assert(client_echo(fd));
    let_pass(24 * 3600 * 1000);
    cr_expect(stays(fd));
    cr_expect(client_echo(fd));
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_IDLE], 0);
    close(fd);
}

Test(deadline, ends_a_message_that_is_begun_and_fed_slowly)
{
    struct server server = {
        .options.connection = {.message_timeout_ms = 300, .idle_timeout_ms = 60000}};
    uint8_t frame[102];
    server_start(&server);
    int fd = client_connect(&server);
    frame_make(frame, 'E', 100);
    /* Without a message under way there is no limit. */
    cr_assert(client_echo(fd));
    let_pass(400);
    cr_expect(stays(fd));
    for (size_t i = 0; i < 30; i++) {
        cr_assert(send_byte(&server, fd, frame[i]));
        let_pass(i < 29 ? 10 : 9);
    }
    cr_expect(stays(fd), "not before its time");
    let_pass(1 + TICK_MS);
    cr_expect(ends(fd), "within a tick, though it was never idle");
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_MESSAGE], 1);
    close(fd);
}

Test(deadline, time_of_a_message_starts_anew_with_each_message)
{
    struct server server = {.options.connection.message_timeout_ms = 300};
    uint8_t stream[204], back[102];
    server_start(&server);
    int fd = client_connect(&server);
    frame_make(stream, 'E', 100);
    frame_make(stream + 102, 'E', 100);
    client_send(fd, stream, 50);
    for (int i = 0; i < 4; i++) { /* always half a message ahead, each in time */
        client_send(fd, stream + 50, 102);
        cr_assert(client_receive(fd, back, 102), "round %d", i);
        let_pass(299);
        cr_expect(stays(fd), "round %d", i);
    }
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_MESSAGE], 0);
    close(fd);
}

Test(deadline, half_closed_peer_is_not_kept_for_ever)
{
    struct server server = {.options.connection.idle_timeout_ms = 300, .keeps = true};
    server_start(&server);
    int fd = client_connect(&server);
    cr_assert(client_echo(fd));
    shutdown(fd, SHUT_WR);
    cr_expect(stays(fd), "while its time is not over");
    bool ended = false;
    for (int i = 0; i < PATIENCE_MS / TICK_MS && !ended; i++) {
        let_pass(TICK_MS);
        ended = client_ended(fd, TICK_MS);
    }
    cr_expect(ended);
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_IDLE], 1);
    close(fd);
}
