/*
 * Small things measured beside what bounds them: subjects that do something many times, in rounds,
 * all of them in turn, so that whatever else the machine does meets all; and checks, each a
 * subject's time or the ratio of two subjects' times, against a target.
 *
 * A command adds its subjects, then its checks, measures, and reports.
 */
#ifndef POS_BENCH_MICRO_H
#define POS_BENCH_MICRO_H

#include <argp.h>

#include "bench/outputs.h"
#include "bench/process.h"
#include "bench/statistics.h"
#include "bench/trace.h"
#include "core/base/option.h"

enum {
    POS_MICRO_SUBJECT_COUNT_MAX = 48,
    POS_MICRO_CHECK_COUNT_MAX = 24,
    POS_MICRO_FACT_COUNT_MAX = 16,
    POS_MICRO_LIMIT_COUNT_MAX = 16,
    POS_MICRO_CONDITION_COUNT_MAX = 8,
    POS_MICRO_TRACE_COUNT_MAX = 4,
    POS_MICRO_NAME_SIZE = 48,
    POS_MICRO_NOTE_SIZE = 160,
    POS_MICRO_NONE = -1, /* no subject */
};

/* ---- options that all these commands take ---- */

struct pos_micro_limit {
    char name[POS_MICRO_NAME_SIZE];
    double value;
};

struct pos_micro_options {
    uint32_t rounds;   /* that count, after one that does not */
    double duration_s; /* of one subject in one round */
    struct pos_outputs outputs;
    bool limit_targets; /* every target is a limit */
    struct pos_micro_limit limits[POS_MICRO_LIMIT_COUNT_MAX];
    size_t limit_count;
};

/* ---- subjects ---- */

/* What a subject that times itself did. */
struct pos_micro_reading {
    double operations, seconds;
};

struct pos_micro_subject {
    char name[POS_MICRO_NAME_SIZE];
    /* One of both. `run` does it so many times, however many the round's time takes; CPU time of
     * this thread counts, or with `wall` the clock on the wall. `take` does it for about so many
     * seconds and says what came of it. */
    enum pos_status (*run)(void *context, uint64_t count);
    enum pos_status (*take)(void *context, double seconds, struct pos_micro_reading *reading);
    void *context;
    bool wall;
    bool latency;  /* a time that somebody waited: nothing can be said per second */
    uint32_t each; /* operations that one of `count` stands for; 0: 1 */
    int floor;     /* the subject that its time is compared with, or POS_MICRO_NONE */
    /* out, by round */
    double ns[POS_ROUND_COUNT_MAX]; /* an operation */
    uint64_t count;                 /* a round, where `run` does it */
};

/* A target: the time of a subject, or its ratio to another's, is at most or at least so much. */
struct pos_micro_check {
    char name[POS_MICRO_NAME_SIZE]; /* "parse/iso87b": `--limit parse=80` means it too */
    int of, to;                     /* to: POS_MICRO_NONE: nanoseconds */
    bool at_least;
    double target; /* 0: none; then it holds whatever it is, unless --limit says otherwise */
    /* out */
    double limit; /* the target, or what --limit says */
    bool binding; /* --limit names it */
    struct pos_summary value;
    bool met;
};

/* A figure that is not taken in rounds. */
struct pos_micro_fact {
    char name[POS_MICRO_NAME_SIZE];
    double value;
    const char *unit;
};

/* What it was measured with, besides what all these commands take: figures of runs with others are
 * not compared. */
struct pos_micro_condition {
    const char *name; /* as an option is called */
    uint64_t number;
    const char *text; /* NULL: the number */
};

struct pos_micro {
    const char *command;
    struct pos_micro_options options;
    struct pos_micro_subject subjects[POS_MICRO_SUBJECT_COUNT_MAX];
    size_t subject_count;
    struct pos_micro_check checks[POS_MICRO_CHECK_COUNT_MAX];
    size_t check_count;
    struct pos_micro_fact facts[POS_MICRO_FACT_COUNT_MAX];
    size_t fact_count;
    struct pos_micro_condition conditions[POS_MICRO_CONDITION_COUNT_MAX];
    size_t condition_count;
    struct pos_trace traces[POS_MICRO_TRACE_COUNT_MAX]; /* of what comes through sockets */
    size_t trace_count;
    int round;                      /* that runs, from 0; -1: one that does not count */
    char note[POS_MICRO_NOTE_SIZE]; /* one line below the figures; "": none */
    struct pos_pinning pinning;
};

/* Parses the arguments, with `own` for the command's own options (its input is `own_input`; NULL:
 * none), has signals end the rounds, and chooses cores: this thread is on load_core from then on.
 * options.duration_s is the command's default, 0: 0.05. */
void pos_micro_begin(struct pos_micro *micro, const char *doc, const struct argp *own,
                     void *own_input, int argc, char **argv);

/* Returns the subject's place. */
int pos_micro_add(struct pos_micro *micro, const struct pos_micro_subject *subject,
                  const char *name, ...) __attribute__((format(printf, 3, 4)));
void pos_micro_check(struct pos_micro *micro, struct pos_micro_check check, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
void pos_micro_fact(struct pos_micro *micro, const char *name, double value, const char *unit);
void pos_micro_number(struct pos_micro *micro, const char *option, uint64_t value);
void pos_micro_text(struct pos_micro *micro, const char *option, const char *value);
/* What it points to is read when the run is reported. */
void pos_micro_trace(struct pos_micro *micro, const struct pos_trace *trace);

/* All rounds. POS_ERR_USAGE: --limit names no check; what a subject returns, with its name; BUSY
 * when a signal ended it. */
POS_MUST_USE enum pos_status pos_micro_measure(struct pos_micro *micro, struct pos_error *error);

/* As the options say, or the error. The exit code: MISSED when a limit is. */
int pos_micro_finish(struct pos_micro *micro, enum pos_status status, struct pos_error *error);

/* The report, the caller's; NULL: no memory. */
struct json_t *pos_micro_json(const struct pos_micro *micro);

#endif
