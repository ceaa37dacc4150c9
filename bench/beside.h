/*
 * Authentications at a rate, quiet and while something else comes to the same gateway on other
 * connections. What is seen must be the gateway and not two senders on one core. So one thread with
 * that core for itself sends both; or, where the something else would take all of its time, a
 * thread of its own does that gives way to the authentications' (SCHED_IDLE).
 */
#ifndef POS_BENCH_BESIDE_H
#define POS_BENCH_BESIDE_H

#include "bench/gateway_run.h"
#include "bench/load.h"
#include "bench/micro.h"
#include "bench/terminals.h"

/* What a kind of round gave. */
struct pos_beside_view {
    struct pos_beside *beside;
    bool company; /* the something else was there */
    /* Of the last round's authentications, nanoseconds. */
    struct pos_histogram latency, lateness;
    /* Of all rounds that count. */
    char name[POS_MICRO_NAME_SIZE];
    struct pos_histogram all;
    struct pos_series series;
    struct pos_load_tally tally;
    uint64_t unanswered;
    uint64_t late_p99_ns; /* the load's own, in the worst round */
    double server_cpu_s, seconds;
};

struct pos_beside {
    struct pos_micro *micro;
    struct pos_bench_options options; /* of the gateway and of the authentications */
    char folder[POS_PATH_SIZE_MAX];   /* "": none */
    struct pos_terminals *terminals;
    struct pos_gateway_run gateway; /* pid 0: none */
    struct pos_load *good, *other;
    uint64_t good_rate, other_rate; /* a second */
    bool other_may_lag;             /* other_rate may be more than can be sent and answered */
    bool one_sender;                /* of both, never asleep: the load has a core of its own */
    struct pos_beside_view quiet, company;
    double other_replies, other_seconds; /* of all rounds */
    uint64_t good_replies;
    /* Told before and after each round with company; NULL: nobody asks. */
    enum pos_status (*watch)(void *context, bool after);
    void *watch_context;
};

/* The folder and the table. In any case pos_beside_end is called at last. */
POS_MUST_USE enum pos_status pos_beside_make(struct pos_beside *beside, struct pos_error *error);
/* The gateway, and the authentications' connections. */
POS_MUST_USE enum pos_status pos_beside_start(struct pos_beside *beside, struct pos_error *error);
/* Connections for the something else. */
POS_MUST_USE enum pos_status pos_beside_connect(struct pos_beside *beside, uint32_t connections,
                                                uint32_t outstanding, struct pos_load_source source,
                                                struct pos_error *error);
void pos_beside_end(struct pos_beside *beside);

/* What a closed loop reaches for so long or so many replies (0: by time alone), a second. 0: it was
 * not answered as it should. */
double pos_beside_capacity(struct pos_beside *beside, struct pos_load *load, double seconds,
                           uint64_t replies_max);

/* Adds p99 and p99.9 of both kinds of rounds and the check that p99 with company is at most
 * `target` times the quiet one. */
void pos_beside_add_subjects(struct pos_beside *beside, const char *company, double target);
/* Adds what was sent. */
void pos_beside_add_facts(struct pos_beside *beside, const char *company);

#endif
