/* A folder of a test's own, and an LMK in it. */
#ifndef TESTS_CORE_HSM_SCRATCH_H
#define TESTS_CORE_HSM_SCRATCH_H

#include "core/hsm/hsm.h"

struct scratch {
    char folder[64];
    char path[96]; /* of the LMK's file */
};

/* All three end the process when the system does not let them. */
struct scratch scratch_create(void);
void scratch_destroy(const struct scratch *scratch);
/* Two components that follow from `fill`. */
void scratch_components(struct pos_component components[2], uint8_t size, uint8_t fill);
struct pos_hsm *scratch_open(const struct scratch *scratch, uint8_t fill);

#endif
