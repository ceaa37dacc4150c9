/* Protectors that were made from what a device derived, beside those that the key itself made. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/derive.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block.h"
#include "tests/core/crypto/vectors.h"

static struct pos_kcv long_kcv(enum pos_kcv_method method, enum pos_algorithm algorithm,
                               const uint8_t *key)
{
    struct pos_kcv kcv;
    cr_assert(pos_kcv_compute_by(method, algorithm, key, &kcv) == POS_OK);
    return kcv;
}

static struct pos_key_block_protector *derived_protector(enum pos_algorithm algorithm,
                                                         const uint8_t *key)
{
    uint8_t encryption[POS_KEY_SIZE_MAX], mac[POS_KEY_SIZE_MAX];
    struct pos_key_block_protector *protector = NULL;
    cr_assert(pos_derive(algorithm, key, POS_DERIVE_BLOCK_ENCRYPTION, encryption) == POS_OK);
    cr_assert(pos_derive(algorithm, key, POS_DERIVE_BLOCK_MAC, mac) == POS_OK);
    const struct pos_key_block_derived derived = {
        .encryption = encryption,
        .mac = mac,
        .zeros_kcv = long_kcv(POS_KCV_ZEROS, algorithm, key),
        .cmac_kcv = long_kcv(POS_KCV_CMAC, algorithm, key),
    };
    cr_assert(pos_key_block_protector_create_derived(algorithm, &derived, &protector) == POS_OK);
    return protector;
}

/* Every block of the vectors, by both: the same outcome and the same key, but that A and C are not
 * for derived keys. */
static void expect_alike(const json_t *row, size_t *variant_count)
{
    const char *name = vectors_text(row, "name"), *block = vectors_text(row, "block");
    const char *usage = vectors_text(row, "usage");
    struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
    enum pos_algorithm protection =
        pos_algorithm_parse(pos_bytes_text(vectors_text(row, "protection")));
    enum pos_algorithm asked = pos_algorithm_parse(pos_bytes_text(vectors_text(row, "asked")));
    struct pos_key_block_protector *own, *derived = derived_protector(protection, kbpk.data);
    cr_assert(pos_key_block_protector_create(protection, kbpk.data, &own) == POS_OK);
    const struct pos_key_block_expectation expected = {
        {{usage[0], usage[1]}, pos_key_block_algorithm_letter(asked), 0, {0, 0}, 0}, asked};
    uint8_t key[POS_KEY_SIZE_MAX] = {0}, again[POS_KEY_SIZE_MAX] = {0};
    enum pos_status right = pos_key_block_unwrap(own, pos_bytes_text(block), &expected, key, NULL);
    enum pos_status status =
        pos_key_block_unwrap(derived, pos_bytes_text(block), &expected, again, NULL);
    bool variant = status == POS_ERR_USAGE;
    *variant_count += variant;
    cr_expect(variant ? block[0] == 'A' || block[0] == 'C' : status == right, "%s: %s, not %s",
              name, pos_status_name(status), pos_status_name(right));
    if (status == POS_OK)
        cr_expect_arr_eq(again, key, pos_algorithm_key_size(asked), "%s", name);
    pos_key_block_protector_destroy(own);
    pos_key_block_protector_destroy(derived);
}

Test(key_block_derived, opens_what_the_key_itself_opens_but_versions_a_and_c)
{
    json_t *root = vectors_load("key_blocks.json");
    const json_t *rows = json_object_get(root, "rows"), *row;
    size_t i, variant_count = 0;
    json_array_foreach(rows, i, row) expect_alike(row, &variant_count);
    cr_expect_geq(i, 100);
    cr_expect_geq(variant_count, 10, "%zu", variant_count);
    json_decref(root);
}

Test(key_block_derived, writes_what_the_key_itself_opens)
{
    static const struct {
        enum pos_algorithm protection, key;
    } rows[] = {{POS_ALGORITHM_T2, POS_ALGORITHM_T2},
                {POS_ALGORITHM_T3, POS_ALGORITHM_T2},
                {POS_ALGORITHM_A128, POS_ALGORITHM_A128},
                {POS_ALGORITHM_A256, POS_ALGORITHM_T3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t protection[POS_KEY_SIZE_MAX], key[POS_KEY_SIZE_MAX], back[POS_KEY_SIZE_MAX];
        uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
        for (uint8_t b = 0; b < POS_KEY_SIZE_MAX; b++) {
            protection[b] = (uint8_t)(3 * b + 1);
            key[b] = (uint8_t)(5 * b + 2);
        }
        struct pos_key_block_attributes attributes = {"K1", 0, 'B', "00", 'E'};
        attributes.algorithm = pos_key_block_algorithm_letter(rows[i].key);
        struct pos_buffer block = pos_buffer(memory, sizeof memory);
        struct pos_key_block_protector *derived = derived_protector(rows[i].protection, protection);
        struct pos_key_block_protector *own;
        cr_assert(pos_key_block_protector_create(rows[i].protection, protection, &own) == POS_OK);
        const struct pos_key_block_expectation expected = {attributes, rows[i].key};
        cr_assert(pos_key_block_wrap(derived, &attributes, NULL, rows[i].key, key, &block) ==
                  POS_OK);
        cr_expect(pos_key_block_unwrap(own, pos_buffer_view(&block), &expected, back, NULL) ==
                      POS_OK,
                  "row %zu", i);
        cr_expect_arr_eq(back, key, pos_algorithm_key_size(rows[i].key), "row %zu", i);
        pos_key_block_protector_destroy(own);
        pos_key_block_protector_destroy(derived);
    }
    const struct pos_key_block_derived none = {0};
    struct pos_key_block_protector *protector;
    cr_expect(pos_key_block_protector_create_derived(POS_ALGORITHM_SM4, &none, &protector) ==
              POS_ERR_USAGE);
    cr_expect(protector == NULL);
}
