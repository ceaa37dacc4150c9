#include "core/crypto/key_block.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/kcv.h"
#include "core/crypto/random.h"
#include "tests/core/crypto/vectors.h"

static struct pos_key_block_protector *new_protector(enum pos_algorithm algorithm, uint8_t fill)
{
    uint8_t key[POS_KEY_SIZE_MAX];
    memset(key, fill, sizeof key);
    struct pos_key_block_protector *protector;
    cr_assert(pos_key_block_protector_create(algorithm, key, &protector) == POS_OK);
    return protector;
}

static const struct pos_key_block_attributes tpk_out = {"P0", 'A', 'E', "00", 'N'};
static const struct pos_key_block_attributes tak_out = {"M6", 'A', 'C', "00", 'N'};
static const struct pos_key_block_attributes tmk_under_ktk = {"K1", 'A', 'B', "00", 'E'};

Test(key_block, opens_the_published_aes_256_block)
{
    json_t *root = vectors_load("standards.json");
    const json_t *row = json_object_get(root, "tr31_d_aes256");
    struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
    struct vector right = vector_hex(vectors_text(row, "key"));
    struct pos_key_block_protector *protector;
    cr_assert(pos_key_block_protector_create(POS_ALGORITHM_A256, kbpk.data, &protector) == 0);
    const struct pos_key_block_expectation expected = {{"P0", 'A', 'E', "00", 'E'},
                                                       POS_ALGORITHM_A256};
    uint8_t key[POS_KEY_SIZE_MAX];
    struct pos_error error = {0};
    cr_expect(pos_key_block_unwrap(protector, pos_bytes_text(vectors_text(row, "block")), &expected,
                                   key, &error) == POS_OK,
              "%s", error.text);
    cr_expect_arr_eq(key, right.data, right.size);
    pos_key_block_protector_destroy(protector);
    json_decref(root);
}

/* The starts and lengths that the wire and the key file promise. */
Test(key_block, has_the_form_that_its_reader_waits_for)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {1, 2, 3}, t2[16] = {4, 5, 6};
    uint8_t protection_key[POS_KEY_SIZE_MAX];
    struct pos_kcv kc, kp, short_kc;
    memset(protection_key, 7, sizeof protection_key);
    cr_assert(pos_kcv_compute(POS_ALGORITHM_A256, key, &kc) == POS_OK);
    cr_assert(pos_kcv_compute(POS_ALGORITHM_A256, protection_key, &kp) == POS_OK);
    cr_assert(pos_kcv_compute(POS_ALGORITHM_T2, t2, &short_kc) == POS_OK);
    const struct pos_key_block_attributes tmk_out = {"K1", 'A', 'D', "00", 'N'};
    const struct pos_key_block_attributes t2_out = {"P0", 'T', 'E', "00", 'N'};
    const struct {
        const char *start;
        const struct pos_key_block_attributes *attributes;
        struct pos_key_block_optional optional;
        enum pos_algorithm algorithm;
        size_t size;
    } rows[] = {
        {"D0176K1AB00E0200KC1001", &tmk_under_ktk, {&kc, &kp}, POS_ALGORITHM_A256, 176},
        {"D0144K1AD00N0000", &tmk_out, {NULL, NULL}, POS_ALGORITHM_A256, 144},
        {"D0144P0AE00N0000", &tpk_out, {NULL, NULL}, POS_ALGORITHM_A256, 144},
        {"D0144M6AC00N0000", &tak_out, {NULL, NULL}, POS_ALGORITHM_A128, 144},
        {"D0112P0TE00N0000", &t2_out, {NULL, NULL}, POS_ALGORITHM_T2, 112},
        {"D0128P0TE00N0200KC0C00", &t2_out, {&short_kc, NULL}, POS_ALGORITHM_T2, 128},
        {"D0144P0TE00N0300KC0C00", &t2_out, {&short_kc, &kp}, POS_ALGORITHM_T2, 144},
    };
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256, 7);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[POS_KEY_BLOCK_SIZE_MAX];
        struct pos_buffer block = pos_buffer(memory, sizeof memory);
        const uint8_t *in = rows[i].algorithm == POS_ALGORITHM_T2 ? t2 : key;
        cr_expect(pos_key_block_wrap(protector, rows[i].attributes, &rows[i].optional,
                                     rows[i].algorithm, in, &block) == POS_OK);
        cr_expect(block.size == rows[i].size, "%s: %zu", rows[i].start, block.size);
        cr_expect(memcmp(memory, rows[i].start, strlen(rows[i].start)) == 0, "%s is not %.30s",
                  rows[i].start, memory);
        const struct pos_key_block_expectation expected = {*rows[i].attributes, rows[i].algorithm};
        uint8_t out[POS_KEY_SIZE_MAX] = {0};
        cr_expect(pos_key_block_unwrap(protector, pos_buffer_view(&block), &expected, out, NULL) ==
                      POS_OK,
                  "%s", rows[i].start);
        cr_expect_arr_eq(out, in, pos_algorithm_key_size(rows[i].algorithm), "%s", rows[i].start);
    }
    pos_key_block_protector_destroy(protector);
}

Test(key_block, of_one_key_is_never_the_same_twice)
{
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256, 7);
    uint8_t key[POS_KEY_SIZE_MAX] = {1}, memory[2 * 144];
    struct pos_buffer blocks = pos_buffer(memory, sizeof memory);
    for (int i = 0; i < 2; i++)
        cr_expect(pos_key_block_wrap(protector, &tpk_out, NULL, POS_ALGORITHM_A256, key, &blocks) ==
                  POS_OK);
    cr_expect(memcmp(memory + 16, memory + 144 + 16, 96) != 0);
    cr_expect(memcmp(memory + 112, memory + 144 + 112, 32) != 0);
    pos_key_block_protector_destroy(protector);
}

Test(key_block, is_refused_under_another_protection_key)
{
    struct pos_key_block_protector *ours = new_protector(POS_ALGORITHM_A256, 7);
    struct pos_key_block_protector *theirs = new_protector(POS_ALGORITHM_A256, 8);
    struct pos_key_block_protector *shorter = new_protector(POS_ALGORITHM_A128, 7);
    uint8_t key[POS_KEY_SIZE_MAX] = {1}, memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    const struct pos_key_block_expectation expected = {tpk_out, POS_ALGORITHM_A256};
    cr_assert(pos_key_block_wrap(ours, &tpk_out, NULL, POS_ALGORITHM_A256, key, &block) == POS_OK);
    struct pos_bytes view = pos_buffer_view(&block);
    cr_expect(pos_key_block_unwrap(theirs, view, &expected, key, NULL) == POS_ERR_MAC);
    cr_expect(pos_key_block_unwrap(shorter, view, &expected, key, NULL) == POS_ERR_MAC);
    cr_expect(pos_key_block_unwrap(ours, view, &expected, key, NULL) == POS_OK);
    pos_key_block_protector_destroy(ours);
    pos_key_block_protector_destroy(theirs);
    pos_key_block_protector_destroy(shorter);
}

Test(key_block, never_holds_a_key_stronger_than_its_protection_key)
{
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A128, 7);
    uint8_t key[POS_KEY_SIZE_MAX] = {1}, memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    cr_expect(pos_key_block_wrap(protector, &tpk_out, NULL, POS_ALGORITHM_A256, key, &block) ==
              POS_ERR_NOT_ALLOWED);
    cr_expect(block.size == 0);
    cr_expect(pos_key_block_wrap(protector, &tpk_out, NULL, POS_ALGORITHM_A128, key, &block) ==
              POS_OK);
    pos_key_block_protector_destroy(protector);
}

Test(key_block, is_written_whole_or_not_at_all)
{
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256, 7);
    uint8_t key[POS_KEY_SIZE_MAX] = {1}, memory[144];
    struct pos_buffer small = pos_buffer(memory, 143), enough = pos_buffer(memory, 144);
    cr_expect(pos_key_block_wrap(protector, &tpk_out, NULL, POS_ALGORITHM_A256, key, &small) ==
              POS_ERR_LENGTH);
    cr_expect(small.size == 0);
    cr_expect(pos_key_block_wrap(protector, &tpk_out, NULL, POS_ALGORITHM_A256, key, &enough) ==
              POS_OK);
    pos_key_block_protector_destroy(protector);
}

Test(key_block, protector_is_made_of_aes_and_tdes_keys_only)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {1};
    struct pos_key_block_protector *protector;
    for (int a = POS_ALGORITHM_NONE; a <= POS_ALGORITHM_COUNT; a++) {
        bool made = a >= POS_ALGORITHM_T2 && a <= POS_ALGORITHM_A256;
        cr_expect(pos_key_block_protector_create((enum pos_algorithm)a, key, &protector) ==
                  (made ? POS_OK : POS_ERR_USAGE));
        cr_expect((protector != NULL) == made, "algorithm %d", a);
        pos_key_block_protector_destroy(protector);
    }
}

static const struct pos_key_block_attributes t_tmk_under_ktk = {"K1", 'T', 'B', "00", 'E'};

/* Version B: sizes, alignment to 8 characters, and both KCVs by the custom of TDES. */
Test(key_block, under_tdes_is_of_version_b)
{
    uint8_t key[24] = {1, 2, 3}, protection_key[POS_KEY_SIZE_MAX];
    struct pos_kcv kc, kp;
    memset(protection_key, 7, sizeof protection_key);
    const struct {
        const char *start;
        enum pos_algorithm protection, algorithm;
        bool kc, kp;
        size_t size;
    } rows[] = {
        {"B0096K1TB00E0000", POS_ALGORITHM_T2, POS_ALGORITHM_T2, false, false, 96},
        {"B0096K1TB00E0000", POS_ALGORITHM_T3, POS_ALGORITHM_T2, false, false, 96},
        {"B0096K1TB00E0000", POS_ALGORITHM_T3, POS_ALGORITHM_T3, false, false, 96},
        {"B0112K1TB00E0200KC0C00", POS_ALGORITHM_T3, POS_ALGORITHM_T3, true, false, 112},
        {"B0112K1TB00E0200KP0C00", POS_ALGORITHM_T2, POS_ALGORITHM_T2, false, true, 112},
        {"B0120K1TB00E0200KC0C00", POS_ALGORITHM_T2, POS_ALGORITHM_T2, true, true, 120},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_key_block_protector *protector = new_protector(rows[i].protection, 7);
        cr_assert(pos_kcv_compute(rows[i].algorithm, key, &kc) == POS_OK);
        cr_assert(pos_kcv_compute(rows[i].protection, protection_key, &kp) == POS_OK);
        const struct pos_key_block_optional optional = {rows[i].kc ? &kc : NULL,
                                                        rows[i].kp ? &kp : NULL};
        char memory[POS_KEY_BLOCK_SIZE_MAX];
        struct pos_buffer block = pos_buffer(memory, sizeof memory);
        cr_expect(pos_key_block_wrap(protector, &t_tmk_under_ktk, &optional, rows[i].algorithm, key,
                                     &block) == POS_OK);
        cr_expect(block.size == rows[i].size, "row %zu: %zu", i, block.size);
        cr_expect(memcmp(memory, rows[i].start, strlen(rows[i].start)) == 0, "%s is not %.30s",
                  rows[i].start, memory);
        const struct pos_key_block_expectation expected = {t_tmk_under_ktk, rows[i].algorithm};
        uint8_t out[POS_KEY_SIZE_MAX];
        struct pos_error error = {0};
        cr_expect(pos_key_block_unwrap(protector, pos_buffer_view(&block), &expected, out,
                                       &error) == POS_OK,
                  "row %zu: %s", i, error.text);
        cr_expect_arr_eq(out, key, pos_algorithm_key_size(rows[i].algorithm));
        pos_key_block_protector_destroy(protector);
    }
}

/* All pairs of protection key and key, written: a key never wraps a stronger one. */
Test(key_block, is_written_for_keys_that_are_no_stronger)
{
    static const unsigned bits[] = {0, 80, 112, 128, 256, 128};
    uint8_t key[POS_KEY_SIZE_MAX] = {1}, memory[POS_KEY_BLOCK_SIZE_MAX];
    for (int p = POS_ALGORITHM_T2; p <= POS_ALGORITHM_A256; p++) {
        struct pos_key_block_protector *protector = new_protector((enum pos_algorithm)p, 7);
        for (int a = POS_ALGORITHM_T2; a < POS_ALGORITHM_COUNT; a++) {
            struct pos_key_block_attributes attributes = tmk_under_ktk;
            attributes.algorithm = pos_key_block_algorithm_letter((enum pos_algorithm)a);
            struct pos_buffer block = pos_buffer(memory, sizeof memory);
            enum pos_status status = pos_key_block_wrap(protector, &attributes, NULL,
                                                        (enum pos_algorithm)a, key, &block);
            cr_expect(status == (bits[a] <= bits[p] ? POS_OK : POS_ERR_NOT_ALLOWED), "%d in %d", a,
                      p);
            cr_expect((block.size > 0) == (status == POS_OK));
        }
        pos_key_block_protector_destroy(protector);
    }
}

Test(key_block, with_the_kp_of_another_protection_key_is_refused)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {1}, protection_key[POS_KEY_SIZE_MAX], out[POS_KEY_SIZE_MAX];
    memset(protection_key, 7, sizeof protection_key);
    for (int a = POS_ALGORITHM_T2; a <= POS_ALGORITHM_A256; a++)
        for (int method = POS_KCV_ZEROS; method <= POS_KCV_CMAC; method++) {
            enum pos_algorithm algorithm = (enum pos_algorithm)a;
            struct pos_key_block_protector *protector = new_protector(algorithm, 7);
            struct pos_key_block_attributes attributes = tmk_under_ktk;
            attributes.algorithm = pos_key_block_algorithm_letter(algorithm);
            const struct pos_key_block_expectation expected = {attributes, algorithm};
            struct pos_kcv kp;
            cr_assert(pos_kcv_compute_by((enum pos_kcv_method)method, algorithm, protection_key,
                                         &kp) == POS_OK);
            for (int wrong = 0; wrong <= kp.size; wrong++) {
                const struct pos_key_block_optional optional = {NULL, &kp};
                char memory[POS_KEY_BLOCK_SIZE_MAX];
                struct pos_buffer block = pos_buffer(memory, sizeof memory);
                struct pos_error error = {0};
                if (wrong > 0)
                    kp.data[wrong - 1] ^= 1;
                cr_assert(pos_key_block_wrap(protector, &attributes, &optional, algorithm, key,
                                             &block) == POS_OK);
                enum pos_status status = pos_key_block_unwrap(protector, pos_buffer_view(&block),
                                                              &expected, out, &error);
                cr_expect(status == (wrong > 0 ? POS_ERR_MISMATCH : POS_OK), "%d, method %d: %s", a,
                          method, error.text);
                cr_expect(wrong == 0 || strstr(error.text, "KP") != NULL, "%s", error.text);
                if (wrong > 0)
                    kp.data[wrong - 1] ^= 1;
            }
            pos_key_block_protector_destroy(protector);
        }
}
