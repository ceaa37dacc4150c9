/*
 * A connection from its first byte to its last. The state moves by one function over a table;
 * everything that ends a connection goes through pos_connection_close and is carried out at the
 * end of the turn, so it may be called from anywhere.
 */
#include "core/net/internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct pos_connection) <= 560, "an idle connection costs at most 0.6 KB");
_Static_assert(POS_FRAME_SIZE_MAX <= UINT16_MAX, "held_size holds any partial message");

const char *pos_close_text(enum pos_close reason)
{
    static const char *const texts[] = {
#define X(name, text) [POS_CLOSE_##name] = text,
        POS_CLOSE_LIST(X)
#undef X
    };
    assert(reason < POS_CLOSE_COUNT);
    return texts[reason];
}

/* ---- state ---- */

#define BIT(name) (1u << POS_CONNECTION_##name)

void pos_connection_move(struct pos_connection *connection, enum pos_connection_state state)
{
    static const unsigned allowed[POS_CONNECTION_STATES] = {
        [POS_CONNECTION_CONNECTING] = BIT(OPEN) | BIT(CLOSING),
        [POS_CONNECTION_OPEN] = BIT(HALF) | BIT(CLOSING),
        [POS_CONNECTION_HALF] = BIT(CLOSING),
        [POS_CONNECTION_CLOSING] = BIT(DRAINING) | BIT(GONE),
        [POS_CONNECTION_DRAINING] = BIT(GONE),
    };
    assert(allowed[connection->state] & (1u << state));
    connection->state = (uint8_t)state;
    connection->since_ns = connection->loop->now_ns;
}

void pos_connection_due(struct pos_connection *connection)
{
    if (!pos_link_linked(&connection->due_link))
        pos_link_append(&connection->loop->due, &connection->due_link);
}

/* ---- endpoint ---- */

struct pos_endpoint *pos_endpoint_create(const struct pos_connection_events *events, void *context,
                                         const struct pos_connection_options *options)
{
    struct pos_endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL)
        return NULL;
    *endpoint = (struct pos_endpoint){.events = *events, .context = context, .reference_count = 1};
    if (options != NULL)
        endpoint->options = *options;
    if (endpoint->options.write_queue_size_max == 0)
        endpoint->options.write_queue_size_max = POS_WRITE_QUEUE_SIZE_MAX;
    return endpoint;
}

void pos_endpoint_release(struct pos_endpoint *endpoint)
{
    if (--endpoint->reference_count == 0)
        free(endpoint);
}

/* ---- bytes held back ---- */

static struct pos_held_pool *pool_of(struct pos_loop *loop, size_t capacity)
{
    return capacity == POS_HELD_SMALL_SIZE ? &loop->held_small : &loop->held_large;
}

static void drop_held(struct pos_connection *connection)
{
    if (connection->held == NULL)
        return;
    struct pos_held_pool *pool = pool_of(connection->loop, connection->held_capacity);
    if (pool->count < POS_HELD_POOL_COUNT_MAX)
        pool->blocks[pool->count++] = connection->held;
    else
        free(connection->held);
    connection->held = NULL;
    connection->held_size = 0;
}

/* A block for `size` bytes: a small one, as thousands of slow peers may each hold one, or one for
 * the longest frame. What is held now is in the read buffer too and need not be kept. */
static bool make_room(struct pos_connection *connection, size_t size)
{
    if (connection->held != NULL && size <= connection->held_capacity)
        return true;
    drop_held(connection);
    size_t capacity = size <= POS_HELD_SMALL_SIZE ? POS_HELD_SMALL_SIZE : POS_FRAME_SIZE_MAX;
    struct pos_held_pool *pool = pool_of(connection->loop, capacity);
    connection->held = pool->count > 0 ? pool->blocks[--pool->count] : malloc(capacity);
    connection->held_capacity = (uint16_t)capacity;
    return connection->held != NULL;
}

/* Keeps what the user did not use. A message began with the first byte that is held, so its time
 * starts anew only when something before it was used. */
static void hold(struct pos_connection *connection, struct pos_bytes rest, bool used)
{
    if (rest.size > POS_FRAME_SIZE_MAX) {
        pos_connection_close(connection, POS_CLOSE_FRAME);
        return;
    }
    bool begins = connection->held == NULL || used;
    if (!make_room(connection, rest.size)) {
        pos_connection_close(connection, POS_CLOSE_RESET);
        return;
    }
    memcpy(connection->held, rest.data, rest.size);
    connection->held_size = (uint16_t)rest.size;
    if (!begins)
        return;
    connection->held_since_ns = connection->loop->now_ns;
    pos_wheel_schedule(connection);
}

/* ---- reading ---- */

/* The loop's one buffer, behind room for what this connection holds. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct pos_connection *connection = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)connection->loop->read_buffer + POS_FRAME_SIZE_MAX,
                          POS_READ_BUFFER_SIZE);
}

static void deliver(struct pos_connection *connection, size_t size)
{
    struct pos_endpoint *endpoint = connection->endpoint;
    uint8_t *start = connection->loop->read_buffer + POS_FRAME_SIZE_MAX - connection->held_size;
    struct pos_bytes bytes = pos_bytes(start, connection->held_size + size);
    if (connection->held_size > 0)
        memcpy(start, connection->held, connection->held_size);
    size_t used = endpoint->events.bytes(endpoint->context, connection, bytes);
    assert(used <= bytes.size);
    if (connection->state != POS_CONNECTION_OPEN || used == bytes.size)
        drop_held(connection);
    else
        hold(connection, pos_bytes(start + used, bytes.size - used), used > 0);
}

/* The peer sends no more. What it asked for in this turn is still answered; what is under way
 * elsewhere too, if the owner says so. */
static void end_of_input(struct pos_connection *connection)
{
    struct pos_endpoint *endpoint = connection->endpoint;
    drop_held(connection);
    pos_connection_move(connection, POS_CONNECTION_HALF);
    uv_read_stop(&connection->uv.stream);
    connection->kept =
        endpoint->events.ended != NULL && endpoint->events.ended(endpoint->context, connection);
    if (connection->kept)
        pos_wheel_schedule(connection);
    else
        pos_connection_due(connection);
}

static void on_read_draining(struct pos_connection *connection, ssize_t size)
{
    if (size < 0)
        pos_connection_release(connection);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct pos_connection *connection = stream->data;
    (void)buffer;
    pos_loop_wake(connection->loop);
    if (connection->state == POS_CONNECTION_DRAINING)
        on_read_draining(connection, size);
    else if (size > 0) {
        struct pos_loop_stats *stats = &connection->loop->stats;
        pos_counter_add(&stats->reads, 1);
        pos_counter_add(&stats->bytes_in, (uint64_t)size);
        connection->since_ns = connection->loop->now_ns;
        deliver(connection, (size_t)size);
    } else if (size == UV_EOF)
        end_of_input(connection);
    else if (size < 0)
        pos_connection_close(connection, POS_CLOSE_RESET);
}

/* ---- opening ---- */

static _Atomic uint64_t last_id;
static _Atomic uint32_t process_count;

static bool take_place(void)
{
    if (atomic_fetch_add(&process_count, 1) < POS_CONNECTION_COUNT_MAX)
        return true;
    atomic_fetch_sub(&process_count, 1);
    return false;
}

static bool open_stream(struct pos_connection *connection, int fd, bool local)
{
    struct pos_loop *loop = connection->loop;
    int result;
    if (local) {
        uv_pipe_init(&loop->uv, &connection->uv.local, 0);
        result = uv_pipe_open(&connection->uv.local, fd);
    } else {
        uv_tcp_init(&loop->uv, &connection->uv.tcp);
        result = uv_tcp_open(&connection->uv.tcp, fd);
        if (result == 0)
            uv_tcp_nodelay(&connection->uv.tcp, 1);
    }
    connection->uv.handle.data = connection;
    return result == 0;
}

static void free_connection(struct pos_connection *connection)
{
    drop_held(connection);
    pos_output_free(connection);
    connection->endpoint->connection_count--;
    pos_endpoint_release(connection->endpoint);
    free(connection);
    atomic_fetch_sub(&process_count, 1);
}

static void on_gone(uv_handle_t *handle)
{
    free_connection(handle->data);
}

static struct pos_connection *create(struct pos_loop *loop, struct pos_endpoint *endpoint)
{
    struct pos_connection *connection = take_place() ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL)
        return NULL;
    connection->loop = loop;
    connection->endpoint = endpoint;
    connection->id = atomic_fetch_add(&last_id, 1) + 1;
    connection->since_ns = loop->now_ns;
    endpoint->reference_count++;
    endpoint->connection_count++;
    return connection;
}

enum pos_status pos_connection_adopt(struct pos_loop *loop, struct pos_endpoint *endpoint, int fd,
                                     bool local, enum pos_connection_state state,
                                     struct pos_connection **out)
{
    struct pos_connection *connection = create(loop, endpoint);
    if (connection == NULL || pos_slot_acquire(loop, connection) != POS_OK) {
        if (connection != NULL)
            free_connection(connection);
        close(fd);
        return POS_ERR_LIMIT;
    }
    connection->state = (uint8_t)state;
    if (!open_stream(connection, fd, local)) {
        close(fd);
        pos_slot_release(connection);
        connection->state = POS_CONNECTION_GONE;
        uv_close(&connection->uv.handle, on_gone);
        return POS_ERR_NETWORK;
    }
    *out = connection;
    return POS_OK;
}

void pos_connection_opened(struct pos_connection *connection)
{
    struct pos_loop_stats *stats = &connection->loop->stats;
    struct pos_endpoint *endpoint = connection->endpoint;
    connection->opened = true;
    pos_counter_add(&stats->opened, 1);
    pos_counter_set(&stats->open_now, pos_counter_read(&stats->open_now) + 1);
    if (uv_read_start(&connection->uv.stream, on_alloc, on_read) != 0)
        pos_connection_close(connection, POS_CLOSE_RESET);
    pos_wheel_schedule(connection);
    endpoint->events.opened(endpoint->context, connection);
}

/* ---- closing ---- */

void pos_connection_close(struct pos_connection *connection, enum pos_close reason)
{
    if (connection->state >= POS_CONNECTION_CLOSING)
        return;
    bool connecting = connection->state == POS_CONNECTION_CONNECTING;
    connection->reason =
        (uint8_t)(connecting && reason != POS_CLOSE_STOP ? POS_CLOSE_CONNECT : reason);
    uv_read_stop(&connection->uv.stream);
    pos_connection_move(connection, POS_CONNECTION_CLOSING);
    pos_connection_due(connection);
}

void pos_connection_release(struct pos_connection *connection)
{
    pos_wheel_remove(connection);
    pos_link_remove(&connection->due_link);
    pos_connection_move(connection, POS_CONNECTION_GONE);
    uv_close(&connection->uv.handle, on_gone);
}

static bool queued(const struct pos_connection *connection)
{
    return connection->sending != NULL || connection->waiting != NULL;
}

/* Closed with unread input, a socket is reset and the peer may lose its last replies. So where the
 * peer may still be sending we end our side first and read on, unheard, until it ends its own. */
static bool says_goodbye(enum pos_close reason)
{
    return reason == POS_CLOSE_DONE || reason == POS_CLOSE_FRAME || reason == POS_CLOSE_FORMAT ||
           reason == POS_CLOSE_PIPELINE;
}

void pos_connection_drained(struct pos_connection *connection)
{
    uv_os_fd_t fd;
    if (!says_goodbye(connection->reason) || uv_fileno(&connection->uv.handle, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0)
        pos_connection_release(connection);
}

static void drain(struct pos_connection *connection)
{
    bool reads = says_goodbye(connection->reason);
    pos_connection_move(connection, POS_CONNECTION_DRAINING);
    pos_wheel_remove(connection);
    pos_wheel_schedule(connection);
    if (reads && uv_read_start(&connection->uv.stream, on_alloc, on_read) != 0) {
        pos_connection_release(connection);
        return;
    }
    if (!queued(connection))
        pos_connection_drained(connection);
}

static void count_close(struct pos_connection *connection)
{
    struct pos_loop_stats *stats = &connection->loop->stats;
    pos_counter_add(&stats->closed[connection->reason], 1);
    if (connection->opened)
        pos_counter_set(&stats->open_now, pos_counter_read(&stats->open_now) - 1);
}

static void finish(struct pos_connection *connection)
{
    struct pos_endpoint *endpoint = connection->endpoint;
    enum pos_close reason = connection->reason;
    drop_held(connection);
    count_close(connection);
    endpoint->events.closed(endpoint->context, connection, reason);
    pos_slot_release(connection);
    bool due = says_goodbye(reason) || (reason == POS_CLOSE_PEER && queued(connection));
    if (due && connection->opened && !connection->loop->stopped)
        drain(connection);
    else
        pos_connection_release(connection);
}

void pos_connection_end_turn(struct pos_connection *connection)
{
    if (connection->pending_size > 0)
        pos_output_flush(connection);
    if (connection->state == POS_CONNECTION_HALF && !connection->kept)
        pos_connection_close(connection, POS_CLOSE_PEER);
    if (connection->state != POS_CONNECTION_CLOSING)
        return;
    pos_link_remove(&connection->due_link);
    finish(connection);
}

/* ---- what the user asks ---- */

void pos_connection_set_user(struct pos_connection *connection, void *user)
{
    connection->user = user;
}

void *pos_connection_user(const struct pos_connection *connection)
{
    return connection->user;
}

uint64_t pos_connection_id(const struct pos_connection *connection)
{
    return connection->id;
}

void pos_connection_peer(const struct pos_connection *connection, char text[POS_ADDRESS_SIZE_MAX])
{
    struct sockaddr_storage address;
    int size = sizeof address;
    char host[INET6_ADDRSTRLEN];
    snprintf(text, POS_ADDRESS_SIZE_MAX, "local");
    if (connection->uv.handle.type != UV_TCP)
        return;
    if (uv_tcp_getpeername(&connection->uv.tcp, (struct sockaddr *)&address, &size) != 0) {
        snprintf(text, POS_ADDRESS_SIZE_MAX, "gone");
        return;
    }
    uv_ip_name((struct sockaddr *)&address, host, sizeof host);
    if (address.ss_family == AF_INET6)
        snprintf(text, POS_ADDRESS_SIZE_MAX, "[%s]:%u", host,
                 ntohs(((struct sockaddr_in6 *)&address)->sin6_port));
    else
        snprintf(text, POS_ADDRESS_SIZE_MAX, "%s:%u", host,
                 ntohs(((struct sockaddr_in *)&address)->sin_port));
}
