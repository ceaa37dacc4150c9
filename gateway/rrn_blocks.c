#include "gateway/rrn_blocks.h"

#include <assert.h>

#include "core/base/log.h"

enum pos_status pos_rrn_blocks_start(struct pos_rrn_blocks *blocks)
{
    uint64_t first = 0;
    enum pos_status status = blocks->save(blocks->context, POS_RRN_AHEAD_COUNT, &first);
    blocks->next = first;
    blocks->saved_end = first + POS_RRN_AHEAD_COUNT;
    return status;
}

/* Up to a whole run ahead of the next one, those included that were given unsaved. */
static void save_ahead(struct pos_rrn_blocks *blocks)
{
    uint64_t first;
    uint64_t count = blocks->next + POS_RRN_AHEAD_COUNT - blocks->saved_end;
    if (blocks->save(blocks->context, count, &first) != POS_OK)
        return;
    blocks->saved_end = first + count;
    if (blocks->unsaved)
        pos_log(POS_LOG_INFO, "rrns-saved", "again=yes");
    blocks->unsaved = false;
}

uint64_t pos_rrn_blocks_take(struct pos_rrn_blocks *blocks, uint32_t count, bool has_room)
{
    assert(count <= POS_RRN_AHEAD_COUNT / 2);
    if (has_room && blocks->next + count + POS_RRN_AHEAD_COUNT / 2 > blocks->saved_end)
        save_ahead(blocks);
    uint64_t first = blocks->next;
    blocks->next += count;
    if (blocks->next > blocks->saved_end && !blocks->unsaved) {
        pos_log(POS_LOG_WARNING, "rrns-unsaved",
                "action=\"they go on; after a restart within the same hour some may come twice\"");
        blocks->unsaved = true;
    }
    return first;
}
