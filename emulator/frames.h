/* From a connection's bytes to messages, for the two servers of the emulator. */
#ifndef POS_EMULATOR_FRAMES_H
#define POS_EMULATOR_FRAMES_H

#include "core/net/net.h"
#include "core/wire/frame.h"

enum { POS_FRAMES_LOG_PER_SECOND_MAX = 10 }; /* lines about what peers do wrong */

/* Calls `handle` for each whole frame of `bytes` and returns how many bytes were used. A broken
 * frame, and a false from `handle` (nothing in it could be answered), close the connection. */
size_t pos_frames_each(const struct pos_dialect *dialect, struct pos_connection *connection,
                       struct pos_bytes bytes,
                       bool (*handle)(void *context, struct pos_connection *connection,
                                      const struct pos_frame *frame),
                       void *context);

#endif
