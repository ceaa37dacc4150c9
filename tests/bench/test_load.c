/* The closed loop and the open one against servers that behave and servers that do not. What they
 * measure, to the nanosecond: test_load_time.c. */
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
    int more; /* connections after the first, one after the other */
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
    do {
        int fd = accept(server->listen_fd, NULL, NULL);
        serve(server, fd);
        close(fd);
    } while (--server->more >= 0);
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
        (struct pos_load_phase){.duration_s = 60, .requests_max = requests, .latency = &latency};
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

/* At a rate; the tenth reply takes 100 ms, and all that should have gone out meanwhile waits. */
static void load_at_rate(uint32_t outstanding, bool spins, struct pos_load_phase *phase)
{
    struct server server = {.misdeed = DELAYS};
    struct pos_error error = {0};
    struct pos_load *load;
    uint32_t counter = 0;
    start(&server);
    struct pos_load_options options = {.address = "127.0.0.1",
                                       .port = server.port,
                                       .connections = 1,
                                       .outstanding = outstanding,
                                       .spins = spins,
                                       .source = pos_bare_source(&counter)};
    cr_assert_eq(pos_load_open(&options, &load, &error), POS_OK, "%s", error.text);
    pos_load_run(load, phase);
    pos_load_close(load);
    pthread_join(server.thread, NULL);
    close(server.listen_fd);
}

/* Ten requests in 50 ms; the last one's reply comes long after. It belongs to the course as it does
 * to the latencies. */
Test(load, what_is_answered_after_the_stretch_is_in_its_course)
{
    static struct pos_histogram latency;
    static struct pos_series series;
    struct pos_load_phase phase = {.duration_s = 0.05,
                                   .requests_max = 10,
                                   .rate = 200,
                                   .latency = &latency,
                                   .series = &series};
    uint64_t came = 0;
    pos_series_init(&series, 1, phase.duration_s);
    load_at_rate(1, false, &phase);
    for (size_t i = 0; i < series.count; i++)
        came += series.points[i].count;
    cr_expect_eq(pos_histogram_count(&latency), 10);
    cr_expect_eq(came, 10, "%lu", (unsigned long)came);
    cr_expect(series.points[0].count < 10 && series.count > 1, "the tenth is in another interval");
}

/* Whose fault it was, and to the nanosecond: test_load_time.c. */
Test(load, at_a_rate_latency_is_from_when_a_request_should_have_gone_out)
{
    static struct pos_histogram latency, lateness;
    static const struct {
        const char *name;
        uint32_t outstanding;
        bool spins;
    } rows[] = {
        {"all are sent in time", 1024, false},
        {"spinning", 1024, true},
        {"one after the other", 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_load_phase phase = {
            .duration_s = 0.5, .rate = 1000, .latency = &latency, .lateness = &lateness};
        load_at_rate(rows[i].outstanding, rows[i].spins, &phase);
        cr_expect_eq(pos_histogram_count(&latency), 500, "%s: none is skipped", rows[i].name);
        cr_expect_eq(pos_histogram_count(&lateness), 500, "%s", rows[i].name);
        cr_expect_eq(phase.unanswered, 0, "%s", rows[i].name);
        cr_expect(pos_histogram_quantile(&latency, 1.0) >= 99000000, "%s", rows[i].name);
        /* About 90 of them came due in those 100 ms, and waited 10 ms or longer. A load that waits
         * for replies before it asks has one. */
        uint64_t slow = 500 - pos_histogram_count_below(&latency, 10000000);
        cr_expect(slow >= 80, "%s: %lu", rows[i].name, (unsigned long)slow);
    }
}

Test(load, what_a_server_cannot_take_is_unanswered_and_not_forgotten)
{
    static struct pos_histogram latency;
    struct server server = {.misdeed = SILENCE}; /* the tenth; then the one connection is full */
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
    struct pos_load_phase phase = {.duration_s = 0.1, .rate = 1000, .latency = &latency};
    pos_load_run(load, &phase);
    pos_load_close(load);
    pthread_join(server.thread, NULL);
    close(server.listen_fd);
    cr_expect_eq(pos_histogram_count(&latency), 9);
    cr_expect_eq(phase.unanswered, 91);
}

Test(load, connections_are_made_anew_after_so_many_requests)
{
    static const struct {
        const char *name;
        uint32_t every, outstanding;
        uint64_t rate;
    } rows[] = {
        {"each request", 1, 1, 0},
        {"each request, more may be under way", 1, 4, 0},
        {"five requests, three at once", 5, 3, 0},
        {"each request, at a rate", 1, 4, 1000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct pos_histogram latency;
        struct server server = {.misdeed = NONE, .more = 100000};
        struct pos_error error = {0};
        struct pos_load *load;
        uint32_t counter = 0;
        start(&server);
        struct pos_load_options options = {.address = "127.0.0.1",
                                           .port = server.port,
                                           .connections = 1,
                                           .outstanding = rows[i].outstanding,
                                           .reconnect = rows[i].every,
                                           .source = pos_bare_source(&counter)};
        cr_assert_eq(pos_load_open(&options, &load, &error), POS_OK, "%s", error.text);
        struct pos_load_phase phase = {
            .duration_s = 60, .rate = rows[i].rate, .requests_max = 100, .latency = &latency};
        pos_load_run(load, &phase);
        server.more = 0;
        pos_load_close(load);
        shutdown(server.listen_fd, SHUT_RDWR);
        pthread_join(server.thread, NULL);
        close(server.listen_fd);
        /* At a rate some may come behind the stretch: they are in the latencies all the same. */
        uint64_t answered = pos_histogram_count(&latency);
        cr_expect(answered >= 100 && answered < 100 + rows[i].outstanding, "%s: %lu", rows[i].name,
                  (unsigned long)answered);
        cr_expect_eq(phase.tally.good, phase.tally.replies, "%s", rows[i].name);
        cr_expect(phase.tally.reconnected + 2 >= phase.tally.replies / rows[i].every &&
                      phase.tally.reconnected <= phase.tally.replies / rows[i].every + 1,
                  "%s: %lu", rows[i].name, (unsigned long)phase.tally.reconnected);
        cr_expect_eq(phase.tally.lost, 0, "%s", rows[i].name);
        cr_expect_eq(phase.unanswered, 0, "%s", rows[i].name);
    }
}

/* How many requests the other load had made when this one made its last. */
static struct {
    struct pos_load_source source;
    const uint32_t *others;
    uint32_t seen;
} noting;

static size_t note(void *context, uint8_t *out, uint32_t *mark)
{
    noting.seen = *noting.others;
    return noting.source.request(context, out, mark);
}

Test(load, two_take_turns_in_one_thread)
{
    static struct pos_histogram latency[2];
    struct pos_error error = {0};
    struct server servers[2] = {{.misdeed = NONE}, {.misdeed = NONE}};
    struct pos_load *loads[2];
    uint32_t counters[2] = {0};
    for (int i = 0; i < 2; i++) {
        start(&servers[i]);
        struct pos_load_options options = {.address = "127.0.0.1",
                                           .port = servers[i].port,
                                           .connections = 1,
                                           .outstanding = 4,
                                           .spins = true,
                                           .source = pos_bare_source(&counters[i])};
        if (i == 0) {
            noting.source = options.source;
            noting.others = &counters[1];
            options.source.request = note;
        }
        cr_assert_eq(pos_load_open(&options, &loads[i], &error), POS_OK, "%s", error.text);
    }
    struct pos_load_phase phase = {.duration_s = 0.1, .rate = 1000, .latency = &latency[0]};
    struct pos_load_phase beside = {.duration_s = 0.1, .rate = 500, .latency = &latency[1]};
    pos_load_run_both(loads[0], &phase, loads[1], &beside);
    cr_expect(phase.unanswered == 0 && beside.unanswered == 0);
    cr_expect_eq(pos_histogram_count(&latency[0]), 100);
    cr_expect_eq(pos_histogram_count(&latency[1]), 50);
    cr_expect_eq(counters[0], 100);
    cr_expect_eq(counters[1], 50);
    cr_expect_gt(noting.seen, 0, "one after the other");
    for (int i = 0; i < 2; i++) {
        pos_load_close(loads[i]);
        pthread_join(servers[i].thread, NULL);
        close(servers[i].listen_fd);
    }
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
        .replies = 3, .good = 2, .codes = {{"00", 2, 2}, {"97", 1, 0}}, .code_count = 2};
    struct pos_load_tally b = {
        .replies = 2, .good = 1, .lost = 1, .codes = {{"A0", 1, 0}, {"00", 1, 1}}, .code_count = 2};
    pos_load_tally_add(&a, &b);
    cr_expect_eq(a.replies, 5);
    cr_expect_eq(a.good, 3);
    cr_expect_eq(a.lost, 1);
    cr_assert_eq(a.code_count, 3);
    cr_expect(strcmp(a.codes[0].code, "00") == 0 && a.codes[0].count == 3 && a.codes[0].good == 3);
    cr_expect(strcmp(a.codes[1].code, "97") == 0 && a.codes[1].count == 1);
    cr_expect(strcmp(a.codes[2].code, "A0") == 0 && a.codes[2].count == 1);
}

/* Outside the measured stretch only what went wrong counts: 97 where 97 was wanted did not. */
Test(load, failures_are_what_was_not_wanted)
{
    struct pos_load_tally into = {.replies = 7};
    struct pos_load_tally from = {.replies = 9,
                                  .good = 7,
                                  .lost = 2,
                                  .unmatched = 3,
                                  .unreadable = 4,
                                  .codes = {{"00", 4, 4}, {"97", 4, 3}, {"30", 1, 0}},
                                  .code_count = 3};
    pos_load_tally_add_failures(&into, &from);
    cr_expect(into.replies == 7 && into.good == 0);
    cr_expect(into.lost == 2 && into.unmatched == 3 && into.unreadable == 4);
    cr_assert_eq(into.code_count, 2);
    cr_expect(strcmp(into.codes[0].code, "97") == 0 && into.codes[0].count == 1 &&
              into.codes[0].good == 0);
    cr_expect(strcmp(into.codes[1].code, "30") == 0 && into.codes[1].count == 1);
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

static int bind_to(uint16_t port, bool reuses)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (reuses)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0)
        return fd;
    close(fd);
    return -1;
}

Test(process, a_port_that_is_held_is_for_the_server_alone)
{
    uint16_t port = 0;
    int held = pos_process_hold_port(&port);
    cr_assert(held >= 0 && port > 0);
    cr_expect_eq(bind_to(port, false), -1, "another is not given it");
    cr_expect_eq(pos_process_connect(port), -1, "nobody is there yet");
    int server = bind_to(port, true);
    cr_assert(server >= 0);
    int client = pos_process_connect(port);
    cr_expect(client >= 0);
    close(client);
    close(server);
    close(held);
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
