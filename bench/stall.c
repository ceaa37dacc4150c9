/*
 * `stall`: whether this bench can be believed. The gateway is stopped for a second in the middle of
 * a round (SIGSTOP): every request that came due meanwhile waited, whether it could be sent or not,
 * and the latencies must say so. A load that waits for replies before it asks would show one.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "bench/beside.h"
#include "bench/command.h"
#include "core/base/option.h"

enum {
    KEY_RATE = 0xa00,
    STALL_MS = 1000,
    RATE = 1000,
    /* Enough under way to send all of that second in time. */
    CONNECTIONS = 100,
    OUTSTANDING = 64,
};
/* Of a second: what came due at its beginning waited all of it. */
#define P999_NS 0.95e9
#define MAX_NS  0.99e9
/* Nothing happens there. */
#define QUIET_SHARE 0.3

struct view {
    bool stalls;
    struct pos_histogram latency; /* of the last round */
};

static struct stall {
    struct pos_micro micro;
    struct pos_beside beside;
    struct view quiet, stalled;
} all = {.micro = {.command = "stall", .options = {.duration_s = 2.5}},
         .beside = {.micro = &all.micro,
                    .options = {.connections = CONNECTIONS,
                                .outstanding = OUTSTANDING,
                                .outstanding_open = OUTSTANDING,
                                .rows = 10000,
                                .dialect = &pos_dialect_iso87b},
                    .good_rate = RATE},
         .stalled = {.stalls = true}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    if (key != KEY_RATE)
        return ARGP_ERR_UNKNOWN;
    all.beside.good_rate =
        pos_option_number(state, "--rate", argument, 100, CONNECTIONS * OUTSTANDING);
    return 0;
}

/* ---- rounds ---- */

static void wait_until(struct timespec *time, long ms)
{
    time->tv_sec += ms / 1000;
    time->tv_nsec += ms % 1000 * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec -= 1000000000;
        time->tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, time, NULL) == EINTR)
        ;
}

/* In its thread, as the load has this one. A quarter of a second before it is quiet. */
static void *stop_gateway(void *context)
{
    struct timespec time;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    wait_until(&time, STALL_MS / 4);
    kill(all.beside.gateway.pid, SIGSTOP);
    wait_until(&time, STALL_MS);
    kill(all.beside.gateway.pid, SIGCONT);
    return NULL;
}

static enum pos_status take_p999(void *context, double seconds, struct pos_micro_reading *reading)
{
    struct view *view = context;
    struct pos_load_phase phase = {.duration_s = view->stalls ? seconds : seconds * QUIET_SHARE,
                                   .rate = all.beside.good_rate,
                                   .latency = &view->latency};
    pthread_t thread;
    if (view->stalls && pthread_create(&thread, NULL, stop_gateway, NULL) != 0)
        return POS_ERR_LIMIT;
    pos_load_run(all.beside.good, &phase);
    if (view->stalls)
        (void)pthread_join(thread, NULL);
    *reading =
        (struct pos_micro_reading){1, (double)pos_histogram_quantile(&view->latency, 0.999) / 1e9};
    bool good = phase.unanswered == 0 && phase.tally.good == phase.tally.replies;
    return good ? POS_OK : POS_ERR_STATE;
}

/* Of the round that take_p999 has just run. */
static enum pos_status take_max(void *context, double seconds, struct pos_micro_reading *reading)
{
    const struct view *view = context;
    (void)seconds;
    *reading =
        (struct pos_micro_reading){1, (double)pos_histogram_quantile(&view->latency, 1) / 1e9};
    return POS_OK;
}

/* ---- the command ---- */

static void add_view(struct view *view, const char *name, int places[2])
{
    struct pos_micro_subject subject = {
        .take = take_p999, .context = view, .floor = POS_MICRO_NONE, .latency = true};
    places[0] = pos_micro_add(&all.micro, &subject, "authentication p99.9, %s", name);
    subject.take = take_max;
    places[1] = pos_micro_add(&all.micro, &subject, "authentication max, %s", name);
}

static void add_subjects(void)
{
    int quiet[2], stalled[2];
    struct pos_micro_check check = {.to = POS_MICRO_NONE, .at_least = true};
    add_view(&all.quiet, "quiet", quiet);
    add_view(&all.stalled, "stopped for 1 s", stalled);
    check.of = stalled[0];
    check.target = P999_NS;
    pos_micro_check(&all.micro, check, "p99.9");
    check.of = stalled[1];
    check.target = MAX_NS;
    pos_micro_check(&all.micro, check, "max");
}

int pos_command_stall(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"rate", KEY_RATE, "N", 0, "Requests a second; default 1000", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    pos_micro_begin(&all.micro,
                    "Measures the latency of requests at a rate, quiet and while the gateway is "
                    "stopped for a second of each round: whether this bench shows that second.",
                    &argp, NULL, argc, argv);
    enum pos_status status = pos_beside_make(&all.beside, &error);
    if (status == POS_OK)
        status = pos_beside_start(&all.beside, &error);
    add_subjects();
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = pos_micro_finish(&all.micro, status, &error);
    pos_beside_end(&all.beside);
    return code;
}
