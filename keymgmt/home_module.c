/* The security module of a home folder: the LMK's sealed file, or the token of keymgmt.conf. */
#include <unistd.h>

#include "keymgmt/home.h"

bool pos_home_has_token(const struct pos_home *home)
{
    const struct pos_keymgmt_settings *settings;
    return pos_home_settings(home, &settings, NULL) == POS_OK &&
           settings->security_module.kind == POS_HSM_PKCS11;
}

bool pos_home_may_have_lmk(const struct pos_home *home)
{
    return pos_home_has_token(home) || access(home->lmk_path, F_OK) == 0;
}

enum pos_status pos_home_module_options(const struct pos_home *home,
                                        const struct pos_credential *credential,
                                        struct pos_hsm_options *options, struct pos_error *error)
{
    const struct pos_keymgmt_settings *settings;
    enum pos_status status = pos_home_settings(home, &settings, error);
    if (status == POS_OK)
        *options = (struct pos_hsm_options){
            .kind = settings->security_module.kind,
            .secret = pos_bytes(credential->data, credential->size),
            .lmk_file = home->lmk_path,
            .module = settings->security_module.module,
            .token = settings->security_module.token,
            .lmk_label = settings->security_module.lmk_label,
        };
    return status;
}

static enum pos_status explain(const struct pos_home *home, enum pos_status status,
                               struct pos_error *error)
{
    if (status == POS_ERR_NOT_FOUND && !pos_home_has_token(home))
        return pos_error_set(error, status,
                             "there is no LMK in %s: make it with 'posgate-keymgmt ceremony lmk'",
                             home->options->home);
    if (status == POS_ERR_MAC)
        return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                             "the credential does not open %s: it is another one, or the file is "
                             "damaged",
                             home->lmk_path);
    return status;
}

static enum pos_status open_module(struct pos_home *home, struct pos_error *error)
{
    struct pos_credential credential;
    struct pos_hsm_options options;
    enum pos_status status = pos_home_credential(home, false, &credential, error);
    if (status != POS_OK)
        return status;
    status = pos_home_module_options(home, &credential, &options, error);
    if (status == POS_OK)
        status = pos_hsm_open(&options, &home->hsm, error);
    pos_credential_fini(&credential);
    return status == POS_OK ? POS_OK : explain(home, status, error);
}

/* POS_ERR_NOT_FOUND: there is no LMK yet. */
static enum pos_status open_session(struct pos_home *home, struct pos_error *error)
{
    if (home->session != NULL)
        return POS_OK;
    /* No LMK, nothing to type a passphrase for. */
    enum pos_status status = pos_home_may_have_lmk(home) ? open_module(home, error)
                                                         : explain(home, POS_ERR_NOT_FOUND, error);
    if (status != POS_OK)
        return status;
    status = pos_hsm_session_open(home->hsm, &home->session);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot open a session with the security module");
    pos_home_seal_audit(home);
    return POS_OK;
}

/* To the shell an LMK that is not there is a module that is not there. */
enum pos_status pos_home_open_hsm(struct pos_home *home, struct pos_error *error)
{
    enum pos_status status = open_session(home, error);
    if (status != POS_ERR_NOT_FOUND)
        return status;
    error->status = POS_ERR_HSM;
    return POS_ERR_HSM;
}

enum pos_status pos_home_open_sealer(struct pos_home *home, struct pos_error *error)
{
    enum pos_status status = open_session(home, error);
    if (status != POS_ERR_NOT_FOUND)
        return status;
    *error = (struct pos_error){.status = POS_OK};
    return POS_OK;
}
