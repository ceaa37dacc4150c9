/*
 * A lane: one terminal after the other through the plan, one request at a time.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "emulator/terminals/run_inside.h"

/* ---- terminals ---- */

/* False (and the run fails): what the store holds of it cannot be used. */
static bool restore(struct pos_lane *lane, const char *stored_serial)
{
    struct pos_run *run = lane->run;
    const struct pos_store_entry *entry = pos_terminal_store_find(run->store, stored_serial);
    if (entry == NULL)
        return true;
    lane->terminal.stan = entry->stan_reserved % 999999u;
    lane->terminal.form = entry->form;
    memcpy(lane->terminal.tdk, entry->tdk, sizeof entry->tdk);
    if (entry->stage == POS_STAGE_BLANK ||
        pos_terminal_restore(&lane->terminal, entry->stage, entry->key_index, entry->algorithm,
                             entry->tmk, entry->tpk, entry->tak) == POS_OK)
        return true;
    pos_run_fail(run, POS_ERR_CORRUPT, "a stored key cannot be used");
    return false;
}

static bool begin_terminal(struct pos_lane *lane)
{
    struct pos_run *run = lane->run;
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
    lane->terminal.cup_ecb = o->cup_ecb;
    lane->step = 0;
    lane->repeated = 0;
    lane->busy = true;
    run->busy_count++;
    run->begun++;
    run->report->terminals++;
    return restore(lane, serial);
}

static void end_terminal(struct pos_lane *lane, bool completed)
{
    struct pos_run *run = lane->run;
    pos_terminal_fini(&lane->terminal);
    lane->busy = false;
    lane->waiting = false;
    run->busy_count--;
    run->report->completed += completed;
    pos_lane_make_ready(lane);
}

void pos_lane_give_up(struct pos_lane *lane, enum pos_kind kind, const char *explanation)
{
    pos_report_mismatch(lane->run->report, lane->terminal.serial, kind, explanation);
    end_terminal(lane, false);
}

static bool note(struct pos_lane *lane, bool sync)
{
    struct pos_run *run = lane->run;
    if (!pos_run_remembers(run))
        return true;
    if (pos_terminal_store_put(run->store, &lane->terminal) != POS_OK) {
        pos_run_fail(run, POS_ERR_IO, "the terminals' store cannot be written");
        return false;
    }
    run->unsynced = run->unsynced || sync;
    return true;
}

/* ---- answers ---- */

static const char *expected_code(const struct pos_lane *lane)
{
    const struct pos_run_options *o = lane->run->options;
    return o->plan.steps[lane->step].last ? o->expect : "00";
}

static void next_step(struct pos_lane *lane)
{
    const struct pos_plan_step *step = &lane->run->options->plan.steps[lane->step];
    if (++lane->repeated >= step->repeats) {
        lane->step++;
        lane->repeated = 0;
    }
    pos_lane_make_ready(lane);
}

static void judge(struct pos_lane *lane, const struct pos_verdict *verdict)
{
    enum pos_kind kind = lane->state.kind;
    const char *expected = expected_code(lane);
    char text[64];
    if (verdict->status != POS_OK) {
        pos_lane_give_up(lane, kind, verdict->explanation);
        return;
    }
    if (strcmp(verdict->code, expected) != 0) {
        (void)snprintf(text, sizeof text, "field 39: expected %.2s, got %s", expected,
                       verdict->code);
        pos_lane_give_up(lane, kind, text);
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

void pos_lane_take_reply(struct pos_run_link *link, struct pos_bytes frame)
{
    struct pos_lane *lane = link->lane;
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

/* What an earlier run did already. */
static bool is_done_already(const struct pos_lane *lane, const struct pos_plan_step *step)
{
    if (step->kind == POS_KIND_KEY_REQUEST)
        return lane->terminal.stage != POS_STAGE_BLANK && !lane->run->options->rekey;
    return step->kind == POS_KIND_KEY_CONFIRM && lane->terminal.stage > POS_STAGE_KEYED;
}

/* True (and the terminal is given up): its key is not of the algorithm that was asked for. */
static bool has_wrong_algorithm(struct pos_lane *lane)
{
    enum pos_algorithm wanted = lane->run->options->algorithm;
    char text[64];
    if (wanted == POS_ALGORITHM_NONE || lane->terminal.stage == POS_STAGE_BLANK ||
        lane->terminal.algorithm == wanted)
        return false;
    (void)snprintf(text, sizeof text, "TMK: expected %s, got %s", pos_algorithm_name(wanted),
                   pos_algorithm_name(lane->terminal.algorithm));
    pos_lane_give_up(lane, POS_KIND_KEY_REQUEST, text);
    return true;
}

void pos_lane_advance(struct pos_lane *lane)
{
    struct pos_run *run = lane->run;
    const struct pos_plan *plan = &run->options->plan;
    if (lane->waiting)
        return;
    if (!lane->busy && (run->begun == run->options->count || !begin_terminal(lane)))
        return;
    while (lane->step < plan->count && is_done_already(lane, &plan->steps[lane->step]))
        lane->step++;
    if (has_wrong_algorithm(lane))
        return;
    if (lane->step == plan->count) {
        end_terminal(lane, true);
        return;
    }
    const struct pos_plan_step *step = &plan->steps[lane->step];
    bool mother = pos_kind_rule(step->kind)->link == POS_LINK_MOTHER;
    struct pos_run_link *link = &lane->links[mother ? POS_RUN_MOTHER : POS_RUN_GATEWAY];
    if (!link->open)
        pos_link_connect(link); /* opened makes the lane ready again */
    else if (!pos_run_may_send(run))
        pos_lane_make_ready(lane);
    else
        pos_lane_ask(lane, link, step);
}
