/* Public examples of UnionPay's forms and MAC, through a module and with their own keys. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/hsm/module.h"
#include "tests/core/crypto/vectors.h"
#include "tests/core/hsm/scratch.h"

struct world {
    struct scratch scratch;
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    json_t *vectors;
};

static struct world begin(void)
{
    struct world world = {.scratch = scratch_create()};
    world.hsm = scratch_open(&world.scratch, 9);
    cr_assert(pos_hsm_session_open(world.hsm, &world.session) == POS_OK);
    world.vectors = vectors_load("unionpay.json");
    return world;
}

static void end(const struct world *world)
{
    json_decref(world->vectors);
    pos_hsm_session_close(world->session);
    pos_hsm_close(world->hsm);
    scratch_destroy(&world->scratch);
}

/* 8 bytes become both halves. */
static struct pos_key put(const struct world *world, enum pos_key_usage usage,
                          enum pos_algorithm algorithm, const char *hex)
{
    struct vector clear = vector_hex(hex);
    struct pos_key key = {0};
    struct pos_kcv kcv;
    if (clear.size == 8)
        memcpy(clear.data + 8, clear.data, 8);
    cr_assert(world->hsm->module->import_clear(world->session, usage, algorithm, clear.data, &key,
                                               &kcv) == POS_OK);
    return key;
}

Test(unionpay, the_example_of_40_bytes_comes_out)
{
    struct world world = begin();
    const json_t *example = json_object_get(world.vectors, "working_keys_40");
    struct pos_key tmk = put(&world, POS_USAGE_TMK, POS_ALGORITHM_T2, vectors_text(example, "tmk"));
    struct pos_key tpk = put(&world, POS_USAGE_TPK, POS_ALGORITHM_T2, vectors_text(example, "tpk"));
    struct pos_key tak = put(&world, POS_USAGE_TAK, POS_ALGORITHM_T2, vectors_text(example, "tak"));
    struct vector right = vector_hex(vectors_text(example, "field62"));
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    cr_assert(pos_hsm_wrap_working_form(world.session, POS_FORM_40, &tmk, &tpk, &tak, NULL, &out) ==
              POS_OK);
    cr_expect(right.size == 40 && pos_bytes_equal(pos_buffer_view(&out), vector_view(&right)));
    end(&world);
}

Test(unionpay, the_example_of_an_sm4_key_comes_out)
{
    struct world world = begin();
    const json_t *example = json_object_get(world.vectors, "sm4_working_key");
    const char *key = vectors_text(example, "key");
    struct pos_key tmk =
        put(&world, POS_USAGE_TMK, POS_ALGORITHM_SM4, vectors_text(example, "tmk"));
    struct pos_key tpk = put(&world, POS_USAGE_TPK, POS_ALGORITHM_SM4, key);
    struct pos_key tak = put(&world, POS_USAGE_TAK, POS_ALGORITHM_SM4, key);
    struct vector encrypted = vector_hex(vectors_text(example, "encrypted")),
                  check = vector_hex(vectors_text(example, "zeros_encrypted"));
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX], right[40];
    for (size_t at = 0; at < sizeof right; at += 20) {
        memcpy(right + at, encrypted.data, 16);
        memcpy(right + at + 16, check.data, 4);
    }
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    cr_assert(pos_hsm_wrap_working_form(world.session, POS_FORM_40, &tmk, &tpk, &tak, NULL, &out) ==
              POS_OK);
    cr_expect(out.size == sizeof right && memcmp(memory, right, sizeof right) == 0);
    end(&world);
}

Test(unionpay, the_example_of_an_ecb_mac_comes_out)
{
    struct world world = begin();
    const json_t *example = json_object_get(world.vectors, "ecb_mac");
    struct pos_key tak = put(&world, POS_USAGE_TAK, POS_ALGORITHM_T2, vectors_text(example, "tak"));
    struct vector data = vector_hex(vectors_text(example, "data"));
    const char *right = vectors_text(example, "mac_ascii");
    uint8_t mac[POS_MAC_SIZE];
    cr_assert(pos_hsm_make_mac(world.session, &tak, POS_MAC_WORKING_ECB, vector_view(&data), mac) ==
              POS_OK);
    cr_expect(memcmp(mac, right, sizeof mac) == 0);
    cr_expect(pos_hsm_verify_mac(world.session, &tak, POS_MAC_WORKING_ECB, vector_view(&data),
                                 (const uint8_t *)right) == POS_OK);
    cr_expect(pos_hsm_verify_mac(world.session, &tak, POS_MAC_WORKING, vector_view(&data),
                                 (const uint8_t *)right) == POS_ERR_MAC,
              "and not by the other algorithm");
    end(&world);
}
