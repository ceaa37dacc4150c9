#include <stdio.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "keymgmt/rotate.h"

/* A label stands in a file of lines, and in the audit chain. */
static bool label_valid(const char *label)
{
    size_t size = strlen(label);
    for (size_t i = 0; i < size; i++)
        if (label[i] < 0x21 || label[i] > 0x7E)
            return false;
    return size > 0 && size < POS_TOKEN_LABEL_SIZE;
}

static enum pos_status look_first(struct pos_rotation *rotation, const char *label,
                                  struct pos_error *error)
{
    struct pos_rotation_mark *mark = &rotation->mark;
    if (rotation->to_label == NULL || !label_valid(rotation->to_label) ||
        strcmp(rotation->to_label, label) == 0)
        return pos_error_set(error, POS_ERR_USAGE,
                             "the new LMK is made on the token, beside the old one (\"%s\"): give "
                             "it a label with --to-label",
                             label);
    (void)snprintf(mark->from_label, sizeof mark->from_label, "%s", label);
    (void)snprintf(mark->to_label, sizeof mark->to_label, "%s", rotation->to_label);
    return POS_OK;
}

enum pos_status pos_rotation_token_look(struct pos_rotation *rotation, struct pos_error *error)
{
    const struct pos_keymgmt_settings *settings;
    const struct pos_rotation_mark *mark = &rotation->mark;
    enum pos_status status = pos_home_settings(rotation->home, &settings, error);
    if (status != POS_OK)
        return status;
    const char *label = settings->security_module.lmk_label;
    if (!rotation->resumed)
        return look_first(rotation, label, error);
    rotation->swapped = strcmp(label, mark->to_label) == 0;
    if (rotation->swapped || strcmp(label, mark->from_label) == 0)
        return POS_OK;
    return pos_error_set(
        error, POS_ERR_CONFIG,
        "the rotation that is under way is from \"%s\" to \"%s\", and keymgmt.conf "
        "names \"%s\"",
        mark->from_label, mark->to_label, label);
}

enum pos_status pos_rotation_token_options(const struct pos_rotation *rotation,
                                           const struct pos_credential *pin, const char *label,
                                           struct pos_hsm_options *options, struct pos_error *error)
{
    enum pos_status status = pos_home_module_options(rotation->home, pin, options, error);
    options->lmk_label = label;
    return status;
}

static struct pos_pkcs11_options token_of(const struct pos_hsm_options *options)
{
    return (struct pos_pkcs11_options){.module = options->module,
                                       .token = options->token,
                                       .lmk_label = options->lmk_label,
                                       .pin = options->secret};
}

static enum pos_status open_or_make(struct pos_rotation *rotation,
                                    const struct pos_hsm_options *options, struct pos_error *error)
{
    struct pos_kcv kcv;
    const struct pos_pkcs11_options token = token_of(options);
    enum pos_status status = pos_hsm_open(options, &rotation->next, error);
    if (status != POS_ERR_NOT_FOUND)
        return status;
    status = pos_hsm_pkcs11_init(&token, &kcv, error);
    POS_FAILPOINT("rotate-token-made");
    return status == POS_OK ? pos_hsm_open(options, &rotation->next, error) : status;
}

enum pos_status pos_rotation_token_open_next(struct pos_rotation *rotation, struct pos_error *error)
{
    struct pos_credential pin;
    struct pos_hsm_options options;
    enum pos_status status = pos_home_credential(rotation->home, false, &pin, error);
    if (status != POS_OK)
        return status;
    status = pos_rotation_token_options(rotation, &pin, rotation->mark.to_label, &options, error);
    if (status == POS_OK)
        status = open_or_make(rotation, &options, error);
    pos_credential_fini(&pin);
    return status;
}

enum pos_status pos_rotation_token_drop_old(struct pos_rotation *rotation, struct pos_error *error)
{
    struct pos_credential pin;
    struct pos_hsm_options options;
    enum pos_status status = pos_home_credential(rotation->home, false, &pin, error);
    if (status != POS_OK)
        return status;
    status = pos_rotation_token_options(rotation, &pin, rotation->mark.from_label, &options, error);
    if (status == POS_OK) {
        const struct pos_pkcs11_options token = token_of(&options);
        status = pos_hsm_pkcs11_drop_lmk(&token, error);
    }
    pos_credential_fini(&pin);
    return status == POS_ERR_NOT_FOUND ? POS_OK : status;
}
