/* What the files of the software module share; software.c has the story. */
#ifndef POS_HSM_SOFTWARE_INSIDE_H
#define POS_HSM_SOFTWARE_INSIDE_H

#include "core/crypto/kcv.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/hsm/context_cache.h"
#include "core/hsm/lmk_file.h"
#include "core/hsm/module.h"
#include "core/hsm/protector_cache.h"

struct pos_software {
    struct pos_hsm base;
    struct pos_lmk *lmk; /* secret memory; not changed once open, so every thread may read it */
};

/* Keys that are made at once: as many as are sealed at once. */
enum { POS_SOFTWARE_NEW_COUNT = 48 };

/* One page, locked: what a verb has open. All zeros between two verbs. */
struct pos_software_page {
    uint8_t first[POS_KEY_SIZE_MAX];
    uint8_t second[POS_KEY_SIZE_MAX];
    struct pos_pin pin;
    uint8_t made[POS_SOFTWARE_NEW_COUNT][POS_KEY_SIZE_MAX]; /* wiped by who made them */
};

struct pos_software_session {
    struct pos_hsm_session base;
    struct pos_software_page *page;
    struct pos_key_block_protector *lmk; /* opens keys */
    struct pos_key_block_sealer *sealer; /* under the LMK too */
    struct pos_kcv_maker *check_values;
    struct pos_context_cache *contexts;
    struct pos_protector_cache *protectors;
    struct pos_mac *audit;
    struct pos_mac *file_mac; /* NULL until there was one */
};

static inline struct pos_software_session *pos_software_own(struct pos_hsm_session *session)
{
    return (struct pos_software_session *)session;
}

POS_MUST_USE enum pos_status pos_software_seal(struct pos_software_session *session,
                                               enum pos_key_usage usage,
                                               enum pos_algorithm algorithm, const uint8_t *clear,
                                               struct pos_key *key, struct pos_kcv *kcv);
/* POS_ERR_CORRUPT: the value is damaged, another module's, or not what it says. */
POS_MUST_USE enum pos_status pos_software_open_key(struct pos_software_session *session,
                                                   const struct pos_key *key, uint8_t *clear);
/* Wipes the page, but for new keys. */
void pos_software_forget(struct pos_software_session *session);

/* The verbs, as struct pos_hsm_module says. */
enum pos_status pos_software_import_clear(struct pos_hsm_session *base, enum pos_key_usage usage,
                                          enum pos_algorithm algorithm, const uint8_t *clear,
                                          struct pos_key *key, struct pos_kcv *kcv);
enum pos_status pos_software_export_clear(struct pos_hsm_session *base, const struct pos_key *key,
                                          uint8_t *clear);
enum pos_status pos_software_move_key(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                      const struct pos_key *key, struct pos_key *moved);
enum pos_status pos_software_generate(struct pos_hsm_session *base, const struct pos_new_key *keys,
                                      size_t count);
enum pos_status pos_software_kcv(struct pos_hsm_session *base, const struct pos_key *key,
                                 struct pos_kcv *kcv);

enum pos_status pos_software_export_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                        const struct pos_key *ktk, struct pos_buffer *block);
enum pos_status pos_software_export_tmk_bare(struct pos_hsm_session *base,
                                             const struct pos_key *tmk, const struct pos_key *ktk,
                                             uint8_t *ciphertext);
enum pos_status pos_software_import_tmk(struct pos_hsm_session *base, struct pos_bytes block,
                                        const struct pos_key *ktk, enum pos_algorithm algorithm,
                                        struct pos_key *tmk, struct pos_kcv *kcv,
                                        struct pos_error *error);
enum pos_status pos_software_wrap_working_key(struct pos_hsm_session *base,
                                              const struct pos_key *tmk,
                                              const struct pos_key *working_key,
                                              struct pos_buffer *block);
enum pos_status pos_software_wrap_working_form(struct pos_hsm_session *base, enum pos_key_form form,
                                               const struct pos_key *tmk,
                                               const struct pos_key *const *keys, size_t key_count,
                                               struct pos_buffer *out);
enum pos_status pos_software_deliver_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                         const uint8_t *terminal_public, uint8_t *mother_public,
                                         struct pos_buffer *block);

enum pos_status pos_software_mac(struct pos_hsm_session *base, const struct pos_key *key,
                                 enum pos_mac_purpose purpose, struct pos_bytes message,
                                 uint8_t *out, size_t *size);
enum pos_status pos_software_fetch_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                           enum pos_mac_purpose purpose, uint8_t *clear,
                                           enum pos_algorithm *algorithm);
enum pos_status pos_software_take_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                          enum pos_mac_purpose purpose, const uint8_t *clear,
                                          enum pos_algorithm algorithm);
enum pos_status pos_software_audit_mac(struct pos_hsm_session *base, struct pos_bytes record,
                                       uint8_t *mac);
enum pos_status pos_software_file_mac_start(struct pos_hsm_session *base, const struct pos_key *ktk,
                                            enum pos_mac_purpose purpose);
enum pos_status pos_software_file_mac_add(struct pos_hsm_session *base, struct pos_bytes piece);
enum pos_status pos_software_file_mac_finish(struct pos_hsm_session *base, uint8_t *mac);
enum pos_status pos_software_translate_pin(struct pos_hsm_session *base, const struct pos_key *tpk,
                                           const struct pos_key *zpk, struct pos_bytes pan,
                                           const struct pos_pin_cryptogram *in,
                                           struct pos_pin_cryptogram *out);

#endif
