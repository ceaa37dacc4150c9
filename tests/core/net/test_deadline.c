#include <criterion/criterion.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/core/net/support.h"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static uint64_t now_ms(void)
{
    return pos_clock_monotonic_ns() / 1000000;
}

Test(deadline, ends_an_idle_connection_and_not_a_busy_one)
{
    struct server server = {.options.connection.idle_timeout_ms = 400};
    server_start(&server);
    int idle = client_connect(&server), busy = client_connect(&server);
    uint64_t start = now_ms();
    while (now_ms() - start < 300) {
        cr_assert(client_echo(busy));
        pause_ms(20);
    }
    cr_expect(client_ended(idle, 1000));
    uint64_t lasted = now_ms() - start;
    cr_expect(lasted >= 395 && lasted < 700, "after %lu ms", (unsigned long)lasted);
    cr_expect(client_echo(busy));
    cr_expect_not(client_ended(busy, 100));
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_IDLE], 1);
    close(idle);
    close(busy);
}

Test(deadline, never_ends_a_connection_without_a_limit)
{
    struct server server = {0};
    server_start(&server);
    int fd = client_connect(&server);
    cr_expect_not(client_ended(fd, 500));
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
    cr_expect_not(client_ended(fd, 400));
    uint64_t start = now_ms();
    bool ended = false;
    for (size_t i = 0; i < 60 && !ended; i++) {
        client_send(fd, frame + i, 1);
        ended = client_ended(fd, 20);
    }
    uint64_t lasted = now_ms() - start;
    cr_expect(ended);
    cr_expect(lasted >= 295 && lasted < 600, "after %lu ms", (unsigned long)lasted);
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
        pause_ms(150);
        client_send(fd, stream + 50, 102);
        cr_expect(client_receive(fd, back, 102), "round %d", i);
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
    cr_expect(client_ended(fd, 1000));
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_IDLE], 1);
    close(fd);
}
