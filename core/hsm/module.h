/*
 * What a kind of security module offers to hsm.c, which asks it nothing before it has checked what
 * holds for every kind: usages, algorithms, component rules. Internal to core/hsm.
 *
 * A module embeds the two structs below as the first members of its own. Keys it is given have the
 * usage that the verb asks for, an algorithm that is served, and 1 to POS_KEY_VALUE_SIZE_MAX bytes
 * of data, of which it must believe nothing: data that it did not make, or made for something else,
 * is POS_ERR_CORRUPT.
 */
#ifndef POS_HSM_MODULE_H
#define POS_HSM_MODULE_H

#include <stdatomic.h>

#include "core/hsm/hsm.h"

struct pos_hsm_module {
    void (*close)(struct pos_hsm *hsm);
    enum pos_status (*session_open)(struct pos_hsm *hsm, struct pos_hsm_session **session);
    void (*session_close)(struct pos_hsm_session *session);

    enum pos_status (*generate)(struct pos_hsm_session *session, enum pos_key_usage usage,
                                enum pos_algorithm algorithm, struct pos_key *key,
                                struct pos_kcv *kcv);
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
    enum pos_status (*deliver_tmk)(struct pos_hsm_session *session, const struct pos_key *tmk,
                                   const uint8_t *terminal_public, uint8_t *mother_public,
                                   struct pos_buffer *block);

    /* The whole MAC, of which *size bytes are set in `mac` (16 bytes of room). */
    enum pos_status (*mac)(struct pos_hsm_session *session, const struct pos_key *key,
                           enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t *mac,
                           size_t *size);
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
    bool file_mac_open; /* kept by hsm.c */
};

#endif
