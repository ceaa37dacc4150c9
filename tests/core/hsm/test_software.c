#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/derive.h"
#include "core/crypto/mac.h"
#include "core/hsm/hsm.h"
#include "tests/core/hsm/conformance.h"
#include "tests/core/hsm/scratch.h"

static struct pos_hsm *open_software(void *context, int which)
{
    struct scratch *scratches = context;
    return scratch_open(&scratches[which], (uint8_t)(0x10 + 0x40 * which));
}

Test(software, does_what_every_module_must)
{
    struct scratch scratches[2] = {scratch_create(), scratch_create()};
    const struct hsm_factory factory = {
        .name = "software", .open = open_software, .context = scratches};
    hsm_conformance(&factory);
    scratch_destroy(&scratches[0]);
    scratch_destroy(&scratches[1]);
}

Test(software, says_that_it_is_no_certified_device)
{
    struct scratch scratch = scratch_create();
    struct pos_hsm *hsm = scratch_open(&scratch, 1);
    cr_expect(strncmp(pos_hsm_describe(hsm), "software module (OpenSSL 3.", 27) == 0, "%s",
              pos_hsm_describe(hsm));
    cr_expect(strstr(pos_hsm_describe(hsm), "), not a certified device") != NULL);
    pos_hsm_close(hsm);
    scratch_destroy(&scratch);
}

Test(software, is_made_by_a_ceremony_once)
{
    struct scratch scratch = scratch_create();
    struct pos_component parts[2];
    struct pos_kcv kcv;
    struct pos_hsm *hsm;
    struct pos_error error = {0};
    struct pos_bytes secret = pos_bytes_text("a secret");
    scratch_components(parts, 32, 1);
    cr_expect(pos_hsm_software_open(scratch.path, secret, &hsm, &error) == POS_ERR_NOT_FOUND);
    cr_expect(hsm == NULL);
    cr_expect(pos_hsm_software_init(scratch.path, secret, parts, 1, &kcv, &error) == POS_ERR_USAGE);
    parts[0].size = 16;
    cr_expect(pos_hsm_software_init(scratch.path, secret, parts, 2, &kcv, &error) == POS_ERR_USAGE,
              "an LMK has 32 bytes");
    parts[0].size = 32;
    cr_expect(pos_hsm_software_init(scratch.path, secret, parts, 2, &kcv, &error) == POS_OK);
    struct pos_kcv first = kcv;
    cr_expect(pos_hsm_software_init(scratch.path, secret, parts, 2, &kcv, &error) ==
              POS_ERR_EXISTS);
    cr_expect(pos_hsm_software_open(scratch.path, pos_bytes_text("A secret"), &hsm, &error) ==
              POS_ERR_MAC);
    cr_expect(hsm == NULL && strstr(error.text, "wrong passphrase") != NULL, "%s", error.text);
    cr_assert(pos_hsm_software_open(scratch.path, secret, &hsm, &error) == POS_OK);
    kcv = pos_hsm_lmk_kcv(hsm);
    cr_expect(pos_kcv_equal(&kcv, &first) && kcv.method == POS_KCV_CMAC);
    pos_hsm_close(hsm);
    scratch_destroy(&scratch);
}

/* The same components make the same LMK elsewhere, which opens the same keys: how one recovers. */
Test(software, opens_its_keys_again_after_a_restart_and_a_recovery)
{
    struct scratch scratches[2] = {scratch_create(), scratch_create()};
    struct pos_key key;
    struct pos_kcv kcv, again;
    for (int i = 0; i < 2; i++) {
        struct pos_hsm *hsm = scratch_open(&scratches[i], 7);
        struct pos_hsm_session *session;
        cr_assert(pos_hsm_session_open(hsm, &session) == POS_OK);
        if (i == 0)
            cr_assert(pos_hsm_generate(session, POS_USAGE_TMK, POS_ALGORITHM_A256, &key, &kcv) ==
                      POS_OK);
        cr_expect(pos_hsm_kcv(session, &key, &again) == POS_OK);
        cr_expect(pos_kcv_equal(&kcv, &again));
        pos_hsm_session_close(session);
        pos_hsm_close(hsm);
        scratch_destroy(&scratches[i]);
    }
}

/* The audit chain's key follows from the LMK as docs/keys.md says, so that it can be made again. */
Test(software, macs_audit_records_under_a_key_of_its_lmk)
{
    struct scratch scratch = scratch_create();
    struct pos_hsm *hsm = scratch_open(&scratch, 0x31);
    struct pos_hsm_session *session;
    struct pos_component parts[2];
    uint8_t lmk[POS_KEY_SIZE_MAX], key[POS_KEY_SIZE_MAX], right[16], mac[16];
    struct pos_mac *context;
    struct pos_bytes record = pos_bytes_text("one record");
    scratch_components(parts, 32, 0x31);
    for (size_t i = 0; i < sizeof lmk; i++)
        lmk[i] = parts[0].data[i] ^ parts[1].data[i];
    cr_assert(pos_derive(POS_ALGORITHM_A256, lmk, POS_DERIVE_AUDIT, key) == POS_OK);
    cr_assert(pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A256, key, &context) == POS_OK);
    cr_assert(pos_mac_compute(context, record, right) == POS_OK);
    pos_mac_destroy(context);
    cr_assert(pos_hsm_session_open(hsm, &session) == POS_OK);
    cr_expect(pos_hsm_audit_mac(session, record, mac) == POS_OK);
    cr_expect_arr_eq(mac, right, sizeof mac);
    pos_hsm_session_close(session);
    pos_hsm_close(hsm);
    scratch_destroy(&scratch);
}
