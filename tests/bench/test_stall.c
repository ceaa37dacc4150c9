/*
 * A gateway that stands still for a second: the bench must show that second, and nothing that did
 * not happen. The gateway is stopped when a certain request is made, and how long each request took
 * is seen by a clock of this test's own: so it does not matter what else the machine does.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/folder.h"
#include "bench/process.h"
#include "bench/subject.h"
#include "core/base/clock.h"

enum {
    RATE = 1000,
    MS = 1000000,
    WARM_UP = 100,
    COUNT = 1500,
    STALL_AT = WARM_UP + 200, /* the request with which it begins */
    STALL_MS = 1000,
    MARKS = 4096, /* more than requests: each has a mark of its own below it */
};

/* The gateway's requests and replies, and when each passed here. */
static struct {
    struct pos_load_source source;
    pid_t pid; /* stopped at STALL_AT; 0: never */
    pid_t waker;
    uint32_t made;
    uint64_t begin_ns;   /* no request was due before */
    uint64_t longest_ns; /* that a request which counts may have taken, from when it was due */
    uint32_t number_of[MARKS];
} seen;

/* In another process, as this one is busy with the load. */
static pid_t wake_later(pid_t pid)
{
    pid_t waker = fork();
    if (waker != 0)
        return waker;
    const struct timespec second = {.tv_sec = STALL_MS / 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &second, NULL);
    kill(pid, SIGCONT);
    _exit(0);
}

static size_t make_request(void *context, uint8_t *out, uint32_t *mark)
{
    (void)context;
    if (seen.made == STALL_AT && seen.pid != 0) {
        kill(seen.pid, SIGSTOP);
        cr_assert_eq(waitpid(seen.pid, NULL, WUNTRACED), seen.pid);
        seen.waker = wake_later(seen.pid);
    }
    size_t size = seen.source.request(seen.source.context, out, mark);
    seen.number_of[*mark % MARKS] = seen.made++;
    return size;
}

static ssize_t read_reply(void *context, struct pos_bytes stream, struct pos_load_reply *reply)
{
    (void)context;
    ssize_t size = seen.source.reply(seen.source.context, stream, reply);
    uint32_t number = seen.number_of[reply->mark % MARKS];
    uint64_t due_ns = seen.begin_ns + (uint64_t)number * (1000 / RATE) * MS;
    uint64_t took_ns = pos_clock_monotonic_ns() - due_ns;
    if (size > 0 && number >= WARM_UP && took_ns > seen.longest_ns)
        seen.longest_ns = took_ns;
    return size;
}

static struct pos_series series; /* of the last run */

static void run(const struct pos_bench_options *options, const struct pos_measured *server,
                bool stall, uint32_t outstanding, struct pos_histogram *latency)
{
    struct pos_error error = {0};
    struct pos_load *load;
    memset(&seen, 0, sizeof seen);
    seen.source = server->source;
    seen.pid = stall ? server->pid : 0;
    struct pos_load_options load_options = {
        .address = server->address,
        .port = server->port,
        .connections = options->connections,
        .outstanding = outstanding,
        .source = {.request = make_request,
                   .request_size_max = server->source.request_size_max,
                   .reply = read_reply},
    };
    cr_assert_eq(pos_load_open(&load_options, &load, &error), POS_OK, "%s", error.text);
    struct pos_load_phase phase = {.warm_up_s = (double)WARM_UP / RATE,
                                   .duration_s = (double)COUNT / RATE,
                                   .rate = RATE,
                                   .latency = latency,
                                   .series = &series};
    pos_series_init(&series, 1, phase.duration_s);
    seen.begin_ns = pos_clock_monotonic_ns();
    pos_load_run(load, &phase);
    pos_load_close(load);
    if (stall)
        cr_expect_eq(waitpid(seen.waker, NULL, 0), seen.waker);
    cr_expect_eq(phase.unanswered, 0);
    cr_expect_eq(phase.tally.lost, 0);
    cr_expect_eq(phase.answered_connections, options->connections);
}

static double ms_of(const struct pos_histogram *latency, double share)
{
    return (double)pos_histogram_quantile(latency, share) / MS;
}

/* What the histogram may say too much: it tells apart what differs by a hundredth. */
static void expect_no_more_than_seen(const struct pos_histogram *latency, const char *name)
{
    double max = ms_of(latency, 1), most = (double)seen.longest_ns / MS;
    cr_expect_eq(pos_histogram_count(latency), COUNT, "%s: no request is left out", name);
    cr_expect(max <= most * 1.01, "%s: max %g ms, seen %g ms", name, max, most);
}

/* 1,000 of 1,500 requests came due while it stood still; half of them waited 500 ms or longer. */
static void expect_second(const struct pos_histogram *latency, const char *name)
{
    double p70 = ms_of(latency, 0.7), p999 = ms_of(latency, 0.999), max = ms_of(latency, 1);
    cr_expect(p70 >= 500, "%s: p70 %g ms", name, p70);
    cr_expect(p999 >= 980, "%s: p99.9 %g ms", name, p999);
    cr_expect(max >= 990, "%s: max %g ms", name, max);
    expect_no_more_than_seen(latency, name);
}

/* Nothing came for a second, then what had waited, the longest for about as long. */
static void expect_silence(const char *name)
{
    uint64_t came = 0, longest_ns = 0;
    size_t silent = 0;
    for (size_t i = 0; i < series.count; i++) {
        came += series.points[i].count;
        silent += series.points[i].count == 0 && series.points[i].length_s > 0.09;
        if (series.points[i].max_ns > longest_ns)
            longest_ns = series.points[i].max_ns;
    }
    cr_expect_eq(came, COUNT, "%s: %lu came", name, (unsigned long)came);
    cr_expect(silent >= 8, "%s: %zu intervals without a reply", name, silent);
    cr_expect(longest_ns >= 990000000, "%s: %lu ns", name, (unsigned long)longest_ns);
}

Test(stall, a_gateway_that_stands_still_for_a_second_is_seen, .timeout = 290)
{
    static struct pos_histogram latency;
    static struct pos_subject subject;
    struct pos_bench_options options = {.rows = 200,
                                        .connections = 20,
                                        .outstanding = 1,
                                        .outstanding_open = 256,
                                        .dialect = &pos_dialect_iso87b};
    struct pos_measured *server = calloc(1, sizeof *server);
    struct pos_error error = {0};
    cr_assert_eq(pos_subject_start(&subject, &options, -1, server, &error), POS_OK, "%s",
                 error.text);
    /* Whether requests pile up at the gateway or before they are sent, they came due. */
    run(&options, server, true, options.outstanding_open, &latency);
    expect_second(&latency, "sent in time");
    expect_silence("sent in time");
    run(&options, server, true, 1, &latency);
    expect_second(&latency, "one on a connection");
    expect_silence("one on a connection");
    /* The same without it. */
    run(&options, server, false, options.outstanding_open, &latency);
    expect_no_more_than_seen(&latency, "not stopped");
    cr_expect(pos_subject_end(&subject));
    pos_subject_clean_up(&subject);
    free(server);
}
