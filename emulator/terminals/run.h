/*
 * N terminals over a bounded number of lanes. A lane takes one terminal after the other through the
 * plan: one request at a time, over one connection to the mother POS and one to the gateway.
 */
#ifndef POS_EMULATOR_TERMINALS_RUN_H
#define POS_EMULATOR_TERMINALS_RUN_H

#include "core/wire/frame.h"
#include "emulator/endpoint.h"
#include "emulator/terminals/plan.h"
#include "emulator/terminals/report.h"
#include "emulator/terminals/store.h"

enum { POS_LANE_COUNT_MAX = POS_CONNECTION_COUNT_MAX / 2 };

struct pos_run_options {
    struct pos_endpoint mother, gateway;
    struct pos_plan plan;
    uint32_t count;                    /* terminals */
    uint32_t first;                    /* number of the first one */
    const char *serial_prefix;         /* 1 to 7 characters; the number fills it up to 8 */
    const char *serial;                /* or one exact serial; count is 1 then */
    const char *as_serial;             /* what it says it is, with the key of the above */
    const char *tid, *mid;             /* NULL: the serial; a default */
    const struct pos_dialect *dialect; /* to the gateway */
    struct pos_route route;            /* where the dialect has one */
    uint32_t batch;                    /* in field 60, where the dialect has it there */
    uint32_t connections;              /* lanes */
    uint32_t rate;                     /* requests a second in all; 0: as fast as answers come */
    uint32_t timeout_ms;               /* for one answer */
    uint64_t amount;                   /* of a sale, in minor units */
    bool mac;                          /* off: the patent as written */
    bool sign_on_mac;                  /* off: a sign-on goes without, as installed terminals do */
    bool rekey;                        /* ask for a key even when one is stored */
    bool cup_ecb;                      /* MACs under a TDES TAK are UnionPay's ECB ones */
    enum pos_algorithm algorithm;      /* that every key must be of; NONE: any */
    struct pos_pin pin;                /* in sales; of size 0: none */
    enum pos_pin_format pin_format;    /* COUNT: 0 under a TDES TPK, else 4 */
    const char *pin_pan;               /* in the PIN block; NULL: field 2's */
    bool corrupt_pin;                  /* on the last step */
    bool corrupt_mac;                  /* on the last step */
    const char *expect;                /* field 39 of the last step; "00" */
};

/* Runs all terminals. POS_ERR_UNREACHABLE: a connection could not be made, so the rest was not
 * begun; POS_ERR_IO: the store could not be written; POS_ERR_BUSY: a signal ended the run. What was
 * seen until then is in the report. */
POS_MUST_USE enum pos_status pos_run(const struct pos_run_options *options,
                                     struct pos_terminal_store *store, struct pos_report *report,
                                     struct pos_error *error);

/* "EMU" and 7 make "EMU00007"; false when the number has too many digits. */
bool pos_run_serial(const struct pos_run_options *options, uint32_t number,
                    char serial[POS_SERIAL_SIZE + 1]);

#endif
