/* A mother POS on a port: one loop, and the journal's committer behind it. */
#ifndef POS_EMULATOR_MOTHER_SERVE_H
#define POS_EMULATOR_MOTHER_SERVE_H

#include "emulator/endpoint.h"
#include "emulator/mother/mother.h"

/* Serves until SIGTERM or SIGINT, then waits for what is under way. */
POS_MUST_USE enum pos_status pos_mother_serve(struct pos_mother *mother,
                                              const struct pos_endpoint *address,
                                              struct pos_error *error);

#endif
