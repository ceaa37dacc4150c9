/*
 * One conversation: two directions of bytes, cut into frames, decoded, replies paired with their
 * requests by STAN and TID. Where the bytes and the times come from is not known here: a capture, a
 * port or a line of hexadecimal.
 */
#ifndef POS_EMULATOR_TRACE_TALK_H
#define POS_EMULATOR_TRACE_TALK_H

#include "core/base/histogram.h"
#include "emulator/trace/event.h"
#include "emulator/trace/guess.h"

enum {
    POS_TALK_WAITING_COUNT_MAX = 256, /* requests without reply; the oldest is forgotten */
    POS_TALK_PORT_COUNT_MAX = 64,     /* ports with a guess of their own */
    POS_TALK_NAME_SIZE = 64,
};

struct pos_trace_options {
    const struct pos_dialect *dialect; /* NULL: guess it for each port */
    bool bare;                         /* messages without the length in front */
    void (*tell)(void *context, const struct pos_event *event);
    void *context;
};

struct pos_port_guess {
    uint32_t port;
    enum pos_certainty told; /* what was last told of it, and of whom */
    const struct pos_dialect *told_dialect;
    struct pos_guess guess;
};

/* All conversations of a trace. */
struct pos_trace {
    struct pos_trace_options options;
    uint64_t messages, wrong, keep_alives, gaps, unanswered;
    uint64_t skipped; /* bytes that no frame could be found in */
    struct pos_histogram latency;
    struct pos_port_guess guesses[POS_TALK_PORT_COUNT_MAX]; /* the last is for all further ones */
    size_t guess_count;
};

enum pos_talk_side { POS_TALK_CLIENT, POS_TALK_SERVER }; /* who sends */

struct pos_talk;

/* `names` may be empty. `port` is the server's; it tells whose guess it shares. Room for one more
 * conversation: NULL when there is no memory. The trace must outlive it. */
struct pos_talk *pos_talk_open(struct pos_trace *trace, const char *client, const char *server,
                               uint32_t port);
/* Bytes that one side sent, in order. */
void pos_talk_bytes(struct pos_talk *talk, enum pos_talk_side side, struct pos_bytes bytes,
                    uint64_t time_ns);
/* Bytes of this side are missing here; `missing` 0: nobody knows how many. It goes on where the
 * next bytes begin with a frame. */
void pos_talk_gap(struct pos_talk *talk, enum pos_talk_side side, uint32_t missing,
                  uint64_t time_ns);
/* Requests that no reply has been seen for. */
size_t pos_talk_waiting(const struct pos_talk *talk);
/* What follows begins anew, with a frame: nothing that was begun goes on. */
void pos_talk_pause(struct pos_talk *talk, uint64_t time_ns);
void pos_talk_close(struct pos_talk *talk, uint64_t time_ns); /* frees it */

/* Forgets what was guessed: the next bytes are another matter. */
void pos_trace_forget(struct pos_trace *trace);

#endif
