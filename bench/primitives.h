/*
 * What the ciphers alone cost: recipes of steps on OpenSSL's contexts that are keyed once, with
 * nothing of posgate between. A floor for what core/crypto and core/hsm make of the same steps; the
 * only file of the bench that knows OpenSSL.
 */
#ifndef POS_BENCH_PRIMITIVES_H
#define POS_BENCH_PRIMITIVES_H

#include "core/base/key.h"

enum pos_step_kind {
    POS_STEP_NONE,       /* ends a recipe that is not full */
    POS_STEP_ENCRYPT,    /* CBC over `size` bytes, whole blocks; also what a CMAC's blocks cost */
    POS_STEP_DECRYPT,    /* likewise */
    POS_STEP_KEY,        /* a new key into a context that is there: its schedule */
    POS_STEP_RANDOM,     /* `size` bytes, drawn 4 KiB at a time */
    POS_STEP_RANDOM_ONE, /* `size` bytes, asked for by themselves */
    POS_STEP_CMAC,       /* EVP_MAC over `size` bytes, its context keyed once and started anew */
};

struct pos_step {
    enum pos_step_kind kind;
    enum pos_algorithm algorithm; /* but for random numbers */
    size_t size;
};

enum { POS_STEP_COUNT_MAX = 40, POS_STEP_SIZE_MAX = 512 };

struct pos_recipe {
    struct pos_step steps[POS_STEP_COUNT_MAX];
};

/* Does all steps `count` times; `context` is a struct pos_recipe. Contexts are made when they are
 * first used and live as long as the process. POS_ERR_CRYPTO. One thread. */
POS_MUST_USE enum pos_status pos_recipe_run(void *context, uint64_t count);

/* Appends steps to a recipe. */
void pos_recipe_add(struct pos_recipe *recipe, enum pos_step_kind kind,
                    enum pos_algorithm algorithm, size_t size);

#endif
