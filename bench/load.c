#include "bench/load.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/interrupt.h"
#include "bench/load_inside.h"
#include "bench/process.h"
#include "core/base/clock.h"

enum {
    EVENT_COUNT = 256,
    TURN_ASK_COUNT = 32, /* requests sent between two looks at replies, when they are late */
    DRAIN_S = POS_SERIES_DRAIN_S,
    SLEEP_NS = 10000000,
    SPARE_DESCRIPTORS = 400, /* of a gateway for its database and itself */
};

/* ---- replies as they come ---- */

static void poll_once(struct pos_load *load, uint64_t timeout_ns)
{
    struct epoll_event events[EVENT_COUNT];
    struct timespec timeout = {.tv_nsec = (long)timeout_ns};
    int count = epoll_pwait2(load->epoll_fd, events, EVENT_COUNT, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->fd >= 0 && (events[i].events & EPOLLOUT) != 0)
            pos_load_on_writable(load, connection);
        if (connection->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            pos_load_on_readable(load, connection);
    }
}

/* ---- what came, as time goes on ---- */

static void begin_series(struct pos_load *load, const struct pos_load_phase *phase,
                         uint64_t start_ns)
{
    if (phase->series == NULL)
        return;
    pos_series_begin(phase->series, start_ns);
    load->told_count = phase->series->count;
    load->series = phase->series;
}

static void end_series(struct pos_load *load)
{
    if (load->series != NULL)
        pos_series_end(load->series, pos_clock_monotonic_ns());
    load->series = NULL;
}

/* Between two looks at the sockets, once an interval. */
static void tell(struct pos_load *load, const struct pos_load_phase *phase)
{
    if (load->series == NULL || phase->tell == NULL || load->series->count == load->told_count)
        return;
    load->told_count = load->series->count;
    phase->tell(phase->tell_context, &load->series->points[load->told_count - 1], &load->tally);
}

static struct pos_load_tally take_tally(struct pos_load *load)
{
    struct pos_load_tally tally = load->tally;
    memset(&load->tally, 0, sizeof load->tally);
    return tally;
}

/* What a stretch began with. */
struct start {
    uint64_t ns, server_ns, load_ns;
};

static struct start look(const struct pos_load_phase *phase)
{
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (struct start){.ns = pos_clock_monotonic_ns(),
                          .server_ns =
                              phase->server_pid != 0 ? pos_process_cpu_ns(phase->server_pid) : 0,
                          .load_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec};
}

static void finish_stretch(struct pos_load *load, struct pos_load_phase *phase, struct start start)
{
    struct start end = look(phase);
    phase->seconds = (double)(end.ns - start.ns) / 1e9;
    phase->server_cpu_ns = end.server_ns - start.server_ns;
    phase->load_cpu_ns = end.load_ns - start.load_ns;
    phase->tally = take_tally(load);
}

/* ---- the closed loop ---- */

static void run_closed(struct pos_load *load, const struct pos_load_phase *phase, double seconds,
                       uint64_t replies_max)
{
    uint64_t end_ns = pos_clock_monotonic_ns() + (uint64_t)(seconds * 1e9);
    while (pos_clock_monotonic_ns() < end_ns && load->in_flight > 0 && !pos_interrupted() &&
           (replies_max == 0 || load->tally.replies < replies_max)) {
        poll_once(load, SLEEP_NS);
        tell(load, phase);
    }
}

static void start_asking(struct pos_load *load)
{
    load->closed_loop = true;
    for (uint32_t i = 0; i < load->options.connections; i++)
        pos_load_ask(load, &load->connections[i], load->options.outstanding,
                     pos_clock_monotonic_ns());
}

/* Returns what happened while warming up. */
static struct pos_load_tally measure_closed(struct pos_load *load, struct pos_load_phase *phase)
{
    start_asking(load);
    run_closed(load, phase, phase->warm_up_s, 0);
    struct pos_load_tally before = take_tally(load);
    load->from_ns = 0;
    load->until_ns = UINT64_MAX;
    load->latency = phase->latency;
    struct start start = look(phase);
    begin_series(load, phase, start.ns);
    run_closed(load, phase, phase->duration_s, phase->requests_max);
    end_series(load);
    load->latency = NULL;
    load->closed_loop = false;
    finish_stretch(load, phase, start);
    run_closed(load, phase, DRAIN_S, 0);
    return before;
}

/* ---- the open loop ---- */

/* The next in turn that has room; NULL: every connection is full. */
static struct connection *find_room(const struct pos_load *load)
{
    uint32_t count = load->options.connections, at = load->next;
    if (load->in_flight >= (uint64_t)(count - load->lost) * load->options.outstanding)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (pos_load_has_room(load, &load->connections[at]))
            return &load->connections[at];
        at = at + 1 == count ? 0 : at + 1;
    }
    return NULL;
}

/* The load's own: waiting for a full server is the server's. */
static void note_lateness(const struct pos_load *load, uint64_t since_ns)
{
    if (load->lateness == NULL || since_ns < load->from_ns || since_ns >= load->until_ns)
        return;
    uint64_t could_ns = since_ns > load->full_ns ? since_ns : load->full_ns;
    pos_histogram_record(load->lateness, pos_clock_monotonic_ns() - could_ns);
}

/* What should have gone out by now goes out, a few at once so that replies are not read late. What
 * finds no room stays due. */
static void send_due(struct pos_load *load, uint64_t now_ns)
{
    uint64_t due = pos_schedule_due(&load->schedule, now_ns);
    for (uint64_t i = 0; i < due && i < TURN_ASK_COUNT; i++) {
        struct connection *connection = find_room(load);
        if (connection == NULL) {
            load->full_ns = now_ns;
            return;
        }
        load->next = (uint32_t)(connection - load->connections + 1) % load->options.connections;
        uint64_t since_ns = pos_schedule_time_ns(&load->schedule, load->schedule.issued++);
        note_lateness(load, since_ns);
        pos_load_ask(load, connection, 1, since_ns);
    }
}

/* How long nothing is due. */
static uint64_t pause_ns(const struct pos_load *load, uint64_t now_ns)
{
    const struct pos_schedule *schedule = &load->schedule;
    if (load->options.spins)
        return 0;
    uint64_t next_ns = schedule->issued < schedule->count
                           ? pos_schedule_time_ns(schedule, schedule->issued)
                           : UINT64_MAX;
    if (next_ns <= now_ns) /* late: full, or more than fits a turn */
        return find_room(load) != NULL ? 0 : SLEEP_NS;
    return next_ns - now_ns < SLEEP_NS ? next_ns - now_ns : SLEEP_NS;
}

static void turn_alone(struct pos_load *load)
{
    uint64_t now_ns = pos_clock_monotonic_ns();
    send_due(load, now_ns);
    poll_once(load, pause_ns(load, now_ns));
}

static void turn(struct pos_load *load)
{
    turn_alone(load);
    if (load->beside != NULL)
        turn_alone(load->beside);
}

static void run_open(struct pos_load *load, const struct pos_load_phase *phase, uint64_t end_ns)
{
    while (pos_clock_monotonic_ns() < end_ns && !pos_interrupted()) {
        turn(load);
        tell(load, phase);
    }
}

/* Until everything has gone out and is answered. */
static void drain_open(struct pos_load *load)
{
    uint64_t end_ns = pos_clock_monotonic_ns() + (uint64_t)DRAIN_S * 1000000000;
    while (pos_clock_monotonic_ns() < end_ns && !pos_interrupted() &&
           (load->in_flight > 0 || load->schedule.issued < load->schedule.count))
        turn(load);
}

static void plan(struct pos_load *load, const struct pos_load_phase *phase)
{
    double seconds = phase->duration_s;
    if (phase->requests_max > 0 && (double)phase->requests_max / (double)phase->rate < seconds)
        seconds = (double)phase->requests_max / (double)phase->rate;
    load->schedule = (struct pos_schedule){
        .start_ns = pos_clock_monotonic_ns(),
        .rate = phase->rate,
        .count = pos_schedule_count(phase->rate, phase->warm_up_s + seconds),
    };
    load->from_ns = load->schedule.start_ns + (uint64_t)(phase->warm_up_s * 1e9);
    load->until_ns = load->from_ns + (uint64_t)(seconds * 1e9);
}

static struct pos_load_tally measure_open(struct pos_load *load, struct pos_load_phase *phase)
{
    plan(load, phase);
    load->latency = phase->latency;
    load->lateness = phase->lateness;
    run_open(load, phase, load->from_ns);
    struct pos_load_tally before = take_tally(load);
    struct start start = look(phase);
    begin_series(load, phase, start.ns);
    run_open(load, phase, load->until_ns);
    finish_stretch(load, phase, start);
    drain_open(load);
    end_series(load);
    load->latency = load->lateness = NULL;
    return before;
}

static uint32_t count_answered(struct pos_load *load)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < load->options.connections; i++) {
        count += load->connections[i].answered;
        load->connections[i].answered = false;
    }
    return count;
}

static void begin(struct pos_load *load, struct pos_load_phase *phase)
{
    (void)take_tally(load);
    memset(phase->latency, 0, sizeof *phase->latency);
    if (phase->lateness != NULL)
        memset(phase->lateness, 0, sizeof *phase->lateness);
    load->schedule = (struct pos_schedule){.rate = 1};
}

static void end(struct pos_load *load, struct pos_load_phase *phase)
{
    struct pos_load_tally after = take_tally(load);
    pos_load_tally_add_failures(&phase->tally, &after);
    phase->unanswered = load->in_flight + load->schedule.count - load->schedule.issued;
    phase->answered_connections = count_answered(load);
}

void pos_load_run(struct pos_load *load, struct pos_load_phase *phase)
{
    begin(load, phase);
    struct pos_load_tally before =
        phase->rate > 0 ? measure_open(load, phase) : measure_closed(load, phase);
    pos_load_tally_add_failures(&phase->tally, &before);
    end(load, phase);
}

void pos_load_run_both(struct pos_load *load, struct pos_load_phase *phase, struct pos_load *beside,
                       struct pos_load_phase *beside_phase)
{
    assert(load->options.spins && beside->options.spins && phase->rate > 0);
    assert(beside_phase->rate > 0 && beside_phase->warm_up_s <= 0);
    begin(beside, beside_phase);
    plan(beside, beside_phase);
    beside->latency = beside_phase->latency;
    beside->lateness = beside_phase->lateness;
    struct start start = look(beside_phase);
    load->beside = beside;
    pos_load_run(load, phase);
    load->beside = NULL;
    finish_stretch(beside, beside_phase, start);
    drain_open(beside);
    beside->latency = beside->lateness = NULL;
    end(beside, beside_phase);
}

/* ---- life ---- */

enum pos_status pos_load_prepare(uint32_t connections, struct pos_error *error)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return pos_error_set(error, POS_ERR_LIMIT, "cannot read the limit on descriptors");
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* root may */
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_LIMIT,
                         "cannot have %llu descriptors: raise the limit (ulimit -n) or ask for "
                         "fewer connections",
                         (unsigned long long)wanted);
}

static enum pos_status connect_all(struct pos_load *load, struct pos_error *error)
{
    const struct pos_load_options *options = &load->options;
    for (uint32_t i = 0; i < options->connections; i++) {
        struct connection *connection = &load->connections[i];
        connection->asked = &load->asked[(size_t)i * options->outstanding];
        if (!pos_load_connect(load, connection, true))
            return pos_error_set(error, POS_ERR_NETWORK, "connection %u to %s port %u: %s", i + 1,
                                 options->address, options->port, strerror(errno));
    }
    return POS_OK;
}

static enum pos_status allocate(struct pos_load *load)
{
    const struct pos_load_options *options = &load->options;
    load->connections = calloc(options->connections, sizeof *load->connections);
    load->asked = calloc((size_t)options->connections * options->outstanding, sizeof *load->asked);
    load->out = malloc(options->outstanding * options->source.request_size_max);
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load->connections == NULL)
        return POS_ERR_MEMORY;
    for (uint32_t i = 0; i < options->connections; i++)
        load->connections[i].fd = -1;
    return load->asked != NULL && load->out != NULL && load->epoll_fd >= 0 ? POS_OK
                                                                           : POS_ERR_MEMORY;
}

enum pos_status pos_load_open(const struct pos_load_options *options, struct pos_load **out,
                              struct pos_error *error)
{
    struct pos_load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the load");
    load->options = *options;
    load->epoll_fd = -1;
    enum pos_status status = allocate(load);
    if (status != POS_OK)
        (void)pos_error_set(error, status, "no memory for %u connections", options->connections);
    else
        status = connect_all(load, error);
    if (status != POS_OK) {
        pos_load_close(load);
        return status;
    }
    *out = load;
    return POS_OK;
}

/* By a reset: thousands of connections in TIME_WAIT would use the ports up that the next round
 * needs. */
static void drop(int fd)
{
    struct linger hard = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

void pos_load_close(struct pos_load *load)
{
    if (load == NULL)
        return;
    for (uint32_t i = 0; load->connections != NULL && i < load->options.connections; i++) {
        if (load->connections[i].fd >= 0)
            drop(load->connections[i].fd);
        free(load->connections[i].held);
        free(load->connections[i].unsent);
    }
    if (load->epoll_fd >= 0)
        close(load->epoll_fd);
    free(load->connections);
    free(load->asked);
    free(load->out);
    free(load);
}
