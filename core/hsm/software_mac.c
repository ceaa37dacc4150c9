/* The software module's MACs and its PIN translation. */
#include <assert.h>
#include <string.h>

#include "core/crypto/derive.h"
#include "core/hsm/software_inside.h"

/* ---- MACs ---- */

/* Opens the key that MACs for this purpose into page->first. */
static enum pos_status open_mac_key(struct pos_software_session *session, const struct pos_key *key,
                                    enum pos_mac_purpose purpose)
{
    struct pos_software_page *page = session->page;
    enum pos_derivation derivation;
    if (!pos_mac_purpose_derives(purpose, &derivation))
        return pos_software_open_key(session, key, page->first);
    enum pos_status status = pos_software_open_key(session, key, page->second);
    if (status == POS_OK)
        status = pos_derive(key->algorithm, page->second, derivation, page->first);
    return status;
}

static enum pos_status context_for(struct pos_software_session *session, const struct pos_key *key,
                                   enum pos_mac_purpose purpose, struct pos_mac **mac)
{
    if (key->size <= POS_KEY_BLOCK_D_MAC_SIZE)
        return POS_ERR_CORRUPT;
    *mac = pos_context_cache_find(session->contexts, key, purpose);
    if (*mac != NULL)
        return POS_OK;
    enum pos_status status = open_mac_key(session, key, purpose);
    if (status == POS_OK)
        status = pos_context_cache_put(session->contexts, key, purpose, session->page->first, mac);
    pos_software_forget(session);
    return status;
}

enum pos_status pos_software_mac(struct pos_hsm_session *base, const struct pos_key *key,
                                 enum pos_mac_purpose purpose, struct pos_bytes message,
                                 uint8_t *out, size_t *size)
{
    struct pos_mac *mac;
    enum pos_status status = context_for(pos_software_own(base), key, purpose, &mac);
    if (status != POS_OK)
        return status;
    *size = pos_mac_size(mac);
    return pos_mac_compute(mac, message, out);
}

enum pos_status pos_software_fetch_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                           enum pos_mac_purpose purpose, uint8_t *clear,
                                           enum pos_algorithm *algorithm)
{
    struct pos_software_session *session = pos_software_own(base);
    enum pos_status status = open_mac_key(session, key, purpose);
    if (status == POS_OK)
        memcpy(clear, session->page->first, POS_KEY_SIZE_MAX);
    *algorithm = key->algorithm;
    pos_software_forget(session);
    return status;
}

enum pos_status pos_software_take_mac_key(struct pos_hsm_session *base, const struct pos_key *key,
                                          enum pos_mac_purpose purpose, const uint8_t *clear,
                                          enum pos_algorithm algorithm)
{
    struct pos_software_session *session = pos_software_own(base);
    struct pos_mac *mac;
    assert(algorithm == key->algorithm);
    if (pos_context_cache_find(session->contexts, key, purpose) != NULL)
        return POS_OK;
    return pos_context_cache_put(session->contexts, key, purpose, clear, &mac);
}

enum pos_status pos_software_audit_mac(struct pos_hsm_session *base, struct pos_bytes record,
                                       uint8_t *mac)
{
    return pos_mac_compute(pos_software_own(base)->audit, record, mac);
}

/* A context of its own, because other MACs may be made while a file's is under way. */
enum pos_status pos_software_file_mac_start(struct pos_hsm_session *base, const struct pos_key *ktk,
                                            enum pos_mac_purpose purpose)
{
    struct pos_software_session *session = pos_software_own(base);
    pos_mac_destroy(session->file_mac);
    session->file_mac = NULL;
    enum pos_status status = open_mac_key(session, ktk, purpose);
    if (status == POS_OK)
        status = pos_mac_create(pos_mac_purpose_algorithm(purpose, ktk->algorithm), ktk->algorithm,
                                session->page->first, &session->file_mac);
    pos_software_forget(session);
    return status == POS_OK ? pos_mac_start(session->file_mac) : status;
}

enum pos_status pos_software_file_mac_add(struct pos_hsm_session *base, struct pos_bytes piece)
{
    return pos_mac_add(pos_software_own(base)->file_mac, piece);
}

enum pos_status pos_software_file_mac_finish(struct pos_hsm_session *base, uint8_t *mac)
{
    return pos_mac_finish(pos_software_own(base)->file_mac, mac);
}

/* ---- PINs ---- */

/* The PIN stands in the locked page alone. */
enum pos_status pos_software_translate_pin(struct pos_hsm_session *base, const struct pos_key *tpk,
                                           const struct pos_key *zpk, struct pos_bytes pan,
                                           const struct pos_pin_cryptogram *in,
                                           struct pos_pin_cryptogram *out)
{
    struct pos_software_session *session = pos_software_own(base);
    struct pos_software_page *page = session->page;
    enum pos_status status = pos_software_open_key(session, tpk, page->first);
    if (status == POS_OK)
        status = pos_software_open_key(session, zpk, page->second);
    if (status == POS_OK)
        status = pos_pin_block_open(in->format, tpk->algorithm, page->first, pan,
                                    pos_bytes(in->data, in->size), &page->pin);
    if (status == POS_OK)
        status = pos_pin_block_make(out->format, zpk->algorithm, page->second, pan, &page->pin,
                                    out->data);
    pos_software_forget(session);
    return status;
}
