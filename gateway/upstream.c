#include "gateway/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"
#include "gateway/host_window.h"

enum {
    TICK_MS = 50,
    NS_PER_MS = 1000000,
    CARRY_LINES_A_SECOND = 10,
    BATCH = 1, /* in field 60 of an echo: the link has no batches of its own */
};

/* moves: AWAY -> CONNECTING -> UP -> AWAY, and CONNECTING -> AWAY */
enum link_state { LINK_AWAY, LINK_CONNECTING, LINK_UP };

struct pos_upstream {
    struct pos_loop *loop;
    const struct pos_upstream_settings *settings;
    const struct pos_dialect *dialect;
    struct pos_host_keys *keys;
    struct pos_gateway_counters *counters;
    struct pos_upstream_events events;
    struct pos_host_window *window;
    struct pos_timer *timer;
    struct pos_connection *connection; /* while CONNECTING or UP */
    enum link_state state;
    uint64_t state_since_ns;
    uint64_t retry_at_ns;
    uint32_t retry_ms;
    uint64_t last_sent_ns;
    uint32_t echo_stan;
    struct pos_network_name echo; /* an echo as the dialect names it */
    struct pos_log_limit carry_log, mac_log;
    struct pos_draft sealed;    /* a message that gets a MAC, with room for it */
    struct pos_message message; /* a reply being read */
};

static void set_state(struct pos_upstream *upstream, enum link_state state)
{
    upstream->state = state;
    upstream->state_since_ns = pos_loop_now_ns(upstream->loop);
    pos_counter_set(&upstream->counters->host_up, state == LINK_UP);
}

static void give_up_all(struct pos_upstream *upstream)
{
    void *request;
    while ((request = pos_host_window_take_late(upstream->window, UINT64_MAX)) != NULL)
        upstream->events.answered(upstream->events.context, request, POS_ERR_NETWORK, NULL);
}

static void retry_later(struct pos_upstream *upstream)
{
    upstream->retry_at_ns =
        pos_loop_now_ns(upstream->loop) + (uint64_t)upstream->retry_ms * NS_PER_MS;
    upstream->retry_ms *= 2;
    if (upstream->retry_ms > upstream->settings->reconnect_max_ms)
        upstream->retry_ms = upstream->settings->reconnect_max_ms;
}

/* ---- the connection's events ---- */

static void opened(void *context, struct pos_connection *connection)
{
    struct pos_upstream *upstream = context;
    (void)connection;
    set_state(upstream, LINK_UP);
    upstream->retry_ms = upstream->settings->reconnect_min_ms;
    upstream->last_sent_ns = pos_loop_now_ns(upstream->loop);
    pos_counter_add(&upstream->counters->host_connects, 1);
    pos_log(POS_LOG_INFO, "host-up", "host=%s address=%s port=%u", upstream->settings->name,
            upstream->settings->address, upstream->settings->port);
}

static void closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct pos_upstream *upstream = context;
    (void)connection;
    upstream->connection = NULL;
    if (upstream->state == LINK_UP)
        pos_log(POS_LOG_WARNING, "host-down", "host=%s reason=%s under_way=%u",
                upstream->settings->name, pos_close_text(reason),
                pos_host_window_count(upstream->window));
    else
        pos_counter_add(&upstream->counters->host_connect_failures, 1);
    set_state(upstream, LINK_AWAY);
    retry_later(upstream);
    give_up_all(upstream);
}

/* On a link with MACs nobody else can answer for the host: what has no good one was not said by it,
 * and the request goes on waiting for what is. */
static bool is_the_hosts(struct pos_upstream *upstream)
{
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    if (!pos_host_keys_for_macs(upstream->keys))
        return true;
    enum pos_status status = pos_message_mac(&upstream->message, &covered, mac);
    if (status == POS_OK)
        status = pos_host_keys_verify_mac(upstream->keys, covered, mac);
    if (status == POS_OK)
        return true;
    uint32_t suppressed;
    pos_counter_add(&upstream->counters->host_replies_bad_mac, 1);
    if (pos_log_allow(&upstream->mac_log, CARRY_LINES_A_SECOND, pos_clock_utc_ms(), &suppressed))
        pos_log(POS_LOG_WARNING, "host-bad-mac", "host=%s reason=\"%s\" suppressed=%u",
                upstream->settings->name, pos_status_text(status), suppressed);
    return false;
}

static void take_reply(struct pos_upstream *upstream, struct pos_bytes bytes)
{
    struct pos_decode_error error;
    struct pos_host_key key;
    if (pos_iso8583_decode(upstream->dialect, bytes, &upstream->message, &error) != POS_OK) {
        pos_log(POS_LOG_WARNING, "host-bad-message", "host=%s field=%u offset=%u reason=\"%s\"",
                upstream->settings->name, error.field, error.offset,
                pos_decode_reason_text(error.reason));
        pos_counter_add(&upstream->counters->host_replies_unmatched, 1);
        return;
    }
    if (upstream->message.mti == pos_reply_mti(upstream->echo.mti))
        return;
    if (!is_the_hosts(upstream))
        return;
    void *request = NULL;
    if (pos_host_key_of_message(&upstream->message, &key) == POS_OK)
        request = pos_host_window_take(upstream->window, &key);
    if (request == NULL)
        pos_counter_add(&upstream->counters->host_replies_unmatched, 1);
    else
        upstream->events.answered(upstream->events.context, request, POS_OK, &upstream->message);
}

static size_t bytes_arrived(void *context, struct pos_connection *connection,
                            struct pos_bytes bytes)
{
    struct pos_upstream *upstream = context;
    size_t used = 0;
    while (used < bytes.size) {
        struct pos_frame frame;
        size_t consumed = 0;
        const char *reason = "";
        enum pos_frame_result result =
            pos_frame_next(upstream->dialect, pos_bytes(bytes.data + used, bytes.size - used),
                           &frame, &consumed, &reason);
        used += consumed;
        if (result == POS_FRAME_PARTIAL)
            break;
        if (result == POS_FRAME_READY)
            take_reply(upstream, frame.message);
        if (result == POS_FRAME_BROKEN) {
            pos_log(POS_LOG_WARNING, "host-bad-frame", "host=%s reason=\"%s\"",
                    upstream->settings->name, reason);
            pos_connection_close(connection, POS_CLOSE_FRAME);
            break;
        }
    }
    return used;
}

static const struct pos_connection_events connection_events = {
    .opened = opened, .bytes = bytes_arrived, .closed = closed};

/* ---- sending ---- */

/* What a terminal's dialect can say and the host's cannot: a character, or too long. */
static void tell_not_carried(struct pos_upstream *upstream, const struct pos_decode_error *error)
{
    uint32_t suppressed;
    if (pos_log_allow(&upstream->carry_log, CARRY_LINES_A_SECOND, pos_clock_utc_ms(), &suppressed))
        pos_log(POS_LOG_WARNING, "host-cannot-carry",
                "host=%s dialect=%s field=%u reason=\"%s\" suppressed=%u", upstream->settings->name,
                upstream->dialect->name, error->field, pos_decode_reason_text(error->reason),
                suppressed);
}

static enum pos_status put_mac(struct pos_upstream *upstream, const struct pos_encoded *encoded)
{
    uint8_t mac[POS_MAC_SIZE];
    if (encoded->mac == NULL)
        return POS_OK;
    enum pos_status status = pos_host_keys_make_mac(upstream->keys, encoded->covered, mac);
    if (status == POS_OK)
        pos_encoded_set_mac(encoded, mac);
    else /* not the message's fault */
        status = POS_ERR_HSM;
    return status;
}

/* The caller's draft stays as it is: the next link may have no MACs. */
static const struct pos_draft *with_room_for_mac(struct pos_upstream *upstream,
                                                 const struct pos_draft *message)
{
    if (!pos_host_keys_for_macs(upstream->keys))
        return message;
    upstream->sealed = *message;
    pos_draft_reserve_mac(&upstream->sealed);
    return &upstream->sealed;
}

static enum pos_status put_on_wire(struct pos_upstream *upstream, const struct pos_draft *message)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_encoded encoded;
    struct pos_decode_error error = {.reason = POS_DECODE_OK};
    const struct pos_frame model = pos_route_frame(&upstream->settings->route);
    size_t start = pos_frame_begin(upstream->dialect, &model, false, &out);
    enum pos_status status = pos_iso8583_encode(upstream->dialect, message, &out, &encoded, &error);
    if (status == POS_OK)
        status = pos_frame_end(&out, start);
    if (status != POS_OK) {
        tell_not_carried(upstream, &error);
        return status;
    }
    status = put_mac(upstream, &encoded);
    if (status != POS_OK)
        return status;
    upstream->last_sent_ns = pos_loop_now_ns(upstream->loop);
    pos_connection_write(upstream->connection, pos_buffer_view(&out));
    return POS_OK;
}

enum pos_status pos_upstream_send(struct pos_upstream *upstream, const struct pos_draft *message,
                                  uint64_t now_ns, void *request)
{
    if (upstream->state != LINK_UP)
        return POS_ERR_UNREACHABLE;
    struct pos_host_key key;
    enum pos_status status = pos_host_key_of_draft(message, &key);
    uint64_t patience = (uint64_t)upstream->settings->reply_timeout_ms * NS_PER_MS;
    if (status == POS_OK)
        status = pos_host_window_put(upstream->window, &key, now_ns + patience, request);
    if (status != POS_OK)
        return status;
    status = put_on_wire(upstream, with_room_for_mac(upstream, message));
    if (status != POS_OK)
        (void)pos_host_window_take(upstream->window, &key);
    return status;
}

static void send_echo(struct pos_upstream *upstream)
{
    struct pos_draft echo;
    char stan[7], time[11];
    struct pos_time now = pos_time_utc(pos_clock_utc_ms());
    upstream->echo_stan = upstream->echo_stan % 999999 + 1;
    (void)snprintf(stan, sizeof stan, "%06u", upstream->echo_stan % 1000000u);
    (void)snprintf(time, sizeof time, "%02u%02u%02u%02u%02u", (unsigned)now.month % 100u,
                   (unsigned)now.day % 100u, (unsigned)now.hour % 100u, (unsigned)now.minute % 100u,
                   (unsigned)now.second % 100u);
    pos_draft_init(&echo, upstream->echo.mti);
    pos_draft_set(&echo, 7, pos_bytes_text(time));
    pos_draft_set(&echo, 11, pos_bytes_text(stan));
    pos_draft_set(&echo, upstream->dialect->network_field, pos_bytes_text(upstream->echo.text));
    if (put_on_wire(upstream, &echo) != POS_OK)
        pos_connection_close(upstream->connection, POS_CLOSE_DONE);
}

/* ---- time ---- */

static void start_connecting(struct pos_upstream *upstream)
{
    const struct pos_connection_options options = {0};
    enum pos_status status = pos_connection_connect(
        upstream->loop, upstream->settings->address, upstream->settings->port, NULL, &options,
        &connection_events, upstream, &upstream->connection);
    if (status == POS_OK) {
        set_state(upstream, LINK_CONNECTING);
        return;
    }
    upstream->connection = NULL;
    pos_counter_add(&upstream->counters->host_connect_failures, 1);
    retry_later(upstream);
}

static void drop_late(struct pos_upstream *upstream, uint64_t now_ns)
{
    void *request;
    while ((request = pos_host_window_take_late(upstream->window, now_ns)) != NULL) {
        pos_counter_add(&upstream->counters->host_replies_late, 1);
        upstream->events.answered(upstream->events.context, request, POS_ERR_TIMEOUT, NULL);
    }
}

static void tick(void *context)
{
    struct pos_upstream *upstream = context;
    const struct pos_upstream_settings *settings = upstream->settings;
    uint64_t now_ns = pos_loop_now_ns(upstream->loop);
    drop_late(upstream, now_ns);
    if (upstream->state == LINK_AWAY && now_ns >= upstream->retry_at_ns)
        start_connecting(upstream);
    else if (upstream->state == LINK_CONNECTING &&
             now_ns - upstream->state_since_ns > (uint64_t)settings->connect_timeout_ms * NS_PER_MS)
        pos_connection_close(upstream->connection, POS_CLOSE_CONNECT);
    else if (upstream->state == LINK_UP && settings->echo_interval_ms > 0 &&
             now_ns - upstream->last_sent_ns > (uint64_t)settings->echo_interval_ms * NS_PER_MS)
        send_echo(upstream);
}

enum pos_status
pos_upstream_create(struct pos_loop *loop, const struct pos_upstream_settings *settings,
                    struct pos_host_keys *keys, struct pos_gateway_counters *counters,
                    const struct pos_upstream_events *events, struct pos_upstream **upstream)
{
    struct pos_upstream *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->loop = loop;
    made->settings = settings;
    made->dialect = settings->dialect;
    made->keys = keys;
    made->counters = counters;
    made->events = *events;
    made->retry_ms = settings->reconnect_min_ms;
    enum pos_status status =
        pos_network_name(made->dialect, pos_kind_rule(POS_KIND_ECHO), BATCH, &made->echo);
    if (status == POS_OK)
        status = pos_host_window_create(settings->window, &made->window);
    if (status == POS_OK)
        status = pos_timer_open(loop, TICK_MS, tick, made, &made->timer);
    if (status != POS_OK) {
        pos_host_window_destroy(made->window);
        free(made);
        return status;
    }
    start_connecting(made);
    *upstream = made;
    return POS_OK;
}

void pos_upstream_destroy(struct pos_upstream *upstream)
{
    if (upstream == NULL)
        return;
    pos_host_window_destroy(upstream->window);
    free(upstream);
}

bool pos_upstream_connected(const struct pos_upstream *upstream)
{
    return upstream->state == LINK_UP;
}
