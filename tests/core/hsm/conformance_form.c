/* Working keys in the shape of UnionPay's sign-on replies. */
#include <string.h>

#include "tests/core/hsm/conformance_inside.h"

static bool is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

static enum pos_status wrap_form(const struct stage *stage, enum pos_key_form form,
                                 const struct known_key *tpk, const struct known_key *tak,
                                 struct pos_buffer *out)
{
    bool has_tdk = pos_key_form_has_tdk(form, stage->algorithm);
    return pos_hsm_wrap_working_form(stage->center, form, &stage->tmk.key, &tpk->key, &tak->key,
                                     has_tdk ? &stage->tdk.key : NULL, out);
}

/* AES terminals get blocks: there the refusal is the core. */
enum pos_status core_form(const struct stage *stage)
{
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    enum pos_status status = wrap_form(stage, POS_FORM_60, &stage->tpk, &stage->tak, &out);
    if (stage->algorithm == POS_ALGORITHM_A128 || stage->algorithm == POS_ALGORITHM_A256)
        return status == POS_ERR_USAGE ? POS_OK : POS_ERR_STATE;
    return status;
}

/* A TDES key with two equal halves. */
static struct known_key put_single(const struct stage *stage, enum pos_key_usage usage)
{
    uint8_t clear[16];
    for (size_t i = 0; i < sizeof clear; i++)
        clear[i] = (uint8_t)(0x35 + 17 * (i % 8) + (unsigned)usage);
    return stage_put_bytes(stage->center, usage, POS_ALGORITHM_T2, clear);
}

/* What the terminal must find: `size` bytes of the key, `zeros` of zeros, 4 of its check value. */
static void put_part(const struct stage *stage, const struct known_key *key, size_t size,
                     size_t zeros, struct pos_buffer *out)
{
    uint8_t coded[16], check[16] = {0}, none[8] = {0};
    memcpy(coded, key->clear, sizeof coded);
    stage_encrypt(stage->algorithm, stage->tmk.clear, coded, size);
    stage_encrypt(stage->working, key->clear, check, stage->working == POS_ALGORITHM_SM4 ? 16 : 8);
    pos_buffer_put(out, pos_bytes(coded, size));
    pos_buffer_put(out, pos_bytes(none, zeros));
    pos_buffer_put(out, pos_bytes(check, 4));
}

static void expect_form(const struct stage *stage, enum pos_key_form form,
                        const struct known_key *tpk, const struct known_key *tak,
                        struct pos_bytes right)
{
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory),
                      small = pos_buffer(memory, right.size - 1);
    const char *name = pos_key_form_name(form);
    enum pos_status status = wrap_form(stage, form, tpk, tak, &out);
    cr_assert(status == POS_OK, "%s: form %s: %s", stage->name, name, pos_status_text(status));
    cr_expect(pos_bytes_equal(pos_buffer_view(&out), right), "%s: form %s", stage->name, name);
    cr_expect(wrap_form(stage, form, tpk, tak, &small) == POS_ERR_LENGTH && small.size == 0);
}

static void expect_tdes_forms(const struct stage *stage)
{
    struct known_key tpk = put_single(stage, POS_USAGE_TPK), tak = put_single(stage, POS_USAGE_TAK);
    uint8_t memory[3][POS_WORKING_KEYS_SIZE_MAX], none[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer right[3] = {pos_buffer(memory[0], 60), pos_buffer(memory[1], 60),
                                  pos_buffer(memory[2], 60)};
    put_part(stage, &stage->tpk, 16, 0, &right[POS_FORM_60]);
    put_part(stage, &stage->tak, 16, 0, &right[POS_FORM_60]);
    put_part(stage, &stage->tdk, 16, 0, &right[POS_FORM_60]);
    put_part(stage, &stage->tpk, 16, 0, &right[POS_FORM_40]);
    put_part(stage, &tak, 8, 8, &right[POS_FORM_40]);
    put_part(stage, &tpk, 8, 0, &right[POS_FORM_24]);
    put_part(stage, &tak, 8, 0, &right[POS_FORM_24]);
    cr_assert(right[POS_FORM_60].size == 60 && right[POS_FORM_40].size == 40 &&
              right[POS_FORM_24].size == 24);
    expect_form(stage, POS_FORM_60, &stage->tpk, &stage->tak, pos_buffer_view(&right[0]));
    expect_form(stage, POS_FORM_40, &stage->tpk, &tak, pos_buffer_view(&right[1]));
    expect_form(stage, POS_FORM_24, &tpk, &tak, pos_buffer_view(&right[2]));

    const struct {
        enum pos_key_form form;
        const struct known_key *tpk, *tak;
    } wrong[] = {
        {POS_FORM_60, &tpk, &stage->tak},        {POS_FORM_60, &stage->tpk, &tak},
        {POS_FORM_40, &stage->tpk, &stage->tak}, {POS_FORM_40, &tpk, &tak},
        {POS_FORM_24, &stage->tpk, &tak},        {POS_FORM_24, &tpk, &stage->tak},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pos_buffer out = pos_buffer(none, sizeof none);
        enum pos_status status = wrap_form(stage, wrong[i].form, wrong[i].tpk, wrong[i].tak, &out);
        cr_expect(status == POS_ERR_MISMATCH && out.size == 0, "%s: wrong lengths %zu: %s",
                  stage->name, i, pos_status_text(status));
    }
}

/* Keys as generated for the short forms fit them, and no others do. */
static void expect_generated_singles(const struct stage *stage)
{
    struct known_key tpk = {0}, tak = {0};
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    cr_assert(pos_hsm_generate_single(stage->center, POS_USAGE_TPK, &tpk.key, &tpk.kcv) == POS_OK);
    cr_assert(pos_hsm_generate_single(stage->center, POS_USAGE_TAK, &tak.key, &tak.kcv) == POS_OK);
    cr_expect(wrap_form(stage, POS_FORM_24, &tpk, &tak, &out) == POS_OK, "%s", stage->name);
    cr_expect(out.size == 24 && memcmp(memory + 8, tpk.kcv.data, tpk.kcv.size) == 0 &&
              memcmp(memory + 20, tak.kcv.data, tak.kcv.size) == 0);
    out.size = 0;
    cr_expect(wrap_form(stage, POS_FORM_40, &stage->tpk, &tak, &out) == POS_OK, "%s", stage->name);
    out.size = 0;
    cr_assert(pos_hsm_generate(stage->center, POS_USAGE_TAK, POS_ALGORITHM_T2, &tak.key,
                               &tak.kcv) == POS_OK);
    cr_expect(wrap_form(stage, POS_FORM_40, &stage->tpk, &tak, &out) == POS_ERR_MISMATCH);
    cr_expect(wrap_form(stage, POS_FORM_60, &stage->tpk, &tak, &out) == POS_OK, "%s", stage->name);
}

static void expect_sm4_forms(const struct stage *stage)
{
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer right = pos_buffer(memory, sizeof memory);
    put_part(stage, &stage->tpk, 16, 0, &right);
    put_part(stage, &stage->tak, 16, 0, &right);
    expect_form(stage, POS_FORM_40, &stage->tpk, &stage->tak, pos_buffer_view(&right));
    put_part(stage, &stage->tdk, 16, 0, &right);
    expect_form(stage, POS_FORM_60, &stage->tpk, &stage->tak, pos_buffer_view(&right));
}

static void expect_no_form(const struct stage *stage)
{
    uint8_t memory[POS_WORKING_KEYS_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_hsm_session *s = stage->center;
    const struct pos_key *tmk = &stage->tmk.key, *tpk = &stage->tpk.key, *tak = &stage->tak.key,
                         *tdk = &stage->tdk.key;
    struct pos_key foreign = stage_put(stage->mother, POS_USAGE_TPK, stage->working, 1).key;
    enum pos_status foreign_status =
        pos_hsm_wrap_working_form(s, POS_FORM_60, tmk, &foreign, tak, tdk, &out);
    cr_expect(foreign_status == POS_ERR_CORRUPT || foreign_status == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_form(s, POS_FORM_60, tmk, tak, tpk, tdk, &out) == POS_ERR_USAGE,
              "%s: swapped", stage->name);
    cr_expect(pos_hsm_wrap_working_form(s, POS_FORM_60, tmk, tpk, tak, tak, &out) == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_form(s, POS_FORM_60, &stage->ktk.key, tpk, tak, tdk, &out) ==
              POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_form(s, POS_FORM_COUNT, tmk, tpk, tak, tdk, &out) ==
              POS_ERR_USAGE);
    for (int form = 0; form < POS_FORM_COUNT; form++)
        if (!is_tdes(stage->algorithm) &&
            (stage->algorithm != POS_ALGORITHM_SM4 || form == POS_FORM_24))
            cr_expect(pos_hsm_wrap_working_form(s, (enum pos_key_form)form, tmk, tpk, tak, tdk,
                                                &out) == POS_ERR_USAGE,
                      "%s: form %d", stage->name, form);
    cr_expect(out.size == 0);
}

void run_form(const struct stage *stage)
{
    if (is_tdes(stage->algorithm)) {
        expect_tdes_forms(stage);
        expect_generated_singles(stage);
    }
    if (stage->algorithm == POS_ALGORITHM_SM4)
        expect_sm4_forms(stage);
    expect_no_form(stage);
}
