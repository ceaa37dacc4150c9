/*
 * What to send next while a key file is being loaded: pure, driven by the mother POS's replies.
 *
 * The mother POS answers each line with the number of the line it expects next. The header of a
 * file whose load broke off is answered with the place to go on at. A connection that breaks is
 * made anew and the header sent again. When the connection broke behind the trailer, the header's
 * answer tells what became of it: 63 now, where it was accepted before, means that the batch is in.
 */
#ifndef POS_KEYMGMT_LOAD_PLAN_H
#define POS_KEYMGMT_LOAD_PLAN_H

#include "keymgmt/mother_link.h"

enum { POS_LOAD_JUMP_COUNT_MAX = 8, POS_LOAD_RECONNECT_COUNT_MAX = 3 };

struct pos_load_plan {
    uint32_t line_count; /* header, keys and trailer */
    uint32_t line;       /* to send next; 1 is the header */
    uint32_t resumed_at; /* where an earlier load had stopped; 0: from the beginning */
    unsigned jumps;      /* times that the mother POS asked for another line than the next */
    unsigned reconnects;
    bool header_accepted; /* in this run */
    bool trailer_sent;    /* and its answer not seen */
    bool done;
};

void pos_load_plan_init(struct pos_load_plan *plan, uint32_t key_count);

/* Takes the reply to line plan->line. POS_OK: done, or plan->line is to be sent. POS_ERR_MISMATCH:
 * refused, *error says why and what to do; POS_ERR_ORDER: it goes round in circles;
 * POS_ERR_FORMAT: not a line number; POS_ERR_BUSY: 96, try later. */
POS_MUST_USE enum pos_status pos_load_plan_reply(struct pos_load_plan *plan,
                                                 const struct pos_mother_reply *reply,
                                                 struct pos_error *error);

/* The connection broke while the reply to plan->line was due. True: connect again and go on. */
bool pos_load_plan_broken(struct pos_load_plan *plan);

/* What load status says. */
struct pos_load_status {
    uint32_t batch; /* of the load under way; 0: none */
    uint32_t lines; /* held of it */
    uint32_t free, issued, burned;
};
POS_MUST_USE enum pos_status pos_load_status_parse(const char *text,
                                                   struct pos_load_status *status);

#endif
