/*
 * What a turn writes. Replies of a turn are appended to one block of memory per loop, each
 * connection knowing its runs in it; at the end of the turn a connection's runs go out with one
 * system call. Only what the socket does not take is copied to memory of its own, and that is
 * bounded: a peer that owes us reading is cut.
 */
#include "core/net/internal.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE_MIN = 4096 };

enum pos_status pos_output_init(struct pos_output *output)
{
    output->data = malloc(POS_OUTPUT_SIZE);
    output->segments = calloc(POS_OUTPUT_SEGMENT_COUNT_MAX, sizeof *output->segments);
    output->segment_count = 1;
    return output->data != NULL && output->segments != NULL ? POS_OK : POS_ERR_MEMORY;
}

void pos_output_fini(struct pos_output *output)
{
    free(output->data);
    free(output->segments);
}

void pos_output_reset(struct pos_loop *loop)
{
    loop->output.size = 0;
    loop->output.segment_count = 1;
}

/* ---- what the socket did not take ---- */

static size_t queued_size(const struct pos_connection *connection)
{
    size_t size = connection->waiting != NULL ? connection->waiting->size : 0;
    return size + uv_stream_get_write_queue_size(&connection->uv.stream);
}

static bool queue(struct pos_connection *connection, const uint8_t *data, size_t size)
{
    struct pos_chunk *chunk = connection->waiting;
    size_t used = chunk != NULL ? chunk->size : 0;
    if (chunk == NULL || chunk->capacity - used < size) {
        size_t capacity = 2 * (used + size);
        if (capacity < CHUNK_SIZE_MIN)
            capacity = CHUNK_SIZE_MIN;
        struct pos_chunk *larger = realloc(chunk, sizeof *chunk + capacity);
        if (larger == NULL)
            return false;
        larger->capacity = capacity;
        chunk = connection->waiting = larger;
    }
    memcpy(chunk->data + used, data, size);
    chunk->size = used + size;
    return true;
}

static void send_waiting(struct pos_connection *connection);

static void on_sent(uv_write_t *request, int status)
{
    struct pos_chunk *chunk = POS_CONTAINER(request, struct pos_chunk, request);
    struct pos_connection *connection = chunk->connection;
    pos_loop_wake(connection->loop);
    connection->sending = NULL;
    if (status == 0)
        pos_counter_add(&connection->loop->stats.bytes_out, chunk->size);
    free(chunk);
    if (connection->state == POS_CONNECTION_GONE)
        return;
    if (status != 0 && connection->state == POS_CONNECTION_DRAINING)
        pos_connection_release(connection);
    else if (status != 0 && connection->state != POS_CONNECTION_CONNECTING)
        pos_connection_close(connection, POS_CLOSE_RESET);
    else if (connection->waiting != NULL)
        send_waiting(connection);
    else if (connection->state == POS_CONNECTION_DRAINING)
        pos_connection_drained(connection);
}

static void send_waiting(struct pos_connection *connection)
{
    struct pos_chunk *chunk = connection->waiting;
    uv_buf_t vector = uv_buf_init((char *)chunk->data, (unsigned)chunk->size);
    chunk->connection = connection;
    connection->waiting = NULL;
    connection->sending = chunk;
    pos_counter_add(&connection->loop->stats.writes, 1);
    if (uv_write(&chunk->request, &connection->uv.stream, &vector, 1, on_sent) == 0)
        return;
    connection->sending = NULL;
    free(chunk);
    pos_connection_close(connection, POS_CLOSE_RESET);
}

void pos_output_free(struct pos_connection *connection)
{
    free(connection->waiting);
    connection->waiting = NULL;
}

/* ---- one write ---- */

/* How much the socket took; -1 when it is broken. */
static ssize_t try_write(struct pos_connection *connection, const uv_buf_t *vectors, unsigned count)
{
    if (connection->sending != NULL || connection->waiting != NULL ||
        connection->state == POS_CONNECTION_CONNECTING)
        return 0;
    struct pos_loop_stats *stats = &connection->loop->stats;
    /* Counted first: who has read the bytes finds the write counted. */
    pos_counter_add(&stats->writes, 1);
    int written = uv_try_write(&connection->uv.stream, vectors, count);
    if (written == UV_EAGAIN)
        return 0;
    if (written < 0)
        return -1;
    pos_counter_add(&stats->bytes_out, (uint64_t)written);
    return written;
}

static bool put_out(struct pos_connection *connection, const uv_buf_t *vectors, unsigned count)
{
    ssize_t written = try_write(connection, vectors, count);
    if (written < 0)
        return false;
    size_t skip = (size_t)written;
    for (unsigned i = 0; i < count; i++) {
        size_t done = skip < vectors[i].len ? skip : vectors[i].len;
        skip -= done;
        if (done == vectors[i].len)
            continue;
        if (!queue(connection, (const uint8_t *)vectors[i].base + done, vectors[i].len - done))
            return false;
    }
    return true;
}

/* The connection's next runs as vectors; returns how many. */
static unsigned gather(struct pos_connection *connection, uv_buf_t *vectors)
{
    struct pos_output *output = &connection->loop->output;
    unsigned count = 0;
    while (connection->pending_first != 0 && count < POS_OUTPUT_VECTOR_COUNT) {
        const struct pos_segment *segment = &output->segments[connection->pending_first];
        vectors[count++] = uv_buf_init((char *)output->data + segment->offset, segment->size);
        connection->pending_first = segment->next;
    }
    return count;
}

void pos_output_flush(struct pos_connection *connection)
{
    uv_buf_t vectors[POS_OUTPUT_VECTOR_COUNT];
    bool alive = true;
    connection->pending_size = 0;
    for (unsigned count; alive && (count = gather(connection, vectors)) > 0;)
        alive = put_out(connection, vectors, count);
    connection->pending_first = connection->pending_last = 0;
    if (!alive)
        pos_connection_close(connection, POS_CLOSE_RESET);
    else if (connection->waiting != NULL && connection->sending == NULL &&
             connection->state != POS_CONNECTION_CONNECTING)
        send_waiting(connection);
}

/* ---- collecting ---- */

/* The turn's memory is full: everybody's bytes go out early. */
static void flush_all(struct pos_loop *loop)
{
    struct pos_link *lists[] = {&loop->due, &loop->passing};
    for (size_t i = 0; i < 2; i++)
        for (struct pos_link *link = lists[i]->next; link != lists[i]; link = link->next)
            pos_output_flush(POS_CONTAINER(link, struct pos_connection, due_link));
    pos_output_reset(loop);
}

static bool extend_last(struct pos_connection *connection, size_t size)
{
    struct pos_output *output = &connection->loop->output;
    struct pos_segment *last = &output->segments[connection->pending_last];
    if (connection->pending_last == 0 || last->offset + last->size != output->size)
        return false;
    last->size += (uint32_t)size;
    return true;
}

static void add_segment(struct pos_connection *connection, size_t size)
{
    struct pos_output *output = &connection->loop->output;
    uint32_t index = output->segment_count++;
    output->segments[index] =
        (struct pos_segment){.offset = output->size, .size = (uint32_t)size, .next = 0};
    if (connection->pending_last == 0)
        connection->pending_first = index;
    else
        output->segments[connection->pending_last].next = index;
    connection->pending_last = index;
}

static void collect(struct pos_connection *connection, struct pos_bytes bytes)
{
    struct pos_output *output = &connection->loop->output;
    if (output->size + bytes.size > POS_OUTPUT_SIZE ||
        output->segment_count == POS_OUTPUT_SEGMENT_COUNT_MAX)
        flush_all(connection->loop);
    if (!extend_last(connection, bytes.size))
        add_segment(connection, bytes.size);
    memcpy(output->data + output->size, bytes.data, bytes.size);
    output->size += (uint32_t)bytes.size;
    connection->pending_size += bytes.size;
    pos_connection_due(connection);
}

static size_t owed_size(const struct pos_connection *connection)
{
    return connection->pending_size + queued_size(connection);
}

/* True when there is room; what is pending is written early when that makes some. */
static bool make_room(struct pos_connection *connection, size_t size)
{
    size_t max = connection->endpoint->options.write_queue_size_max;
    if (owed_size(connection) + size <= max)
        return true;
    pos_output_flush(connection);
    return pos_connection_writable(connection) && owed_size(connection) + size <= max;
}

/* Pieces no larger than the turn's memory. */
void pos_connection_write(struct pos_connection *connection, struct pos_bytes bytes)
{
    if (!pos_connection_writable(connection) || bytes.size == 0)
        return;
    if (!make_room(connection, bytes.size)) {
        pos_connection_close(connection, POS_CLOSE_WRITE);
        return;
    }
    while (bytes.size > 0 && pos_connection_writable(connection)) {
        size_t size = bytes.size < POS_OUTPUT_SIZE ? bytes.size : POS_OUTPUT_SIZE;
        collect(connection, pos_bytes(bytes.data, size));
        bytes = pos_bytes(bytes.data + size, bytes.size - size);
    }
}
