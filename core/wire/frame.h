/*
 * Frames: length (2 bytes, big endian, counts what follows), in routed dialects TPDU (5) and
 * header (6), then an ISO 8583 message. A length of zero is a keep-alive. No allocation, no copy.
 */
#ifndef POS_WIRE_FRAME_H
#define POS_WIRE_FRAME_H

#include "core/wire/dialect.h"

/* Borrowed from the stream that pos_frame_next was given. */
struct pos_frame {
    struct pos_bytes tpdu;    /* empty when the dialect is not routed */
    struct pos_bytes header;  /* likewise */
    struct pos_bytes message; /* MTI to last field */
};

/* What a client sends its frames with where the dialect is routed. */
struct pos_route {
    uint8_t tpdu[POS_TPDU_SIZE]; /* identifier, then destination and source address */
    uint8_t header[POS_HEADER_SIZE];
};

/* What the terminals and the bench send when nobody says otherwise. */
extern const struct pos_route pos_route_usual;

/* The frame to begin requests from; borrows the route. */
struct pos_frame pos_route_frame(const struct pos_route *route);
/* True when a reply came back the way its request went: addresses swapped, header as it was. */
bool pos_route_answered(const struct pos_route *route, const struct pos_frame *reply);

enum pos_frame_result {
    POS_FRAME_READY,      /* *frame is there; go on behind *consumed */
    POS_FRAME_PARTIAL,    /* more bytes are needed; *consumed is 0 */
    POS_FRAME_KEEP_ALIVE, /* swallow *consumed bytes, answer nothing */
    POS_FRAME_BROKEN,     /* length below the smallest or above the largest: close, log *reason */
};

/* Looks at the front of `stream`. A broken length is told from its two bytes alone. */
enum pos_frame_result pos_frame_next(const struct pos_dialect *dialect, struct pos_bytes stream,
                                     struct pos_frame *frame, size_t *consumed,
                                     const char **reason);

/* Begins a frame in `out`: room for the length, then TPDU (addresses swapped) and header of the
 * request it answers; a client passes pos_route_frame's with `reply` false.
 * `model` may be NULL where the dialect is not routed. Returns the frame's offset in out. */
size_t pos_frame_begin(const struct pos_dialect *dialect, const struct pos_frame *model, bool reply,
                       struct pos_buffer *out);

/* Fills in the length of the frame that began at `start`. POS_ERR_LENGTH when out overflowed or
 * the body is too long; out->size is `start` again then. */
POS_MUST_USE enum pos_status pos_frame_end(struct pos_buffer *out, size_t start);

#endif
