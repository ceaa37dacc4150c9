/* Rounds over one server or several, in turn, so that whatever else the machine does meets all. */
#ifndef POS_BENCH_MEASURE_H
#define POS_BENCH_MEASURE_H

#include "bench/load.h"
#include "bench/options.h"
#include "bench/series.h"
#include "bench/statistics.h"

/* What each round gave, by measure, in the order of the rounds. */
struct pos_rounds {
    size_t count;
    double cpu_us[POS_ROUND_COUNT_MAX];     /* server CPU a request; 0 when not known */
    double per_second[POS_ROUND_COUNT_MAX]; /* replies */
    double p50_us[POS_ROUND_COUNT_MAX], p99_us[POS_ROUND_COUNT_MAX], p999_us[POS_ROUND_COUNT_MAX];
    double p9999_us[POS_ROUND_COUNT_MAX], max_us[POS_ROUND_COUNT_MAX];
    double late_p99_us[POS_ROUND_COUNT_MAX]; /* at a rate: as pos_load_phase has it */
    /* CPU time of the server (all its threads) and of the load, percent of a core. */
    double server_busy[POS_ROUND_COUNT_MAX], load_busy[POS_ROUND_COUNT_MAX];
};

struct pos_measured {
    /* in */
    const char *name;
    const char *address;
    uint16_t port;
    pid_t pid; /* 0: elsewhere */
    struct pos_load_source source;
    uint32_t connections; /* 0: those of the options */
    /* out */
    struct pos_rounds rounds;
    struct pos_histogram latency; /* of all rounds that count; nanoseconds */
    struct pos_series series;     /* the same, as time went on */
    struct pos_load_tally tally;  /* of all rounds */
    uint64_t unanswered;
    uint32_t answered_connections; /* fewest of any round */
    bool memory_known;
    double memory_per_connection; /* bytes: before any connection, and with all of them idle */
};

/* One round that does not count, then options->rounds that do: a closed loop, or at options->rate.
 * Not POS_OK: the load could not be made. What the server did wrong is in the tallies. */
POS_MUST_USE enum pos_status pos_measure(struct pos_measured *servers, size_t count,
                                         const struct pos_bench_options *options,
                                         struct pos_error *error);

/* Replies a second of one server in a closed loop, and options->rate as options->rate_percent of
 * them. What the server measured is forgotten again. */
POS_MUST_USE enum pos_status pos_measure_capacity(struct pos_measured *server,
                                                  struct pos_bench_options *options,
                                                  struct pos_error *error);
/* Makes it as it was before any round. */
void pos_measured_reset(struct pos_measured *server);

/* Requests under way on a connection: at a rate the most. */
uint32_t pos_measured_outstanding(const struct pos_bench_options *options);
uint32_t pos_measured_connections(const struct pos_measured *server,
                                  const struct pos_bench_options *options);

/* The load was what was slow, so the figures are too high or the replies a second too few: in a
 * closed loop it was busy all the time and the server was not; at a rate a good part of what is
 * said to be the server's latency passed before the requests were sent. */
bool pos_measured_load_bound(const struct pos_measured *server,
                             const struct pos_bench_options *options);

/* Everything that was asked was answered, with good replies. */
bool pos_measured_good(const struct pos_measured *server, const struct pos_bench_options *options);

#endif
