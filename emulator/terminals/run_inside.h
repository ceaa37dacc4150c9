/*
 * What the files of a run share: the run, its lanes and their connections. Internal to
 * emulator/terminals.
 */
#ifndef POS_EMULATOR_TERMINALS_RUN_INSIDE_H
#define POS_EMULATOR_TERMINALS_RUN_INSIDE_H

#include "core/net/net.h"
#include "core/terminal/terminal.h"
#include "emulator/terminals/run.h"

enum pos_run_end { POS_RUN_MOTHER, POS_RUN_GATEWAY, POS_RUN_END_COUNT };

struct pos_run_link {
    struct pos_lane *lane;
    enum pos_run_end end;
    struct pos_connection *connection; /* NULL: none */
    bool open;                         /* false while connecting */
};

struct pos_lane {
    struct pos_run *run;
    struct pos_run_link links[POS_RUN_END_COUNT];
    struct pos_terminal terminal;
    bool busy; /* has a terminal */
    uint32_t number;
    size_t step;
    uint32_t repeated;
    struct pos_exchange_state state;
    bool waiting; /* for an answer, over `asked` */
    struct pos_run_link *asked;
    uint64_t sent_ns;
    bool ready; /* is on the run's ready list */
    struct pos_lane *next_ready;
};

struct pos_run {
    const struct pos_run_options *options;
    struct pos_terminal_store *store;
    struct pos_report *report;
    struct pos_error *error;
    enum pos_status status; /* why it ended early */
    struct pos_loop *loop;
    struct pos_timer *timer;
    struct pos_lane *lanes;
    uint32_t lane_count, busy_count;
    uint32_t begun;
    struct pos_lane *first_ready, *last_ready;
    bool unsynced; /* a key was stored and not synced yet */
    bool stopping;
    double allowance; /* requests that may be sent now, when there is a rate */
    uint64_t allowance_ns, progress_ns;
};

/* ---- run.c ---- */

/* Ends the run; the first reason is kept. */
void pos_run_fail(struct pos_run *run, enum pos_status status, const char *what);
bool pos_run_may_send(const struct pos_run *run);
/* A clone has no memory of its own: what it learns is not the terminal's whose key it uses. */
bool pos_run_remembers(const struct pos_run *run);
/* Behind the others that have something to do; once. */
void pos_lane_make_ready(struct pos_lane *lane);

/* ---- lane.c ---- */

/* Brings the lane to its next wait: for a connection, an answer, or leave to send. */
void pos_lane_advance(struct pos_lane *lane);
void pos_lane_take_reply(struct pos_run_link *link, struct pos_bytes frame);
/* The terminal's other steps are left out: each would fail for the same reason. */
void pos_lane_give_up(struct pos_lane *lane, enum pos_kind kind, const char *explanation);

/* ---- ask.c ---- */

/* Makes the step's request and sends it; the terminal is given up when it cannot be made. */
void pos_lane_ask(struct pos_lane *lane, struct pos_run_link *link,
                  const struct pos_plan_step *step);

/* ---- link.c ---- */

/* Does nothing while there is a connection. */
void pos_link_connect(struct pos_run_link *link);

#endif
