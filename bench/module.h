/*
 * A security module of the bench's own, and what a terminal would know of its keys.
 *
 * No verb of the module returns a clear key, and a terminal needs its keys clear. So the bench does
 * what a mother POS and a terminal do: it knows a KTK, opens a TMK's key block with it, and a
 * working key's block with the TMK. One thread at a time.
 */
#ifndef POS_BENCH_MODULE_H
#define POS_BENCH_MODULE_H

#include "core/crypto/key_block.h"
#include "core/hsm/hsm.h"

struct pos_module {
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    struct pos_key ktk;
    struct pos_key_block_protector *ktk_protector;
};

/* Makes FOLDER/lmk and FOLDER/credential, as a gateway.conf wants them, and opens the module.
 * *module is to be closed in any case. */
POS_MUST_USE enum pos_status pos_module_make(const char *folder, struct pos_module *module,
                                             struct pos_error *error);
/* The same with those two files as they are there. */
POS_MUST_USE enum pos_status pos_module_open(const char *folder, struct pos_module *module,
                                             struct pos_error *error);
void pos_module_close(struct pos_module *module); /* zeroed is fine */

/* A component or a secret. POS_ERR_CRYPTO. */
POS_MUST_USE enum pos_status pos_module_random_component(struct pos_component *component,
                                                         size_t size);

/* A new TMK; `clear` has POS_KEY_SIZE_MAX bytes, the caller wipes them. */
POS_MUST_USE enum pos_status pos_module_make_tmk(struct pos_module *module,
                                                 enum pos_algorithm algorithm, struct pos_key *tmk,
                                                 struct pos_kcv *kcv, uint8_t *clear);

/* As a terminal with its key file: a TMK, out of the block under the KTK. */
POS_MUST_USE enum pos_status pos_module_learn_tmk(struct pos_module *module,
                                                  const struct pos_key *tmk, uint8_t *clear);

/* As a terminal: a TPK or TAK of its, out of the block under its TMK. */
POS_MUST_USE enum pos_status pos_module_learn(struct pos_module *module, const struct pos_key *tmk,
                                              struct pos_key_block_protector *tmk_protector,
                                              const struct pos_key *working, uint8_t *clear);

#endif
