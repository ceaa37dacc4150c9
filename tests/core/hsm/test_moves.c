/* Keys from one kind of security module to the other, as when a center gets its token. There is no
 * way back: what a token keeps leaves it for no other module. */
#include <criterion/criterion.h>

#include "core/hsm/hsm.h"
#include "tests/core/hsm/conformance.h"
#include "tests/core/hsm/scratch.h"
#include "tests/core/hsm/softhsm.h"

Test(moves, keys_go_from_software_to_a_token_and_not_back, .timeout = 290)
{
    struct softhsm softhsm = softhsm_create();
    struct scratch scratch = scratch_create();
    struct pos_hsm_session *software, *token;
    softhsm_add_token("posgate");
    const struct pos_pkcs11_options options = softhsm_options("pkcs11:token=posgate", NULL);
    struct pos_hsm *hsms[2] = {scratch_open(&scratch, 0x22), softhsm_open(&options)};
    cr_assert(pos_hsm_session_open(hsms[0], &software) == POS_OK);
    cr_assert(pos_hsm_session_open(hsms[1], &token) == POS_OK);
    struct pos_key key, moved_key;
    struct pos_kcv kcv;
    size_t moved = 0;
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++) {
        enum pos_algorithm algorithm = (enum pos_algorithm)i;
        if (!pos_hsm_serves(hsms[1], algorithm)) {
            cr_assert(pos_hsm_generate(software, POS_USAGE_TMK, algorithm, &key, &kcv) == POS_OK);
            cr_expect(pos_hsm_move_key(software, token, &key, &key) == POS_ERR_USAGE);
            cr_expect(key.size == 0, "nothing comes of it");
            continue;
        }
        hsm_expect_moves("software to token", software, token, algorithm);
        cr_expect(pos_hsm_generate(token, POS_USAGE_TMK, algorithm, &key, &kcv) == POS_OK);
        cr_expect(pos_hsm_move_key(token, software, &key, &moved_key) == POS_ERR_NOT_ALLOWED);
        cr_expect(moved_key.size == 0);
        moved++;
    }
    cr_expect(moved == 4, "all but SM4, which SoftHSM 2 does not have: %zu", moved);
    pos_hsm_session_close(software);
    pos_hsm_session_close(token);
    pos_hsm_close(hsms[0]);
    pos_hsm_close(hsms[1]);
    scratch_destroy(&scratch);
    softhsm_destroy(&softhsm);
}
