/*
 * The software module: OpenSSL under core/crypto, the LMK in locked memory.
 *
 * A key at rest is the sealed form of a key block of version D under the LMK. The header that its
 * MAC covers follows from usage and algorithm (the table below; no two usages share one), so a
 * value presented as anything but what it is does not open.
 *
 * Clear keys pass through one page of locked memory per session and are wiped before the verb
 * returns. What OpenSSL makes of them, key schedules, is on its heap: see context_cache.h.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/cipher.h"
#include "core/crypto/derive.h"
#include "core/crypto/exchange.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/crypto/random.h"
#include "core/crypto/version.h"
#include "core/hsm/component.h"
#include "core/hsm/context_cache.h"
#include "core/hsm/lmk_file.h"
#include "core/hsm/module.h"

struct software {
    struct pos_hsm base;
    struct pos_lmk *lmk; /* secret memory; not changed once open, so every thread may read it */
};

/* One page, locked: the keys that a verb has open. */
struct open_keys {
    uint8_t first[POS_KEY_SIZE_MAX];
    uint8_t second[POS_KEY_SIZE_MAX];
};

/* The protector under the key that was used last for transport: a batch has one KTK, and a sign-on
 * wraps two keys under one TMK. */
struct transport {
    struct pos_key key; /* size 0: none */
    struct pos_kcv kcv;
    struct pos_key_block_protector *protector;
};

struct software_session {
    struct pos_hsm_session base;
    struct open_keys *keys;
    struct pos_key_block_protector *lmk;
    struct pos_context_cache *contexts;
    struct transport transport;
    struct pos_mac *file_mac;
};

static struct software_session *own(struct pos_hsm_session *session)
{
    return (struct software_session *)session;
}

/* ---- keys at rest ---- */

/* X9.143 names KTK and TMK both key-encryption keys, and the zone's keys as the terminal's; what
 * is not to be exported tells the latter apart. */
static const struct pos_key_block_attributes at_rest[POS_USAGE_COUNT] = {
    [POS_USAGE_KTK] = {"K0", 0, 'B', "00", 'N'}, [POS_USAGE_TMK] = {"K1", 0, 'B', "00", 'E'},
    [POS_USAGE_TPK] = {"P0", 0, 'B', "00", 'E'}, [POS_USAGE_TAK] = {"M6", 0, 'C', "00", 'E'},
    [POS_USAGE_ZPK] = {"P0", 0, 'B', "00", 'N'}, [POS_USAGE_ZAK] = {"M6", 0, 'C', "00", 'N'},
    [POS_USAGE_TDK] = {"D0", 0, 'B', "00", 'E'},
};

static struct pos_key_block_attributes attributes_of(enum pos_key_usage usage,
                                                     enum pos_algorithm algorithm)
{
    struct pos_key_block_attributes attributes = at_rest[usage];
    attributes.algorithm = pos_key_block_algorithm_letter(algorithm);
    return attributes;
}

static enum pos_status seal_key(struct software_session *session, enum pos_key_usage usage,
                                enum pos_algorithm algorithm, const uint8_t *clear,
                                struct pos_key *key, struct pos_kcv *kcv)
{
    struct pos_key_block_attributes attributes = attributes_of(usage, algorithm);
    struct pos_key made = {.usage = usage, .algorithm = algorithm};
    enum pos_status status = pos_kcv_compute(algorithm, clear, kcv);
    if (status == POS_OK)
        status =
            pos_key_block_seal(session->lmk, &attributes, algorithm, clear, made.data, &made.size);
    if (status == POS_OK)
        *key = made;
    return status;
}

/* A value that does not open is damaged or another module's: a fault of ours, never the peer's. */
static enum pos_status open_key(struct software_session *session, const struct pos_key *key,
                                uint8_t *clear)
{
    struct pos_key_block_attributes attributes = attributes_of(key->usage, key->algorithm);
    enum pos_status status = pos_key_block_unseal(session->lmk, &attributes, key->algorithm,
                                                  pos_bytes(key->data, key->size), clear);
    return pos_status_class(status) == POS_CLASS_PEER ? POS_ERR_CORRUPT : status;
}

static void forget_keys(struct software_session *session)
{
    pos_secret_wipe(session->keys, sizeof *session->keys);
}

/* ---- keys: making ---- */

static enum pos_status software_import_clear(struct pos_hsm_session *base, enum pos_key_usage usage,
                                             enum pos_algorithm algorithm, const uint8_t *clear,
                                             struct pos_key *key, struct pos_kcv *kcv)
{
    return seal_key(own(base), usage, algorithm, clear, key, kcv);
}

static enum pos_status software_generate(struct pos_hsm_session *base, enum pos_key_usage usage,
                                         enum pos_algorithm algorithm, bool single,
                                         struct pos_key *key, struct pos_kcv *kcv)
{
    struct software_session *session = own(base);
    if (single)
        return POS_ERR_USAGE;
    enum pos_status status = pos_random(session->keys->first, pos_algorithm_key_size(algorithm));
    if (status == POS_OK)
        status = seal_key(session, usage, algorithm, session->keys->first, key, kcv);
    forget_keys(session);
    return status;
}

static enum pos_status software_kcv(struct pos_hsm_session *base, const struct pos_key *key,
                                    struct pos_kcv *kcv)
{
    struct software_session *session = own(base);
    enum pos_status status = open_key(session, key, session->keys->first);
    if (status == POS_OK)
        status = pos_kcv_compute(key->algorithm, session->keys->first, kcv);
    forget_keys(session);
    return status;
}

/* ---- keys: under other keys ---- */

static bool same_key(const struct pos_key *a, const struct pos_key *b)
{
    return a->size == b->size && a->usage == b->usage && a->algorithm == b->algorithm &&
           memcmp(a->data, b->data, a->size) == 0;
}

static void drop_transport(struct transport *transport)
{
    pos_key_block_protector_destroy(transport->protector);
    *transport = (struct transport){0};
}

/* Makes session->transport that of `key`, a KTK or TMK. */
static enum pos_status use_transport(struct software_session *session, const struct pos_key *key)
{
    struct transport *transport = &session->transport;
    if (same_key(&transport->key, key))
        return POS_OK;
    drop_transport(transport);
    uint8_t *clear = session->keys->second;
    enum pos_status status = open_key(session, key, clear);
    if (status == POS_OK)
        status = pos_kcv_compute(key->algorithm, clear, &transport->kcv);
    if (status == POS_OK)
        status = pos_key_block_protector_create(key->algorithm, clear, &transport->protector);
    if (status == POS_OK)
        transport->key = *key;
    forget_keys(session);
    return status;
}

static enum pos_status export_open_tmk(struct software_session *session, const struct pos_key *tmk,
                                       struct pos_buffer *block)
{
    struct pos_key_block_attributes attributes = attributes_of(POS_USAGE_TMK, tmk->algorithm);
    struct pos_kcv kc;
    enum pos_status status = pos_kcv_compute(tmk->algorithm, session->keys->first, &kc);
    if (status != POS_OK)
        return status;
    const struct pos_key_block_optional optional = {.kc = &kc, .kp = &session->transport.kcv};
    return pos_key_block_wrap(session->transport.protector, &attributes, &optional, tmk->algorithm,
                              session->keys->first, block);
}

static enum pos_status software_export_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                           const struct pos_key *ktk, struct pos_buffer *block)
{
    struct software_session *session = own(base);
    enum pos_status status = use_transport(session, ktk);
    if (status == POS_OK)
        status = open_key(session, tmk, session->keys->first);
    if (status == POS_OK)
        status = export_open_tmk(session, tmk, block);
    forget_keys(session);
    return status;
}

static enum pos_status software_export_tmk_bare(struct pos_hsm_session *base,
                                                const struct pos_key *tmk,
                                                const struct pos_key *ktk, uint8_t *ciphertext)
{
    struct software_session *session = own(base);
    struct pos_cipher cipher = {0};
    size_t size = pos_algorithm_key_size(tmk->algorithm);
    enum pos_status status = open_key(session, ktk, session->keys->second);
    if (status == POS_OK)
        status = open_key(session, tmk, session->keys->first);
    if (status == POS_OK)
        status =
            pos_cipher_init(&cipher, ktk->algorithm, POS_CIPHER_ENCRYPT, session->keys->second);
    if (status == POS_OK) /* in the locked page: nothing leaves before it is encrypted */
        status = pos_cipher_ecb(&cipher, session->keys->first, size);
    if (status == POS_OK)
        memcpy(ciphertext, session->keys->first, size);
    pos_cipher_fini(&cipher);
    forget_keys(session);
    return status;
}

static enum pos_status software_import_tmk(struct pos_hsm_session *base, struct pos_bytes block,
                                           const struct pos_key *ktk, enum pos_algorithm algorithm,
                                           struct pos_key *tmk, struct pos_kcv *kcv,
                                           struct pos_error *error)
{
    struct software_session *session = own(base);
    enum pos_status status = use_transport(session, ktk);
    if (status != POS_OK)
        return pos_error_set(error, status, "the KTK does not open under this LMK: %s",
                             pos_status_text(status));
    struct pos_key_block_expectation expected = {attributes_of(POS_USAGE_TMK, algorithm),
                                                 algorithm};
    memset(expected.attributes.version, 0, sizeof expected.attributes.version); /* any */
    status = pos_key_block_unwrap(session->transport.protector, block, &expected,
                                  session->keys->first, error);
    if (status == POS_OK) {
        status = seal_key(session, POS_USAGE_TMK, algorithm, session->keys->first, tmk, kcv);
        if (status != POS_OK)
            (void)pos_error_set(error, status, "cannot seal the TMK: %s", pos_status_text(status));
    }
    forget_keys(session);
    return status;
}

static enum pos_status software_wrap_working_key(struct pos_hsm_session *base,
                                                 const struct pos_key *tmk,
                                                 const struct pos_key *working_key,
                                                 struct pos_buffer *block)
{
    struct software_session *session = own(base);
    struct pos_key_block_attributes attributes =
        attributes_of(working_key->usage, working_key->algorithm);
    if (working_key->usage == POS_USAGE_TPK)
        attributes.mode = 'E'; /* a terminal encrypts PINs and never decrypts one */
    attributes.exportable = 'N';
    enum pos_status status = use_transport(session, tmk);
    if (status == POS_OK)
        status = open_key(session, working_key, session->keys->first);
    if (status == POS_OK)
        status = pos_key_block_wrap(session->transport.protector, &attributes, NULL,
                                    working_key->algorithm, session->keys->first, block);
    forget_keys(session);
    return status;
}

/* Under the session key that both ends can make and nobody else. */
static enum pos_status wrap_for_terminal(const struct pos_key *tmk, const uint8_t *clear,
                                         const uint8_t *session_key, struct pos_buffer *block)
{
    struct pos_key_block_attributes attributes = attributes_of(POS_USAGE_TMK, tmk->algorithm);
    attributes.mode = 'D'; /* a terminal unwraps with it and never wraps */
    attributes.exportable = 'N';
    struct pos_key_block_protector *protector;
    enum pos_status status =
        pos_key_block_protector_create(POS_ALGORITHM_A256, session_key, &protector);
    if (status != POS_OK)
        return status;
    status = pos_key_block_wrap(protector, &attributes, NULL, tmk->algorithm, clear, block);
    pos_key_block_protector_destroy(protector);
    return status;
}

static enum pos_status software_deliver_tmk(struct pos_hsm_session *base, const struct pos_key *tmk,
                                            const uint8_t *terminal_public, uint8_t *mother_public,
                                            struct pos_buffer *block)
{
    struct software_session *session = own(base);
    struct pos_exchange *exchange;
    enum pos_status status = pos_exchange_create(&exchange);
    if (status != POS_OK)
        return status;
    status = pos_exchange_session_key(exchange, POS_EXCHANGE_MOTHER, terminal_public,
                                      session->keys->second);
    if (status == POS_OK)
        status = open_key(session, tmk, session->keys->first);
    if (status == POS_OK)
        status = wrap_for_terminal(tmk, session->keys->first, session->keys->second, block);
    if (status == POS_OK)
        pos_exchange_public(exchange, mother_public);
    pos_exchange_destroy(exchange);
    forget_keys(session);
    return status;
}

/* ---- MACs ---- */

/* Opens the key that MACs for this purpose into session->keys->first. */
static enum pos_status open_mac_key(struct software_session *session, const struct pos_key *key,
                                    enum pos_mac_purpose purpose)
{
    struct open_keys *keys = session->keys;
    if (purpose == POS_MAC_WORKING)
        return open_key(session, key, keys->first);
    static const enum pos_derivation usages[] = {
        [POS_MAC_REGISTRATION] = POS_DERIVE_REGISTRATION,
        [POS_MAC_KEY_FILE] = POS_DERIVE_KEY_FILE,
        [POS_MAC_RETURN_FILE] = POS_DERIVE_RETURN_FILE,
    };
    enum pos_status status = open_key(session, key, keys->second);
    if (status == POS_OK)
        status = pos_derive(key->algorithm, keys->second, usages[purpose], keys->first);
    return status;
}

static enum pos_status context_for(struct software_session *session, const struct pos_key *key,
                                   enum pos_mac_purpose purpose, struct pos_mac **mac)
{
    if (key->size <= POS_KEY_BLOCK_D_MAC_SIZE)
        return POS_ERR_CORRUPT;
    *mac = pos_context_cache_find(session->contexts, key, purpose);
    if (*mac != NULL)
        return POS_OK;
    enum pos_status status = open_mac_key(session, key, purpose);
    if (status == POS_OK)
        status = pos_context_cache_put(session->contexts, key, purpose, session->keys->first, mac);
    forget_keys(session);
    return status;
}

static enum pos_status software_mac(struct pos_hsm_session *base, const struct pos_key *key,
                                    enum pos_mac_purpose purpose, struct pos_bytes message,
                                    uint8_t *out, size_t *size)
{
    struct pos_mac *mac;
    enum pos_status status = context_for(own(base), key, purpose, &mac);
    if (status != POS_OK)
        return status;
    *size = pos_mac_size(mac);
    return pos_mac_compute(mac, message, out);
}

/* A context of its own, because other MACs may be made while a file's is under way. */
static enum pos_status software_file_mac_start(struct pos_hsm_session *base,
                                               const struct pos_key *ktk,
                                               enum pos_mac_purpose purpose)
{
    struct software_session *session = own(base);
    pos_mac_destroy(session->file_mac);
    session->file_mac = NULL;
    enum pos_status status = open_mac_key(session, ktk, purpose);
    if (status == POS_OK)
        status =
            pos_mac_create(POS_MAC_CMAC, ktk->algorithm, session->keys->first, &session->file_mac);
    forget_keys(session);
    return status == POS_OK ? pos_mac_start(session->file_mac) : status;
}

static enum pos_status software_file_mac_add(struct pos_hsm_session *base, struct pos_bytes piece)
{
    return pos_mac_add(own(base)->file_mac, piece);
}

static enum pos_status software_file_mac_finish(struct pos_hsm_session *base, uint8_t *mac)
{
    return pos_mac_finish(own(base)->file_mac, mac);
}

/* ---- sessions ---- */

static void software_session_close(struct pos_hsm_session *base)
{
    struct software_session *session = own(base);
    drop_transport(&session->transport);
    pos_mac_destroy(session->file_mac);
    pos_context_cache_destroy(session->contexts);
    pos_key_block_protector_destroy(session->lmk);
    pos_secret_destroy(session->keys, sizeof *session->keys);
    free(session);
}

static enum pos_status fill_session(const struct software *hsm, struct software_session *session)
{
    session->keys = pos_secret_create(sizeof *session->keys);
    session->contexts = pos_context_cache_create(POS_KEY_CONTEXT_COUNT_MAX);
    if (session->keys == NULL || session->contexts == NULL)
        return POS_ERR_MEMORY;
    return pos_key_block_protector_create(hsm->lmk->algorithm, hsm->lmk->key, &session->lmk);
}

static enum pos_status software_session_open(struct pos_hsm *base, bool local,
                                             struct pos_hsm_session **session)
{
    (void)local; /* it never waits */
    struct software_session *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status = fill_session((const struct software *)base, made);
    if (status == POS_OK)
        *session = &made->base;
    else
        software_session_close(&made->base);
    return status;
}

/* ---- the module ---- */

static void software_close(struct pos_hsm *base)
{
    struct software *hsm = (struct software *)base;
    pos_secret_destroy(hsm->lmk, sizeof *hsm->lmk);
    free(hsm);
}

static const struct pos_hsm_module software_module = {
    .close = software_close,
    .session_open = software_session_open,
    .session_close = software_session_close,
    .generate = software_generate,
    .import_clear = software_import_clear,
    .kcv = software_kcv,
    .export_tmk = software_export_tmk,
    .export_tmk_bare = software_export_tmk_bare,
    .import_tmk = software_import_tmk,
    .wrap_working_key = software_wrap_working_key,
    .deliver_tmk = software_deliver_tmk,
    .mac = software_mac,
    .file_mac_start = software_file_mac_start,
    .file_mac_add = software_file_mac_add,
    .file_mac_finish = software_file_mac_finish,
};

static enum pos_status write_lmk(const char *path, struct pos_bytes secret,
                                 const struct pos_component *components, size_t component_count,
                                 struct pos_lmk *lmk, struct pos_kcv *kcv, struct pos_error *error)
{
    lmk->algorithm = POS_ALGORITHM_A256;
    enum pos_status status =
        pos_component_combine(components, component_count, lmk->algorithm, lmk->key, error);
    if (status != POS_OK)
        return status;
    status = pos_kcv_compute(lmk->algorithm, lmk->key, kcv);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot make the LMK's check value");
    return pos_lmk_file_write(path, secret, lmk, error);
}

enum pos_status pos_hsm_software_init(const char *path, struct pos_bytes secret,
                                      const struct pos_component *components,
                                      size_t component_count, struct pos_kcv *kcv,
                                      struct pos_error *error)
{
    *kcv = (struct pos_kcv){0};
    struct pos_lmk *lmk = pos_secret_create(sizeof *lmk);
    if (lmk == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the LMK");
    enum pos_status status = write_lmk(path, secret, components, component_count, lmk, kcv, error);
    pos_secret_destroy(lmk, sizeof *lmk);
    return status;
}

static enum pos_status fill_module(struct software *hsm, const char *path, struct pos_bytes secret,
                                   struct pos_error *error)
{
    hsm->base.module = &software_module;
    hsm->lmk = pos_secret_create(sizeof *hsm->lmk);
    if (hsm->lmk == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the LMK");
    enum pos_status status = pos_lmk_file_read(path, secret, hsm->lmk, error);
    if (status != POS_OK)
        return status;
    (void)snprintf(hsm->base.description, sizeof hsm->base.description,
                   "software module (%s), not a certified device", pos_crypto_version());
    status = pos_kcv_compute(hsm->lmk->algorithm, hsm->lmk->key, &hsm->base.lmk_kcv);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot make the LMK's check value");
    return POS_OK;
}

enum pos_status pos_hsm_software_open(const char *path, struct pos_bytes secret,
                                      struct pos_hsm **hsm, struct pos_error *error)
{
    *hsm = NULL;
    struct software *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the security module");
    enum pos_status status = fill_module(made, path, secret, error);
    if (status == POS_OK)
        *hsm = &made->base;
    else
        software_close(&made->base);
    return status;
}
