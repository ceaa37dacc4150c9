/*
 * The software module: OpenSSL under core/crypto, the LMK in locked memory.
 *
 * A key at rest is the sealed form of a key block of version D under the LMK. The header that its
 * MAC covers follows from usage and algorithm (a table in software_keys.c; no two usages share
 * one), so a value presented as anything but what it is does not open.
 *
 * Clear keys and PINs pass through two pages of locked memory per session, its own and that of its
 * sealer (core/crypto/key_block_seal.c), and are wiped before the verb returns. What OpenSSL makes
 * of them, key schedules, is on its heap: see context_cache.h.
 *
 * Here are the module and its sessions; the verbs are in software_keys.c, software_wrap.c and
 * software_mac.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/secret.h"
#include "core/crypto/derive.h"
#include "core/crypto/kcv.h"
#include "core/crypto/version.h"
#include "core/hsm/component.h"
#include "core/hsm/software_inside.h"

/* ---- sessions ---- */

static void software_session_close(struct pos_hsm_session *base)
{
    struct pos_software_session *session = pos_software_own(base);
    pos_protector_cache_destroy(session->protectors);
    pos_mac_destroy(session->file_mac);
    pos_mac_destroy(session->audit);
    pos_context_cache_destroy(session->contexts);
    pos_kcv_maker_destroy(session->check_values);
    pos_key_block_sealer_destroy(session->sealer);
    pos_key_block_protector_destroy(session->lmk);
    pos_secret_destroy(session->page, sizeof *session->page);
    free(session);
}

/* What derives from the LMK: the keys that seal keys, and the key of the audit chain. */
static enum pos_status derive_from_lmk(const struct pos_lmk *lmk,
                                       struct pos_software_session *session)
{
    uint8_t *audit_key = session->page->first;
    enum pos_status status =
        pos_key_block_protector_create(lmk->algorithm, lmk->key, &session->lmk);
    if (status == POS_OK)
        status = pos_key_block_sealer_create(lmk->algorithm, lmk->key, &session->sealer);
    if (status == POS_OK)
        status = pos_derive(lmk->algorithm, lmk->key, POS_DERIVE_AUDIT, audit_key);
    if (status == POS_OK)
        status = pos_mac_create(POS_MAC_CMAC, lmk->algorithm, audit_key, &session->audit);
    pos_software_forget(session);
    return status;
}

static enum pos_status fill_session(const struct pos_software *hsm,
                                    struct pos_software_session *session)
{
    session->page = pos_secret_create(sizeof *session->page);
    session->contexts = pos_context_cache_create(POS_KEY_CONTEXT_COUNT_MAX);
    session->protectors = pos_protector_cache_create();
    session->check_values = pos_kcv_maker_create();
    if (session->page == NULL || session->contexts == NULL || session->protectors == NULL ||
        session->check_values == NULL)
        return POS_ERR_MEMORY;
    return derive_from_lmk(hsm->lmk, session);
}

static enum pos_status software_session_open(struct pos_hsm *base, bool local,
                                             struct pos_hsm_session **session)
{
    (void)local; /* it never waits */
    struct pos_software_session *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status = fill_session((const struct pos_software *)base, made);
    if (status == POS_OK)
        *session = &made->base;
    else
        software_session_close(&made->base);
    return status;
}

/* ---- the module ---- */

static void software_close(struct pos_hsm *base)
{
    struct pos_software *hsm = (struct pos_software *)base;
    pos_secret_destroy(hsm->lmk, sizeof *hsm->lmk);
    free(hsm);
}

static const struct pos_hsm_module software_module = {
    .close = software_close,
    .session_open = software_session_open,
    .session_close = software_session_close,
    .import_clear = pos_software_import_clear,
    .export_clear = pos_software_export_clear,
    .move_key = pos_software_move_key,
    .generate = pos_software_generate,
    .kcv = pos_software_kcv,
    .export_tmk = pos_software_export_tmk,
    .export_tmk_bare = pos_software_export_tmk_bare,
    .import_tmk = pos_software_import_tmk,
    .wrap_working_key = pos_software_wrap_working_key,
    .wrap_working_form = pos_software_wrap_working_form,
    .deliver_tmk = pos_software_deliver_tmk,
    .mac = pos_software_mac,
    .fetch_mac_key = pos_software_fetch_mac_key,
    .take_mac_key = pos_software_take_mac_key,
    .audit_mac = pos_software_audit_mac,
    .file_mac_start = pos_software_file_mac_start,
    .file_mac_add = pos_software_file_mac_add,
    .file_mac_finish = pos_software_file_mac_finish,
    .translate_pin = pos_software_translate_pin,
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

static enum pos_status fill_module(struct pos_software *hsm, const char *path,
                                   struct pos_bytes secret, struct pos_error *error)
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
    struct pos_software *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the security module");
    enum pos_status status = fill_module(made, path, secret, error);
    if (status == POS_OK)
        *hsm = &made->base;
    else
        software_close(&made->base);
    return status;
}
