#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "tests/core/net/support.h"

enum { ASKED_SIZE = 12 }; /* bytes of one question */

/* Asks for more and more without reading, until it is cut or has asked `count` times. */
static void ask(int fd, size_t count)
{
    uint8_t frame[ASKED_SIZE];
    size_t size = frame_make(frame, 'L', ASKED_SIZE - 2);
    for (size_t i = 0; i < count; i++)
        client_send(fd, frame, size);
}

Test(output, cuts_a_peer_that_never_reads)
{
    struct server server = {0};
    server_start(&server);
    int fd = client_connect_small(&server), other = client_connect(&server);
    ask(fd, 1000); /* 64 MB */
    const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
    cr_expect(counter_becomes(&stats->closed[POS_CLOSE_WRITE], 1));
    cr_expect(client_echo(other), "others go on");
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_WRITE], 1);
    close(fd);
    close(other);
}

Test(output, bound_is_the_one_that_was_asked_for)
{
    static const struct {
        const char *name;
        size_t max, asked;
        bool cut;
    } rows[] = {
        {"under the bound", 16 * 65536, 4, false},
        {"far above it", 16 * 65536, 400, true},
        {"one reply above a small bound", 4096, 1, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server server = {.options.connection.write_queue_size_max = rows[i].max};
        server_start(&server);
        int fd = client_connect_small(&server);
        ask(fd, rows[i].asked);
        const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
        if (rows[i].cut)
            cr_expect(counter_becomes(&stats->closed[POS_CLOSE_WRITE], 1), "%s", rows[i].name);
        else
            cr_expect(counter_becomes(&stats->bytes_in, rows[i].asked * ASKED_SIZE), "%s",
                      rows[i].name);
        server_stop(&server);
        cr_expect_eq(server.closed[POS_CLOSE_WRITE], rows[i].cut, "%s", rows[i].name);
        close(fd);
    }
}

Test(output, slow_reader_gets_everything_in_order)
{
    struct server server = {.options.connection.write_queue_size_max = 64 * 65536};
    static uint8_t back[8192];
    uint8_t frame[12];
    size_t total = 0;
    server_start(&server);
    int fd = client_connect_small(&server);
    ask(fd, 40);
    size_t size = frame_make(frame, 'E', 10);
    client_send(fd, frame, size);
    for (; total < 40 * 65536; total += sizeof back) {
        cr_assert(client_receive(fd, back, sizeof back), "at %zu", total);
        cr_expect(back[0] == 0 && memcmp(back, back + 1, sizeof back - 1) == 0);
    }
    cr_expect(client_receive(fd, back, size));
    cr_expect(memcmp(back, frame, size) == 0);
    server_stop(&server);
    close(fd);
}

Test(output, close_waits_for_a_slow_reader)
{
    struct server server = {.options.connection.write_queue_size_max = 64 * 65536};
    static uint8_t back[65536];
    uint8_t frame[12];
    server_start(&server);
    int fd = client_connect_small(&server);
    ask(fd, 40);
    size_t size = frame_make(frame, 'C', 10);
    client_send(fd, frame, size);
    cr_expect(counter_becomes(&pos_loop_stats(server.loop)->closed[POS_CLOSE_DONE], 1));
    for (int i = 0; i < 40; i++)
        cr_assert(client_receive(fd, back, sizeof back), "block %d", i);
    cr_expect(client_receive(fd, back, size));
    cr_expect(memcmp(back, frame, size) == 0);
    cr_expect(client_ended(fd, PATIENCE_MS));
    close(fd);
    server_stop(&server);
}

Test(output, more_than_a_turn_holds_goes_out_early_and_whole)
{
    enum { CLIENTS = 40 };
    struct server server = {.options.connection.write_queue_size_max = 64 * 65536};
    int fds[CLIENTS];
    static uint8_t back[65536];
    server_start(&server);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_connect(&server);
    /* 40 times 128 KiB, five times a turn's memory, asked for at once. */
    for (int i = 0; i < CLIENTS; i++)
        ask(fds[i], 2);
    for (int i = 0; i < CLIENTS; i++) {
        cr_expect(client_receive(fds[i], back, sizeof back), "client %d", i);
        cr_expect(client_receive(fds[i], back, sizeof back), "client %d", i);
        cr_expect(client_echo(fds[i]), "client %d", i);
        close(fds[i]);
    }
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_WRITE], 0);
}
