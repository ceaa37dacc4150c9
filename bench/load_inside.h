/* What one connection and all of them share; nobody else includes it. */
#ifndef POS_BENCH_LOAD_INSIDE_H
#define POS_BENCH_LOAD_INSIDE_H

#include "bench/load.h"
#include "bench/schedule.h"

enum { POS_LOAD_READ_SIZE = 65536 };

struct asked {
    uint64_t since_ns; /* sent, or when it should have been */
    uint32_t mark;
};

struct connection {
    int fd; /* -1: there is none */
    bool lost;
    bool answered;
    bool waits_to_write; /* or to be connected */
    uint32_t in_flight;
    uint32_t asked_count; /* since it was connected; counted when it is made anew after so many */
    struct asked *asked;  /* `outstanding` of them; the first in_flight count, oldest first */
    uint8_t *held;        /* a reply's beginning; allocated when one was cut */
    size_t held_size;
    uint8_t *unsent;
    size_t unsent_size;
};

struct pos_load {
    struct pos_load_options options;
    struct connection *connections;
    struct asked *asked;
    int epoll_fd;
    bool closed_loop;        /* each reply is followed by a request */
    struct pos_load *beside; /* takes turns with it in one thread; NULL: none */
    uint64_t in_flight;
    uint32_t lost, made; /* connections */
    uint8_t *out;
    struct pos_load_tally tally;
    struct pos_schedule schedule; /* of an open loop */
    uint32_t next;                /* whose turn it is in an open loop */
    uint64_t full_ns;             /* when every connection was full for the last time */
    /* What was asked since `from_ns` and before `until_ns` is recorded; NULL: nothing is. */
    struct pos_histogram *latency, *lateness;
    struct pos_series *series;
    size_t told_count; /* of the series' points */
    uint64_t from_ns, until_ns;
    uint8_t in[POS_FRAME_SIZE_MAX + POS_LOAD_READ_SIZE];
};

/* False with errno. `wait`: until it is connected. */
bool pos_load_connect(struct pos_load *load, struct connection *connection, bool wait);

/* Whether a request may be sent on it now. */
static inline bool pos_load_has_room(const struct pos_load *load,
                                     const struct connection *connection)
{
    return !connection->lost && connection->in_flight < load->options.outstanding &&
           (load->options.reconnect == 0 || connection->asked_count < load->options.reconnect);
}

/* Asks while there is room, `count` requests at most and all in one write; each as if sent at
 * `since_ns`. Connects first what was closed to be made anew. */
void pos_load_ask(struct pos_load *load, struct connection *connection, uint32_t count,
                  uint64_t since_ns);

void pos_load_on_writable(struct pos_load *load, struct connection *connection);
/* Takes the replies; in a closed loop asks again. */
void pos_load_on_readable(struct pos_load *load, struct connection *connection);

#endif
