/*
 * The software module's keys under other keys: for mother POSes, terminals and their working keys.
 * Blocks are D under AES and B under TDES; the protectors are cached, for deriving their keys takes
 * most of the time.
 */
#include <string.h>

#include "core/crypto/cipher.h"
#include "core/crypto/exchange.h"
#include "core/crypto/kcv.h"
#include "core/hsm/key_attributes.h"
#include "core/hsm/outgoing_block.h"
#include "core/hsm/software_inside.h"
#include "core/hsm/working_form.h"

/* The protector under `key`, a KTK or TMK. Leaves nothing open. */
static enum pos_status protection_of(struct pos_software_session *session,
                                     const struct pos_key *key,
                                     const struct pos_protection **protection)
{
    *protection = pos_protector_cache_find(session->protectors, key);
    if (*protection != NULL)
        return POS_OK;
    enum pos_status status = pos_software_open_key(session, key, session->page->second);
    if (status == POS_OK)
        status =
            pos_protector_cache_put(session->protectors, key, session->page->second, protection);
    pos_software_forget(session);
    return status;
}

/* ---- to a mother POS and from a center ---- */

static enum pos_status export_open_tmk(struct pos_software_session *session,
                                       const struct pos_protection *protection,
                                       const struct pos_key *tmk, struct pos_buffer *block)
{
    struct pos_kcv kcv;
    enum pos_status status =
        pos_kcv_make(session->check_values, tmk->algorithm, session->page->first, &kcv);
    if (status != POS_OK)
        return status;
    return pos_outgoing_block_export(protection, tmk->algorithm, session->page->first, &kcv, block);
}

enum pos_status pos_software_export_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                        const struct pos_key *ktk, struct pos_buffer *block)
{
    struct pos_software_session *session = pos_software_own(base);
    const struct pos_protection *protection;
    enum pos_status status = protection_of(session, ktk, &protection);
    if (status == POS_OK)
        status = pos_software_open_key(session, tmk, session->page->first);
    if (status == POS_OK)
        status = export_open_tmk(session, protection, tmk, block);
    pos_software_forget(session);
    return status;
}

enum pos_status pos_software_export_tmk_bare(struct pos_hsm_session *base,
                                             const struct pos_key *tmk, const struct pos_key *ktk,
                                             uint8_t *ciphertext)
{
    struct pos_software_session *session = pos_software_own(base);
    struct pos_software_page *page = session->page;
    struct pos_cipher cipher = {0};
    size_t size = pos_algorithm_key_size(tmk->algorithm);
    enum pos_status status = pos_software_open_key(session, ktk, page->second);
    if (status == POS_OK)
        status = pos_software_open_key(session, tmk, page->first);
    if (status == POS_OK)
        status = pos_cipher_init(&cipher, ktk->algorithm, POS_CIPHER_ENCRYPT, page->second);
    if (status == POS_OK) /* in the locked page: nothing leaves before it is encrypted */
        status = pos_cipher_ecb(&cipher, page->first, size);
    if (status == POS_OK)
        memcpy(ciphertext, page->first, size);
    pos_cipher_fini(&cipher);
    pos_software_forget(session);
    return status;
}

enum pos_status pos_software_import_tmk(struct pos_hsm_session *base, struct pos_bytes block,
                                        const struct pos_key *ktk, enum pos_algorithm algorithm,
                                        struct pos_key *tmk, struct pos_kcv *kcv,
                                        struct pos_error *error)
{
    struct pos_software_session *session = pos_software_own(base);
    const struct pos_protection *protection;
    enum pos_status status = protection_of(session, ktk, &protection);
    if (status != POS_OK)
        return pos_error_set(error, status, "the KTK does not open under this LMK: %s",
                             pos_status_text(status));
    struct pos_key_block_expectation expected = {pos_key_attributes(POS_USAGE_TMK, algorithm),
                                                 algorithm};
    memset(expected.attributes.version, 0, sizeof expected.attributes.version); /* any */
    status =
        pos_key_block_unwrap(protection->protector, block, &expected, session->page->first, error);
    if (status == POS_OK) {
        status =
            pos_software_seal(session, POS_USAGE_TMK, algorithm, session->page->first, tmk, kcv);
        if (status != POS_OK)
            (void)pos_error_set(error, status, "cannot seal the TMK: %s", pos_status_text(status));
    }
    pos_software_forget(session);
    return status;
}

/* ---- to a terminal ---- */

enum pos_status pos_software_deliver_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                         const uint8_t *terminal_public, uint8_t *mother_public,
                                         struct pos_buffer *block)
{
    struct pos_software_session *session = pos_software_own(base);
    struct pos_software_page *page = session->page;
    struct pos_exchange *exchange;
    enum pos_status status = pos_exchange_create(&exchange);
    if (status != POS_OK)
        return status;
    status = pos_exchange_session_key(exchange, POS_EXCHANGE_MOTHER, terminal_public, page->second);
    if (status == POS_OK)
        status = pos_software_open_key(session, tmk, page->first);
    if (status == POS_OK)
        status = pos_outgoing_block_deliver(page->second, tmk->algorithm, page->first, block);
    if (status == POS_OK)
        pos_exchange_public(exchange, mother_public);
    pos_exchange_destroy(exchange);
    pos_software_forget(session);
    return status;
}

enum pos_status pos_software_wrap_working_key(struct pos_hsm_session *base,
                                              const struct pos_key *tmk,
                                              const struct pos_key *working_key,
                                              struct pos_buffer *block)
{
    struct pos_software_session *session = pos_software_own(base);
    const struct pos_protection *protection;
    enum pos_status status = protection_of(session, tmk, &protection);
    if (status == POS_OK)
        status = pos_software_open_key(session, working_key, session->page->first);
    if (status == POS_OK)
        status = pos_outgoing_block_working(protection, working_key->usage, working_key->algorithm,
                                            session->page->first, block);
    pos_software_forget(session);
    return status;
}

/* `cipher` is the TMK's. */
static enum pos_status put_form(struct pos_software_session *session, enum pos_key_form form,
                                struct pos_cipher *cipher, const struct pos_key *const *keys,
                                size_t key_count, struct pos_buffer *out)
{
    struct pos_form_part parts[POS_FORM_PART_COUNT_MAX];
    const struct pos_block_cipher tmk = {pos_cipher_run_ecb, cipher};
    if (pos_form_parts(form, cipher->algorithm, parts) != key_count)
        return POS_ERR_USAGE;
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < key_count && status == POS_OK; i++) {
        status = pos_software_open_key(session, keys[i], session->page->first);
        if (status == POS_OK)
            status = pos_form_put(&parts[i], &tmk, keys[i]->algorithm, session->page->first, out);
    }
    return status;
}

enum pos_status pos_software_wrap_working_form(struct pos_hsm_session *base, enum pos_key_form form,
                                               const struct pos_key *tmk,
                                               const struct pos_key *const *keys, size_t key_count,
                                               struct pos_buffer *out)
{
    struct pos_software_session *session = pos_software_own(base);
    struct pos_cipher cipher = {0};
    enum pos_status status = pos_software_open_key(session, tmk, session->page->second);
    if (status == POS_OK)
        status =
            pos_cipher_init(&cipher, tmk->algorithm, POS_CIPHER_ENCRYPT, session->page->second);
    if (status == POS_OK)
        status = put_form(session, form, &cipher, keys, key_count, out);
    pos_cipher_fini(&cipher);
    pos_software_forget(session);
    return status;
}
