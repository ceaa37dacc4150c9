/*
 * Requests on many connections. A closed loop: so many under way on each, a new one for every
 * reply. Or an open one: a constant rate over all connections, whatever the server does, with the
 * latency from when a request should have gone out. One thread, bare epoll, so that it stays
 * cheaper than what it measures.
 *
 * What is asked and how an answer is read is a source's business. A reply belongs to the request
 * with its mark on the same connection; a reply that belongs to none is counted, not believed.
 */
#ifndef POS_BENCH_LOAD_H
#define POS_BENCH_LOAD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "bench/series.h"
#include "core/base/error.h"
#include "core/base/histogram.h"
#include "core/base/limits.h"

struct pos_load_reply {
    uint32_t mark;
    char code[3]; /* field 39, or whatever stands for it */
    bool good;    /* what the request should have got */
};

struct pos_load_source {
    /* Writes one request of at most request_size_max bytes; returns its size. */
    size_t (*request)(void *context, uint8_t *out, uint32_t *mark);
    size_t request_size_max;
    /* Size of the reply at the front of the stream; 0: not whole yet; -1: not a reply. */
    ssize_t (*reply)(void *context, struct pos_bytes stream, struct pos_load_reply *reply);
    void *context;
};

struct pos_load_options {
    const char *address; /* IPv4; on 127.0.0.1 more than 16,000 come from 127.0.0.2 and on */
    uint16_t port;
    uint32_t connections; /* 1 to POS_CONNECTION_COUNT_MAX */
    /* 1 to POS_PIPELINE_COUNT_MAX: under way on each in a closed loop, at most in an open one. A
     * request whose time has come while all connections are full waits, and its latency grows. */
    uint32_t outstanding;
    uint32_t reconnect; /* a connection is closed and made anew after so many requests; 0: never */
    bool spins;         /* never sleeps in an open loop: with a core of its own */
    struct pos_load_source source;
};

enum { POS_LOAD_CODE_COUNT_MAX = 32 };

struct pos_load_code {
    char code[3];
    uint64_t count, good;
};

struct pos_load_tally {
    uint64_t replies; /* all that were read and matched */
    uint64_t good;
    uint64_t unmatched;   /* replies to nothing that was asked */
    uint64_t unreadable;  /* streams that ended in something else than a reply */
    uint64_t lost;        /* connections the server closed */
    uint64_t reconnected; /* connections that were made anew, as asked for */
    struct pos_load_code codes[POS_LOAD_CODE_COUNT_MAX];
    size_t code_count;
};

/* One measured stretch. */
struct pos_load_phase {
    /* in */
    double warm_up_s;      /* before it, not counted */
    double duration_s;     /* ends after this time, */
    uint64_t requests_max; /* or so many replies, at a rate: requests; 0: by time alone */
    uint64_t rate;         /* requests a second; 0: a closed loop */
    pid_t server_pid;      /* 0: its CPU time is not known */
    /* out */
    double seconds;
    uint64_t server_cpu_ns, load_cpu_ns; /* the load's: of this thread */
    /* Of replies in the stretch; what goes wrong before and after it counts too, and codes of
     * replies that are not good. */
    struct pos_load_tally tally;
    /* The caller's, emptied at first; nanoseconds. In a closed loop of the replies in the stretch,
     * from sending; at a rate of the requests that should have gone out in it, from then. */
    struct pos_histogram *latency;
    /* At a rate: from when those should have gone out, or there was room again, until they did; so
     * it is the load that was late and not the server. NULL: nobody asks. */
    struct pos_histogram *lateness;
    /* The same replies as in `latency`, by when they came; a round is added. NULL: nobody asks. */
    struct pos_series *series;
    /* Called when an interval of the series has ended, with what came since the stretch began.
     * NULL: nobody asks. */
    void (*tell)(void *context, const struct pos_series_point *point,
                 const struct pos_load_tally *so_far);
    void *tell_context;
    uint64_t unanswered;           /* 5 s after the last request was sent, or should have been */
    uint32_t answered_connections; /* got at least one good reply, warm-up included */
};

struct pos_load;

/* Raises the limit on descriptors for so many connections, also of what is started afterwards.
 * POS_ERR_LIMIT: it cannot be raised so far. */
POS_MUST_USE enum pos_status pos_load_prepare(uint32_t connections, struct pos_error *error);

/* Connects them all. POS_ERR_NETWORK, POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_load_open(const struct pos_load_options *options,
                                           struct pos_load **load, struct pos_error *error);
void pos_load_close(struct pos_load *load); /* NULL is fine */

void pos_load_run(struct pos_load *load, struct pos_load_phase *phase);
/* Two at a rate at the same time, in turns of one thread that never sleeps (`spins`, both): neither
 * waits for the other's time slice. `beside` has no warm-up and no series; its stretch ends when
 * all that `load` asked is answered. */
void pos_load_run_both(struct pos_load *load, struct pos_load_phase *phase, struct pos_load *beside,
                       struct pos_load_phase *beside_phase);

void pos_load_tally_count(struct pos_load_tally *tally, const char *code, uint64_t count,
                          uint64_t good);
void pos_load_tally_add(struct pos_load_tally *into, const struct pos_load_tally *from);
/* "1000 replies, 00 990, 97 10; unanswered 0, ...", without a line's end. */
void pos_load_tally_print(const struct pos_load_tally *tally, uint64_t unanswered, FILE *to);
/* What went wrong: lost connections, strange replies, and codes of replies that are not good. */
void pos_load_tally_add_failures(struct pos_load_tally *into, const struct pos_load_tally *from);

#endif
