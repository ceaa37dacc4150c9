/* What a trace finds on the wire, one after the other, and who is told. */
#ifndef POS_EMULATOR_TRACE_EVENT_H
#define POS_EMULATOR_TRACE_EVENT_H

#include "core/wire/frame.h"
#include "core/wire/message.h"

enum pos_event_kind {
    POS_EVENT_MESSAGE,    /* a frame with a message in it, good or not */
    POS_EVENT_KEEP_ALIVE, /* a length of zero */
    POS_EVENT_FRAME,      /* a length that no frame has: what follows cannot be told apart */
    POS_EVENT_CUT,        /* the stream ended inside a frame */
    POS_EVENT_GAP,        /* bytes that the capture does not have */
    POS_EVENT_GUESS,      /* the dialect, for --guess: when it is first known or changes its mind */
};

enum { POS_EVENT_DETAIL_SIZE = 640 };
#define POS_EVENT_NO_LATENCY UINT64_MAX

/* Borrowed for the call. */
struct pos_event {
    enum pos_event_kind kind;
    uint64_t time_ns; /* since 1970; 0 unknown */
    const char *from; /* "127.0.0.1:50312"; NULL unknown */
    const char *to;
    const struct pos_dialect *dialect;
    char detail[POS_EVENT_DETAIL_SIZE]; /* of all kinds but MESSAGE and KEEP_ALIVE, in words */

    /* MESSAGE only */
    struct pos_frame frame;            /* without TPDU and header for a message without its frame */
    const struct pos_message *message; /* what could be decoded of it */
    struct pos_decode_error error;     /* reason OK: all of it */
    const struct pos_kind_rule *rule;  /* NULL: unknown to posgate */
    bool reply;
    uint64_t latency_ns; /* of a reply whose request was seen, else POS_EVENT_NO_LATENCY */
};

#endif
