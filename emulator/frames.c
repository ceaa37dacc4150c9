#include "emulator/frames.h"

#include "core/base/clock.h"
#include "core/base/log.h"

static void close_because(struct pos_connection *connection, enum pos_close reason,
                          const char *detail)
{
    static struct pos_log_limit limit; /* each of these programs has one loop */
    char peer[POS_ADDRESS_SIZE_MAX];
    uint32_t suppressed;
    pos_connection_peer(connection, peer);
    if (pos_log_allow(&limit, POS_FRAMES_LOG_PER_SECOND_MAX, pos_clock_utc_ms(), &suppressed))
        pos_log(POS_LOG_WARNING, "connection-refused",
                "peer=%s reason=%s detail=\"%s\" suppressed=%u", peer, pos_close_text(reason),
                detail, suppressed);
    pos_connection_close(connection, reason);
}

size_t pos_frames_each(const struct pos_dialect *dialect, struct pos_connection *connection,
                       struct pos_bytes bytes,
                       bool (*handle)(void *context, struct pos_connection *connection,
                                      const struct pos_frame *frame),
                       void *context)
{
    size_t used = 0;
    for (;;) {
        struct pos_frame frame;
        size_t consumed;
        const char *reason = "";
        struct pos_bytes rest = pos_bytes(bytes.data + used, bytes.size - used);
        enum pos_frame_result result = pos_frame_next(dialect, rest, &frame, &consumed, &reason);
        if (result == POS_FRAME_BROKEN)
            close_because(connection, POS_CLOSE_FRAME, reason);
        if (result == POS_FRAME_BROKEN || result == POS_FRAME_PARTIAL)
            return used;
        used += consumed;
        if (result == POS_FRAME_READY && !handle(context, connection, &frame)) {
            close_because(connection, POS_CLOSE_FORMAT, "no request could be read");
            return used;
        }
    }
}
