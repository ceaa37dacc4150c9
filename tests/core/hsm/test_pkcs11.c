#include <criterion/criterion.h>
#include <string.h>

#include "core/hsm/hsm.h"
#include "tests/core/hsm/conformance.h"
#include "tests/core/hsm/softhsm.h"

static const char uri[] = "pkcs11:token=posgate";

/* Two LMKs on one token: as far from each other as two tokens, and the way between them is open. */
static struct pos_hsm *open_token(void *context, int which)
{
    (void)context;
    struct pos_pkcs11_options options = softhsm_options(uri, which == 0 ? NULL : "mother-lmk");
    return softhsm_open(&options);
}

Test(pkcs11, does_what_every_module_must, .timeout = 120)
{
    static const struct hsm_skip skips[] = {
        {HSM_GROUP_EVERY, POS_ALGORITHM_SM4, "SoftHSM 2 has no SM4"},
    };
    struct softhsm softhsm = softhsm_create();
    softhsm_add_token("posgate");
    const struct hsm_factory factory = {.name = "SoftHSM 2",
                                        .open = open_token,
                                        .skips = skips,
                                        .skip_count = sizeof skips / sizeof skips[0]};
    hsm_conformance(&factory);
    softhsm_destroy(&softhsm);
}
