/* The command line of `posgate-emulator terminals`. */
#ifndef POS_EMULATOR_TERMINALS_OPTIONS_H
#define POS_EMULATOR_TERMINALS_OPTIONS_H

#include "emulator/terminals/run.h"

struct pos_terminals_options {
    struct pos_run_options run;
    const char *store, *steps;
    uint32_t sales;
    bool json;
    const char *cup_option; /* one that was given and belongs to that dialect; NULL: none */
};

/* Ends the program with a usage error when something is wrong. Texts are borrowed from argv. */
void pos_terminals_options_parse(int argc, char **argv, struct pos_terminals_options *parsed);

#endif
