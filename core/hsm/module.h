/*
 * What a kind of security module offers to hsm.c, which asks it nothing before it has checked what
 * holds for every kind: usages, algorithms, strengths, component rules, which PIN block formats may
 * become which, and that a local session has MACs alone. Internal to core/hsm.
 *
 * A module embeds the two structs below as the first members of its own. Keys it is given have the
 * usage that the verb asks for, an algorithm that is served, and 1 to POS_KEY_VALUE_SIZE_MAX bytes
 * of data, of which it must believe nothing: data that it did not make, or made for something else,
 * is POS_ERR_CORRUPT.
 */
#ifndef POS_HSM_MODULE_H
#define POS_HSM_MODULE_H

#include <stdatomic.h>

#include "core/crypto/derive.h"
#include "core/crypto/mac.h"
#include "core/hsm/hsm.h"

/* What hsm.h says of MACs, for modules and their caches: the algorithm for a purpose, and whether
 * the key is derived from the one that is given. */
enum pos_mac_algorithm pos_mac_purpose_algorithm(enum pos_mac_purpose purpose,
                                                 enum pos_algorithm algorithm);
bool pos_mac_purpose_derives(enum pos_mac_purpose purpose, enum pos_derivation *derivation);

struct pos_hsm_module {
    void (*close)(struct pos_hsm *hsm);
    bool (*serves)(const struct pos_hsm *hsm, enum pos_algorithm algorithm); /* NULL: all */
    bool waits;                                                              /* for a device */
    /* `local`: only when it waits. */
    enum pos_status (*session_open)(struct pos_hsm *hsm, bool local,
                                    struct pos_hsm_session **session);
    void (*session_close)(struct pos_hsm_session *session);

    /* In order; after an error what was made already is taken back by who asked. */
    enum pos_status (*generate)(struct pos_hsm_session *session, const struct pos_new_key *keys,
                                size_t count);
    /* `clear` in secret memory, whole and checked. */
    enum pos_status (*import_clear)(struct pos_hsm_session *session, enum pos_key_usage usage,
                                    enum pos_algorithm algorithm, const uint8_t *clear,
                                    struct pos_key *key, struct pos_kcv *kcv);
    enum pos_status (*kcv)(struct pos_hsm_session *session, const struct pos_key *key,
                           struct pos_kcv *kcv);
    enum pos_status (*export_tmk)(struct pos_hsm_session *session, const struct pos_key *tmk,
                                  const struct pos_key *ktk, struct pos_buffer *block);
    /* `ciphertext` has room for the TMK's length. */
    enum pos_status (*export_tmk_bare)(struct pos_hsm_session *session, const struct pos_key *tmk,
                                       const struct pos_key *ktk, uint8_t *ciphertext);
    enum pos_status (*import_tmk)(struct pos_hsm_session *session, struct pos_bytes block,
                                  const struct pos_key *ktk, enum pos_algorithm algorithm,
                                  struct pos_key *tmk, struct pos_kcv *kcv,
                                  struct pos_error *error);
    enum pos_status (*wrap_working_key)(struct pos_hsm_session *session, const struct pos_key *tmk,
                                        const struct pos_key *working_key,
                                        struct pos_buffer *block);
    /* As the verb; `keys` are those that the form has, in its order. */
    enum pos_status (*wrap_working_form)(struct pos_hsm_session *session, enum pos_key_form form,
                                         const struct pos_key *tmk,
                                         const struct pos_key *const *keys, size_t key_count,
                                         struct pos_buffer *out);
    /* Opens the key into `clear`, secret memory, to be sealed elsewhere. NULL: keys cannot leave.
     */
    enum pos_status (*export_clear)(struct pos_hsm_session *session, const struct pos_key *key,
                                    uint8_t *clear);
    /* Between two sessions of this very kind of module. NULL: by export_clear and import_clear. */
    enum pos_status (*move_key)(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                const struct pos_key *key, struct pos_key *moved);
    enum pos_status (*deliver_tmk)(struct pos_hsm_session *session, const struct pos_key *tmk,
                                   const uint8_t *terminal_public, uint8_t *mother_public,
                                   struct pos_buffer *block);

    /* The whole MAC, of which *size bytes are set in `mac` (16 bytes of room). */
    enum pos_status (*mac)(struct pos_hsm_session *session, const struct pos_key *key,
                           enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t *mac,
                           size_t *size);
    /* The key that MACs for this purpose, clear in secret memory, of *algorithm, which is the
     * key's own. */
    enum pos_status (*fetch_mac_key)(struct pos_hsm_session *session, const struct pos_key *key,
                                     enum pos_mac_purpose purpose, uint8_t *clear,
                                     enum pos_algorithm *algorithm);
    enum pos_status (*take_mac_key)(struct pos_hsm_session *session, const struct pos_key *key,
                                    enum pos_mac_purpose purpose, const uint8_t *clear,
                                    enum pos_algorithm algorithm);
    /* `mac` has 16 bytes. */
    enum pos_status (*audit_mac)(struct pos_hsm_session *session, struct pos_bytes record,
                                 uint8_t *mac);
    /* `in` has the size of its format, `out` the size of the one to make, and the pair is allowed.
     * What is wrong with block, PAN or format is a status of the peer's class or POS_ERR_USAGE:
     * hsm.c makes one of them. */
    enum pos_status (*translate_pin)(struct pos_hsm_session *session, const struct pos_key *tpk,
                                     const struct pos_key *zpk, struct pos_bytes pan,
                                     const struct pos_pin_cryptogram *in,
                                     struct pos_pin_cryptogram *out);
    /* Pieces as they come; finish sets the whole MAC, 8 or 16 bytes of the 16 that `mac` has. */
    enum pos_status (*file_mac_start)(struct pos_hsm_session *session, const struct pos_key *ktk,
                                      enum pos_mac_purpose purpose);
    enum pos_status (*file_mac_add)(struct pos_hsm_session *session, struct pos_bytes piece);
    enum pos_status (*file_mac_finish)(struct pos_hsm_session *session, uint8_t *mac);
};

struct pos_hsm {
    const struct pos_hsm_module *module;
    char description[96];
    struct pos_kcv lmk_kcv;
    atomic_int session_count; /* kept by hsm.c */
};

struct pos_hsm_session {
    struct pos_hsm *hsm;
    bool local; /* never waits; kept by hsm.c, as what follows */
    bool file_mac_open;
};

#endif
