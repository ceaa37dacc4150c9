#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/core/net/support.h"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

Test(connection, echoes_a_stream_split_at_every_byte)
{
    struct server server = {0};
    uint8_t stream[3 * 40], back[sizeof stream];
    size_t size = 0;
    size += frame_make(stream + size, 'E', 30);
    size += frame_make(stream + size, 'E', 0);
    size += frame_make(stream + size, 'E', 37);
    server_start(&server);
    int fd = client_connect(&server);
    for (size_t split = 1; split < size; split++) {
        uint64_t reads = pos_counter_read(&pos_loop_stats(server.loop)->reads);
        client_send(fd, stream, split);
        cr_expect(counter_becomes(&pos_loop_stats(server.loop)->reads, reads + 1));
        client_send(fd, stream + split, size - split);
        memset(back, 0, sizeof back);
        cr_expect(client_receive(fd, back, size), "split at %zu", split);
        cr_expect(memcmp(stream, back, size) == 0, "split at %zu", split);
    }
    close(fd);
    cr_expect(counter_becomes(&pos_loop_stats(server.loop)->closed[POS_CLOSE_PEER], 1));
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_PEER], 1);
}

Test(connection, echoes_the_longest_frame_a_byte_at_a_time)
{
    struct server server = {0};
    static uint8_t frame[POS_FRAME_SIZE_MAX], back[POS_FRAME_SIZE_MAX];
    size_t size = frame_make(frame, 'E', POS_FRAME_BODY_SIZE_MAX);
    server_start(&server);
    int fd = client_connect(&server);
    for (size_t i = 0; i < size; i++)
        client_send(fd, frame + i, 1);
    cr_expect(client_receive(fd, back, size));
    cr_expect(memcmp(frame, back, size) == 0);
    close(fd);
    server_stop(&server);
}

Test(connection, echoes_more_at_once_than_the_read_buffer_holds)
{
    enum { FRAME = 102, COUNT = 2 * POS_READ_BUFFER_SIZE / FRAME };
    struct server server = {0};
    static uint8_t stream[COUNT * FRAME], back[sizeof stream];
    for (size_t i = 0; i < COUNT; i++)
        (void)frame_make(stream + i * FRAME, 'E', FRAME - 2);
    server_start(&server);
    int fd = client_connect(&server);
    client_send(fd, stream, sizeof stream);
    cr_expect(client_receive(fd, back, sizeof back));
    cr_expect(memcmp(stream, back, sizeof back) == 0);
    close(fd);
    server_stop(&server);
}

Test(connection, answers_a_hundred_pipelined_frames_with_one_write)
{
    struct server server = {0};
    static uint8_t stream[100 * 102], back[sizeof stream];
    for (size_t i = 0; i < 100; i++)
        frame_make(stream + i * 102, 'E', 100);
    server_start(&server);
    int fd = client_connect(&server);
    cr_assert(client_echo(fd));
    const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
    uint64_t writes = pos_counter_read(&stats->writes);
    uint64_t reads = pos_counter_read(&stats->reads);
    client_send(fd, stream, sizeof stream);
    cr_expect(client_receive(fd, back, sizeof back));
    cr_expect(memcmp(stream, back, sizeof stream) == 0);
    /* One segment is one read on loopback; were it more there would be a write for each. */
    cr_expect_eq(pos_counter_read(&stats->reads), reads + 1);
    cr_expect_eq(pos_counter_read(&stats->writes), writes + 1);
    close(fd);
    server_stop(&server);
}

Test(connection, keeps_no_memory_for_a_message_that_is_complete)
{
    struct server server = {0};
    server_start(&server);
    int fd = client_connect(&server);
    uint8_t frame[12];
    size_t size = frame_make(frame, 'E', 10);
    uint64_t reads = pos_counter_read(&pos_loop_stats(server.loop)->reads);
    client_send(fd, frame, 5);
    cr_expect(counter_becomes(&pos_loop_stats(server.loop)->reads, reads + 1));
    client_send(fd, frame + 5, size - 5);
    cr_expect(client_receive(fd, frame, size));
    cr_expect(client_echo(fd));
    server_stop(&server);
    /* Two parts and one whole: the parts came together the second time. */
    cr_expect_eq(server.bytes_calls, 3);
    close(fd);
}

Test(connection, ends_where_its_user_holds_back_more_than_a_frame)
{
    struct server server = {0};
    static uint8_t junk[8192];
    memset(junk, 0xff, sizeof junk);
    server_start(&server);
    int fd = client_connect(&server);
    client_send(fd, junk, sizeof junk);
    cr_expect(client_ended(fd, PATIENCE_MS));
    close(fd);
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_FRAME], 1);
}

Test(connection, closes_from_within_bytes_and_still_answers)
{
    struct server server = {0};
    uint8_t stream[24], back[24];
    size_t size = frame_make(stream, 'E', 10);
    size += frame_make(stream + size, 'C', 10);
    server_start(&server);
    int fd = client_connect(&server);
    client_send(fd, stream, size);
    cr_expect(client_receive(fd, back, size));
    cr_expect(memcmp(stream, back, size) == 0);
    cr_expect(client_ended(fd, PATIENCE_MS));
    close(fd);
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_DONE], 1);
}

Test(connection, delivers_the_last_replies_to_a_peer_that_is_cut_while_sending)
{
    struct server server = {0};
    uint8_t frame[12], back[12];
    static uint8_t junk[200000];
    size_t size = frame_make(frame, 'B', 10);
    memset(junk, 'j', sizeof junk);
    server_start(&server);
    for (int round = 0; round < 20; round++) {
        int fd = client_connect(&server);
        client_send(fd, frame, size);
        client_send(fd, junk, sizeof junk);
        pause_ms(5);
        cr_expect(client_receive(fd, back, size), "round %d", round);
        cr_expect(client_ended_in_order(fd), "round %d: not reset", round);
        close(fd);
    }
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_FRAME], 20);
}

Test(connection, answers_what_a_half_closing_peer_had_sent)
{
    static const struct {
        const char *name;
        bool keeps;
        char command;
        bool answered;
    } rows[] = {
        {"answered at once", false, 'E', true},
        {"answered later, kept", true, 'A', true},
        {"answered later, not kept", false, 'A', false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server server = {.keeps = rows[i].keeps};
        uint8_t frame[6], back[6];
        size_t size = frame_make(frame, rows[i].command, 4);
        server_start(&server);
        int fd = client_connect(&server);
        client_send(fd, frame, size);
        shutdown(fd, SHUT_WR);
        cr_expect_eq(client_receive(fd, back, size), rows[i].answered, "%s", rows[i].name);
        if (rows[i].command == 'E' && rows[i].keeps == false)
            cr_expect(client_ended(fd, PATIENCE_MS), "%s", rows[i].name);
        close(fd);
        server_stop(&server);
    }
}

Test(connection, counts_a_reset_as_one)
{
    struct server server = {0};
    struct linger hard = {.l_onoff = 1};
    server_start(&server);
    int fd = client_connect(&server);
    cr_assert(client_echo(fd));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    cr_expect(counter_becomes(&pos_loop_stats(server.loop)->closed[POS_CLOSE_RESET], 1));
    cr_expect(counter_becomes(&pos_loop_stats(server.loop)->open_now, 0));
    server_stop(&server);
}

static struct pos_connection_handle last_handle;
static int opened_count;

static void remember(void *context, struct pos_connection *connection)
{
    (void)context;
    last_handle = pos_connection_handle(connection);
    opened_count++;
}

static size_t swallow(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    (void)context;
    (void)connection;
    return bytes.size;
}

static void forget(void *context, struct pos_connection *connection, enum pos_close reason)
{
    (void)context;
    (void)connection;
    (void)reason;
}

static const struct pos_connection_events quiet = {
    .opened = remember, .bytes = swallow, .closed = forget};

enum { SLOTS_TICK_MS = 20 };

struct slots {
    struct pos_loop *loop;
    uint16_t port;
    int step, ticks;
    struct pos_connection_handle first, second;
    bool first_stale, second_found;
};

static void slots_connect(struct slots *slots)
{
    struct pos_connection *connection;
    (void)!pos_connection_connect(slots->loop, "127.0.0.1", slots->port, NULL, NULL, &quiet, NULL,
                                  &connection);
}

/* Opens one, closes it and opens another, which takes its slot: each step once the one before has
 * come about. */
static void slots_step(void *context)
{
    struct slots *slots = context;
    struct pos_connection *first = pos_connection_find(slots->loop, slots->first);
    if (slots->step == 0) {
        slots_connect(slots);
        slots->step++;
    } else if (slots->step == 1 && opened_count == 1) {
        slots->first = last_handle;
        pos_connection_close(pos_connection_find(slots->loop, slots->first), POS_CLOSE_DONE);
        slots->step++;
    } else if (slots->step == 2 && first == NULL) {
        slots_connect(slots);
        slots->step++;
    } else if (slots->step == 3 && opened_count == 2) {
        slots->second = last_handle;
        slots->first_stale = first == NULL;
        slots->second_found = pos_connection_find(slots->loop, slots->second) != NULL;
        slots->step++;
    }
    if (slots->step == 4 || ++slots->ticks > PATIENCE_MS / SLOTS_TICK_MS)
        pos_loop_stop(slots->loop);
}

Test(connection, handle_goes_stale_when_its_slot_is_used_again)
{
    struct server server = {0};
    struct slots slots = {0};
    struct pos_timer *timer;
    server_start(&server);
    slots.port = server.port;
    cr_assert_eq(pos_loop_create(&slots.loop), POS_OK);
    cr_assert_eq(pos_timer_open(slots.loop, SLOTS_TICK_MS, slots_step, &slots, &timer), POS_OK);
    pos_loop_run(slots.loop);
    pos_loop_destroy(slots.loop);
    server_stop(&server);
    cr_expect_eq(slots.step, 4);
    cr_expect(slots.first_stale);
    cr_expect(slots.second_found);
    cr_expect_eq(slots.first.slot, slots.second.slot);
    cr_expect_neq(slots.first.generation, slots.second.generation);
}

struct outcome {
    struct pos_loop *loop;
    int opened, closed;
    enum pos_close reason;
    char peer[POS_ADDRESS_SIZE_MAX];
    uint8_t got[64];
    size_t got_size;
};

static void outcome_opened(void *context, struct pos_connection *connection)
{
    struct outcome *outcome = context;
    outcome->opened++;
    pos_connection_peer(connection, outcome->peer);
}

static size_t outcome_bytes(void *context, struct pos_connection *connection,
                            struct pos_bytes bytes)
{
    struct outcome *outcome = context;
    size_t room = sizeof outcome->got - outcome->got_size;
    size_t size = bytes.size < room ? bytes.size : room;
    memcpy(outcome->got + outcome->got_size, bytes.data, size);
    outcome->got_size += size;
    pos_connection_close(connection, POS_CLOSE_DONE);
    pos_connection_close(connection, POS_CLOSE_RESET); /* the first reason counts */
    return bytes.size;
}

static void outcome_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct outcome *outcome = context;
    (void)connection;
    outcome->closed++;
    outcome->reason = reason;
    pos_loop_stop(outcome->loop);
}

static const struct pos_connection_events outcome_events = {
    .opened = outcome_opened, .bytes = outcome_bytes, .closed = outcome_closed};

Test(connection, connects_from_a_source_and_sends_what_was_written_before)
{
    struct server server = {0};
    struct outcome outcome = {0};
    struct pos_connection *connection;
    uint8_t frame[12];
    size_t size = frame_make(frame, 'E', 10);
    server_start(&server);
    cr_assert_eq(pos_loop_create(&outcome.loop), POS_OK);
    cr_assert_eq(pos_connection_connect(outcome.loop, "127.0.0.1", server.port, "127.0.0.2", NULL,
                                        &outcome_events, &outcome, &connection),
                 POS_OK);
    pos_connection_write(connection, pos_bytes(frame, size));
    pos_loop_run(outcome.loop);
    pos_loop_destroy(outcome.loop);
    server_stop(&server);
    cr_expect_eq(outcome.opened, 1);
    cr_expect_eq(outcome.closed, 1);
    cr_expect_eq(outcome.reason, POS_CLOSE_DONE);
    cr_expect_eq(outcome.got_size, size);
    cr_expect(memcmp(outcome.got, frame, size) == 0);
    cr_expect_eq(strncmp(outcome.peer, "127.0.0.1:", 10), 0, "%s", outcome.peer);
}

/* A port that nobody listens at, and that nobody else is given. */
static int take_port(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

Test(connection, says_that_a_connect_failed)
{
    struct outcome outcome = {0};
    struct pos_connection *connection;
    uint16_t port;
    int fd = take_port(&port);
    cr_assert_eq(pos_loop_create(&outcome.loop), POS_OK);
    cr_expect_eq(pos_connection_connect(outcome.loop, "localhost", 1, NULL, NULL, &outcome_events,
                                        &outcome, &connection),
                 POS_ERR_USAGE);
    cr_assert_eq(pos_connection_connect(outcome.loop, "127.0.0.1", port, NULL, NULL,
                                        &outcome_events, &outcome, &connection),
                 POS_OK);
    pos_loop_run(outcome.loop);
    pos_loop_destroy(outcome.loop);
    close(fd);
    cr_expect_eq(outcome.opened, 0);
    cr_expect_eq(outcome.closed, 1);
    cr_expect_eq(outcome.reason, POS_CLOSE_CONNECT);
}

Test(connection, every_reason_has_a_text)
{
    for (int i = 0; i < POS_CLOSE_COUNT; i++)
        cr_expect(strlen(pos_close_text((enum pos_close)i)) > 0);
    cr_expect_str_eq(pos_close_text(POS_CLOSE_WRITE), "write-queue-full");
}
