/* Slots: a connection's name stays good exactly as long as the connection. */
#include "core/net/internal.h"

#include <stdlib.h>

enum { SLOT_COUNT_FIRST = 64 };

static bool grow(struct pos_loop *loop)
{
    if (loop->slot_capacity >= POS_CONNECTION_COUNT_MAX)
        return false;
    uint32_t capacity = loop->slot_capacity == 0 ? SLOT_COUNT_FIRST : 2 * loop->slot_capacity;
    if (capacity > POS_CONNECTION_COUNT_MAX)
        capacity = POS_CONNECTION_COUNT_MAX;
    struct pos_slot *slots = realloc(loop->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    loop->slots = slots;
    loop->slot_capacity = capacity;
    return true;
}

enum pos_status pos_slot_acquire(struct pos_loop *loop, struct pos_connection *connection)
{
    uint32_t slot;
    if (loop->slot_free != 0) {
        slot = loop->slot_free - 1;
        loop->slot_free = loop->slots[slot].next_free;
    } else {
        if (loop->slot_count == loop->slot_capacity && !grow(loop))
            return POS_ERR_LIMIT;
        slot = loop->slot_count++;
        loop->slots[slot].generation = 1;
    }
    loop->slots[slot].connection = connection;
    connection->slot = slot;
    return POS_OK;
}

void pos_slot_release(struct pos_connection *connection)
{
    struct pos_loop *loop = connection->loop;
    struct pos_slot *slot = &loop->slots[connection->slot];
    slot->connection = NULL;
    slot->generation++;
    slot->next_free = loop->slot_free;
    loop->slot_free = connection->slot + 1;
}

struct pos_connection_handle pos_connection_handle(const struct pos_connection *connection)
{
    return (struct pos_connection_handle){
        .slot = connection->slot,
        .generation = connection->loop->slots[connection->slot].generation,
    };
}

struct pos_connection *pos_connection_find(struct pos_loop *loop,
                                           struct pos_connection_handle handle)
{
    if (handle.slot >= loop->slot_count || loop->slots[handle.slot].generation != handle.generation)
        return NULL;
    return loop->slots[handle.slot].connection;
}
