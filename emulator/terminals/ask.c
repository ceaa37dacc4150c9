/*
 * What a terminal is made to ask: the request of a step, and what is spoiled in it on purpose.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "emulator/terminals/card.h"
#include "emulator/terminals/run_inside.h"

/* The MAC is the last field. As hexadecimal it must stay that, or the message is malformed. */
static void corrupt_mac(struct pos_lane *lane, struct pos_buffer *frame)
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

static void set_pin(const struct pos_lane *lane, bool last, struct pos_sale *sale)
{
    const struct pos_run_options *o = lane->run->options;
    bool tdes = pos_algorithm_working(lane->terminal.algorithm) == POS_ALGORITHM_T2;
    if (o->pin.size == 0)
        return;
    sale->pin = &o->pin;
    sale->pin_format = o->pin_format;
    if (o->pin_format == POS_PIN_FORMAT_COUNT)
        sale->pin_format = tdes ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
    sale->pin_pan = o->pin_pan;
    sale->damage_pin = last && o->corrupt_pin;
}

static enum pos_status make_request(struct pos_lane *lane, const struct pos_plan_step *step,
                                    struct pos_buffer *frame)
{
    char pan[POS_CARD_PAN_SIZE], time[POS_CARD_TIME_SIZE];
    struct pos_sale sale = {
        .amount = lane->run->options->amount + lane->number % 100, .pan = pan, .utc_time = time};
    pos_card_pan(lane->number, pan);
    pos_card_time(pos_clock_utc_ms(), time);
    set_pin(lane, step->last, &sale);
    bool financial = pos_kind_rule(step->kind)->link == POS_LINK_HOST;
    return pos_terminal_request(&lane->terminal, step->kind, financial ? &sale : NULL, frame,
                                &lane->state);
}

static const char *why_not(enum pos_status status)
{
    switch (status) {
    case POS_ERR_STATE:
        return "a step before it is missing (no TMK, no TAK or TPK, or nothing to reverse)";
    case POS_ERR_USAGE:
        return "its TPK or its dialect does not have this PIN format";
    default:
        return pos_status_text(status);
    }
}

/* False: the terminal was given up, or the run ends. */
static bool make_or_give_up(struct pos_lane *lane, const struct pos_plan_step *step,
                            struct pos_buffer *frame)
{
    struct pos_run *run = lane->run;
    char text[128];
    enum pos_status status = make_request(lane, step, frame);
    if (status != POS_OK) {
        (void)snprintf(text, sizeof text, "cannot be asked: %s", why_not(status));
        pos_lane_give_up(lane, step->kind, text);
        return false;
    }
    if (!pos_run_remembers(run) ||
        pos_terminal_store_reserve(run->store, lane->terminal.serial, lane->state.stan) == POS_OK)
        return true;
    pos_run_fail(run, POS_ERR_IO, "the terminals' store cannot be written");
    return false;
}

void pos_lane_ask(struct pos_lane *lane, struct pos_run_link *link,
                  const struct pos_plan_step *step)
{
    struct pos_run *run = lane->run;
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer frame = pos_buffer(memory, sizeof memory);
    if (!make_or_give_up(lane, step, &frame))
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
