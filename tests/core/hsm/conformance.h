/*
 * What every kind of security module must do, whatever is behind the interface. A kind's own tests
 * call hsm_conformance with a factory, inside a Criterion test.
 */
#ifndef TESTS_CORE_HSM_CONFORMANCE_H
#define TESTS_CORE_HSM_CONFORMANCE_H

#include "core/hsm/hsm.h"

struct hsm_factory {
    const char *name;
    /* Opens one of two modules of the kind with different LMKs: 0 the center's, 1 a mother POS's.
     */
    struct pos_hsm *(*open)(void *context, int which);
    void *context;
};

void hsm_conformance(const struct hsm_factory *factory);

#endif
