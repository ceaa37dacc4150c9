/*
 * The token's keys under other keys. A token cannot assemble a key block, so the key that goes into
 * one is out of the token, in locked memory, until it is encrypted; the key above it stays inside,
 * and what comes out of that are the two keys that a block is made with, derived by CMACs made
 * inside. They are cached for the session, as in the software module.
 */
#include <string.h>

#include "core/crypto/exchange.h"
#include "core/crypto/kcv.h"
#include "core/hsm/key_attributes.h"
#include "core/hsm/outgoing_block.h"
#include "core/hsm/pkcs11_inside.h"
#include "core/hsm/working_form.h"

/* ---- what blocks are made with ---- */

/* Both keys into the page, and the two check values that a block under this key may name. */
static enum pos_status derive_both(struct pos_pkcs11_page *page, struct pos_pkcs11_lease *lease,
                                   CK_OBJECT_HANDLE object, enum pos_algorithm algorithm,
                                   struct pos_key_block_derived *derived)
{
    *derived = (struct pos_key_block_derived){.encryption = page->first, .mac = page->second};
    enum pos_status status =
        pos_pkcs11_derive(lease, object, algorithm, POS_DERIVE_BLOCK_ENCRYPTION, page->first);
    if (status == POS_OK)
        status = pos_pkcs11_derive(lease, object, algorithm, POS_DERIVE_BLOCK_MAC, page->second);
    if (status == POS_OK)
        status = pos_pkcs11_long_kcv(lease, object, algorithm, POS_KCV_ZEROS, &derived->zeros_kcv);
    if (status == POS_OK)
        status = pos_pkcs11_long_kcv(lease, object, algorithm, POS_KCV_CMAC, &derived->cmac_kcv);
    return status;
}

static enum pos_status derive_protection(struct pos_pkcs11_session *session,
                                         struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                         const struct pos_protection **protection)
{
    struct pos_key_block_derived derived;
    struct pos_kcv kcv;
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_open(lease, key, POS_PKCS11_INSIDE, &object);
    if (status == POS_OK)
        status = pos_pkcs11_kcv(lease, object, key->algorithm, &kcv);
    if (status == POS_OK)
        status = derive_both(session->page, lease, object, key->algorithm, &derived);
    pos_pkcs11_destroy(lease, object);
    if (status == POS_OK)
        status =
            pos_protector_cache_put_derived(session->protectors, key, &kcv, &derived, protection);
    pos_pkcs11_forget(session);
    return status;
}

/* The protector under `key`, a KTK or TMK. Leaves nothing in the page. */
static enum pos_status protection_of(struct pos_pkcs11_session *session,
                                     struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                     const struct pos_protection **protection)
{
    *protection = pos_protector_cache_find(session->protectors, key);
    return *protection != NULL ? POS_OK : derive_protection(session, lease, key, protection);
}

/* ---- to a mother POS and from a center ---- */

static enum pos_status export_block(struct pos_pkcs11_session *session,
                                    struct pos_pkcs11_lease *lease, const struct pos_key *tmk,
                                    const struct pos_key *ktk, struct pos_buffer *block)
{
    const struct pos_protection *protection;
    struct pos_kcv kcv;
    enum pos_status status = protection_of(session, lease, ktk, &protection);
    if (status == POS_OK)
        status = pos_pkcs11_read_key(lease, tmk, session->page->first);
    if (status == POS_OK)
        status = pos_kcv_compute(tmk->algorithm, session->page->first, &kcv);
    if (status != POS_OK)
        return status;
    return pos_outgoing_block_export(protection, tmk->algorithm, session->page->first, &kcv, block);
}

enum pos_status pos_pkcs11_export_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                      const struct pos_key *ktk, struct pos_buffer *block)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    status = export_block(session, &lease, tmk, ktk, block);
    pos_pkcs11_forget(session);
    return pos_pkcs11_release(&lease, status);
}

/* Encrypted inside; the TMK is out for as long as that takes. */
static enum pos_status export_bare(struct pos_pkcs11_session *session,
                                   struct pos_pkcs11_lease *lease, const struct pos_key *tmk,
                                   const struct pos_key *ktk, uint8_t *ciphertext)
{
    uint8_t *clear = session->page->first;
    size_t size = pos_algorithm_key_size(tmk->algorithm);
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_open(lease, ktk, POS_PKCS11_INSIDE, &object);
    if (status == POS_OK)
        status = pos_pkcs11_read_key(lease, tmk, clear);
    if (status == POS_OK)
        status = pos_pkcs11_encrypt(lease, object, ktk->algorithm, clear, size);
    if (status == POS_OK)
        memcpy(ciphertext, clear, size);
    pos_pkcs11_destroy(lease, object);
    return status;
}

enum pos_status pos_pkcs11_export_tmk_bare(struct pos_hsm_session *base, const struct pos_key *tmk,
                                           const struct pos_key *ktk, uint8_t *ciphertext)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    status = export_bare(session, &lease, tmk, ktk, ciphertext);
    pos_pkcs11_forget(session);
    return pos_pkcs11_release(&lease, status);
}

static enum pos_status keep_tmk(struct pos_pkcs11_lease *lease, enum pos_algorithm algorithm,
                                const uint8_t *clear, struct pos_key *tmk, struct pos_kcv *kcv)
{
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_create(lease, algorithm, clear, &object);
    if (status == POS_OK)
        status = pos_pkcs11_kcv(lease, object, algorithm, kcv);
    if (status == POS_OK)
        status = pos_pkcs11_seal(lease, object, POS_USAGE_TMK, algorithm, tmk);
    pos_pkcs11_destroy(lease, object);
    return status;
}

/* Blocks of versions A and C are made with variants of the KTK, which no token can derive: for such
 * a block the KTK itself is out, and nothing of it is remembered. */
static enum pos_status unwrap_variant(struct pos_pkcs11_session *session,
                                      struct pos_pkcs11_lease *lease, struct pos_bytes block,
                                      const struct pos_key *ktk,
                                      const struct pos_key_block_expectation *expected,
                                      struct pos_error *error)
{
    struct pos_pkcs11_page *page = session->page;
    struct pos_key_block_protector *protector = NULL;
    enum pos_status status = pos_pkcs11_read_key(lease, ktk, page->second);
    if (status == POS_OK)
        status = pos_key_block_protector_create(ktk->algorithm, page->second, &protector);
    if (status != POS_OK)
        return pos_error_set(error, status, "the KTK cannot be used for this block: %s",
                             pos_status_text(status));
    status = pos_key_block_unwrap(protector, block, expected, page->first, error);
    pos_key_block_protector_destroy(protector);
    return status;
}

static enum pos_status import_block(struct pos_pkcs11_session *session,
                                    struct pos_pkcs11_lease *lease, struct pos_bytes block,
                                    const struct pos_key *ktk, enum pos_algorithm algorithm,
                                    struct pos_key *tmk, struct pos_kcv *kcv,
                                    struct pos_error *error)
{
    struct pos_key_block_expectation expected = {pos_key_attributes(POS_USAGE_TMK, algorithm),
                                                 algorithm};
    memset(expected.attributes.version, 0, sizeof expected.attributes.version); /* any */
    const struct pos_protection *protection;
    enum pos_status status = protection_of(session, lease, ktk, &protection);
    if (status != POS_OK)
        return pos_error_set(error, status, "the KTK does not open under this LMK: %s",
                             pos_status_text(status));
    status =
        pos_key_block_unwrap(protection->protector, block, &expected, session->page->first, error);
    if (status == POS_ERR_USAGE)
        status = unwrap_variant(session, lease, block, ktk, &expected, error);
    if (status != POS_OK)
        return status;
    status = keep_tmk(lease, algorithm, session->page->first, tmk, kcv);
    if (status != POS_OK)
        return pos_error_set(error, status, "the token does not take the TMK: %s",
                             pos_status_text(status));
    return POS_OK;
}

enum pos_status pos_pkcs11_import_tmk(struct pos_hsm_session *base, struct pos_bytes block,
                                      const struct pos_key *ktk, enum pos_algorithm algorithm,
                                      struct pos_key *tmk, struct pos_kcv *kcv,
                                      struct pos_error *error)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return pos_error_set(error, status, "the token does not answer: %s",
                             pos_status_text(status));
    status = import_block(session, &lease, block, ktk, algorithm, tmk, kcv, error);
    pos_pkcs11_forget(session);
    return pos_pkcs11_release(&lease, status);
}

/* ---- to a terminal ---- */

static enum pos_status read_tmk(struct pos_pkcs11_session *session, const struct pos_key *tmk)
{
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    return pos_pkcs11_release(&lease, pos_pkcs11_read_key(&lease, tmk, session->page->first));
}

enum pos_status pos_pkcs11_deliver_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                       const uint8_t *terminal_public, uint8_t *mother_public,
                                       struct pos_buffer *block)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_pkcs11_page *page = session->page;
    struct pos_exchange *exchange;
    enum pos_status status = pos_exchange_create(&exchange);
    if (status != POS_OK)
        return status;
    status = pos_exchange_session_key(exchange, POS_EXCHANGE_MOTHER, terminal_public, page->second);
    if (status == POS_OK)
        status = read_tmk(session, tmk);
    if (status == POS_OK)
        status = pos_outgoing_block_deliver(page->second, tmk->algorithm, page->first, block);
    if (status == POS_OK)
        pos_exchange_public(exchange, mother_public);
    pos_exchange_destroy(exchange);
    pos_pkcs11_forget(session);
    return status;
}

static enum pos_status wrap_block(struct pos_pkcs11_session *session,
                                  struct pos_pkcs11_lease *lease, const struct pos_key *tmk,
                                  const struct pos_key *working_key, struct pos_buffer *block)
{
    const struct pos_protection *protection;
    enum pos_status status = protection_of(session, lease, tmk, &protection);
    if (status == POS_OK)
        status = pos_pkcs11_read_key(lease, working_key, session->page->first);
    if (status != POS_OK)
        return status;
    return pos_outgoing_block_working(protection, working_key->usage, working_key->algorithm,
                                      session->page->first, block);
}

enum pos_status pos_pkcs11_wrap_working_key(struct pos_hsm_session *base, const struct pos_key *tmk,
                                            const struct pos_key *working_key,
                                            struct pos_buffer *block)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    status = wrap_block(session, &lease, tmk, working_key, block);
    pos_pkcs11_forget(session);
    return pos_pkcs11_release(&lease, status);
}

/* ---- UnionPay's form: the TMK stays inside, a working key is out until it is encrypted ---- */

static enum pos_status put_part(struct pos_pkcs11_session *session, struct pos_pkcs11_lease *lease,
                                const struct pos_form_part *part, const struct pos_key *key,
                                const struct pos_block_cipher *tmk, struct pos_buffer *out)
{
    uint8_t *clear = session->page->first;
    enum pos_status status = pos_pkcs11_read_key(lease, key, clear);
    if (status == POS_OK)
        status = pos_form_put(part, tmk, key->algorithm, clear, out);
    pos_pkcs11_forget(session);
    return status;
}

static enum pos_status put_form(struct pos_pkcs11_session *session, struct pos_pkcs11_lease *lease,
                                enum pos_key_form form, const struct pos_key *tmk,
                                const struct pos_key *const *keys, size_t key_count,
                                struct pos_buffer *out)
{
    struct pos_form_part parts[POS_FORM_PART_COUNT_MAX];
    struct pos_pkcs11_cipher inside;
    if (pos_form_parts(form, tmk->algorithm, parts) != key_count)
        return POS_ERR_USAGE;
    enum pos_status status = pos_pkcs11_cipher_open(lease, tmk, &inside);
    const struct pos_block_cipher cipher = {pos_pkcs11_cipher_encrypt, &inside};
    for (size_t i = 0; i < key_count && status == POS_OK; i++)
        status = put_part(session, lease, &parts[i], keys[i], &cipher, out);
    pos_pkcs11_cipher_close(&inside);
    return status;
}

enum pos_status pos_pkcs11_wrap_working_form(struct pos_hsm_session *base, enum pos_key_form form,
                                             const struct pos_key *tmk,
                                             const struct pos_key *const *keys, size_t key_count,
                                             struct pos_buffer *out)
{
    struct pos_pkcs11_lease lease;
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    return pos_pkcs11_release(&lease, put_form(session, &lease, form, tmk, keys, key_count, out));
}
