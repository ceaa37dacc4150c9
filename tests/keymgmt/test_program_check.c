/* `check` over a library in which somebody put rows by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/store/key_library.h"
#include "tests/keymgmt/program_steps.h"
#include "tests/keymgmt/sealed_chain.h"

TestSuite(program_check, .init = enter_folder, .fini = leave_folder, .timeout = 290);

static struct outcome outcome;

/* A copy of key 1 as the next key, with what `change` does to it. */
static void plant(struct pos_key_library *library, void (*change)(struct pos_key_row *row))
{
    struct pos_key_row row;
    struct pos_batch_row batch = {.state = POS_BATCH_GENERATED, .form = POS_FORM_60};
    cr_assert(pos_key_library_find(library, 1, &row) == POS_OK);
    cr_assert(pos_key_library_next(library, &row.index, &batch.number) == POS_OK);
    row.batch = batch.number;
    batch.algorithm = row.algorithm;
    change(&row);
    enum pos_status status = pos_key_library_add(library, &row, 1, &batch, NULL);
    cr_assert(status == POS_OK, "%s", pos_status_name(status));
}

static void change_nothing(struct pos_key_row *row)
{
    (void)row;
}

static void change_kcv(struct pos_key_row *row)
{
    row->tpk_kcv.data[0] ^= 1;
    row->tmk_kcv.data[2] ^= 1;
}

static void change_key(struct pos_key_row *row)
{
    row->tak.data[20] ^= 1;
    row->tmk_kcv.data[2] ^= 2;
}

static void swap_keys(struct pos_key_row *row)
{
    struct pos_key tpk = row->tpk;
    memcpy(row->tpk.data, row->tdk.data, sizeof row->tpk.data);
    memcpy(row->tdk.data, tpk.data, sizeof row->tdk.data);
    row->tmk_kcv.data[2] ^= 4;
}

static void plant_all(void)
{
    struct pos_audit_chain chain;
    struct pos_key_library *library;
    struct pos_error error;
    open_module();
    const struct pos_key_library_options options = {.path = in_folder("home/library"),
                                                    .audit = init_sealed_chain(&chain),
                                                    .anchor.path = in_folder("home/anchor")};
    cr_assert(pos_key_library_open(&options, &library, &error) == POS_OK, "%s", error.text);
    plant(library, change_nothing);
    plant(library, change_kcv);
    plant(library, change_key);
    plant(library, swap_keys);
    pos_key_library_close(library);
    close_module();
}

static bool has(json_t *findings, const char *owner, const char *key, const char *finding)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        json_t *row = json_array_get(findings, i);
        if (strcmp(text_of(row, "owner"), owner) == 0 && strcmp(text_of(row, "key"), key) == 0 &&
            strcmp(text_of(row, "finding"), finding) == 0)
            return true;
    }
    return false;
}

Test(program_check, a_library_as_it_was_made_is_right)
{
    static const char *const algorithms[] = {"T2", "T3", "A128", "A256", "SM4"};
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "T3");
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        EXPECT(&outcome, 0, "generate", "--count", "3", "--alg", algorithms[i]);
    EXPECT(&outcome, 0, "generate", "--count", "2", "--alg", "T2", "--form", "24");
    EXPECT(&outcome, 0, "generate", "--count", "2", "--alg", "SM4", "--form", "40");
    EXPECT(&outcome, 0, "check", "--json");
    json_t *answer = parse(&outcome);
    cr_expect_eq(number_of(answer, "indexes"), 19);
    /* T2, T3 and SM4 of form 60 have a fourth key */
    cr_expect_eq(number_of(answer, "keys_opened"), 19 * 3 + 9 + 1);
    cr_expect_eq(number_of(answer, "wrong"), 0);
    json_decref(answer);
}

Test(program_check, names_what_is_not_as_it_was_made)
{
    step_lmk(&outcome);
    EXPECT(&outcome, 0, "generate", "--count", "2", "--alg", "T2");
    plant_all();
    EXPECT(&outcome, 1, "check", "--json");
    cr_expect_not_null(strstr(outcome.err, "not what they should be"));
    json_t *answer = parse(&outcome), *findings = json_object_get(answer, "findings");
    cr_expect(has(findings, "00000001", "TMK", "same-key"), "and 00000003 is the other");
    cr_expect(has(findings, "00000004", "TPK", "kcv-differs"));
    cr_expect(has(findings, "00000004", "TMK", "kcv-differs"));
    cr_expect(has(findings, "00000005", "TAK", "does-not-open"));
    cr_expect(has(findings, "00000006", "TPK", "does-not-open"), "a key of another usage");
    cr_expect(has(findings, "00000006", "TDK", "does-not-open"));
    cr_expect_eq(number_of(answer, "same_key"), 1, "by check value alone there was one pair");
    cr_expect_not(has(findings, "00000002", "TMK", "same-key"));
    json_decref(answer);
}

Test(program_check, needs_the_module)
{
    EXPECT(&outcome, 0, "init", "--single-operator", "--make-credential");
    EXPECT(&outcome, 69, "check");
    cr_expect_not_null(strstr(outcome.err, "no LMK"));
}

Test(program_check, low_stock)
{
    step_lmk(&outcome);
    (void)step_generate(&outcome, "5");
    EXPECT(&outcome, 0, "stock", "--warn", "5");
    EXPECT(&outcome, 1, "stock", "--warn", "6", "--json");
    cr_expect_not_null(strstr(outcome.err, "low stock: 5 A256 keys wait to be exported"));
    json_t *answer = parse(&outcome);
    cr_expect_not_null(strstr(text_of(answer, "control"), "single operator"));
    json_decref(answer);
    EXPECT(&outcome, 2, "stock", "--warn", "0");
}
