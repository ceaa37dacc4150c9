#include "core/wire/frame.h"

#include <assert.h>
#include <string.h>

static size_t route_size(const struct pos_dialect *dialect)
{
    return dialect->routed ? POS_TPDU_SIZE + POS_HEADER_SIZE : 0;
}

/* MTI and one bitmap, behind TPDU and header where there are some. */
static size_t body_size_min(const struct pos_dialect *dialect)
{
    size_t mti = dialect->digits == POS_DIGITS_BCD ? 2 : 4;
    size_t bitmap = dialect->bitmap == POS_BITMAP_BINARY ? 8 : 16;
    return route_size(dialect) + mti + bitmap;
}

enum pos_frame_result pos_frame_next(const struct pos_dialect *dialect, struct pos_bytes stream,
                                     struct pos_frame *frame, size_t *consumed, const char **reason)
{
    *consumed = 0;
    if (stream.size < POS_FRAME_LENGTH_SIZE)
        return POS_FRAME_PARTIAL;
    size_t size = (size_t)(stream.data[0] << 8 | stream.data[1]);
    if (size == 0) {
        *consumed = POS_FRAME_LENGTH_SIZE;
        return POS_FRAME_KEEP_ALIVE;
    }
    if (size < body_size_min(dialect)) {
        *reason = "frame-too-short";
        return POS_FRAME_BROKEN;
    }
    if (size > POS_FRAME_BODY_SIZE_MAX) {
        *reason = "frame-too-long";
        return POS_FRAME_BROKEN;
    }
    if (stream.size - POS_FRAME_LENGTH_SIZE < size)
        return POS_FRAME_PARTIAL;
    const uint8_t *body = stream.data + POS_FRAME_LENGTH_SIZE;
    size_t route = route_size(dialect);
    *frame = (struct pos_frame){.message = pos_bytes(body + route, size - route)};
    if (dialect->routed) {
        frame->tpdu = pos_bytes(body, POS_TPDU_SIZE);
        frame->header = pos_bytes(body + POS_TPDU_SIZE, POS_HEADER_SIZE);
    }
    *consumed = POS_FRAME_LENGTH_SIZE + size;
    return POS_FRAME_READY;
}

/* TPDU: an identifier, then two bytes of destination and two of source address. */
static void put_tpdu(const uint8_t *tpdu, bool swapped, uint8_t *room)
{
    room[0] = tpdu[0];
    memcpy(room + 1, tpdu + (swapped ? 3 : 1), 2);
    memcpy(room + 3, tpdu + (swapped ? 1 : 3), 2);
}

const struct pos_route pos_route_usual = {.tpdu = {0x60, 0x00, 0x01, 0x00, 0x00},
                                          .header = {0x60, 0x31, 0x00, 0x00, 0x00, 0x00}};

struct pos_frame pos_route_frame(const struct pos_route *route)
{
    return (struct pos_frame){.tpdu = pos_bytes(route->tpdu, sizeof route->tpdu),
                              .header = pos_bytes(route->header, sizeof route->header)};
}

bool pos_route_answered(const struct pos_route *route, const struct pos_frame *reply)
{
    uint8_t expected[POS_TPDU_SIZE];
    put_tpdu(route->tpdu, true, expected);
    return pos_bytes_equal(reply->tpdu, pos_bytes(expected, sizeof expected)) &&
           pos_bytes_equal(reply->header, pos_bytes(route->header, sizeof route->header));
}

size_t pos_frame_begin(const struct pos_dialect *dialect, const struct pos_frame *model, bool reply,
                       struct pos_buffer *out)
{
    size_t start = out->size;
    uint8_t *room = pos_buffer_take(out, POS_FRAME_LENGTH_SIZE + route_size(dialect));
    if (room == NULL || !dialect->routed)
        return start;
    assert(model != NULL && model->tpdu.size == POS_TPDU_SIZE &&
           model->header.size == POS_HEADER_SIZE);
    put_tpdu(model->tpdu.data, reply, room + POS_FRAME_LENGTH_SIZE);
    memcpy(room + POS_FRAME_LENGTH_SIZE + POS_TPDU_SIZE, model->header.data, POS_HEADER_SIZE);
    return start;
}

enum pos_status pos_frame_end(struct pos_buffer *out, size_t start)
{
    if (out->overflow || out->size - start > POS_FRAME_SIZE_MAX) {
        out->size = start;
        return POS_ERR_LENGTH;
    }
    assert(out->size - start >= POS_FRAME_LENGTH_SIZE);
    size_t size = out->size - start - POS_FRAME_LENGTH_SIZE;
    out->data[start] = (uint8_t)(size >> 8);
    out->data[start + 1] = (uint8_t)size;
    return POS_OK;
}
