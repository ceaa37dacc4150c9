/*
 * The terminals' event loop. Everything that a lane does next is done in the turn function, after
 * all bytes of the turn were read: so one sync of the store covers the keys of all lanes that got
 * one in this turn, before any of them is confirmed.
 */
#include "emulator/terminals/run_inside.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"

enum {
    TICK_MS = 20,           /* deadlines and the rate are looked at so often */
    PROGRESS_NS_SHIFT = 33, /* a line about every eight seconds */
};

/* ---- stopping ---- */

static void stop(struct pos_run *run)
{
    run->stopping = true;
    pos_loop_stop(run->loop);
}

void pos_run_fail(struct pos_run *run, enum pos_status status, const char *what)
{
    if (run->status == POS_OK)
        run->status = pos_error_set(run->error, status, "%s", what);
    stop(run);
}

/* ---- the ready list ---- */

void pos_lane_make_ready(struct pos_lane *lane)
{
    struct pos_run *run = lane->run;
    if (lane->ready)
        return;
    lane->ready = true;
    lane->next_ready = NULL;
    if (run->last_ready != NULL)
        run->last_ready->next_ready = lane;
    else
        run->first_ready = lane;
    run->last_ready = lane;
}

static struct pos_lane *take_ready(struct pos_run *run)
{
    struct pos_lane *lane = run->first_ready;
    run->first_ready = lane->next_ready;
    if (run->first_ready == NULL)
        run->last_ready = NULL;
    lane->ready = false;
    return lane;
}

/* ---- what was asked for ---- */

bool pos_run_serial(const struct pos_run_options *options, uint32_t number,
                    char serial[POS_SERIAL_SIZE + 1])
{
    char text[32];
    size_t prefix = strlen(options->serial_prefix);
    assert(prefix < POS_SERIAL_SIZE);
    int used = snprintf(text, sizeof text, "%s%0*u", options->serial_prefix,
                        (int)(POS_SERIAL_SIZE - prefix), number);
    if (used != POS_SERIAL_SIZE)
        return false;
    memcpy(serial, text, POS_SERIAL_SIZE + 1);
    return true;
}

bool pos_run_remembers(const struct pos_run *run)
{
    return run->options->as_serial == NULL;
}

bool pos_run_may_send(const struct pos_run *run)
{
    return run->options->rate == 0 || run->allowance >= 1;
}

/* ---- turns and time ---- */

static void sync_store(struct pos_run *run)
{
    if (!run->unsynced)
        return;
    run->unsynced = false;
    if (pos_terminal_store_sync(run->store) != POS_OK)
        pos_run_fail(run, POS_ERR_IO, "the terminals' store cannot be synced");
}

static void on_turn(void *context)
{
    struct pos_run *run = context;
    /* Terminals that end in this turn are followed by their lane's next ones in the same turn;
     * the mark keeps a lane that waits for leave to send from being looked at for ever. */
    sync_store(run);
    while (run->first_ready != NULL && !run->stopping) {
        struct pos_lane *lane = take_ready(run);
        pos_lane_advance(lane);
        if (lane->ready && !pos_run_may_send(run))
            break;
    }
    if (run->busy_count == 0 && run->begun == run->options->count && !run->stopping)
        stop(run);
}

static void look_for_timeouts(struct pos_run *run, uint64_t now)
{
    uint64_t limit = (uint64_t)run->options->timeout_ms * 1000000u;
    char text[96];
    for (uint32_t i = 0; i < run->lane_count; i++) {
        struct pos_lane *lane = &run->lanes[i];
        if (!lane->waiting || now - lane->sent_ns < limit)
            continue;
        (void)snprintf(text, sizeof text, "no answer to STAN %06u within %u ms", lane->state.stan,
                       run->options->timeout_ms);
        lane->waiting = false;
        /* What comes later must not be taken for the next terminal's answer. */
        pos_connection_close(lane->asked->connection, POS_CLOSE_DONE);
        lane->asked->open = false;
        run->report->timeouts++;
        pos_lane_give_up(lane, lane->state.kind, text);
    }
}

static void earn_allowance(struct pos_run *run, uint64_t now)
{
    double rate = run->options->rate;
    run->allowance += rate * (double)(now - run->allowance_ns) / 1e9;
    run->allowance_ns = now;
    double most = rate * 4 * TICK_MS / 1000 + 1; /* no burst after a pause */
    if (run->allowance > most)
        run->allowance = most;
}

static void on_tick(void *context)
{
    struct pos_run *run = context;
    uint64_t now = pos_clock_monotonic_ns();
    look_for_timeouts(run, now);
    if (run->options->rate > 0)
        earn_allowance(run, now);
    if (run->progress_ns >> PROGRESS_NS_SHIFT != now >> PROGRESS_NS_SHIFT) {
        run->progress_ns = now;
        (void)fprintf(stderr, "posgate-emulator terminals: %u of %u begun, %llu done\n", run->begun,
                      run->options->count, (unsigned long long)run->report->completed);
    }
}

static void on_signal(void *context, int number)
{
    char text[64];
    (void)snprintf(text, sizeof text, "ended by signal %d; run it again to go on", number);
    pos_run_fail(context, POS_ERR_BUSY, text);
}

/* ---- the run ---- */

static enum pos_status prepare(struct pos_run *run)
{
    const struct pos_run_options *o = run->options;
    run->lane_count = o->connections < o->count ? o->connections : o->count;
    run->lanes = calloc(run->lane_count, sizeof *run->lanes);
    if (run->lanes == NULL)
        return pos_error_set(run->error, POS_ERR_MEMORY, "no memory for %u lanes", run->lane_count);
    enum pos_status status = pos_loop_create(&run->loop);
    if (status == POS_OK)
        status = pos_loop_on_signal(run->loop, SIGTERM, on_signal, run);
    if (status == POS_OK)
        status = pos_loop_on_signal(run->loop, SIGINT, on_signal, run);
    if (status == POS_OK)
        status = pos_timer_open(run->loop, TICK_MS, on_tick, run, &run->timer);
    if (status != POS_OK)
        return pos_error_set(run->error, status, "the event loop is not ready");
    pos_loop_on_turn(run->loop, on_turn, run);
    for (uint32_t i = 0; i < run->lane_count; i++) {
        struct pos_lane *lane = &run->lanes[i];
        lane->run = run;
        for (int end = 0; end < POS_RUN_END_COUNT; end++)
            lane->links[end] = (struct pos_run_link){.lane = lane, .end = (enum pos_run_end)end};
        pos_lane_make_ready(lane);
    }
    return POS_OK;
}

static void tidy(struct pos_run *run)
{
    for (uint32_t i = 0; run->lanes != NULL && i < run->lane_count; i++)
        if (run->lanes[i].busy)
            pos_terminal_fini(&run->lanes[i].terminal);
    if (run->loop != NULL)
        pos_loop_destroy(run->loop);
    free(run->lanes);
}

enum pos_status pos_run(const struct pos_run_options *options, struct pos_terminal_store *store,
                        struct pos_report *report, struct pos_error *error)
{
    struct pos_run run = {.options = options, .store = store, .report = report, .error = error};
    uint64_t start = pos_clock_monotonic_ns();
    run.allowance_ns = run.progress_ns = start;
    enum pos_status status = prepare(&run);
    if (status == POS_OK) {
        pos_loop_run(run.loop); /* the first tick starts the lanes */
        status = run.status;
    }
    tidy(&run);
    report->duration_ns = pos_clock_monotonic_ns() - start;
    enum pos_status counted = pos_terminal_store_count(store, &report->store);
    if (status == POS_OK && counted != POS_OK)
        status = pos_error_set(error, counted, "no memory to count the keys");
    return status;
}
