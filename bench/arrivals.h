/*
 * A gateway to which newcomers come: its keys and tables, its process, and the load. What commands
 * that measure registrations and sign-ons share.
 */
#ifndef POS_BENCH_ARRIVALS_H
#define POS_BENCH_ARRIVALS_H

#include "bench/gateway_run.h"
#include "bench/micro.h"
#include "bench/newcomers.h"

struct pos_arrivals {
    struct pos_micro *micro;
    struct pos_bench_options options; /* connections, outstanding, dialect */
    uint64_t terminals;               /* all of them; a share comes in each round */
    enum pos_kind kind;
    char folder[POS_PATH_SIZE_MAX]; /* "": none */
    struct pos_module module;
    struct pos_newcomers *newcomers;
    struct pos_gateway_run gateway; /* pid 0: none */
    struct pos_load *load;
    struct pos_micro_reading cpu; /* the gateway's, of the last round */
    struct pos_arrivals_seen {    /* of all rounds that count */
        struct pos_histogram latency;
        struct pos_series series;
        struct pos_load_tally tally;
        uint64_t unanswered;
    } seen;
};

void pos_arrivals_init(struct pos_arrivals *arrivals, enum pos_kind kind, struct pos_micro *micro);
/* --connections, --outstanding and --terminals; its input is a struct pos_arrivals. */
extern const struct argp pos_arrivals_argp;

/* Makes folder, module and newcomers. In any case pos_arrivals_end is called at last. */
POS_MUST_USE enum pos_status pos_arrivals_make(struct pos_arrivals *arrivals,
                                               struct pos_error *error);
/* Starts the gateway and connects. */
POS_MUST_USE enum pos_status pos_arrivals_start(struct pos_arrivals *arrivals,
                                                struct pos_error *error);
void pos_arrivals_end(struct pos_arrivals *arrivals);

/* For subjects: a round of arrivals, by the clock on the wall; and the gateway's CPU time in that
 * round, for the subject behind it. The context is the struct pos_arrivals. POS_ERR_STATE: not
 * everybody got a good reply. */
enum pos_status pos_arrivals_take(void *context, double seconds, struct pos_micro_reading *reading);
enum pos_status pos_arrivals_take_cpu(void *context, double seconds,
                                      struct pos_micro_reading *reading);

#endif
