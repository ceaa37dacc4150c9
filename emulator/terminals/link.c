/*
 * A lane's two connections: to the mother POS and to the gateway.
 */
#include <stdio.h>

#include "emulator/terminals/run_inside.h"

static const struct pos_endpoint *address_of(const struct pos_run_link *link)
{
    const struct pos_run_options *o = link->lane->run->options;
    return link->end == POS_RUN_MOTHER ? &o->mother : &o->gateway;
}

static const char *end_name(const struct pos_run_link *link)
{
    return link->end == POS_RUN_MOTHER ? "mother POS" : "gateway";
}

static void on_opened(void *context, struct pos_connection *connection)
{
    struct pos_run_link *link = context;
    (void)connection;
    link->open = true;
    pos_lane_make_ready(link->lane);
}

static const struct pos_dialect *dialect_of(const struct pos_run_link *link)
{
    return link->end == POS_RUN_MOTHER ? &pos_dialect_iso87b : link->lane->run->options->dialect;
}

static size_t on_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    struct pos_run_link *link = context;
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
            pos_lane_take_reply(link, pos_bytes(rest.data, consumed));
        used += consumed;
    }
}

static void explain_close(struct pos_run_link *link, enum pos_close reason)
{
    char text[160];
    struct pos_lane *lane = link->lane;
    struct pos_run *run = lane->run;
    (void)snprintf(text, sizeof text,
                   "the %s closed the connection (%s) before it answered STAN "
                   "%06u",
                   end_name(link), pos_close_text(reason), lane->state.stan);
    run->report->closed++;
    pos_lane_give_up(lane, lane->state.kind, text);
}

static void on_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct pos_run_link *link = context;
    struct pos_run *run = link->lane->run;
    char text[160];
    (void)connection;
    link->connection = NULL;
    link->open = false;
    if (run->stopping)
        return;
    if (reason == POS_CLOSE_CONNECT) {
        (void)snprintf(text, sizeof text, "cannot connect to the %s at %s port %u", end_name(link),
                       address_of(link)->host, address_of(link)->port);
        pos_run_fail(run, POS_ERR_UNREACHABLE, text);
    } else if (link->lane->waiting && link->lane->asked == link) {
        explain_close(link, reason);
    }
}

void pos_link_connect(struct pos_run_link *link)
{
    static const struct pos_connection_events events = {
        .opened = on_opened, .bytes = on_bytes, .closed = on_closed};
    static const struct pos_connection_options options = {.idle_timeout_ms = 0};
    struct pos_run *run = link->lane->run;
    const struct pos_endpoint *address = address_of(link);
    if (link->connection != NULL)
        return;
    if (pos_connection_connect(run->loop, address->host, address->port, NULL, &options, &events,
                               link, &link->connection) != POS_OK)
        pos_run_fail(run, POS_ERR_LIMIT, "no descriptor is left for another connection");
}
