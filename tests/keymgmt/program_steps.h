/* The steps that program tests have in common, each through the real program. */
#ifndef POS_TESTS_KEYMGMT_PROGRAM_STEPS_H
#define POS_TESTS_KEYMGMT_PROGRAM_STEPS_H

#include "tests/keymgmt/run_program.h"

/* init with a credential, and the LMK from two component files in lmk/. */
void step_lmk(struct outcome *outcome);
/* A mother POS from two component files in its own folder, named like it. */
void step_mother(struct outcome *outcome, const char *name, const char *algorithm);
/* Keys; returns the batch's number. */
long long step_generate(struct outcome *outcome, const char *count);

#endif
