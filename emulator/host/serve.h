/* The acquirer's host on a port. */
#ifndef POS_EMULATOR_HOST_SERVE_H
#define POS_EMULATOR_HOST_SERVE_H

#include "emulator/endpoint.h"
#include "emulator/host/ledger.h"

struct pos_host_options {
    struct pos_endpoint listen;
    struct pos_host host;
    uint32_t delay_ms; /* every answer waits for so long */
    const char *ledger_path;
    FILE *told_pins; /* --tell-pin; NULL: PINs are told nobody. Borrowed */
};

/* Serves until SIGTERM or SIGINT. Answers that still wait for their time are not given then. */
POS_MUST_USE enum pos_status pos_host_serve(struct pos_host_options *options,
                                            struct pos_ledger *ledger, struct pos_error *error);

#endif
