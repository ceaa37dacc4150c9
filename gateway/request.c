#include "gateway/request.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

struct pos_request_pool {
    struct pos_request *requests; /* mapped: pages come as they are touched */
    uint32_t *released;           /* a stack of slots */
    uint32_t released_count;
    uint32_t fresh; /* slots from here on were never used */
    uint32_t count;
};

enum pos_status pos_request_pool_create(uint32_t count, struct pos_request_pool **pool)
{
    struct pos_request_pool *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->count = count;
    made->released = malloc(count * sizeof *made->released);
    made->requests = mmap(NULL, count * sizeof *made->requests, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made->requests == MAP_FAILED)
        made->requests = NULL;
    if (made->released == NULL || made->requests == NULL) {
        pos_request_pool_destroy(made);
        return POS_ERR_MEMORY;
    }
    *pool = made;
    return POS_OK;
}

void pos_request_pool_destroy(struct pos_request_pool *pool)
{
    if (pool == NULL)
        return;
    if (pool->requests != NULL)
        (void)munmap(pool->requests, pool->count * sizeof *pool->requests);
    free(pool->released);
    free(pool);
}

struct pos_request *pos_request_acquire(struct pos_request_pool *pool)
{
    uint32_t slot;
    if (pool->released_count > 0)
        slot = pool->released[--pool->released_count];
    else if (pool->fresh < pool->count)
        slot = pool->fresh++;
    else
        return NULL;
    struct pos_request *request = &pool->requests[slot];
    assert(request->state == POS_REQUEST_FREE);
    request->slot = slot;
    return request;
}

void pos_request_release(struct pos_request_pool *pool, struct pos_request *request)
{
    pos_request_move(request, POS_REQUEST_FREE);
    assert(pool->released_count < pool->fresh);
    pool->released[pool->released_count++] = request->slot;
}

uint32_t pos_request_pool_taken(const struct pos_request_pool *pool)
{
    return pool->fresh - pool->released_count;
}

/* moves[from] has a bit for each state it may become. */
static const uint8_t moves[POS_REQUEST_STATE_COUNT] = {
    [POS_REQUEST_FREE] = 1 << POS_REQUEST_TURN | 1 << POS_REQUEST_FREE,
    [POS_REQUEST_TURN] = 1 << POS_REQUEST_FREE | 1 << POS_REQUEST_READER |
                         1 << POS_REQUEST_DOSSIER | 1 << POS_REQUEST_STRONGROOM |
                         1 << POS_REQUEST_COMMIT | 1 << POS_REQUEST_HOST,
    [POS_REQUEST_READER] = 1 << POS_REQUEST_FREE | 1 << POS_REQUEST_DOSSIER |
                           1 << POS_REQUEST_STRONGROOM | 1 << POS_REQUEST_COMMIT |
                           1 << POS_REQUEST_HOST,
    [POS_REQUEST_DOSSIER] =
        1 << POS_REQUEST_FREE | 1 << POS_REQUEST_STRONGROOM | 1 << POS_REQUEST_COMMIT,
    [POS_REQUEST_STRONGROOM] = 1 << POS_REQUEST_FREE | 1 << POS_REQUEST_DOSSIER |
                               1 << POS_REQUEST_STRONGROOM | 1 << POS_REQUEST_COMMIT |
                               1 << POS_REQUEST_HOST,
    [POS_REQUEST_COMMIT] = 1 << POS_REQUEST_FREE | 1 << POS_REQUEST_DOSSIER |
                           1 << POS_REQUEST_STRONGROOM | 1 << POS_REQUEST_COMMIT |
                           1 << POS_REQUEST_HOST,
    [POS_REQUEST_HOST] = 1 << POS_REQUEST_FREE | 1 << POS_REQUEST_STRONGROOM,
};

void pos_request_move(struct pos_request *request, enum pos_request_state state)
{
    assert((moves[request->state] >> state & 1) != 0);
    request->state = state;
}
