/* SoftHSM 2 (Debian's softhsm2) with tokens of a test's own, in a folder of its own. */
#ifndef TESTS_CORE_HSM_SOFTHSM_H
#define TESTS_CORE_HSM_SOFTHSM_H

#include "core/hsm/hsm.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN    "token-pin"

struct softhsm {
    char folder[64];
};

/* Names the folder in SOFTHSM2_CONF, which the library reads when it is initialised: to be called
 * before that, once a process. All end the process when the system does not let them. */
struct softhsm softhsm_create(void);
void softhsm_destroy(const struct softhsm *softhsm);
void softhsm_add_token(const char *label);

/* Options for the token of this label; `lmk_label` may be NULL. All borrowed. */
struct pos_pkcs11_options softhsm_options(const char *uri, const char *lmk_label);
/* Makes the LMK when there is none, and opens the module. */
struct pos_hsm *softhsm_open(const struct pos_pkcs11_options *options);

#endif
