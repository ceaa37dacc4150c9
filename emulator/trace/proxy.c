#include "emulator/trace/proxy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/net.h"

enum { CONNECTION_COUNT_MAX = 512, LOG_PER_SECOND_MAX = 10 };

struct proxy {
    const struct pos_proxy_options *options;
    struct pos_trace *trace;
    struct pos_loop *loop;
    struct pos_listener *listener;
    uint64_t epoch_ns; /* what the monotonic clock's zero was in 1970 time */
};

/* A client's connection and ours to the server. */
struct pair {
    struct proxy *proxy;
    struct pos_talk *talk;
    struct pos_connection *sides[2]; /* NULL: gone */
    bool client_ended;
};

static uint64_t now_ns(const struct proxy *proxy)
{
    return proxy->epoch_ns + pos_clock_monotonic_ns();
}

/* ---- bytes ---- */

static size_t pass_on(struct pos_connection *connection, enum pos_talk_side from,
                      struct pos_bytes bytes)
{
    struct pair *pair = pos_connection_user(connection);
    struct pos_connection *other = pair->sides[1 - from];
    if (other != NULL)
        pos_connection_write(other, bytes);
    pos_talk_bytes(pair->talk, from, bytes, now_ns(pair->proxy));
    if (pair->client_ended && other != NULL && pos_talk_waiting(pair->talk) == 0)
        pos_connection_close(other, POS_CLOSE_PEER);
    return bytes.size;
}

static size_t client_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    (void)context;
    return pass_on(connection, POS_TALK_CLIENT, bytes);
}

static size_t server_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    (void)context;
    return pass_on(connection, POS_TALK_SERVER, bytes);
}

/* ---- connections ---- */

/* The client sends no more, but waits for answers. */
static bool client_ended(void *context, struct pos_connection *connection)
{
    (void)context;
    struct pair *pair = pos_connection_user(connection);
    pair->client_ended = true;
    return pair->sides[POS_TALK_SERVER] != NULL && pos_talk_waiting(pair->talk) > 0;
}

static void side_closed(struct pos_connection *connection, enum pos_talk_side side)
{
    struct pair *pair = pos_connection_user(connection);
    if (pair == NULL) /* there was no room for a pair */
        return;
    pair->sides[side] = NULL;
    if (pair->sides[1 - side] != NULL) {
        pos_connection_close(pair->sides[1 - side], POS_CLOSE_PEER);
        return;
    }
    pos_talk_close(pair->talk, now_ns(pair->proxy));
    free(pair);
}

static void client_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    (void)context;
    (void)reason;
    side_closed(connection, POS_TALK_CLIENT);
}

static void server_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    static struct pos_log_limit limit;
    const struct proxy *proxy = context;
    uint32_t suppressed;
    if (reason != POS_CLOSE_PEER && reason != POS_CLOSE_STOP &&
        pos_log_allow(&limit, LOG_PER_SECOND_MAX, pos_clock_utc_ms(), &suppressed))
        pos_log(POS_LOG_WARNING, "server-lost", "to=%s:%u reason=%s suppressed=%u",
                proxy->options->to.host, proxy->options->to.port, pos_close_text(reason),
                suppressed);
    side_closed(connection, POS_TALK_SERVER);
}

static void server_opened(void *context, struct pos_connection *connection)
{
    (void)context;
    (void)connection; /* what the client sent meanwhile goes out by itself */
}

static bool open_pair(struct proxy *proxy, struct pos_connection *client)
{
    static const struct pos_connection_events events = {
        .opened = server_opened, .bytes = server_bytes, .closed = server_closed};
    static const struct pos_connection_options patient = {0};
    char peer[POS_ADDRESS_SIZE_MAX], server[POS_ADDRESS_SIZE_MAX + 8];
    struct pair *pair = calloc(1, sizeof *pair);
    pos_connection_set_user(client, NULL);
    if (pair == NULL)
        return false;
    pos_connection_peer(client, peer);
    (void)snprintf(server, sizeof server, "%s:%u", proxy->options->to.host,
                   proxy->options->to.port);
    pair->proxy = proxy;
    pair->talk = pos_talk_open(proxy->trace, peer, server, proxy->options->to.port);
    if (pair->talk == NULL ||
        pos_connection_connect(proxy->loop, proxy->options->to.host, proxy->options->to.port, NULL,
                               &patient, &events, proxy, &pair->sides[POS_TALK_SERVER]) != POS_OK) {
        if (pair->talk != NULL)
            pos_talk_close(pair->talk, 0);
        free(pair);
        return false;
    }
    pair->sides[POS_TALK_CLIENT] = client;
    pos_connection_set_user(client, pair);
    pos_connection_set_user(pair->sides[POS_TALK_SERVER], pair);
    return true;
}

static void client_opened(void *context, struct pos_connection *connection)
{
    if (!open_pair(context, connection))
        pos_connection_close(connection, POS_CLOSE_LIMIT);
}

/* ---- the port ---- */

static void on_signal(void *context, int number)
{
    struct proxy *proxy = context;
    (void)number;
    pos_loop_stop(proxy->loop);
}

static enum pos_status open_port(struct proxy *proxy, struct pos_error *error)
{
    static const struct pos_connection_events events = {.opened = client_opened,
                                                        .bytes = client_bytes,
                                                        .ended = client_ended,
                                                        .closed = client_closed};
    const struct pos_listener_options options = {
        .address = proxy->options->listen.host,
        .port = proxy->options->listen.port,
        .connection_count_max = CONNECTION_COUNT_MAX,
    };
    enum pos_status status =
        pos_listener_open(proxy->loop, &options, &events, proxy, &proxy->listener, error);
    if (status != POS_OK)
        return status;
    pos_log(POS_LOG_INFO, "listener-open", "address=%s port=%u", options.address,
            pos_listener_port(proxy->listener));
    status = pos_loop_on_signal(proxy->loop, SIGTERM, on_signal, proxy);
    if (status == POS_OK)
        status = pos_loop_on_signal(proxy->loop, SIGINT, on_signal, proxy);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "the event loop is not ready");
}

enum pos_status pos_proxy_serve(const struct pos_proxy_options *options, struct pos_trace *trace,
                                struct pos_error *error)
{
    struct proxy proxy = {.options = options,
                          .trace = trace,
                          .epoch_ns = pos_clock_utc_ms() * 1000000u - pos_clock_monotonic_ns()};
    enum pos_status status = pos_loop_create(&proxy.loop);
    if (status != POS_OK)
        return pos_error_set(error, status, "no event loop");
    status = open_port(&proxy, error);
    if (status == POS_OK)
        pos_loop_run(proxy.loop);
    pos_loop_destroy(proxy.loop);
    return status;
}
