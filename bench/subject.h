/* A gateway that is measured: its table, its process, its terminals; or one that runs elsewhere. */
#ifndef POS_BENCH_SUBJECT_H
#define POS_BENCH_SUBJECT_H

#include "bench/gateway_run.h"
#include "bench/measure.h"
#include "bench/table.h"
#include "bench/terminals.h"

struct pos_subject {
    char folder[POS_PATH_SIZE_MAX]; /* "": none */
    bool keeps_folder;
    char address[POS_ADDRESS_SIZE_MAX];
    struct pos_terminals *terminals;
    struct pos_table_made made;     /* zeros: it was there */
    struct pos_gateway_run gateway; /* pid 0: not ours, or not started */
    double open_seconds;            /* until it listened */
    uint64_t table_bytes;           /* on disk; 0: not known */
};

/* Makes or finds the table that options say, starts the gateway on `core` or finds it, and fills in
 * `server` but for its name. After an error the two below are called as well. */
POS_MUST_USE enum pos_status pos_subject_start(struct pos_subject *subject,
                                               const struct pos_bench_options *options, int core,
                                               struct pos_measured *server,
                                               struct pos_error *error);
bool pos_subject_end(struct pos_subject *subject); /* false: the gateway did not end with 0 */
void pos_subject_clean_up(struct pos_subject *subject);

#endif
