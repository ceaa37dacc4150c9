#include "gateway/metrics_server.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/metrics.h"

enum {
    PATH_SIZE_MAX = 64,
    REQUEST_SIZE_MAX = 8192,
    CONNECTION_COUNT_MAX = 32,
    TIMEOUT_MS = 5000,
    HEAD_SIZE_MAX = 256,
};

struct server {
    struct pos_gateway *gateway;
    struct pos_listener *listener;
    struct pos_gateway_counters sum;
    uint8_t body[POS_METRICS_SIZE_MAX];
};

struct visitor {
    http_parser parser;
    char path[PATH_SIZE_MAX];
    size_t path_size;
    size_t received;
    bool complete;
};

static int take_url(http_parser *parser, const char *at, size_t length)
{
    struct visitor *visitor = parser->data;
    if (length >= sizeof visitor->path - visitor->path_size)
        return 1;
    memcpy(visitor->path + visitor->path_size, at, length);
    visitor->path_size += length;
    return 0;
}

static int take_end(http_parser *parser)
{
    struct visitor *visitor = parser->data;
    visitor->complete = true;
    return 0;
}

static const http_parser_settings parser_settings = {.on_url = take_url,
                                                     .on_message_complete = take_end};

/* ---- answers ---- */

static void answer(struct pos_connection *connection, const char *status_line,
                   struct pos_bytes body)
{
    char memory[HEAD_SIZE_MAX];
    struct pos_buffer head = pos_buffer(memory, sizeof memory);
    pos_buffer_format(&head,
                      "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; "
                      "charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                      status_line, body.size);
    pos_connection_write(connection, pos_buffer_view(&head));
    pos_connection_write(connection, body);
    pos_connection_close(connection, POS_CLOSE_DONE);
}

static bool check(struct pos_buffer *out, const char *name, bool good)
{
    pos_buffer_format(out, "%s %s\n", good ? "ok  " : "FAIL", name);
    return good;
}

/* Ready: able to admit terminals and to pass on their transactions. */
static bool write_readiness(struct server *server, struct pos_buffer *out)
{
    const struct pos_gateway *gateway = server->gateway;
    struct pos_committer_stats stats;
    pos_terminal_table_stats(gateway->table, &stats);
    pos_metrics_sum(gateway, &server->sum);
    /* Each loop has a link of its own to each host. */
    bool host = gateway->settings->upstream_count == 0 ||
                pos_counter_read(&server->sum.host_up) >= gateway->worker_count;
    bool ready = check(out, "database-writable", !stats.failed);
    ready = check(out, "disk-room", !pos_disk_low(&gateway->disk)) && ready;
    ready =
        check(out, "commit-queue", stats.queue_length < POS_COMMIT_QUEUE_COUNT_MAX / 2) && ready;
    ready = check(out, "host-connected", host) && ready;
    return ready;
}

static void serve(struct server *server, struct pos_connection *connection,
                  const struct visitor *visitor)
{
    struct pos_buffer out = pos_buffer(server->body, sizeof server->body);
    const char *status_line = "200 OK";
    struct pos_bytes path = pos_bytes(visitor->path, visitor->path_size);
    if (visitor->parser.method != HTTP_GET) {
        status_line = "405 Method Not Allowed";
        pos_buffer_put_text(&out, "GET only\n");
    } else if (pos_bytes_equal_text(path, "/metrics")) {
        pos_metrics_write(server->gateway, &server->sum, &out);
    } else if (pos_bytes_equal_text(path, "/livez")) {
        pos_buffer_put_text(&out, "ok\n");
    } else if (pos_bytes_equal_text(path, "/readyz")) {
        if (!write_readiness(server, &out))
            status_line = "503 Service Unavailable";
    } else {
        status_line = "404 Not Found";
        pos_buffer_put_text(&out, "there are /metrics, /livez and /readyz\n");
    }
    answer(connection, status_line, pos_buffer_view(&out));
}

/* ---- connections ---- */

static void opened(void *context, struct pos_connection *connection)
{
    (void)context;
    struct visitor *visitor = calloc(1, sizeof *visitor);
    pos_connection_set_user(connection, visitor);
    if (visitor == NULL) {
        pos_connection_close(connection, POS_CLOSE_LIMIT);
        return;
    }
    http_parser_init(&visitor->parser, HTTP_REQUEST);
    visitor->parser.data = visitor;
}

static size_t bytes_arrived(void *context, struct pos_connection *connection,
                            struct pos_bytes bytes)
{
    struct visitor *visitor = pos_connection_user(connection);
    if (visitor == NULL || visitor->complete)
        return bytes.size;
    visitor->received += bytes.size;
    size_t parsed = http_parser_execute(&visitor->parser, &parser_settings,
                                        (const char *)bytes.data, bytes.size);
    if (visitor->complete)
        serve(context, connection, visitor);
    else if (parsed != bytes.size || visitor->received > REQUEST_SIZE_MAX)
        answer(connection, "400 Bad Request", pos_bytes_text("not a request this understands\n"));
    return bytes.size;
}

static void closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    (void)context;
    (void)reason;
    free(pos_connection_user(connection));
}

static const struct pos_connection_events events = {
    .opened = opened, .bytes = bytes_arrived, .closed = closed};

enum pos_status pos_metrics_server_open(struct pos_gateway *gateway, struct pos_error *error)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the metrics server");
    server->gateway = gateway;
    gateway->metrics_server = server;
    const struct pos_listener_options options = {
        .address = gateway->settings->admin.metrics_address,
        .port = gateway->settings->admin.metrics_port,
        .connection_count_max = CONNECTION_COUNT_MAX,
        .connection = {.idle_timeout_ms = TIMEOUT_MS,
                       .write_queue_size_max = 2 * POS_METRICS_SIZE_MAX}};
    enum pos_status status =
        pos_listener_open(gateway->admin_loop, &options, &events, server, &server->listener, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "metrics");
    gateway->metrics_port = pos_listener_port(server->listener);
    pos_log(POS_LOG_INFO, "metrics", "address=%s port=%u", options.address, gateway->metrics_port);
    return POS_OK;
}
