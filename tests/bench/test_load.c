/* The closed loop against servers that behave and servers that do not. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/process.h"

enum misdeed { NONE, WRONG_MARK, GARBAGE, HANG_UP, SILENCE, BACKWARDS, DRIPS, DELAYS };

/* Serves one connection of the bare protocol on a thread, with one misdeed at the tenth request. */
struct server {
    enum misdeed misdeed;
    int listen_fd;
    uint16_t port;
    pthread_t thread;
};

static bool read_request(int fd, uint8_t *request)
{
    return recv(fd, request, POS_BARE_REQUEST_SIZE, MSG_WAITALL) == POS_BARE_REQUEST_SIZE;
}

static void make_reply(uint8_t *reply, const uint8_t *request)
{
    memset(reply, 0, POS_BARE_REPLY_SIZE);
    reply[1] = POS_BARE_REPLY_SIZE - 2;
    memcpy(reply + 2, request + 2, 4);
}

static void send_all(int fd, const uint8_t *data, size_t size, size_t piece)
{
    for (size_t at = 0; at < size; at += piece)
        (void)!send(fd, data + at, size - at < piece ? size - at : piece, MSG_NOSIGNAL);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* False: the connection ends. */
static bool misbehave(const struct server *server, int fd, uint8_t *reply)
{
    switch (server->misdeed) {
    case WRONG_MARK:
        memset(reply + 2, 0xff, 4);
        return true;
    case GARBAGE:
        memset(reply, 0xee, POS_BARE_REPLY_SIZE);
        return true;
    case DELAYS:
        pause_ms(100);
        return true;
    case HANG_UP:
        return false;
    default:
        (void)fd;
        return true;
    }
}

static void serve(const struct server *server, int fd)
{
    uint8_t request[POS_BARE_REQUEST_SIZE], replies[2 * POS_BARE_REPLY_SIZE];
    for (int count = 1; read_request(fd, request); count++) {
        make_reply(replies, request);
        if (server->misdeed == BACKWARDS) { /* pairs, the second first */
            if (!read_request(fd, request))
                return;
            memmove(replies + POS_BARE_REPLY_SIZE, replies, POS_BARE_REPLY_SIZE);
            make_reply(replies, request);
            send_all(fd, replies, sizeof replies, sizeof replies);
            continue;
        }
        if (count == 10 && !misbehave(server, fd, replies))
            return;
        if (count == 10 && server->misdeed == SILENCE)
            continue;
        send_all(fd, replies, POS_BARE_REPLY_SIZE,
                 server->misdeed == DRIPS ? 7 : POS_BARE_REPLY_SIZE);
    }
}

static void *run(void *argument)
{
    struct server *server = argument;
    int fd = accept(server->listen_fd, NULL, NULL);
    serve(server, fd);
    close(fd);
    return NULL;
}

static void start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(server->listen_fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(server->listen_fd, 1), 0);
    cr_assert_eq(getsockname(server->listen_fd, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&server->thread, NULL, run, server), 0);
}

static void load_once(enum misdeed misdeed, uint32_t outstanding, uint64_t requests,
                      struct pos_load_phase *phase)
{
    static struct pos_histogram latency;
    struct server server = {.misdeed = misdeed};
    struct pos_error error = {0};
    struct pos_load *load;
    uint32_t counter = 0;
    start(&server);
    struct pos_load_options options = {.address = "127.0.0.1",
                                       .port = server.port,
                                       .connections = 1,
                                       .outstanding = outstanding,
                                       .source = pos_bare_source(&counter)};
    cr_assert_eq(pos_load_open(&options, &load, &error), POS_OK, "%s", error.text);
    *phase =
        (struct pos_load_phase){.duration_s = 5, .requests_max = requests, .latency = &latency};
    pos_load_run(load, phase);
    pos_load_close(load);
    pthread_join(server.thread, NULL);
    close(server.listen_fd);
}

Test(load, counts_what_a_server_does_right_and_wrong)
{
    static const struct {
        const char *name;
        enum misdeed misdeed;
        uint32_t outstanding;
        uint64_t unmatched, unreadable, lost, unanswered;
    } rows[] = {
        {"well behaved", NONE, 1, 0, 0, 0, 0},
        {"well behaved, pipelined", NONE, 8, 0, 0, 0, 0},
        {"in pieces", DRIPS, 2, 0, 0, 0, 0},
        {"in another order", BACKWARDS, 2, 0, 0, 0, 0},
        {"a reply to nothing that was asked", WRONG_MARK, 2, 1, 0, 0, 1},
        {"something that is no reply", GARBAGE, 2, 0, 1, 1, 0},
        {"hangs up", HANG_UP, 2, 0, 0, 1, 0},
        {"does not answer one", SILENCE, 2, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_load_phase phase;
        load_once(rows[i].misdeed, rows[i].outstanding, 40, &phase);
        cr_expect_eq(phase.tally.unmatched, rows[i].unmatched, "%s", rows[i].name);
        cr_expect_eq(phase.tally.unreadable, rows[i].unreadable, "%s", rows[i].name);
        cr_expect_eq(phase.tally.lost, rows[i].lost, "%s", rows[i].name);
        cr_expect_eq(phase.unanswered, rows[i].unanswered, "%s", rows[i].name);
        cr_expect_eq(phase.tally.replies >= 40, rows[i].lost == 0, "%s", rows[i].name);
        cr_expect_eq(phase.answered_connections, 1, "%s", rows[i].name);
    }
}

Test(load, latency_is_from_sending_to_reading)
{
    struct pos_load_phase phase;
    load_once(DELAYS, 1, 40, &phase);
    cr_expect_eq(phase.tally.good, 40);
    cr_expect_eq(pos_histogram_count(phase.latency), 40);
    uint64_t longest = pos_histogram_quantile(phase.latency, 1.0);
    cr_expect(longest >= 99000000 && longest < 1000000000, "%lu", (unsigned long)longest);
    cr_expect(pos_histogram_quantile(phase.latency, 0.5) < 99000000);
}

Test(load, warm_up_is_not_counted)
{
    static struct pos_histogram latency;
    struct server server = {.misdeed = DELAYS}; /* the tenth reply, long before the stretch */
    struct pos_error error = {0};
    struct pos_load *load;
    uint32_t counter = 0;
    start(&server);
    struct pos_load_options options = {.address = "127.0.0.1",
                                       .port = server.port,
                                       .connections = 1,
                                       .outstanding = 1,
                                       .source = pos_bare_source(&counter)};
    cr_assert_eq(pos_load_open(&options, &load, &error), POS_OK, "%s", error.text);
    struct pos_load_phase phase = {
        .warm_up_s = 0.3, .duration_s = 5, .requests_max = 20, .latency = &latency};
    pos_load_run(load, &phase);
    pos_load_close(load);
    pthread_join(server.thread, NULL);
    close(server.listen_fd);
    cr_expect_eq(phase.tally.replies, 20);
    cr_expect(pos_histogram_quantile(&latency, 1.0) < 99000000);
    cr_expect(counter > 30, "%u", counter);
}

Test(load, says_where_it_could_not_connect)
{
    struct pos_error error = {0};
    struct pos_load *load;
    uint32_t counter = 0;
    struct pos_load_options options = {.address = "127.0.0.1",
                                       .port = 1,
                                       .connections = 2,
                                       .outstanding = 1,
                                       .source = pos_bare_source(&counter)};
    cr_expect_eq(pos_load_open(&options, &load, &error), POS_ERR_NETWORK);
    cr_expect(strstr(error.text, "127.0.0.1 port 1") != NULL, "%s", error.text);
}

Test(load, tallies_add_up_by_code)
{
    struct pos_load_tally a = {
        .replies = 3, .good = 2, .codes = {{"00", 2}, {"97", 1}}, .code_count = 2};
    struct pos_load_tally b = {
        .replies = 2, .good = 1, .lost = 1, .codes = {{"A0", 1}, {"00", 1}}, .code_count = 2};
    pos_load_tally_add(&a, &b);
    cr_expect_eq(a.replies, 5);
    cr_expect_eq(a.good, 3);
    cr_expect_eq(a.lost, 1);
    cr_assert_eq(a.code_count, 3);
    cr_expect(strcmp(a.codes[0].code, "00") == 0 && a.codes[0].count == 3);
    cr_expect(strcmp(a.codes[1].code, "97") == 0 && a.codes[1].count == 1);
    cr_expect(strcmp(a.codes[2].code, "A0") == 0 && a.codes[2].count == 1);
}

Test(process, cpu_time_grows_with_work_and_not_with_sleep)
{
    uint64_t before = pos_process_cpu_ns(getpid());
    pause_ms(100);
    uint64_t slept = pos_process_cpu_ns(getpid());
    struct timespec start_time, now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start_time);
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while ((now.tv_sec - start_time.tv_sec) * 1000000000 + now.tv_nsec - start_time.tv_nsec <
           100000000);
    pause_ms(1); /* the kernel has counted it when the thread next waits */
    uint64_t worked = pos_process_cpu_ns(getpid());
    cr_expect(slept - before < 30000000, "%lu", (unsigned long)(slept - before));
    cr_expect(worked - slept > 80000000, "%lu", (unsigned long)(worked - slept));
    cr_expect_eq(pos_process_cpu_ns(0x7fffffff), 0);
}

Test(process, memory_is_that_which_was_touched)
{
    enum { SIZE = 8 << 20 };
    uint64_t before = pos_process_memory(getpid());
    uint8_t *memory = malloc(SIZE);
    memset(memory, 1, SIZE);
    uint64_t after = pos_process_memory(getpid());
    cr_expect(before > 0);
    cr_expect(after - before > SIZE * 9 / 10 && after - before < 2 * SIZE, "%lu",
              (unsigned long)(after - before));
    free(memory);
}
