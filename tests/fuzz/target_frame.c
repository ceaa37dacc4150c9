/* The first byte says the dialect, the rest is what a connection has sent. */
#include <string.h>

#include "core/wire/frame.h"
#include "tests/fuzz/fuzz.h"

/* A frame comes out again as it went in. */
static void make_again(const struct pos_dialect *dialect, const struct pos_frame *frame,
                       struct pos_bytes bytes)
{
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    size_t start = pos_frame_begin(dialect, frame, false, &out);
    pos_buffer_put(&out, frame->message);
    fuzz_must(pos_frame_end(&out, start) == POS_OK, "a frame that was read can be made");
    fuzz_must(pos_bytes_equal(pos_buffer_view(&out), bytes), "and is the same");
}

/* As long as it is not all there, nothing is believed of it but its length. */
static void cut(const struct pos_dialect *dialect, struct pos_bytes bytes)
{
    struct pos_frame frame;
    size_t consumed;
    const char *reason = NULL;
    for (size_t size = 0; size < bytes.size; size += 1 + size / 8)
        fuzz_must(pos_frame_next(dialect, pos_bytes(bytes.data, size), &frame, &consumed,
                                 &reason) == POS_FRAME_PARTIAL &&
                      consumed == 0,
                  "a part of a good frame is waited for");
}

void fuzz_frame(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    const struct pos_dialect *dialect = fuzz_dialect(data[0]);
    struct pos_bytes stream = pos_bytes(data + 1, size - 1);
    enum pos_frame_result result = POS_FRAME_KEEP_ALIVE;
    while (result == POS_FRAME_READY || result == POS_FRAME_KEEP_ALIVE) {
        struct pos_frame frame;
        size_t consumed;
        const char *reason = NULL;
        result = pos_frame_next(dialect, stream, &frame, &consumed, &reason);
        fuzz_must(consumed <= stream.size, "no more is used than is there");
        fuzz_must((result == POS_FRAME_BROKEN) == (reason != NULL), "what is broken has a reason");
        if (result == POS_FRAME_READY) {
            make_again(dialect, &frame, pos_bytes(stream.data, consumed));
            cut(dialect, pos_bytes(stream.data, consumed));
        }
        stream = pos_bytes(stream.data + consumed, stream.size - consumed);
    }
}
