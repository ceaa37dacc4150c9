/*
 * What an acquirer's host answers: pure, frame in, reply out. It approves what is well formed, and
 * declines or stays silent as often as it is told to. It sees no SMN and no terminal's MAC: those
 * end at the gateway. With a ZPK it opens the PIN blocks that it gets, and a block that does not
 * open is a 99; with a ZAK every request but an echo must have a good MAC, else A0, and the reply
 * has one if and only if the request's was good.
 */
#ifndef POS_EMULATOR_HOST_ANSWER_H
#define POS_EMULATOR_HOST_ANSWER_H

#include "core/base/log.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"
#include "emulator/host/keys.h"

struct pos_host {
    const struct pos_dialect *dialect;
    const struct pos_host_keys *keys; /* NULL: none; borrowed */
    char decline_code[3];             /* field 39 of a decline; "" when none */
    uint32_t decline_percent;         /* of the financial requests; spread evenly, not at random */
    uint32_t silent_percent;          /* of all requests but echoes */
    uint64_t financial_count, request_count;
    uint32_t approval_count; /* makes field 38 */
};

enum pos_host_result {
    POS_HOST_ANSWERED,
    POS_HOST_SILENT, /* understood, and left without an answer on purpose */
    POS_HOST_CLOSE,  /* not even an MTI to answer */
};

/* What the ledger keeps of a request and its answer. */
struct pos_host_entry {
    const char *kind;           /* "sale"; "unknown" */
    uint16_t mti;               /* of the request */
    uint64_t amount;            /* 0 when there is none */
    char pan[POS_LOG_PAN_SIZE]; /* masked; "-" when there is none */
    char stan[7], rrn[13], tid[9], mid[16], time[11];
    char code[3];     /* answered; "" when silent */
    char approval[7]; /* field 38; "" when none */
    /* Not for the ledger: for --tell-pin alone, and to be wiped then. */
    enum pos_host_pin pin_result;
    enum pos_pin_format pin_format;
    struct pos_pin pin;
};

enum pos_host_result pos_host_answer(struct pos_host *host, const struct pos_frame *frame,
                                     uint64_t utc_ms, struct pos_buffer *out,
                                     struct pos_host_entry *entry);

#endif
