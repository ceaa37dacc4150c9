/* Idle, message, connect and drain timeouts of all connections of a loop on one timer. */
#include "core/net/internal.h"

static const uint64_t ns_per_ms = 1000000;

static uint64_t after(uint64_t since_ns, uint64_t ms)
{
    return since_ns + ms * ns_per_ms;
}

/* When an open connection ends if nothing more comes, and why. */
static uint64_t open_deadline(const struct pos_connection *connection, enum pos_close *reason)
{
    const struct pos_connection_options *options = &connection->endpoint->options;
    uint64_t deadline = UINT64_MAX;
    if (options->idle_timeout_ms != 0) {
        deadline = after(connection->since_ns, options->idle_timeout_ms);
        *reason = POS_CLOSE_IDLE;
    }
    if (connection->held == NULL || options->message_timeout_ms == 0)
        return deadline;
    uint64_t message = after(connection->held_since_ns, options->message_timeout_ms);
    if (message >= deadline)
        return deadline;
    *reason = POS_CLOSE_MESSAGE;
    return message;
}

static uint64_t deadline_of(const struct pos_connection *connection, enum pos_close *reason)
{
    uint32_t idle_ms = connection->endpoint->options.idle_timeout_ms;
    *reason = POS_CLOSE_IDLE;
    switch ((enum pos_connection_state)connection->state) {
    case POS_CONNECTION_CONNECTING:
        *reason = POS_CLOSE_CONNECT;
        return after(connection->since_ns, POS_CONNECT_TIMEOUT_MS);
    case POS_CONNECTION_OPEN:
        return open_deadline(connection, reason);
    case POS_CONNECTION_HALF:
        return after(connection->since_ns, idle_ms != 0 ? idle_ms : POS_HALF_TIMEOUT_MS);
    case POS_CONNECTION_DRAINING:
        return after(connection->since_ns, POS_DRAIN_TIMEOUT_MS);
    case POS_CONNECTION_CLOSING:
    case POS_CONNECTION_GONE:
    case POS_CONNECTION_STATES:
        break;
    }
    return UINT64_MAX;
}

static void expire(struct pos_connection *connection, enum pos_close reason)
{
    if (connection->state == POS_CONNECTION_DRAINING)
        pos_connection_release(connection);
    else
        pos_connection_close(connection, reason);
}

static void look_at(struct pos_connection *connection, uint64_t now_ns)
{
    enum pos_close reason;
    if (deadline_of(connection, &reason) <= now_ns)
        expire(connection, reason);
    else
        pos_wheel_schedule(connection);
}

static void turn_to(struct pos_wheel *wheel, uint64_t tick, uint64_t now_ns)
{
    struct pos_link *slot = &wheel->slots[tick % POS_WHEEL_SLOTS];
    struct pos_link now;
    if (slot->next == slot)
        return;
    pos_link_move(slot, &now);
    for (struct pos_link *link; (link = pos_link_take(&now)) != NULL; wheel->count--)
        look_at(POS_CONTAINER(link, struct pos_connection, wheel_link), now_ns);
}

static void on_tick(uv_timer_t *handle)
{
    struct pos_loop *loop = handle->data;
    struct pos_wheel *wheel = &loop->wheel;
    pos_loop_wake(loop);
    uint64_t now = loop->now_ns / (POS_WHEEL_TICK_MS * ns_per_ms);
    /* After a long stall one round meets every slot. */
    if (now > wheel->tick + POS_WHEEL_SLOTS)
        wheel->tick = now - POS_WHEEL_SLOTS;
    while (wheel->tick < now) {
        wheel->tick++;
        turn_to(wheel, wheel->tick, loop->now_ns);
    }
    if (wheel->count == 0)
        uv_timer_stop(handle);
}

void pos_wheel_init(struct pos_loop *loop)
{
    uv_timer_init(&loop->uv, &loop->wheel.timer);
    loop->wheel.timer.data = loop;
    for (size_t i = 0; i < POS_WHEEL_SLOTS; i++)
        pos_link_init(&loop->wheel.slots[i]);
}

static void start(struct pos_loop *loop)
{
    loop->wheel.tick = loop->now_ns / (POS_WHEEL_TICK_MS * ns_per_ms);
    uv_timer_start(&loop->wheel.timer, on_tick, POS_WHEEL_TICK_MS, POS_WHEEL_TICK_MS);
}

/* Puts a connection in for its deadline unless it is looked at before that anyway. */
void pos_wheel_schedule(struct pos_connection *connection)
{
    struct pos_loop *loop = connection->loop;
    struct pos_wheel *wheel = &loop->wheel;
    enum pos_close reason;
    uint64_t deadline = deadline_of(connection, &reason);
    if (deadline == UINT64_MAX || loop->stopped)
        return;
    if (!uv_is_active((uv_handle_t *)&wheel->timer))
        start(loop);
    uint64_t tick = deadline / (POS_WHEEL_TICK_MS * ns_per_ms) + 1;
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    if (tick >= wheel->tick + POS_WHEEL_SLOTS)
        tick = wheel->tick + POS_WHEEL_SLOTS - 1;
    if (pos_link_linked(&connection->wheel_link) && connection->wheel_tick <= tick)
        return;
    pos_wheel_remove(connection);
    connection->wheel_tick = tick;
    pos_link_append(&wheel->slots[tick % POS_WHEEL_SLOTS], &connection->wheel_link);
    wheel->count++;
}

void pos_wheel_remove(struct pos_connection *connection)
{
    if (!pos_link_linked(&connection->wheel_link))
        return;
    pos_link_remove(&connection->wheel_link);
    connection->loop->wheel.count--;
}

/* At the end of a loop nothing waits for a peer to take its last bytes. */
void pos_wheel_release_draining(struct pos_loop *loop)
{
    for (size_t i = 0; i < POS_WHEEL_SLOTS; i++)
        for (struct pos_link *link; (link = pos_link_take(&loop->wheel.slots[i])) != NULL;) {
            loop->wheel.count--;
            pos_connection_release(POS_CONTAINER(link, struct pos_connection, wheel_link));
        }
}
