/*
 * The stage on which the conformance suite plays, and its groups of verbs. The terminal's, the
 * mother POS's and the host's sides are done with core/crypto, from clear keys, so that a module
 * cannot agree with itself alone.
 */
#ifndef TESTS_CORE_HSM_CONFORMANCE_INSIDE_H
#define TESTS_CORE_HSM_CONFORMANCE_INSIDE_H

#include <criterion/criterion.h>

#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/hsm/module.h"
#include "tests/core/hsm/conformance.h"

/* A key in a module, and what it is. */
struct known_key {
    struct pos_key key;
    struct pos_kcv kcv;
    uint8_t clear[POS_KEY_SIZE_MAX];
};

struct stage {
    char name[32]; /* "software T2": begins every complaint */
    enum pos_algorithm algorithm;
    enum pos_algorithm working; /* of its working keys */
    struct pos_hsm_session *center, *mother;
    struct known_key tmk, tpk, tak, tdk; /* tdk: of its working algorithm too */
    struct known_key ktk;                /* the strongest that the module serves */
};

/* Puts a key that is known into a module, past its ceremonies: through the function behind them. */
struct known_key stage_put(struct pos_hsm_session *session, enum pos_key_usage usage,
                           enum pos_algorithm algorithm, uint8_t fill);
/* The same with these bytes. */
struct known_key stage_put_bytes(struct pos_hsm_session *session, enum pos_key_usage usage,
                                 enum pos_algorithm algorithm, const uint8_t *clear);
/* Opens a block as its recipient would. */
enum pos_status stage_unwrap(enum pos_algorithm protection, const uint8_t *protection_key,
                             struct pos_bytes block,
                             const struct pos_key_block_attributes *attributes,
                             enum pos_algorithm algorithm, uint8_t *key);
/* Does `kcv` belong to `clear`? */
void stage_expect_kcv(const struct stage *stage, enum pos_algorithm algorithm, const uint8_t *clear,
                      const struct pos_kcv *kcv, const char *what);
void stage_mac(enum pos_mac_algorithm mac, enum pos_algorithm algorithm, const uint8_t *key,
               struct pos_bytes message, uint8_t out[16]);
/* Encrypts in place. */
void stage_encrypt(enum pos_algorithm algorithm, const uint8_t *key, uint8_t *data, size_t size);

/* The algorithms of KTK, ZPK and ZAK, whatever the module serves. */
enum { CEREMONY_COUNT = 4 };
extern const enum pos_algorithm ceremony_algorithms[CEREMONY_COUNT];

extern const char stage_message[];

/* Of each group: the verb without which there is nothing to try, and everything. */
enum pos_status core_generate(const struct stage *stage);
void run_generate(const struct stage *stage);
enum pos_status core_ceremony(const struct stage *stage);
void run_ceremony(const struct stage *stage);
enum pos_status core_key_file(const struct stage *stage);
void run_key_file(const struct stage *stage);
enum pos_status core_bare(const struct stage *stage);
void run_bare(const struct stage *stage);
enum pos_status core_deliver(const struct stage *stage);
void run_deliver(const struct stage *stage);
enum pos_status core_block(const struct stage *stage);
void run_block(const struct stage *stage);
enum pos_status core_form(const struct stage *stage);
void run_form(const struct stage *stage);
enum pos_status core_mac(const struct stage *stage);
void run_mac(const struct stage *stage);
enum pos_status core_zone(const struct stage *stage);
void run_zone(const struct stage *stage);
enum pos_status core_file_mac(const struct stage *stage);
void run_file_mac(const struct stage *stage);
enum pos_status core_pin(const struct stage *stage);
void run_pin(const struct stage *stage);
enum pos_status core_move(const struct stage *stage);
void run_move(const struct stage *stage);
enum pos_status core_local(const struct stage *stage);
void run_local(const struct stage *stage);
enum pos_status core_damage(const struct stage *stage);
void run_damage(const struct stage *stage);

/* Not by algorithm. */
void check_past_the_bound(struct pos_hsm_session *session, const char *name);
void check_audit_mac(struct pos_hsm_session *center, struct pos_hsm_session *mother,
                     const char *name);

#endif
