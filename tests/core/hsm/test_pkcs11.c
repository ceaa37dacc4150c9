#include <criterion/criterion.h>
#include <string.h>

#include "core/hsm/hsm.h"
#include "tests/core/crypto/vectors.h"
#include "tests/core/hsm/conformance.h"
#include "tests/core/hsm/scratch.h"
#include "tests/core/hsm/softhsm.h"

static const char uri[] = "pkcs11:token=posgate";

/* Two LMKs on one token: as far from each other as two tokens, and the way between them is open. */
static struct pos_hsm *open_token(void *context, int which)
{
    (void)context;
    struct pos_pkcs11_options options = softhsm_options(uri, which == 0 ? NULL : "mother-lmk");
    return softhsm_open(&options);
}

Test(pkcs11, does_what_every_module_must)
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

/* ---- opening ---- */

Test(pkcs11, says_what_is_wrong_with_its_settings)
{
    struct softhsm softhsm = softhsm_create();
    struct pos_pkcs11_options good = softhsm_options(uri, NULL);
    softhsm_add_token("posgate");
    softhsm_add_token("twin");
    softhsm_add_token("twin");
    pos_hsm_close(softhsm_open(&good));
    static const char long_label[] = "1234567890123456789012345678901234567890"
                                     "1234567890123456789012345";
    const struct {
        const char *name, *module, *token, *lmk_label, *pin;
        uint32_t session_count;
        enum pos_status status;
        const char *text;
    } rows[] = {
        {"all good", .status = POS_OK, .text = ""},
        {"no such library", .module = "/nowhere/x.so", .status = POS_ERR_HSM,
         .text = "/nowhere/x.so"},
        {"another library", .module = "libm.so.6", .status = POS_ERR_HSM,
         .text = "not a PKCS#11 library"},
        {"no such token", .token = "pkcs11:token=other", .status = POS_ERR_HSM,
         .text = "no initialised token"},
        {"two tokens", .token = "pkcs11:token=twin", .status = POS_ERR_CONFIG,
         .text = "names 2 tokens"},
        {"no URI", .token = "posgate", .status = POS_ERR_CONFIG, .text = "not a PKCS#11 URI"},
        {"any token", .token = "pkcs11:", .status = POS_ERR_CONFIG, .text = "names no token"},
        {"a manufacturer's any token", .token = "pkcs11:manufacturer=SoftHSM%20project",
         .status = POS_ERR_CONFIG, .text = "names no token"},
        {"token of a manufacturer", .token = "pkcs11:token=posgate;manufacturer=SoftHSM%20project",
         .status = POS_OK, .text = ""},
        {"token of another manufacturer", .token = "pkcs11:token=posgate;manufacturer=Else",
         .status = POS_ERR_HSM, .text = "no initialised token"},
        {"an object", .token = "pkcs11:token=posgate;object=key", .status = POS_ERR_CONFIG,
         .text = "names an object"},
        {"what nobody knows", .token = "pkcs11:token=posgate;tokem=x", .status = POS_ERR_CONFIG,
         .text = "not known"},
        {"a PIN in the open", .token = "pkcs11:token=posgate?pin-value=" SOFTHSM_PIN,
         .status = POS_ERR_CONFIG, .text = "holds a PIN"},
        {"wrong PIN", .pin = "another-pin", .status = POS_ERR_NOT_ALLOWED,
         .text = "refuses the PIN"},
        {"no PIN", .pin = "", .status = POS_ERR_CONFIG, .text = "0 characters"},
        {"no LMK", .lmk_label = "other", .status = POS_ERR_NOT_FOUND, .text = "ceremony lmk"},
        {"label too long", .lmk_label = long_label, .status = POS_ERR_CONFIG, .text = "1 to 64"},
        {"256 sessions", .session_count = 256, .status = POS_OK, .text = ""},
        {"257 sessions", .session_count = 257, .status = POS_ERR_CONFIG, .text = "256"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_pkcs11_options options = good;
        struct pos_error error = {.text = ""};
        struct pos_hsm *hsm = NULL;
        options.module = rows[i].module == NULL ? good.module : rows[i].module;
        options.token = rows[i].token == NULL ? good.token : rows[i].token;
        options.lmk_label = rows[i].lmk_label;
        options.pin = rows[i].pin == NULL ? good.pin : pos_bytes_text(rows[i].pin);
        options.session_count = rows[i].session_count;
        enum pos_status status = pos_hsm_pkcs11_open(&options, &hsm, &error);
        cr_expect_eq(status, rows[i].status, "%s: %s: %s", rows[i].name, pos_status_name(status),
                     error.text);
        cr_expect((hsm != NULL) == (status == POS_OK), "%s", rows[i].name);
        cr_expect(strstr(error.text, rows[i].text) != NULL, "%s: \"%s\"", rows[i].name, error.text);
        cr_expect(strstr(error.text, SOFTHSM_PIN) == NULL, "%s: shows the PIN", rows[i].name);
        pos_hsm_close(hsm);
    }
    softhsm_destroy(&softhsm);
}

Test(pkcs11, says_which_token_it_is)
{
    struct softhsm softhsm = softhsm_create();
    softhsm_add_token("posgate");
    struct pos_hsm *hsm = open_token(NULL, 0);
    cr_expect(strncmp(pos_hsm_describe(hsm), "PKCS#11 token \"posgate\", serial ", 32) == 0, "%s",
              pos_hsm_describe(hsm));
    cr_expect(strstr(pos_hsm_describe(hsm), "(SoftHSM v2)") != NULL, "%s", pos_hsm_describe(hsm));
    cr_expect(pos_hsm_waits(hsm));
    cr_expect(pos_hsm_serves(hsm, POS_ALGORITHM_T2) && pos_hsm_serves(hsm, POS_ALGORITHM_A256));
    cr_expect_not(pos_hsm_serves(hsm, POS_ALGORITHM_SM4));
    pos_hsm_close(hsm);
    softhsm_destroy(&softhsm);
}

/* ---- LMKs ---- */

Test(pkcs11, makes_an_lmk_once_and_takes_it_off)
{
    struct softhsm softhsm = softhsm_create();
    struct pos_pkcs11_options options = softhsm_options(uri, NULL);
    struct pos_kcv kcv, other_kcv, found;
    struct pos_error error = {.text = ""};
    struct pos_hsm *hsm;
    softhsm_add_token("posgate");
    cr_expect(pos_hsm_pkcs11_drop_lmk(&options, &error) == POS_ERR_NOT_FOUND);
    cr_assert(pos_hsm_pkcs11_init(&options, &kcv, &error) == POS_OK, "%s", error.text);
    cr_expect(kcv.method == POS_KCV_CMAC && kcv.size == 5);
    cr_expect(pos_hsm_pkcs11_init(&options, &found, &error) == POS_ERR_EXISTS);
    cr_expect(found.method == POS_KCV_NONE && strstr(error.text, "already") != NULL);
    cr_assert(pos_hsm_pkcs11_open(&options, &hsm, &error) == POS_OK, "%s", error.text);
    found = pos_hsm_lmk_kcv(hsm);
    cr_expect(pos_kcv_equal(&found, &kcv), "the LMK that was there stayed");
    pos_hsm_close(hsm);

    options.lmk_label = "second";
    cr_assert(pos_hsm_pkcs11_init(&options, &other_kcv, &error) == POS_OK);
    cr_expect_not(pos_kcv_equal(&other_kcv, &kcv));
    cr_expect(pos_hsm_pkcs11_drop_lmk(&options, &error) == POS_OK);
    cr_expect(pos_hsm_pkcs11_open(&options, &hsm, &error) == POS_ERR_NOT_FOUND);
    options.lmk_label = NULL;
    cr_assert(pos_hsm_pkcs11_open(&options, &hsm, &error) == POS_OK, "the other one stayed");
    pos_hsm_close(hsm);
    softhsm_destroy(&softhsm);
}

Test(pkcs11, opens_its_keys_again_after_a_restart_and_nobody_elses)
{
    struct softhsm softhsm = softhsm_create();
    struct pos_key key;
    struct pos_kcv kcv, again;
    softhsm_add_token("posgate");
    for (int turn = 0; turn < 3; turn++) {
        struct pos_hsm *hsm = open_token(NULL, turn == 2);
        struct pos_hsm_session *session;
        cr_assert(pos_hsm_session_open(hsm, &session) == POS_OK);
        if (turn == 0)
            cr_assert(pos_hsm_generate(session, POS_USAGE_TMK, POS_ALGORITHM_T3, &key, &kcv) ==
                      POS_OK);
        enum pos_status status = pos_hsm_kcv(session, &key, &again);
        cr_expect_eq(status, turn == 2 ? POS_ERR_CORRUPT : POS_OK, "turn %d", turn);
        cr_expect(status != POS_OK || pos_kcv_equal(&kcv, &again));
        pos_hsm_session_close(session);
        pos_hsm_close(hsm);
    }
    softhsm_destroy(&softhsm);
}

/* From one LMK of a token to another a key never leaves it; between two tokens there is no such
 * way. */
Test(pkcs11, gives_no_key_to_another_token)
{
    struct softhsm softhsm = softhsm_create();
    softhsm_add_token("posgate");
    softhsm_add_token("other");
    struct pos_pkcs11_options options = softhsm_options("pkcs11:token=other", NULL);
    struct pos_hsm *hsms[] = {open_token(NULL, 0), open_token(NULL, 1), softhsm_open(&options)};
    struct pos_hsm_session *sessions[3];
    struct pos_key key, moved;
    struct pos_kcv kcv, again;
    for (size_t i = 0; i < 3; i++)
        cr_assert(pos_hsm_session_open(hsms[i], &sessions[i]) == POS_OK);
    cr_assert(pos_hsm_generate(sessions[0], POS_USAGE_TMK, POS_ALGORITHM_A256, &key, &kcv) ==
              POS_OK);
    cr_expect(pos_hsm_move_key(sessions[0], sessions[1], &key, &moved) == POS_OK);
    cr_expect(pos_hsm_kcv(sessions[1], &moved, &again) == POS_OK && pos_kcv_equal(&kcv, &again));
    cr_expect(pos_hsm_kcv(sessions[0], &moved, &again) == POS_ERR_CORRUPT);
    cr_expect(pos_hsm_move_key(sessions[0], sessions[2], &key, &moved) == POS_ERR_NOT_ALLOWED);
    cr_expect(moved.size == 0);
    for (size_t i = 0; i < 3; i++) {
        pos_hsm_session_close(sessions[i]);
        pos_hsm_close(hsms[i]);
    }
    softhsm_destroy(&softhsm);
}

/* ---- key blocks of others ---- */

struct reader {
    const char *name;
    struct pos_hsm_session *session;
    struct pos_key ktk, tmk;
    struct pos_kcv kcv;
    enum pos_status status;
};

/* As components: the key and a mask, and the mask. */
static void read_block(struct reader *reader, const json_t *row, enum pos_algorithm protection,
                       enum pos_algorithm asked)
{
    struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
    struct pos_component components[2];
    struct pos_kcv kcv;
    scratch_components(components, (uint8_t)kbpk.size, 0x21);
    for (size_t i = 0; i < kbpk.size; i++)
        components[0].data[i] = components[1].data[i] ^ kbpk.data[i];
    reader->status = pos_hsm_import_components(reader->session, POS_USAGE_KTK, protection,
                                               components, 2, &reader->ktk, &kcv, NULL);
    if (reader->status == POS_OK)
        reader->status =
            pos_hsm_import_tmk(reader->session, pos_bytes_text(vectors_text(row, "block")),
                               &reader->ktk, asked, &reader->tmk, &reader->kcv, NULL);
}

/* The known blocks of others, good and bad: what the software module makes of each. */
Test(pkcs11, reads_blocks_of_every_version_as_the_software_module_does)
{
    struct softhsm softhsm = softhsm_create();
    struct scratch scratch = scratch_create();
    softhsm_add_token("posgate");
    struct pos_hsm *token = open_token(NULL, 0), *software = scratch_open(&scratch, 5);
    struct reader ours = {.name = "token"}, theirs = {.name = "software"};
    cr_assert(pos_hsm_session_open(token, &ours.session) == POS_OK);
    cr_assert(pos_hsm_session_open(software, &theirs.session) == POS_OK);
    json_t *root = vectors_load("key_blocks.json");
    const json_t *rows = json_object_get(root, "rows"), *row;
    size_t i, good[256] = {0}, bad = 0;
    json_array_foreach(rows, i, row)
    {
        enum pos_algorithm protection =
            pos_algorithm_parse(pos_bytes_text(vectors_text(row, "protection")));
        enum pos_algorithm asked = pos_algorithm_parse(pos_bytes_text(vectors_text(row, "asked")));
        if (asked == POS_ALGORITHM_SM4)
            continue;
        read_block(&ours, row, protection, asked);
        read_block(&theirs, row, protection, asked);
        cr_expect_eq(ours.status, theirs.status, "%s: %s, not %s", vectors_text(row, "name"),
                     pos_status_name(ours.status), pos_status_name(theirs.status));
        cr_expect(ours.status != POS_OK || pos_kcv_equal(&ours.kcv, &theirs.kcv), "%s",
                  vectors_text(row, "name"));
        bad += ours.status != POS_OK;
        good[(uint8_t)vectors_text(row, "block")[0]] += ours.status == POS_OK;
    }
    cr_expect(good['A'] > 0 && good['B'] > 0 && good['C'] > 0 && good['D'] > 0, "%zu %zu %zu %zu",
              good['A'], good['B'], good['C'], good['D']);
    cr_expect_geq(bad, 20);
    json_decref(root);
    pos_hsm_session_close(ours.session);
    pos_hsm_session_close(theirs.session);
    pos_hsm_close(token);
    pos_hsm_close(software);
    scratch_destroy(&scratch);
    softhsm_destroy(&softhsm);
}
