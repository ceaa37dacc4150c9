/* A gateway that stands still for a second: the bench must show that second. */
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

enum { RATE = 1000, COUNT = 1500 };

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* In another process, as this one is busy with the load. */
static pid_t stall_later(pid_t pid)
{
    pid_t stopper = fork();
    if (stopper != 0)
        return stopper;
    pause_ms(200);
    kill(pid, SIGSTOP);
    pause_ms(1000);
    kill(pid, SIGCONT);
    _exit(0);
}

static struct pos_series series; /* of the last run */

static void run(const struct pos_bench_options *options, const struct pos_measured *server,
                bool stall, uint32_t outstanding, struct pos_histogram *latency)
{
    struct pos_error error = {0};
    struct pos_load *load;
    struct pos_load_options load_options = {
        .address = server->address,
        .port = server->port,
        .connections = options->connections,
        .outstanding = outstanding,
        .source = server->source,
    };
    cr_assert_eq(pos_load_open(&load_options, &load, &error), POS_OK, "%s", error.text);
    struct pos_load_phase phase = {
        .warm_up_s = 0.1, .duration_s = 1.5, .rate = RATE, .latency = latency, .series = &series};
    pos_series_init(&series, 1, phase.duration_s);
    pid_t stopper = stall ? stall_later(server->pid) : 0;
    pos_load_run(load, &phase);
    pos_load_close(load);
    if (stall)
        cr_expect_eq(waitpid(stopper, NULL, 0), stopper);
    cr_expect_eq(phase.unanswered, 0);
    cr_expect_eq(phase.tally.lost, 0);
    cr_expect_eq(phase.answered_connections, options->connections);
}

static uint64_t ms_of(const struct pos_histogram *latency, double share)
{
    return pos_histogram_quantile(latency, share) / 1000000;
}

/* 1,000 of 1,500 requests came due while it stood still; half of them waited 500 ms or longer. */
static void expect_second(const struct pos_histogram *latency, const char *name)
{
    unsigned long p70 = ms_of(latency, 0.7), p999 = ms_of(latency, 0.999), max = ms_of(latency, 1);
    cr_expect_eq(pos_histogram_count(latency), COUNT, "%s: no request is left out", name);
    cr_expect(p70 >= 200, "%s: p70 %lu ms", name, p70);
    cr_expect(p999 >= 980, "%s: p99.9 %lu ms", name, p999);
    cr_expect(max >= 990 && max < 5000, "%s: max %lu ms", name, max);
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
    cr_expect_eq(pos_histogram_count(&latency), COUNT);
    cr_expect(ms_of(&latency, 1) < 900, "max %lu ms", (unsigned long)ms_of(&latency, 1));
    cr_expect(pos_subject_end(&subject));
    pos_subject_clean_up(&subject);
    free(server);
}
