/* What the files with the token's verbs share; pkcs11.h has the story. Internal to core/hsm. */
#ifndef POS_HSM_PKCS11_INSIDE_H
#define POS_HSM_PKCS11_INSIDE_H

#include "core/base/secret.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/hsm/context_cache.h"
#include "core/hsm/pkcs11.h"
#include "core/hsm/protector_cache.h"

struct pos_pkcs11 {
    struct pos_hsm base;
    struct pos_pkcs11_token token;
};

/* One page, locked: what is out of the token while a verb needs it. All zeros between two verbs. */
struct pos_pkcs11_page {
    uint8_t first[POS_KEY_SIZE_MAX];
    uint8_t second[POS_KEY_SIZE_MAX];
    struct pos_pin pin;
};

struct pos_pkcs11_session {
    struct pos_hsm_session base;
    struct pos_pkcs11_token *token; /* of the module */
    struct pos_pkcs11_page *page;
    struct pos_context_cache *contexts;     /* of a local session, else NULL */
    struct pos_protector_cache *protectors; /* of any other, else NULL */
    struct pos_mac *file_mac;               /* NULL until there was one */
};

static inline struct pos_pkcs11_session *pos_pkcs11_own(struct pos_hsm_session *session)
{
    return (struct pos_pkcs11_session *)session;
}

static inline void pos_pkcs11_forget(struct pos_pkcs11_session *session)
{
    pos_secret_wipe(session->page, sizeof *session->page);
}

/* The verbs, as struct pos_hsm_module says. */
enum pos_status pos_pkcs11_generate_keys(struct pos_hsm_session *base,
                                         const struct pos_new_key *keys, size_t count);
enum pos_status pos_pkcs11_import_clear(struct pos_hsm_session *base, enum pos_key_usage usage,
                                        enum pos_algorithm algorithm, const uint8_t *clear,
                                        struct pos_key *key, struct pos_kcv *kcv);
enum pos_status pos_pkcs11_key_kcv(struct pos_hsm_session *base, const struct pos_key *key,
                                   struct pos_kcv *kcv);
enum pos_status pos_pkcs11_move_key(struct pos_hsm_session *from, struct pos_hsm_session *to,
                                    const struct pos_key *key, struct pos_key *moved);

enum pos_status pos_pkcs11_export_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                      const struct pos_key *ktk, struct pos_buffer *block);
enum pos_status pos_pkcs11_export_tmk_bare(struct pos_hsm_session *base, const struct pos_key *tmk,
                                           const struct pos_key *ktk, uint8_t *ciphertext);
enum pos_status pos_pkcs11_import_tmk(struct pos_hsm_session *base, struct pos_bytes block,
                                      const struct pos_key *ktk, enum pos_algorithm algorithm,
                                      struct pos_key *tmk, struct pos_kcv *kcv,
                                      struct pos_error *error);
enum pos_status pos_pkcs11_wrap_working_key(struct pos_hsm_session *base, const struct pos_key *tmk,
                                            const struct pos_key *working_key,
                                            struct pos_buffer *block);
enum pos_status pos_pkcs11_wrap_working_form(struct pos_hsm_session *base, enum pos_key_form form,
                                             const struct pos_key *tmk,
                                             const struct pos_key *const *keys, size_t key_count,
                                             struct pos_buffer *out);
enum pos_status pos_pkcs11_deliver_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                       const uint8_t *terminal_public, uint8_t *mother_public,
                                       struct pos_buffer *block);

enum pos_status pos_pkcs11_mac(struct pos_hsm_session *base, const struct pos_key *key,
                               enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t *mac,
                               size_t *size);
enum pos_status pos_pkcs11_fetch_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                         enum pos_mac_purpose purpose, uint8_t *clear,
                                         enum pos_algorithm *algorithm);
enum pos_status pos_pkcs11_take_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                        enum pos_mac_purpose purpose, const uint8_t *clear,
                                        enum pos_algorithm algorithm);
enum pos_status pos_pkcs11_mac_audit_record(struct pos_hsm_session *base, struct pos_bytes record,
                                            uint8_t *mac);
enum pos_status pos_pkcs11_file_mac_start(struct pos_hsm_session *base, const struct pos_key *ktk,
                                          enum pos_mac_purpose purpose);
enum pos_status pos_pkcs11_file_mac_add(struct pos_hsm_session *base, struct pos_bytes piece);
enum pos_status pos_pkcs11_file_mac_finish(struct pos_hsm_session *base, uint8_t *mac);

enum pos_status pos_pkcs11_translate_pin(struct pos_hsm_session *base, const struct pos_key *tpk,
                                         const struct pos_key *zpk, struct pos_bytes pan,
                                         const struct pos_pin_cryptogram *in,
                                         struct pos_pin_cryptogram *out);

#endif
