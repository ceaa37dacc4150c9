/* What each terminal does, in order: "key,register,sign-on,authenticate,sale". */
#ifndef POS_EMULATOR_TERMINALS_PLAN_H
#define POS_EMULATOR_TERMINALS_PLAN_H

#include "core/base/error.h"
#include "core/wire/message.h"

enum { POS_PLAN_STEP_COUNT_MAX = 32 };

struct pos_plan_step {
    enum pos_kind kind;
    uint32_t repeats; /* how often in a row; 1 or more */
    bool last;        /* belongs to the last word: what was said to be expected is expected of it */
};

struct pos_plan {
    struct pos_plan_step steps[POS_PLAN_STEP_COUNT_MAX];
    size_t count;
};

/* Words are the names of the message table, and `key` for key request and confirm. `sales` repeats
 * each sale. POS_ERR_USAGE names the word that is wrong and the ones there are. */
POS_MUST_USE enum pos_status pos_plan_parse(const char *text, uint32_t sales, struct pos_plan *plan,
                                            struct pos_error *error);

#endif
