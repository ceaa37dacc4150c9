/*
 * The token's MACs. CMACs under a TAK or ZAK are made inside, in a session that may wait. What a
 * token cannot make (the retail MAC, UnionPay's ECB MAC), what is made with a derived key, and what
 * an event loop makes, is made here: with a key that is out of the token, in a keyed context or in
 * locked memory, as docs/keys.md lists.
 */
#include <assert.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/hsm/pkcs11_inside.h"

/* ---- keys that come out ---- */

static enum pos_status derive_key(struct pos_pkcs11_lease *lease, const struct pos_key *key,
                                  enum pos_derivation usage, uint8_t *clear)
{
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_open(lease, key, POS_PKCS11_INSIDE, &object);
    if (status == POS_OK)
        status = pos_pkcs11_derive(lease, object, key->algorithm, usage, clear);
    pos_pkcs11_destroy(lease, object);
    return status;
}

/* The key that MACs for this purpose, into secret memory. TMKs and KTKs stay inside. */
static enum pos_status bring_mac_key(struct pos_pkcs11_token *token, const struct pos_key *key,
                                     enum pos_mac_purpose purpose, uint8_t *clear)
{
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(token, &lease);
    if (status != POS_OK)
        return status;
    enum pos_derivation usage;
    status = pos_mac_purpose_derives(purpose, &usage) ? derive_key(&lease, key, usage, clear)
                                                      : pos_pkcs11_read_key(&lease, key, clear);
    return pos_pkcs11_release(&lease, status);
}

enum pos_status pos_pkcs11_fetch_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                         enum pos_mac_purpose purpose, uint8_t *clear,
                                         enum pos_algorithm *algorithm)
{
    *algorithm = key->algorithm;
    return bring_mac_key(pos_pkcs11_own(base)->token, key, purpose, clear);
}

/* ---- in an event loop ---- */

/* A value is at least its own MAC, which the cache looks at. */
static enum pos_status mac_locally(struct pos_pkcs11_session *session, const struct pos_key *key,
                                   enum pos_mac_purpose purpose, struct pos_bytes message,
                                   uint8_t *out, size_t *size)
{
    if (key->size <= POS_PKCS11_MAC_SIZE)
        return POS_ERR_CORRUPT;
    struct pos_mac *mac = pos_context_cache_find(session->contexts, key, purpose);
    if (mac == NULL)
        return POS_ERR_BUSY;
    *size = pos_mac_size(mac);
    return pos_mac_compute(mac, message, out);
}

enum pos_status pos_pkcs11_take_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                        enum pos_mac_purpose purpose, const uint8_t *clear,
                                        enum pos_algorithm algorithm)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    struct pos_mac *mac;
    assert(algorithm == key->algorithm);
    if (session->contexts == NULL)
        return POS_ERR_NOT_ALLOWED;
    if (pos_context_cache_find(session->contexts, key, purpose) != NULL)
        return POS_OK;
    return pos_context_cache_put(session->contexts, key, purpose, clear, &mac);
}

/* ---- in a session that may wait ---- */

static enum pos_status mac_inside(struct pos_pkcs11_session *session, const struct pos_key *key,
                                  struct pos_bytes message, uint8_t *out, size_t *size)
{
    struct pos_pkcs11_lease lease;
    CK_OBJECT_HANDLE object;
    enum pos_status status = pos_pkcs11_acquire(session->token, &lease);
    if (status != POS_OK)
        return status;
    status = pos_pkcs11_open(&lease, key, POS_PKCS11_INSIDE, &object);
    if (status == POS_OK)
        status = pos_pkcs11_cmac(&lease, object, key->algorithm, &message, 1, out);
    pos_pkcs11_destroy(&lease, object);
    *size = pos_pkcs11_traits_of(key->algorithm)->block_size;
    return pos_pkcs11_release(&lease, status);
}

static enum pos_status mac_outside(struct pos_pkcs11_session *session, const struct pos_key *key,
                                   enum pos_mac_purpose purpose, struct pos_bytes message,
                                   uint8_t *out, size_t *size)
{
    struct pos_mac *mac = NULL;
    enum pos_status status = bring_mac_key(session->token, key, purpose, session->page->first);
    if (status == POS_OK)
        status = pos_mac_create(pos_mac_purpose_algorithm(purpose, key->algorithm), key->algorithm,
                                session->page->first, &mac);
    pos_pkcs11_forget(session);
    if (status == POS_OK) {
        *size = pos_mac_size(mac);
        status = pos_mac_compute(mac, message, out);
    }
    pos_mac_destroy(mac);
    return status;
}

enum pos_status pos_pkcs11_mac(struct pos_hsm_session *base, const struct pos_key *key,
                               enum pos_mac_purpose purpose, struct pos_bytes message, uint8_t *mac,
                               size_t *size)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    if (session->contexts != NULL)
        return mac_locally(session, key, purpose, message, mac, size);
    enum pos_derivation usage;
    bool inside = !pos_mac_purpose_derives(purpose, &usage) &&
                  pos_mac_purpose_algorithm(purpose, key->algorithm) == POS_MAC_CMAC;
    return inside ? mac_inside(session, key, message, mac, size)
                  : mac_outside(session, key, purpose, message, mac, size);
}

enum pos_status pos_pkcs11_mac_audit_record(struct pos_hsm_session *base, struct pos_bytes record,
                                            uint8_t *mac)
{
    struct pos_pkcs11_lease lease;
    enum pos_status status = pos_pkcs11_acquire(pos_pkcs11_own(base)->token, &lease);
    if (status != POS_OK)
        return status;
    return pos_pkcs11_release(&lease, pos_pkcs11_audit_mac(&lease, record, mac));
}

/* ---- of files, in pieces: no session of the token is held over the calls ---- */

enum pos_status pos_pkcs11_file_mac_start(struct pos_hsm_session *base, const struct pos_key *ktk,
                                          enum pos_mac_purpose purpose)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    pos_mac_destroy(session->file_mac);
    session->file_mac = NULL;
    enum pos_status status = bring_mac_key(session->token, ktk, purpose, session->page->first);
    if (status == POS_OK)
        status = pos_mac_create(pos_mac_purpose_algorithm(purpose, ktk->algorithm), ktk->algorithm,
                                session->page->first, &session->file_mac);
    pos_pkcs11_forget(session);
    return status == POS_OK ? pos_mac_start(session->file_mac) : status;
}

enum pos_status pos_pkcs11_file_mac_add(struct pos_hsm_session *base, struct pos_bytes piece)
{
    return pos_mac_add(pos_pkcs11_own(base)->file_mac, piece);
}

enum pos_status pos_pkcs11_file_mac_finish(struct pos_hsm_session *base, uint8_t *mac)
{
    return pos_mac_finish(pos_pkcs11_own(base)->file_mac, mac);
}
