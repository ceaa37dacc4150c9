/* The one place that decides which kind of module a program gets. */
#include "core/hsm/hsm.h"

enum pos_status pos_hsm_open(const struct pos_hsm_options *options, struct pos_hsm **hsm,
                             struct pos_error *error)
{
    if (options->kind == POS_HSM_SOFTWARE)
        return pos_hsm_software_open(options->lmk_file, options->secret, hsm, error);
    const struct pos_pkcs11_options token = {.module = options->module,
                                             .token = options->token,
                                             .lmk_label = options->lmk_label,
                                             .pin = options->secret,
                                             .session_count = options->session_count};
    return pos_hsm_pkcs11_open(&token, hsm, error);
}
