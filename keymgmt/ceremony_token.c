/*
 * The LMK of a token. There are no components: the token makes it, and nobody can ever have it, nor
 * make it again. What the ceremony is left with is its record, with the check value.
 */
#include <stdio.h>

#include "keymgmt/ceremony.h"
#include "keymgmt/report.h"

enum { ON_WHAT_SIZE_MAX = 256 };

static enum pos_status check(const struct pos_ceremony *ceremony, struct pos_error *error)
{
    if (ceremony->file_count == 0 && ceremony->custodian_count == 0 &&
        ceremony->credential_count == 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_USAGE,
                         "keymgmt.conf names a token, which makes its LMK inside: there are no "
                         "components and no custodians");
}

static struct pos_pkcs11_options token_of(const struct pos_hsm_options *options)
{
    return (struct pos_pkcs11_options){.module = options->module,
                                       .token = options->token,
                                       .lmk_label = options->lmk_label,
                                       .pin = options->secret};
}

static enum pos_status record(struct pos_home *home, const struct pos_hsm_options *options,
                              const struct pos_kcv *kcv, struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX], text[POS_KCV_TEXT_SIZE];
    pos_kcv_text(kcv, text);
    (void)snprintf(on_what, sizeof on_what, "LMK algorithm=A256 made=on-token label=%s kcv=%s",
                   options->lmk_label, text);
    struct pos_audit_event event = pos_home_event(home, "ceremony-lmk", on_what);
    enum pos_status status = pos_key_library_audit(home->library, &event);
    if (status != POS_OK)
        (void)pos_error_set(error, status,
                            "the audit record cannot be written, so there is no LMK");
    return status;
}

static void report(const struct pos_home *home, const struct pos_kcv *kcv)
{
    struct pos_report *answer = pos_report_create(stdout, home->options->json, NULL, 0);
    pos_report_text(answer, "key", "LMK");
    pos_report_text(answer, "algorithm", pos_algorithm_name(POS_ALGORITHM_A256));
    pos_report_kcv(answer, "kcv", kcv);
    pos_report_text(answer, "made", "inside the token, without components");
    pos_report_text(answer, "module", pos_hsm_describe(home->hsm));
    pos_report_destroy(answer);
}

static void close_module(struct pos_home *home)
{
    home->chain.sealer = (struct pos_audit_sealer){.mac = NULL};
    pos_hsm_session_close(home->session);
    pos_hsm_close(home->hsm);
    home->session = NULL;
    home->hsm = NULL;
}

static enum pos_status make(struct pos_home *home, const struct pos_hsm_options *options,
                            struct pos_error *error)
{
    struct pos_kcv kcv;
    const struct pos_pkcs11_options token = token_of(options);
    enum pos_status status = pos_hsm_pkcs11_init(&token, &kcv, error);
    if (status != POS_OK)
        return status;
    status = pos_home_open_hsm(home, error);
    if (status == POS_OK)
        status = pos_ceremony_fits_library(home, error);
    if (status == POS_OK)
        status = record(home, options, &kcv, error);
    if (status == POS_OK) {
        report(home, &kcv);
        return POS_OK;
    }
    /* An LMK without its record, or of another library, must not stay; nobody used it yet. */
    struct pos_error dropping;
    close_module(home);
    if (pos_hsm_pkcs11_drop_lmk(&token, &dropping) != POS_OK)
        (void)pos_error_prefix(error, "the LMK is on the token and of no use (%s)", dropping.text);
    return status;
}

enum pos_status pos_ceremony_lmk_on_token(struct pos_home *home,
                                          const struct pos_ceremony *ceremony,
                                          struct pos_error *error)
{
    struct pos_credential credential;
    struct pos_hsm_options options;
    enum pos_status status = check(ceremony, error);
    if (status == POS_OK && home->session != NULL)
        status = pos_error_set(error, POS_ERR_EXISTS,
                               "the token has an LMK already; a second one would make every key "
                               "under it worthless");
    if (status == POS_OK)
        status = pos_home_credential(home, true, &credential, error);
    if (status != POS_OK)
        return status;
    status = pos_home_module_options(home, &credential, &options, error);
    if (status == POS_OK)
        status = make(home, &options, error);
    pos_credential_fini(&credential);
    return status;
}
