/*
 * The terminals' event loop. Everything that a lane does next is done in the turn function, after
 * all bytes of the turn were read: so one sync of the store covers the keys of all lanes that got
 * one in this turn, before any of them is confirmed.
 */
#include "emulator/terminals/run.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/net/net.h"
#include "core/terminal/terminal.h"
#include "emulator/terminals/card.h"

enum {
    TICK_MS = 20,           /* deadlines and the rate are looked at so often */
    PROGRESS_NS_SHIFT = 33, /* a line about every eight seconds */
};

enum end { END_MOTHER, END_GATEWAY, END_COUNT };

struct link {
    struct lane *lane;
    enum end end;
    struct pos_connection *connection; /* NULL: none */
    bool open;                         /* false while connecting */
};

struct lane {
    struct run *run;
    struct link links[END_COUNT];
    struct pos_terminal terminal;
    bool busy; /* has a terminal */
    uint32_t number;
    size_t step;
    uint32_t repeated;
    struct pos_exchange_state state;
    bool waiting; /* for an answer, over `asked` */
    struct link *asked;
    uint64_t sent_ns;
    bool ready; /* is on the run's ready list */
    struct lane *next_ready;
};

struct run {
    const struct pos_run_options *options;
    struct pos_terminal_store *store;
    struct pos_report *report;
    struct pos_error *error;
    enum pos_status status; /* why it ended early */
    struct pos_loop *loop;
    struct pos_timer *timer;
    struct lane *lanes;
    uint32_t lane_count, busy_count;
    uint32_t begun;
    struct lane *first_ready, *last_ready;
    bool unsynced; /* a key was stored and not synced yet */
    bool stopping;
    double allowance; /* requests that may be sent now, when there is a rate */
    uint64_t allowance_ns, progress_ns;
};

/* ---- stopping ---- */

static void stop(struct run *run)
{
    run->stopping = true;
    pos_loop_stop(run->loop);
}

static void fail(struct run *run, enum pos_status status, const char *what)
{
    if (run->status == POS_OK)
        run->status = pos_error_set(run->error, status, "%s", what);
    stop(run);
}

/* ---- the ready list ---- */

static void make_ready(struct lane *lane)
{
    struct run *run = lane->run;
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

static struct lane *take_ready(struct run *run)
{
    struct lane *lane = run->first_ready;
    run->first_ready = lane->next_ready;
    if (run->first_ready == NULL)
        run->last_ready = NULL;
    lane->ready = false;
    return lane;
}

/* ---- terminals ---- */

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

/* False (and the run fails): what the store holds of it cannot be used. */
static bool restore(struct lane *lane, const char *stored_serial)
{
    struct run *run = lane->run;
    const struct pos_store_entry *entry = pos_terminal_store_find(run->store, stored_serial);
    if (entry == NULL)
        return true;
    lane->terminal.stan = entry->stan_reserved % 999999u;
    if (entry->stage == POS_STAGE_BLANK ||
        pos_terminal_restore(&lane->terminal, entry->stage, entry->key_index, entry->algorithm,
                             entry->tmk, entry->tpk, entry->tak) == POS_OK)
        return true;
    fail(run, POS_ERR_CORRUPT, "a stored key cannot be used");
    return false;
}

static bool begin_terminal(struct lane *lane)
{
    struct run *run = lane->run;
    const struct pos_run_options *o = run->options;
    char serial[POS_SERIAL_SIZE + 1];
    lane->number = o->first + run->begun;
    if (o->serial != NULL)
        memcpy(serial, o->serial, sizeof serial);
    else if (!pos_run_serial(o, lane->number, serial))
        return false; /* the options were checked: not reached */
    const char *named = o->as_serial != NULL ? o->as_serial : serial;
    pos_terminal_init(&lane->terminal, o->dialect, named, o->tid != NULL ? o->tid : named,
                      o->mid != NULL ? o->mid : "POSGATE00000001");
    lane->terminal.route = o->route;
    lane->terminal.batch = o->batch;
    lane->terminal.mac = o->mac;
    lane->terminal.sign_on_mac = o->sign_on_mac;
    lane->step = 0;
    lane->repeated = 0;
    lane->busy = true;
    run->busy_count++;
    run->begun++;
    run->report->terminals++;
    return restore(lane, serial);
}

static void end_terminal(struct lane *lane, bool completed)
{
    struct run *run = lane->run;
    pos_terminal_fini(&lane->terminal);
    lane->busy = false;
    lane->waiting = false;
    run->busy_count--;
    run->report->completed += completed;
    make_ready(lane);
}

/* The terminal's other steps are left out: each would fail for the same reason. */
static void give_up(struct lane *lane, enum pos_kind kind, const char *explanation)
{
    pos_report_mismatch(lane->run->report, lane->terminal.serial, kind, explanation);
    end_terminal(lane, false);
}

/* A clone has no memory of its own: what it learns is not the terminal's whose key it uses. */
static bool remembers(const struct run *run)
{
    return run->options->as_serial == NULL;
}

static bool note(struct lane *lane, bool sync)
{
    struct run *run = lane->run;
    if (!remembers(run))
        return true;
    if (pos_terminal_store_put(run->store, &lane->terminal) != POS_OK) {
        fail(run, POS_ERR_IO, "the terminals' store cannot be written");
        return false;
    }
    run->unsynced = run->unsynced || sync;
    return true;
}

/* ---- answers ---- */

static const char *expected_code(const struct lane *lane)
{
    const struct pos_run_options *o = lane->run->options;
    return o->plan.steps[lane->step].last ? o->expect : "00";
}

static void next_step(struct lane *lane)
{
    const struct pos_plan_step *step = &lane->run->options->plan.steps[lane->step];
    if (++lane->repeated >= step->repeats) {
        lane->step++;
        lane->repeated = 0;
    }
    make_ready(lane);
}

static void judge(struct lane *lane, const struct pos_verdict *verdict)
{
    enum pos_kind kind = lane->state.kind;
    const char *expected = expected_code(lane);
    char text[64];
    if (verdict->status != POS_OK) {
        give_up(lane, kind, verdict->explanation);
        return;
    }
    if (strcmp(verdict->code, expected) != 0) {
        (void)snprintf(text, sizeof text, "field 39: expected %.2s, got %s", expected,
                       verdict->code);
        give_up(lane, kind, text);
        return;
    }
    bool approved = strcmp(expected, "00") == 0;
    if (approved && !note(lane, kind == POS_KIND_KEY_REQUEST))
        return;
    if (!approved && kind == POS_KIND_KEY_REQUEST)
        end_terminal(lane, true); /* as expected: there is nothing to confirm */
    else
        next_step(lane);
}

static void take_reply(struct link *link, struct pos_bytes frame)
{
    struct lane *lane = link->lane;
    struct pos_verdict verdict;
    if (!lane->waiting || lane->asked != link)
        return; /* its question was given up */
    lane->waiting = false;
    pos_terminal_reply(&lane->terminal, &lane->state, frame, &verdict);
    pos_report_answer(lane->run->report, lane->state.kind,
                      verdict.code[0] == '\0' ? "--" : verdict.code, lane->state.amount,
                      pos_clock_monotonic_ns() - lane->sent_ns);
    judge(lane, &verdict);
}

/* ---- connections ---- */

static const struct pos_endpoint *address_of(const struct link *link)
{
    const struct pos_run_options *o = link->lane->run->options;
    return link->end == END_MOTHER ? &o->mother : &o->gateway;
}

static const char *end_name(const struct link *link)
{
    return link->end == END_MOTHER ? "mother POS" : "gateway";
}

static void on_opened(void *context, struct pos_connection *connection)
{
    struct link *link = context;
    (void)connection;
    link->open = true;
    make_ready(link->lane);
}

static const struct pos_dialect *dialect_of(const struct link *link)
{
    return link->end == END_MOTHER ? &pos_dialect_iso87b : link->lane->run->options->dialect;
}

static size_t on_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    struct link *link = context;
    size_t used = 0;
    for (;;) {
        struct pos_frame frame;
        size_t consumed;
        const char *reason = "";
        struct pos_bytes rest = pos_bytes(bytes.data + used, bytes.size - used);
        enum pos_frame_result result =
            pos_frame_next(dialect_of(link), rest, &frame, &consumed, &reason);
        if (result == POS_FRAME_BROKEN)
            pos_connection_close(connection, POS_CLOSE_FRAME);
        if (result == POS_FRAME_BROKEN || result == POS_FRAME_PARTIAL)
            return used;
        if (result == POS_FRAME_READY)
            take_reply(link, pos_bytes(rest.data, consumed));
        used += consumed;
    }
}

static void explain_close(struct link *link, enum pos_close reason)
{
    char text[160];
    struct lane *lane = link->lane;
    struct run *run = lane->run;
    (void)snprintf(text, sizeof text,
                   "the %s closed the connection (%s) before it answered STAN "
                   "%06u",
                   end_name(link), pos_close_text(reason), lane->state.stan);
    run->report->closed++;
    give_up(lane, lane->state.kind, text);
}

static void on_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct link *link = context;
    struct run *run = link->lane->run;
    char text[160];
    (void)connection;
    link->connection = NULL;
    link->open = false;
    if (run->stopping)
        return;
    if (reason == POS_CLOSE_CONNECT) {
        (void)snprintf(text, sizeof text, "cannot connect to the %s at %s port %u", end_name(link),
                       address_of(link)->host, address_of(link)->port);
        fail(run, POS_ERR_UNREACHABLE, text);
    } else if (link->lane->waiting && link->lane->asked == link) {
        explain_close(link, reason);
    }
}

static void connect_link(struct link *link)
{
    static const struct pos_connection_events events = {
        .opened = on_opened, .bytes = on_bytes, .closed = on_closed};
    static const struct pos_connection_options options = {.idle_timeout_ms = 0};
    struct run *run = link->lane->run;
    const struct pos_endpoint *address = address_of(link);
    if (link->connection != NULL)
        return;
    if (pos_connection_connect(run->loop, address->host, address->port, NULL, &options, &events,
                               link, &link->connection) != POS_OK)
        fail(run, POS_ERR_LIMIT, "no descriptor is left for another connection");
}

/* ---- questions ---- */

/* The MAC is the last field. As hexadecimal it must stay that, or the message is malformed. */
static void corrupt_mac(struct lane *lane, struct pos_buffer *frame)
{
    uint8_t *last = &frame->data[frame->size - 1];
    if (!lane->state.mac)
        return;
    if (lane->terminal.dialect->binary == POS_BINARY_HEX)
        *last = *last == '0' ? '1' : '0';
    else
        *last ^= 0x01;
    lane->state.mac = false; /* so no answer may carry one */
}

static bool make_request(struct lane *lane, enum pos_kind kind, struct pos_buffer *frame)
{
    struct run *run = lane->run;
    char pan[POS_CARD_PAN_SIZE], time[POS_CARD_TIME_SIZE], text[96];
    pos_card_pan(lane->number, pan);
    pos_card_time(pos_clock_utc_ms(), time);
    const struct pos_sale sale = {
        .amount = run->options->amount + lane->number % 100, .pan = pan, .utc_time = time};
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    enum pos_status status =
        pos_terminal_request(&lane->terminal, kind, financial ? &sale : NULL, frame, &lane->state);
    if (status == POS_OK && remembers(run) &&
        pos_terminal_store_reserve(run->store, lane->terminal.serial, lane->state.stan) != POS_OK) {
        fail(run, POS_ERR_IO, "the terminals' store cannot be written");
        return false;
    }
    if (status == POS_OK)
        return true;
    (void)snprintf(text, sizeof text, "cannot be asked: %s",
                   status == POS_ERR_STATE ? "a step before it is missing (no TMK, no TAK, or "
                                             "nothing to reverse)"
                                           : pos_status_text(status));
    give_up(lane, kind, text);
    return false;
}

static void ask(struct lane *lane, struct link *link, const struct pos_plan_step *step)
{
    struct run *run = lane->run;
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer frame = pos_buffer(memory, sizeof memory);
    if (!make_request(lane, step->kind, &frame))
        return;
    if (step->last && run->options->corrupt_mac)
        corrupt_mac(lane, &frame);
    lane->asked = link;
    lane->waiting = true;
    lane->sent_ns = pos_clock_monotonic_ns();
    run->allowance -= 1;
    pos_report_sent(run->report, step->kind);
    pos_connection_write(link->connection, pos_buffer_view(&frame));
}

/* What an earlier run did already. */
static bool is_done_already(const struct lane *lane, const struct pos_plan_step *step)
{
    if (step->kind == POS_KIND_KEY_REQUEST)
        return lane->terminal.stage != POS_STAGE_BLANK && !lane->run->options->rekey;
    return step->kind == POS_KIND_KEY_CONFIRM && lane->terminal.stage > POS_STAGE_KEYED;
}

static bool may_send(const struct run *run)
{
    return run->options->rate == 0 || run->allowance >= 1;
}

/* Brings the lane to its next wait: for a connection, an answer, or leave to send. */
static void advance(struct lane *lane)
{
    struct run *run = lane->run;
    const struct pos_plan *plan = &run->options->plan;
    if (lane->waiting)
        return;
    if (!lane->busy && (run->begun == run->options->count || !begin_terminal(lane)))
        return;
    while (lane->step < plan->count && is_done_already(lane, &plan->steps[lane->step]))
        lane->step++;
    if (lane->step == plan->count) {
        end_terminal(lane, true);
        return;
    }
    const struct pos_plan_step *step = &plan->steps[lane->step];
    bool mother = pos_kind_rule(step->kind)->link == POS_LINK_MOTHER;
    struct link *link = &lane->links[mother ? END_MOTHER : END_GATEWAY];
    if (!link->open)
        connect_link(link); /* opened makes the lane ready again */
    else if (!may_send(run))
        make_ready(lane);
    else
        ask(lane, link, step);
}

/* ---- turns and time ---- */

static void sync_store(struct run *run)
{
    if (!run->unsynced)
        return;
    run->unsynced = false;
    if (pos_terminal_store_sync(run->store) != POS_OK)
        fail(run, POS_ERR_IO, "the terminals' store cannot be synced");
}

static void on_turn(void *context)
{
    struct run *run = context;
    /* Terminals that end in this turn are followed by their lane's next ones in the same turn;
     * the mark keeps a lane that waits for leave to send from being looked at for ever. */
    sync_store(run);
    while (run->first_ready != NULL && !run->stopping) {
        struct lane *lane = take_ready(run);
        advance(lane);
        if (lane->ready && !may_send(run))
            break;
    }
    if (run->busy_count == 0 && run->begun == run->options->count && !run->stopping)
        stop(run);
}

static void look_for_timeouts(struct run *run, uint64_t now)
{
    uint64_t limit = (uint64_t)run->options->timeout_ms * 1000000u;
    char text[96];
    for (uint32_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        if (!lane->waiting || now - lane->sent_ns < limit)
            continue;
        (void)snprintf(text, sizeof text, "no answer to STAN %06u within %u ms", lane->state.stan,
                       run->options->timeout_ms);
        lane->waiting = false;
        /* What comes later must not be taken for the next terminal's answer. */
        pos_connection_close(lane->asked->connection, POS_CLOSE_DONE);
        lane->asked->open = false;
        run->report->timeouts++;
        give_up(lane, lane->state.kind, text);
    }
}

static void earn_allowance(struct run *run, uint64_t now)
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
    struct run *run = context;
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
    fail(context, POS_ERR_BUSY, text);
}

/* ---- the run ---- */

static enum pos_status prepare(struct run *run)
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
        struct lane *lane = &run->lanes[i];
        lane->run = run;
        for (int end = 0; end < END_COUNT; end++)
            lane->links[end] = (struct link){.lane = lane, .end = (enum end)end};
        make_ready(lane);
    }
    return POS_OK;
}

static void tidy(struct run *run)
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
    struct run run = {.options = options, .store = store, .report = report, .error = error};
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
