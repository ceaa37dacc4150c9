#include "emulator/host/serve.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/net/net.h"
#include "emulator/frames.h"

enum {
    DELAYED_COUNT_MAX = 16384, /* answers waiting for their time; further requests get none */
    REPLY_SIZE_MAX = 256,      /* bytes: echoed fields are short and of fixed length */
    CONNECTION_COUNT_MAX = 1024,
    MESSAGE_TIMEOUT_MS = 10000,
    TICK_MS = 1,
};

struct delayed {
    uint64_t due_ns;
    uint64_t number; /* in the ledger */
    struct pos_connection_handle connection;
    char code[3];
    uint16_t size;
    uint8_t reply[REPLY_SIZE_MAX];
};

struct server {
    struct pos_host_options *options;
    struct pos_ledger *ledger;
    struct pos_loop *loop;
    struct pos_listener *listener;
    struct pos_timer *timer;
    struct delayed *ring; /* all wait equally long, so they are due in order */
    size_t first, count;
};

/* ---- answers now and later ---- */

static void send_due(void *context)
{
    struct server *server = context;
    uint64_t now = pos_loop_now_ns(server->loop);
    while (server->count > 0 && server->ring[server->first].due_ns <= now) {
        struct delayed *delayed = &server->ring[server->first];
        struct pos_connection *connection = pos_connection_find(server->loop, delayed->connection);
        if (connection != NULL)
            pos_connection_write(connection, pos_bytes(delayed->reply, delayed->size));
        pos_ledger_answer(server->ledger, delayed->number, delayed->code, connection != NULL,
                          pos_clock_utc_ms());
        server->first = (server->first + 1) % DELAYED_COUNT_MAX;
        server->count--;
    }
}

static void put_off(struct server *server, struct pos_connection *connection, uint64_t number,
                    const char *code, struct pos_bytes reply)
{
    if (server->count == DELAYED_COUNT_MAX) {
        pos_log(POS_LOG_WARNING, "answer-dropped", "waiting=%zu", server->count);
        pos_ledger_answer(server->ledger, number, code, false, pos_clock_utc_ms());
        return;
    }
    struct delayed *delayed = &server->ring[(server->first + server->count++) % DELAYED_COUNT_MAX];
    delayed->due_ns =
        pos_loop_now_ns(server->loop) + (uint64_t)server->options->delay_ms * 1000000u;
    delayed->number = number;
    delayed->connection = pos_connection_handle(connection);
    memcpy(delayed->code, code, sizeof delayed->code);
    delayed->size = (uint16_t)reply.size;
    memcpy(delayed->reply, reply.data, reply.size);
}

/* The one place where a PIN leaves the host: for a test with cards and PINs that were made up. */
static void tell_pin(const struct server *server, struct pos_host_entry *entry)
{
    FILE *told = server->options->told_pins;
    if (told != NULL && entry->pin_result != POS_HOST_PIN_NONE) {
        bool opened = entry->pin_result == POS_HOST_PIN_OPENED;
        (void)fprintf(told, "tid=%s stan=%s rrn=%s pan=%s format=%d pin=%.*s\n", entry->tid,
                      entry->stan, entry->rrn, entry->pan, (int)entry->pin_format,
                      opened ? (int)entry->pin.size : 5, opened ? entry->pin.digits : "wrong");
        (void)fflush(told);
    }
    pos_secret_wipe(&entry->pin, sizeof entry->pin);
}

static bool handle(void *context, struct pos_connection *connection, const struct pos_frame *frame)
{
    struct server *server = context;
    uint8_t memory[REPLY_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_host_entry entry;
    uint64_t utc_ms = pos_clock_utc_ms();
    enum pos_host_result result =
        pos_host_answer(&server->options->host, frame, utc_ms, &out, &entry);
    if (result == POS_HOST_CLOSE)
        return false;
    tell_pin(server, &entry);
    uint64_t number = pos_ledger_request(server->ledger, &entry, utc_ms);
    if (result == POS_HOST_SILENT) {
        pos_ledger_answer(server->ledger, number, "", false, utc_ms);
    } else if (server->options->delay_ms > 0) {
        put_off(server, connection, number, entry.code, pos_buffer_view(&out));
    } else {
        pos_connection_write(connection, pos_buffer_view(&out));
        pos_ledger_answer(server->ledger, number, entry.code, true, utc_ms);
    }
    return true;
}

/* ---- the port ---- */

static void on_opened(void *context, struct pos_connection *connection)
{
    (void)context;
    char peer[POS_ADDRESS_SIZE_MAX];
    pos_connection_peer(connection, peer);
    pos_log(POS_LOG_INFO, "connection-open", "peer=%s", peer);
}

static size_t on_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    const struct server *server = context;
    return pos_frames_each(server->options->host.dialect, connection, bytes, handle, context);
}

static void on_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    (void)context;
    (void)connection;
    pos_log(POS_LOG_INFO, "connection-closed", "reason=%s", pos_close_text(reason));
}

static void on_signal(void *context, int number)
{
    struct server *server = context;
    pos_log(POS_LOG_INFO, "stopping", "signal=%d", number);
    pos_loop_stop(server->loop);
}

/* So that the ledger can be read while the host runs, at one write a turn. */
static void on_turn(void *context)
{
    struct server *server = context;
    pos_ledger_flush(server->ledger);
}

static enum pos_status open_port(struct server *server, struct pos_error *error)
{
    static const struct pos_connection_events events = {
        .opened = on_opened, .bytes = on_bytes, .closed = on_closed};
    const struct pos_listener_options options = {
        .address = server->options->listen.host,
        .port = server->options->listen.port,
        .connection_count_max = CONNECTION_COUNT_MAX,
        .connection = {.message_timeout_ms = MESSAGE_TIMEOUT_MS},
    };
    enum pos_status status =
        pos_listener_open(server->loop, &options, &events, server, &server->listener, error);
    if (status != POS_OK)
        return status;
    pos_log(POS_LOG_INFO, "listener-open", "address=%s port=%u", options.address,
            pos_listener_port(server->listener));
    pos_loop_on_turn(server->loop, on_turn, server);
    status = pos_loop_on_signal(server->loop, SIGTERM, on_signal, server);
    if (status == POS_OK)
        status = pos_loop_on_signal(server->loop, SIGINT, on_signal, server);
    if (status == POS_OK && server->options->delay_ms > 0)
        status = pos_timer_open(server->loop, TICK_MS, send_due, server, &server->timer);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "the event loop is not ready");
}

enum pos_status pos_host_serve(struct pos_host_options *options, struct pos_ledger *ledger,
                               struct pos_error *error)
{
    struct server server = {.options = options, .ledger = ledger};
    enum pos_status status = pos_loop_create(&server.loop);
    if (status != POS_OK)
        return pos_error_set(error, status, "no event loop");
    if (options->delay_ms > 0) {
        server.ring = calloc(DELAYED_COUNT_MAX, sizeof *server.ring);
        if (server.ring == NULL)
            status = pos_error_set(error, POS_ERR_MEMORY, "no memory for answers that wait");
    }
    if (status == POS_OK)
        status = open_port(&server, error);
    if (status == POS_OK)
        pos_loop_run(server.loop);
    pos_loop_destroy(server.loop);
    free(server.ring);
    return status;
}
