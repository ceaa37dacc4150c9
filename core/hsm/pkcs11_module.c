/*
 * The token as a module: opening and closing, sessions, and the table of verbs.
 *
 * A session of ours is not one of the token's: it holds the page and the caches, and each verb
 * borrows one of the token's. A local session never does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hsm/pkcs11_inside.h"

/* ---- sessions ---- */

static void session_close(struct pos_hsm_session *base)
{
    struct pos_pkcs11_session *session = pos_pkcs11_own(base);
    pos_mac_destroy(session->file_mac);
    pos_context_cache_destroy(session->contexts);
    pos_protector_cache_destroy(session->protectors);
    pos_secret_destroy(session->page, sizeof *session->page);
    free(session);
}

static enum pos_status fill_session(struct pos_pkcs11_session *session, bool local)
{
    if (local) {
        session->contexts = pos_context_cache_create(POS_KEY_CONTEXT_COUNT_MAX);
        return session->contexts == NULL ? POS_ERR_MEMORY : POS_OK;
    }
    session->page = pos_secret_create(sizeof *session->page);
    session->protectors = pos_protector_cache_create();
    return session->page == NULL || session->protectors == NULL ? POS_ERR_MEMORY : POS_OK;
}

static enum pos_status session_open(struct pos_hsm *base, bool local,
                                    struct pos_hsm_session **session)
{
    struct pos_pkcs11 *hsm = (struct pos_pkcs11 *)base;
    struct pos_pkcs11_session *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->token = &hsm->token;
    enum pos_status status = fill_session(made, local);
    if (status == POS_OK)
        *session = &made->base;
    else
        session_close(&made->base);
    return status;
}

/* ---- the module ---- */

static void module_close(struct pos_hsm *base)
{
    struct pos_pkcs11 *hsm = (struct pos_pkcs11 *)base;
    pos_pkcs11_token_close(&hsm->token);
    free(hsm);
}

static bool module_serves(const struct pos_hsm *base, enum pos_algorithm algorithm)
{
    return ((const struct pos_pkcs11 *)base)->token.served[algorithm];
}

static const struct pos_hsm_module module = {
    .close = module_close,
    .serves = module_serves,
    .waits = true,
    .session_open = session_open,
    .session_close = session_close,
    .generate = pos_pkcs11_generate_keys,
    .import_clear = pos_pkcs11_import_clear,
    .kcv = pos_pkcs11_key_kcv,
    .export_tmk = pos_pkcs11_export_tmk,
    .export_tmk_bare = pos_pkcs11_export_tmk_bare,
    .import_tmk = pos_pkcs11_import_tmk,
    .wrap_working_key = pos_pkcs11_wrap_working_key,
    .wrap_working_form = pos_pkcs11_wrap_working_form,
    .export_clear = NULL, /* nothing that the token keeps goes to another module */
    .move_key = pos_pkcs11_move_key,
    .deliver_tmk = pos_pkcs11_deliver_tmk,
    .mac = pos_pkcs11_mac,
    .fetch_mac_key = pos_pkcs11_fetch_mac_key,
    .take_mac_key = pos_pkcs11_take_mac_key,
    .audit_mac = pos_pkcs11_mac_audit_record,
    .translate_pin = pos_pkcs11_translate_pin,
    .file_mac_start = pos_pkcs11_file_mac_start,
    .file_mac_add = pos_pkcs11_file_mac_add,
    .file_mac_finish = pos_pkcs11_file_mac_finish,
};

static void describe(struct pos_pkcs11 *hsm)
{
    const struct pos_pkcs11_token *token = &hsm->token;
    (void)snprintf(hsm->base.description, sizeof hsm->base.description,
                   "PKCS#11 token \"%s\", serial %s (%s)", token->name.label, token->name.serial,
                   token->name.model);
}

static enum pos_status fill_module(struct pos_pkcs11 *hsm, const struct pos_pkcs11_options *options,
                                   struct pos_error *error)
{
    hsm->base.module = &module;
    enum pos_status status = pos_pkcs11_token_open(&hsm->token, options, error);
    if (status == POS_OK)
        status = pos_pkcs11_lmk_find(&hsm->token, error);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, POS_ERR_NOT_FOUND,
                             "there is no LMK \"%s\" on the token: make it with 'posgate-keymgmt "
                             "ceremony lmk'",
                             hsm->token.lmk_label);
    if (status != POS_OK)
        return status;
    hsm->base.lmk_kcv = hsm->token.lmk_kcv;
    describe(hsm);
    return POS_OK;
}

enum pos_status pos_hsm_pkcs11_open(const struct pos_pkcs11_options *options, struct pos_hsm **hsm,
                                    struct pos_error *error)
{
    *hsm = NULL;
    struct pos_pkcs11 *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the security module");
    enum pos_status status = fill_module(made, options, error);
    if (status == POS_OK)
        *hsm = &made->base;
    else
        module_close(&made->base);
    return status;
}

/* ---- without a module: the LMK alone ---- */

enum pos_status pos_hsm_pkcs11_init(const struct pos_pkcs11_options *options, struct pos_kcv *kcv,
                                    struct pos_error *error)
{
    struct pos_pkcs11_token token;
    *kcv = (struct pos_kcv){0};
    enum pos_status status = pos_pkcs11_token_open(&token, options, error);
    if (status == POS_OK)
        status = pos_pkcs11_lmk_make(&token, error);
    if (status == POS_OK)
        *kcv = token.lmk_kcv;
    pos_pkcs11_token_close(&token);
    return status;
}

enum pos_status pos_hsm_pkcs11_drop_lmk(const struct pos_pkcs11_options *options,
                                        struct pos_error *error)
{
    struct pos_pkcs11_token token;
    enum pos_status status = pos_pkcs11_token_open(&token, options, error);
    if (status == POS_OK)
        status = pos_pkcs11_lmk_drop(&token, error);
    pos_pkcs11_token_close(&token);
    return status;
}
