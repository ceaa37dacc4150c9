#include "emulator/mother/serve.h"

#include <signal.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/log.h"
#include "core/net/net.h"
#include "emulator/frames.h"

enum {
    WAITING_COUNT_MAX = 512, /* requests that wait for the disk; more get a 96 */
    CONNECTION_COUNT_MAX = 4096,
    IDLE_TIMEOUT_MS = 300000,
    MESSAGE_TIMEOUT_MS = 10000,
};

/* A request on its way to the disk and back, found again by its post. */
struct slot {
    struct pos_mother_request request;
    struct pos_post post;
    struct server *server;
    struct pos_connection_handle connection;
    struct slot *next_free;
};

struct server {
    struct pos_mother *mother;
    struct pos_loop *loop;
    struct pos_listener *listener;
    struct slot *slots, *free;
    uint32_t waiting_count;
    bool stopping;
};

static void release(struct server *server, struct slot *slot)
{
    slot->next_free = server->free;
    server->free = slot;
    server->waiting_count--;
    if (server->stopping && server->waiting_count == 0)
        pos_loop_stop(server->loop);
}

/* On the loop's thread: the write is on disk, so the reply may leave. */
static void on_posted(struct pos_post *post)
{
    struct slot *slot = (struct slot *)(void *)((char *)post - offsetof(struct slot, post));
    struct server *server = slot->server;
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    pos_mother_finish(&slot->request, pos_clock_utc_ms(), &out);
    POS_FAILPOINT(slot->request.write.operation == POS_JOURNAL_CONFIRM ? "confirm-answered"
                                                                       : "issue-answered");
    struct pos_connection *connection = pos_connection_find(server->loop, slot->connection);
    if (connection != NULL && out.size > 0)
        pos_connection_write(connection, pos_buffer_view(&out));
    release(server, slot);
}

/* On the committer's thread. */
static void on_completed(struct pos_mother_request *request)
{
    struct slot *slot = (struct slot *)(void *)((char *)request - offsetof(struct slot, request));
    pos_loop_post(slot->server->loop, &slot->post);
}

static bool handle(void *context, struct pos_connection *connection, const struct pos_frame *frame)
{
    struct server *server = context;
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct slot *slot = server->free;
    /* The slot must be whole before the request begins: it may complete at once. */
    if (slot != NULL) {
        slot->connection = pos_connection_handle(connection);
        slot->request.completed = on_completed;
        slot->post.run = on_posted;
    }
    switch (pos_mother_begin(server->mother, frame->message, pos_clock_utc_ms(),
                             slot != NULL ? &slot->request : NULL, &out)) {
    case POS_MOTHER_PENDING:
        server->free = slot->next_free;
        server->waiting_count++;
        return true;
    case POS_MOTHER_ANSWERED:
        pos_connection_write(connection, pos_buffer_view(&out));
        return true;
    case POS_MOTHER_CLOSE:
        return false;
    }
    return false;
}

static void on_opened(void *context, struct pos_connection *connection)
{
    (void)context;
    char peer[POS_ADDRESS_SIZE_MAX];
    pos_connection_peer(connection, peer);
    pos_log(POS_LOG_DEBUG, "connection-open", "peer=%s", peer);
}

static size_t on_bytes(void *context, struct pos_connection *connection, struct pos_bytes bytes)
{
    return pos_frames_each(&pos_dialect_iso87b, connection, bytes, handle, context);
}

static void on_closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    (void)context;
    (void)connection;
    pos_log(POS_LOG_DEBUG, "connection-closed", "reason=%s", pos_close_text(reason));
}

static void on_signal(void *context, int number)
{
    struct server *server = context;
    if (server->stopping)
        return;
    pos_log(POS_LOG_INFO, "stopping", "signal=%d waiting=%u", number, server->waiting_count);
    server->stopping = true;
    pos_listener_close(server->listener);
    if (server->waiting_count == 0)
        pos_loop_stop(server->loop);
}

static enum pos_status listen_on(struct server *server, const struct pos_endpoint *address,
                                 struct pos_error *error)
{
    static const struct pos_connection_events events = {
        .opened = on_opened, .bytes = on_bytes, .closed = on_closed};
    const struct pos_listener_options options = {
        .address = address->host,
        .port = address->port,
        .connection_count_max = CONNECTION_COUNT_MAX,
        .connection = {.idle_timeout_ms = IDLE_TIMEOUT_MS,
                       .message_timeout_ms = MESSAGE_TIMEOUT_MS},
    };
    enum pos_status status =
        pos_listener_open(server->loop, &options, &events, server, &server->listener, error);
    if (status != POS_OK)
        return status;
    pos_log(POS_LOG_INFO, "listener-open", "mother=%s address=%s port=%u", server->mother->name,
            address->host, pos_listener_port(server->listener));
    status = pos_loop_on_signal(server->loop, SIGTERM, on_signal, server);
    if (status == POS_OK)
        status = pos_loop_on_signal(server->loop, SIGINT, on_signal, server);
    if (status != POS_OK)
        return pos_error_set(error, status, "signals cannot be caught");
    return POS_OK;
}

static enum pos_status make_slots(struct server *server, struct pos_error *error)
{
    server->slots = calloc(WAITING_COUNT_MAX, sizeof *server->slots);
    if (server->slots == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %d requests", WAITING_COUNT_MAX);
    for (size_t i = 0; i < WAITING_COUNT_MAX; i++) {
        server->slots[i].server = server;
        server->slots[i].next_free = server->free;
        server->free = &server->slots[i];
    }
    return POS_OK;
}

enum pos_status pos_mother_serve(struct pos_mother *mother, const struct pos_endpoint *address,
                                 struct pos_error *error)
{
    struct server server = {.mother = mother};
    enum pos_status status = make_slots(&server, error);
    if (status == POS_OK && (status = pos_loop_create(&server.loop)) != POS_OK)
        (void)pos_error_set(error, status, "no event loop");
    if (status == POS_OK)
        status = listen_on(&server, address, error);
    if (status == POS_OK) {
        pos_loop_run(server.loop);
        pos_mother_log_answers(mother);
    }
    if (server.loop != NULL)
        pos_loop_destroy(server.loop);
    free(server.slots);
    return status;
}
