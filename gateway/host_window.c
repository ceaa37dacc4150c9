#include "gateway/host_window.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };

/* Each entry is on one hash chain and, by age, on one list: free or under way. */
struct entry {
    struct pos_host_key key;
    uint64_t deadline_ns;
    void *request;
    uint32_t chain;
    uint32_t older, newer;
};

struct pos_host_window {
    struct entry *entries;
    uint32_t *heads; /* by hash: the first of a chain */
    uint32_t head_mask;
    uint32_t free; /* a list through `newer` */
    uint32_t oldest, newest;
    uint32_t count;
};

static enum pos_status make_key(struct pos_bytes stan, struct pos_bytes rrn, struct pos_bytes tid,
                                uint16_t mti, struct pos_host_key *key)
{
    if (stan.size != sizeof key->stan || rrn.size != sizeof key->rrn || tid.size != sizeof key->tid)
        return POS_ERR_FORMAT;
    memset(key, 0, sizeof *key);
    key->mti = mti;
    memcpy(key->stan, stan.data, stan.size);
    memcpy(key->rrn, rrn.data, rrn.size);
    memcpy(key->tid, tid.data, tid.size);
    return POS_OK;
}

enum pos_status pos_host_key_of_message(const struct pos_message *reply, struct pos_host_key *key)
{
    char stan[6], rrn[12], tid[8];
    return make_key(pos_message_value(reply, 11, stan, sizeof stan),
                    pos_message_value(reply, 37, rrn, sizeof rrn),
                    pos_message_value(reply, 41, tid, sizeof tid), reply->mti, key);
}

enum pos_status pos_host_key_of_draft(const struct pos_draft *request, struct pos_host_key *key)
{
    const unsigned fields[] = {11, 37, 41};
    for (size_t i = 0; i < 3; i++)
        if (!pos_field_set_has(request->present, fields[i]))
            return POS_ERR_FORMAT;
    return make_key(pos_draft_value(request, 11), pos_draft_value(request, 37),
                    pos_draft_value(request, 41), (uint16_t)(request->mti + 0x10), key);
}

enum pos_status pos_host_window_create(uint32_t size, struct pos_host_window **window)
{
    uint32_t head_count = 1;
    while (head_count < 2 * size)
        head_count *= 2;
    struct pos_host_window *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->entries = calloc(size, sizeof *made->entries);
    made->heads = malloc(head_count * sizeof *made->heads);
    if (made->entries == NULL || made->heads == NULL) {
        pos_host_window_destroy(made);
        return POS_ERR_MEMORY;
    }
    made->head_mask = head_count - 1;
    for (uint32_t i = 0; i < head_count; i++)
        made->heads[i] = NONE;
    for (uint32_t i = 0; i < size; i++)
        made->entries[i].newer = i + 1 < size ? i + 1 : (uint32_t)NONE;
    made->free = size > 0 ? 0 : (uint32_t)NONE;
    made->oldest = made->newest = NONE;
    *window = made;
    return POS_OK;
}

void pos_host_window_destroy(struct pos_host_window *window)
{
    if (window == NULL)
        return;
    free(window->entries);
    free(window->heads);
    free(window);
}

/* FNV-1a over the key, which make_key left without padding surprises. */
static uint32_t *head_of(struct pos_host_window *window, const struct pos_host_key *key)
{
    const uint8_t *bytes = (const uint8_t *)key;
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < sizeof *key; i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    return &window->heads[(hash >> 20) & window->head_mask];
}

/* The link (a chain's head or an entry's `chain`) that leads to the key's entry, or to NONE. */
static uint32_t *link_to(struct pos_host_window *window, const struct pos_host_key *key)
{
    uint32_t *link = head_of(window, key);
    while (*link != NONE && memcmp(&window->entries[*link].key, key, sizeof *key) != 0)
        link = &window->entries[*link].chain;
    return link;
}

enum pos_status pos_host_window_put(struct pos_host_window *window, const struct pos_host_key *key,
                                    uint64_t deadline_ns, void *request)
{
    uint32_t *link = link_to(window, key);
    if (*link != NONE)
        return POS_ERR_EXISTS;
    uint32_t slot = window->free;
    if (slot == NONE)
        return POS_ERR_LIMIT;
    struct entry *entry = &window->entries[slot];
    window->free = entry->newer;
    *entry = (struct entry){.key = *key,
                            .deadline_ns = deadline_ns,
                            .request = request,
                            .chain = NONE,
                            .older = window->newest,
                            .newer = NONE};
    *link = slot;
    if (window->newest == NONE)
        window->oldest = slot;
    else
        window->entries[window->newest].newer = slot;
    window->newest = slot;
    window->count++;
    return POS_OK;
}

static void *take_out(struct pos_host_window *window, uint32_t *link)
{
    uint32_t slot = *link;
    struct entry *entry = &window->entries[slot];
    *link = entry->chain;
    if (entry->older == NONE)
        window->oldest = entry->newer;
    else
        window->entries[entry->older].newer = entry->newer;
    if (entry->newer == NONE)
        window->newest = entry->older;
    else
        window->entries[entry->newer].older = entry->older;
    entry->newer = window->free;
    window->free = slot;
    window->count--;
    return entry->request;
}

void *pos_host_window_take(struct pos_host_window *window, const struct pos_host_key *key)
{
    uint32_t *link = link_to(window, key);
    return *link == NONE ? NULL : take_out(window, link);
}

void *pos_host_window_take_late(struct pos_host_window *window, uint64_t now_ns)
{
    if (window->oldest == NONE || window->entries[window->oldest].deadline_ns > now_ns)
        return NULL;
    struct pos_host_key key = window->entries[window->oldest].key;
    return take_out(window, link_to(window, &key));
}

uint32_t pos_host_window_count(const struct pos_host_window *window)
{
    return window->count;
}
