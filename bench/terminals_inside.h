/* What requests with MACs and without share; newcomers have theirs made here, too. */
#ifndef POS_BENCH_TERMINALS_INSIDE_H
#define POS_BENCH_TERMINALS_INSIDE_H

#include "bench/terminals.h"
#include "core/wire/message.h"

enum { POS_TERMINALS_FRAME_SIZE_MAX = 256, POS_STAN_MAX = 999999 };

struct pos_terminals {
    const struct pos_dialect *dialect;
    uint64_t rows, working_set;
    uint32_t unregistered; /* percent */
    bool mac;
    enum pos_kind kind; /* of the requests; AUTHENTICATE unless somebody says otherwise */
    uint64_t random;    /* state of the generator */
    uint64_t missing_macs;
    /* without MACs: one frame in which SMN and STAN are changed */
    uint8_t frame[POS_TERMINALS_FRAME_SIZE_MAX];
    size_t frame_size, smn_offset, stan_offset;
    uint32_t stan;
    /* with MACs: request_count frames of frame_size bytes each, and their STANs */
    uint8_t *frames;
    uint32_t *stans;
    uint64_t request_count, next;
};

uint64_t pos_terminals_random(struct pos_terminals *terminals, uint64_t below);

/* A uniformly random row of the working set. */
uint64_t pos_terminals_draw(struct pos_terminals *terminals);
/* Whether the request of this STAN names a stranger. */
bool pos_terminals_is_stranger(const struct pos_terminals *terminals, uint32_t stan);

/* Row 0's request without MAC becomes the frame to change. */
POS_MUST_USE enum pos_status pos_terminals_make_template(struct pos_terminals *terminals,
                                                         struct pos_error *error);
/* The request of one row becomes frame number `at`, under its TAK, or K_reg where its kind wants
 * that. */
POS_MUST_USE enum pos_status pos_terminals_make_request(struct pos_terminals *terminals,
                                                        uint64_t at, uint64_t row, uint32_t stan,
                                                        const uint8_t *tmk, const uint8_t *tak);

/* Has the requests carry MACs, under keys of the table in `folder`. */
POS_MUST_USE enum pos_status pos_terminals_add_macs(struct pos_terminals *terminals,
                                                    const char *folder, struct pos_error *error);

#endif
