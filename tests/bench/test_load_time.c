/*
 * Both loops in a time of their own: no time passes but what a server, or something that holds the
 * load up, is said to take. So each latency is known to the nanosecond, and whose fault it was,
 * however busy the machine is. The linker puts a clock and a wait in front of the real ones
 * (--wrap); the sockets are real, and the server runs inside the wait.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bare.h"
#include "core/base/clock.h"

enum {
    MS = 1000000,
    RATE = 1000, /* a second, for half of one: request N should go out at N ms */
    COUNT = 500,
    STALL_MS = 60,     /* a histogram tells milliseconds apart up to 67 */
    SPIN_NS = 10000,   /* what a look at the sockets takes that does not wait */
    FULL_LOOK_MS = 10, /* so often a load without room looks for it: it is late by that at most */
};

static uint64_t now_ns;

/* Answers one after the other, each in no time or in `each_ns`; the tenth takes STALL_MS more, and
 * those behind it wait. */
static struct {
    int listen_fd, fd;
    uint64_t each_ns;
    uint32_t taken, answered;
    uint64_t due_ns[COUNT];
    uint8_t replies[COUNT][POS_BARE_REPLY_SIZE];
} server;

/* The bare protocol; something may hold the load up while it makes a request. */
static struct {
    struct pos_load_source source;
    uint32_t made;
    uint32_t held_up_at; /* the request */
    uint64_t held_up_ns; /* 0: nothing does */
} asking;

uint64_t __wrap_pos_clock_monotonic_ns(void);
int __wrap_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
                        const struct timespec *timeout, const sigset_t *mask);
int __real_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
                        const struct timespec *timeout, const sigset_t *mask);

uint64_t __wrap_pos_clock_monotonic_ns(void)
{
    return now_ns;
}

/* ---- the server ---- */

static void accept_load(void)
{
    int at_once = 1;
    server.fd = accept(server.listen_fd, NULL, NULL);
    cr_assert_eq(setsockopt(server.fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once), 0);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t next_due_ns(void)
{
    return server.answered < server.taken ? server.due_ns[server.answered] : UINT64_MAX;
}

static void take_requests(void)
{
    uint8_t request[POS_BARE_REQUEST_SIZE];
    for (; server.taken < asking.made; server.taken++) {
        uint32_t i = server.taken;
        cr_assert_eq(recv(server.fd, request, sizeof request, MSG_WAITALL), sizeof request);
        server.replies[i][1] = POS_BARE_REPLY_SIZE - 2;
        memcpy(server.replies[i] + 2, request + 2, 4);
        cr_assert(i < COUNT);
        server.due_ns[i] = most(now_ns, i > 0 ? server.due_ns[i - 1] : 0) + server.each_ns;
        if (i == 9)
            server.due_ns[i] += (uint64_t)STALL_MS * MS;
    }
}

static void answer_what_is_due(void)
{
    uint32_t first = server.answered;
    while (next_due_ns() <= now_ns)
        server.answered++;
    size_t size = (size_t)(server.answered - first) * POS_BARE_REPLY_SIZE;
    cr_assert_eq(send(server.fd, server.replies[first], size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Time goes on to the next reply, or by what was to be waited. */
int __wrap_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
                        const struct timespec *timeout, const sigset_t *mask)
{
    uint64_t wait_ns = (uint64_t)timeout->tv_sec * 1000 * MS + (uint64_t)timeout->tv_nsec;
    if (server.fd < 0)
        accept_load();
    take_requests();
    uint64_t until_ns = now_ns + most(wait_ns, SPIN_NS);
    now_ns = most(now_ns, least(until_ns, next_due_ns()));
    if (next_due_ns() > now_ns)
        return 0;
    answer_what_is_due();
    return __real_epoll_pwait2(epoll_fd, events, count, NULL, mask);
}

/* ---- the load ---- */

static size_t make_request(void *context, uint8_t *out, uint32_t *mark)
{
    if (asking.made == asking.held_up_at)
        now_ns += asking.held_up_ns;
    return asking.source.request(context, out, mark);
}

static struct pos_histogram latency, lateness;

static uint64_t as_long_as(const struct pos_histogram *histogram, uint64_t ns)
{
    return pos_histogram_count(histogram) - pos_histogram_count_below(histogram, ns);
}

static uint16_t listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(&server, 0, sizeof server);
    server.fd = -1;
    server.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(server.listen_fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(server.listen_fd, 1), 0);
    cr_assert_eq(getsockname(server.listen_fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

/* Against a server that takes so long for each. */
static void run_phase(uint32_t outstanding, bool spins, uint64_t each_ns,
                      struct pos_load_phase *phase)
{
    struct pos_error error = {0};
    struct pos_load *load;
    now_ns = 1000 * (uint64_t)MS;
    asking.made = 0;
    asking.source = pos_bare_source(&asking.made);
    struct pos_load_source source = asking.source;
    source.request = make_request;
    struct pos_load_options options = {.address = "127.0.0.1",
                                       .port = listen_somewhere(),
                                       .connections = 1,
                                       .outstanding = outstanding,
                                       .spins = spins,
                                       .source = source};
    server.each_ns = each_ns;
    cr_assert_eq(pos_load_open(&options, &load, &error), POS_OK, "%s", error.text);
    pos_load_run(load, phase);
    pos_load_close(load);
    close(server.fd);
    close(server.listen_fd);
    cr_expect_eq(phase->tally.good, phase->tally.replies);
    cr_expect_eq(phase->unanswered, 0);
    cr_expect_eq(phase->answered_connections, 1);
}

static void run(uint32_t outstanding, bool spins)
{
    struct pos_load_phase phase = {.duration_s = (double)COUNT / RATE,
                                   .rate = RATE,
                                   .latency = &latency,
                                   .lateness = &lateness};
    run_phase(outstanding, spins, 0, &phase);
    cr_expect_eq(phase.tally.good, COUNT);
    cr_expect_eq(pos_histogram_count(&latency), COUNT, "none is skipped");
    cr_expect_eq(pos_histogram_count(&lateness), COUNT);
}

struct way {
    const char *name;
    uint32_t outstanding;
    bool spins;
};
static const struct way ways[] = {
    {"all are sent in time", COUNT, false},
    {"spinning", COUNT, true},
    {"one after the other", 1, false},
};
enum { WAYS_WITH_ROOM = 2, WAY_COUNT = sizeof ways / sizeof ways[0] };

/* As long as 1 ms each, 2 ms, ... */
static void expect_counts(const struct pos_histogram *histogram, uint64_t longest_ms,
                          uint64_t times, const char *what, const struct way *way)
{
    for (uint64_t ms = 1; ms <= longest_ms + 1; ms++) {
        uint64_t count = as_long_as(histogram, ms * MS - MS / 2);
        cr_expect_eq(count, times * (longest_ms + 1 - ms), "%s: %s: %lu of %lu ms", way->name, what,
                     (unsigned long)count, (unsigned long)ms);
    }
}

/* The tenth waits 60 ms for its reply, and what comes due meanwhile 59, 58, ..., whether it could
 * be sent or not. That is latency, and not the load's fault. */
Test(load_time, a_server_that_stalls_is_in_the_latency_of_all_that_came_due)
{
    asking.held_up_ns = 0;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        run(ways[i].outstanding, ways[i].spins);
        expect_counts(&latency, STALL_MS, 1, "latency", &ways[i]);
        uint64_t excused_ms = i < WAYS_WITH_ROOM ? 0 : FULL_LOOK_MS;
        cr_expect_eq(as_long_as(&lateness, excused_ms * MS + MS / 2), 0, "%s", ways[i].name);
    }
}

/* Something else has the processor for a while: what comes due meanwhile is sent late. Its latency
 * counts from when it should have been sent all the same, and the load says that it was late. */
Test(load_time, a_load_that_is_held_up_says_so)
{
    asking.held_up_at = 300;
    asking.held_up_ns = (uint64_t)STALL_MS * MS;
    for (size_t i = 0; i < WAYS_WITH_ROOM; i++) {
        run(ways[i].outstanding, ways[i].spins);
        expect_counts(&latency, STALL_MS, 2, "latency", &ways[i]);
        expect_counts(&lateness, STALL_MS - 1, 1, "lateness", &ways[i]);
    }
}

Test(load_time, in_a_closed_loop_latency_is_from_sending_to_reading)
{
    struct pos_load_phase phase = {.duration_s = 5, .requests_max = 40, .latency = &latency};
    asking.held_up_ns = 0;
    run_phase(1, false, MS, &phase);
    cr_expect_eq(phase.tally.replies, 40);
    cr_expect_eq(pos_histogram_count(&latency), 40);
    cr_expect_eq(as_long_as(&latency, MS - MS / 20), 40);
    cr_expect_eq(as_long_as(&latency, MS + MS / 20), 1, "the tenth alone");
    cr_expect_eq(as_long_as(&latency, (1 + STALL_MS) * (uint64_t)MS - MS / 2), 1);
    cr_expect_eq(as_long_as(&latency, (1 + STALL_MS) * (uint64_t)MS + MS / 2), 0);
}

/* The tenth reply comes long before the stretch begins. */
Test(load_time, warm_up_is_not_counted)
{
    struct pos_load_phase phase = {
        .warm_up_s = 0.1, .duration_s = 5, .requests_max = 20, .latency = &latency};
    asking.held_up_ns = 0;
    run_phase(1, false, MS, &phase);
    cr_expect_eq(phase.tally.replies, 20);
    cr_expect_eq(pos_histogram_count(&latency), 20);
    cr_expect_eq(as_long_as(&latency, MS + MS / 20), 0);
    cr_expect_eq(asking.made, 100 - STALL_MS + 20 + 1, "%u, with one under way", asking.made);
}

Test(load_time, at_a_rate_warm_up_is_not_counted)
{
    for (size_t i = 0; i < WAYS_WITH_ROOM; i++) {
        struct pos_load_phase phase = {.warm_up_s = 0.125,
                                       .duration_s = 5,
                                       .requests_max = 125,
                                       .rate = RATE,
                                       .latency = &latency};
        asking.held_up_ns = 0;
        run_phase(ways[i].outstanding, ways[i].spins, 0, &phase);
        cr_expect_eq(asking.made, 250, "%s: %u", ways[i].name, asking.made);
        cr_expect_eq(pos_histogram_count(&latency), 125, "%s", ways[i].name);
        cr_expect_eq(as_long_as(&latency, MS / 2), 0, "%s", ways[i].name);
        cr_expect(phase.seconds > 0.1249 && phase.seconds < 0.1351, "%s: %g", ways[i].name,
                  phase.seconds);
    }
}
