/* Keys at rest: sealed by many, opened one at a time by what opens any block. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/key_block.h"
#include "core/crypto/random.h"

enum { KEY_COUNT = 200 }; /* more than go side by side */

static uint8_t lmk[POS_KEY_SIZE_MAX] = "an LMK of 32 characters, or less";
static const struct pos_key_block_attributes tpk_out = {"P0", 'A', 'E', "00", 'N'};
static const struct pos_key_block_attributes tmk_at_rest = {"K1", 'A', 'B', "00", 'E'};

static struct pos_key_block_protector *new_protector(enum pos_algorithm algorithm)
{
    struct pos_key_block_protector *protector;
    cr_assert(pos_key_block_protector_create(algorithm, lmk, &protector) == POS_OK);
    return protector;
}

static struct pos_key_block_sealer *new_sealer(enum pos_algorithm algorithm)
{
    struct pos_key_block_sealer *sealer;
    cr_assert(pos_key_block_sealer_create(algorithm, lmk, &sealer) == POS_OK);
    return sealer;
}

static void seal_one(enum pos_algorithm algorithm,
                     const struct pos_key_block_attributes *attributes, const uint8_t *key,
                     uint8_t *sealed, uint8_t *size)
{
    struct pos_key_block_sealer *sealer = new_sealer(POS_ALGORITHM_A256);
    const struct pos_key_block_sealing sealing = {*attributes, algorithm, key, sealed, size};
    cr_assert(pos_key_block_seal(sealer, &sealing, 1) == POS_OK);
    pos_key_block_sealer_destroy(sealer);
}

/* Many keys, each with its place. */
struct many {
    uint8_t keys[KEY_COUNT][POS_KEY_SIZE_MAX];
    uint8_t sealed[KEY_COUNT][POS_KEY_VALUE_SIZE_MAX];
    uint8_t sizes[KEY_COUNT];
    struct pos_key_block_sealing sealings[KEY_COUNT];
};

static void fill(struct many *many, enum pos_algorithm (*algorithm_of)(size_t i))
{
    cr_assert(pos_random(many->keys, sizeof many->keys) == POS_OK);
    memset(many->sizes, 0xEE, sizeof many->sizes);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        enum pos_algorithm algorithm = algorithm_of(i);
        many->sealings[i] =
            (struct pos_key_block_sealing){i % 3 == 0 ? tmk_at_rest : tpk_out, algorithm,
                                           many->keys[i], many->sealed[i], &many->sizes[i]};
        many->sealings[i].attributes.algorithm = pos_key_block_algorithm_letter(algorithm);
    }
}

static void expect_opens(struct pos_key_block_protector *protector, const struct many *many,
                         size_t i)
{
    const struct pos_key_block_sealing *sealing = &many->sealings[i];
    uint8_t out[POS_KEY_SIZE_MAX];
    enum pos_status status =
        pos_key_block_unseal(protector, &sealing->attributes, sealing->key_algorithm,
                             pos_bytes(sealing->sealed, *sealing->sealed_size), out);
    cr_expect(status == POS_OK, "key %zu: %s", i, pos_status_name(status));
    cr_expect_arr_eq(out, sealing->key, pos_algorithm_key_size(sealing->key_algorithm), "key %zu",
                     i);
}

/* Runs of keys of one size, of other sizes in between, and longer than go at once. */
static enum pos_algorithm mixed(size_t i)
{
    if (i >= KEY_COUNT / 2)
        return POS_ALGORITHM_A256;
    return (enum pos_algorithm)(POS_ALGORITHM_T2 + i / 2 % (POS_ALGORITHM_COUNT - 1));
}

Test(sealed_key, comes_back_for_every_algorithm_however_many_are_sealed)
{
    static const size_t counts[] = {0, 1, 2, 47, 48, 49, 96, KEY_COUNT};
    static struct many many;
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256);
    struct pos_key_block_sealer *sealer = new_sealer(POS_ALGORITHM_A256);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        fill(&many, mixed);
        cr_assert(pos_key_block_seal(sealer, many.sealings, counts[c]) == POS_OK);
        for (size_t i = 0; i < counts[c]; i++)
            expect_opens(protector, &many, i);
        for (size_t i = counts[c]; i < KEY_COUNT; i++)
            cr_expect(many.sizes[i] == 0xEE, "%zu were asked for, and %zu is set", counts[c], i);
    }
    pos_key_block_sealer_destroy(sealer);
    pos_key_block_protector_destroy(protector);
}

/* Of a block as it travels, which is opened by other means. */
Test(sealed_key, is_a_block_of_version_d_without_its_header)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {9, 8, 7}, sealed[POS_KEY_VALUE_SIZE_MAX], size;
    char block[POS_KEY_BLOCK_SIZE_MAX + 1] = "D0144P0AE00N0000";
    uint8_t out[POS_KEY_SIZE_MAX];
    const struct pos_key_block_expectation expected = {tpk_out, POS_ALGORITHM_A256};
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256);
    struct pos_error error = {0};
    seal_one(POS_ALGORITHM_A256, &tpk_out, key, sealed, &size);
    cr_assert(size == sizeof sealed);
    pos_hex_encode(pos_bytes(sealed, size), block + POS_KEY_BLOCK_HEADER_SIZE);
    cr_expect(pos_key_block_unwrap(protector, pos_bytes_text(block), &expected, out, &error) ==
                  POS_OK,
              "%s", error.text);
    cr_expect_arr_eq(out, key, sizeof key);
    pos_key_block_protector_destroy(protector);
}

/* The padding of a key that is shorter than the longest, too. */
Test(sealed_key, never_looks_the_same_twice)
{
    static const uint8_t key[POS_KEY_SIZE_MAX] = {1};
    uint8_t sealed[2][POS_KEY_VALUE_SIZE_MAX], sizes[2];
    struct pos_key_block_sealer *sealer = new_sealer(POS_ALGORITHM_A256);
    const struct pos_key_block_sealing sealings[] = {
        {tpk_out, POS_ALGORITHM_A256, key, sealed[0], &sizes[0]},
        {tpk_out, POS_ALGORITHM_A256, key, sealed[1], &sizes[1]},
    };
    cr_assert(pos_key_block_seal(sealer, sealings, 2) == POS_OK);
    for (size_t at = 0; at < sizeof sealed[0]; at += 16)
        cr_expect(memcmp(sealed[0] + at, sealed[1] + at, 16) != 0, "block at %zu", at);
    pos_key_block_sealer_destroy(sealer);
}

static enum pos_algorithm stronger_at_last(size_t i)
{
    return i + 1 == KEY_COUNT ? POS_ALGORITHM_A256 : POS_ALGORITHM_A128;
}

Test(sealed_key, is_made_by_a_key_that_is_no_weaker_or_none_of_them_is)
{
    static struct many many;
    struct pos_key_block_sealer *sealer = new_sealer(POS_ALGORITHM_A128);
    fill(&many, stronger_at_last);
    cr_expect(pos_key_block_seal(sealer, many.sealings, KEY_COUNT) == POS_ERR_NOT_ALLOWED);
    for (size_t i = 0; i < KEY_COUNT; i++)
        cr_expect(many.sizes[i] == 0, "key %zu", i);
    cr_expect(pos_key_block_seal(sealer, many.sealings, KEY_COUNT - 1) == POS_OK);
    pos_key_block_sealer_destroy(sealer);
}

Test(sealed_key, is_made_under_aes_alone)
{
    uint8_t sealed[POS_KEY_VALUE_SIZE_MAX] = {0}, key[POS_KEY_SIZE_MAX];
    const struct pos_key_block_attributes tdes = {"K1", 'T', 'B', "00", 'E'};
    for (int a = POS_ALGORITHM_NONE; a < POS_ALGORITHM_COUNT; a++) {
        struct pos_key_block_sealer *sealer;
        bool aes = a == POS_ALGORITHM_A128 || a == POS_ALGORITHM_A256;
        cr_expect(pos_key_block_sealer_create((enum pos_algorithm)a, lmk, &sealer) ==
                      (aes ? POS_OK : POS_ERR_USAGE),
                  "algorithm %d", a);
        cr_expect((sealer != NULL) == aes);
        pos_key_block_sealer_destroy(sealer);
    }
    for (int a = POS_ALGORITHM_T2; a <= POS_ALGORITHM_T3; a++) {
        struct pos_key_block_protector *protector = new_protector((enum pos_algorithm)a);
        for (size_t cut = 0; cut <= sizeof sealed; cut += 8)
            cr_expect(pos_key_block_unseal(protector, &tdes, POS_ALGORITHM_T2,
                                           pos_bytes(sealed, cut), key) == POS_ERR_USAGE);
        pos_key_block_protector_destroy(protector);
    }
}

Test(sealed_key, is_refused_as_anything_but_what_it_is)
{
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256);
    uint8_t key[POS_KEY_SIZE_MAX] = {9}, sealed[POS_KEY_VALUE_SIZE_MAX], size;
    seal_one(POS_ALGORITHM_A256, &tpk_out, key, sealed, &size);
    const struct {
        const char *name;
        struct pos_key_block_attributes attributes;
        enum pos_algorithm algorithm;
        size_t cut;
        enum pos_status status;
    } rows[] = {
        {"as it is", tpk_out, POS_ALGORITHM_A256, 0, POS_OK},
        {"other usage", {"M6", 'A', 'E', "00", 'N'}, POS_ALGORITHM_A256, 0, POS_ERR_MAC},
        {"other mode", {"P0", 'A', 'D', "00", 'N'}, POS_ALGORITHM_A256, 0, POS_ERR_MAC},
        {"exportable", {"P0", 'A', 'E', "00", 'E'}, POS_ALGORITHM_A256, 0, POS_ERR_MAC},
        {"other length", tpk_out, POS_ALGORITHM_A128, 0, POS_ERR_MISMATCH},
        {"other algorithm", {"P0", 'T', 'E', "00", 'N'}, POS_ALGORITHM_T3, 0, POS_ERR_FORMAT},
        {"cut", tpk_out, POS_ALGORITHM_A256, 1, POS_ERR_FORMAT},
        {"nothing", tpk_out, POS_ALGORITHM_A256, sizeof sealed, POS_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[POS_KEY_SIZE_MAX];
        enum pos_status status =
            pos_key_block_unseal(protector, &rows[i].attributes, rows[i].algorithm,
                                 pos_bytes(sealed, size - rows[i].cut), out);
        cr_expect(status == rows[i].status, "%s: %s", rows[i].name, pos_status_name(status));
    }
    pos_key_block_protector_destroy(protector);
}

Test(sealed_key, is_refused_with_any_bit_changed)
{
    struct pos_key_block_protector *protector = new_protector(POS_ALGORITHM_A256);
    uint8_t key[POS_KEY_SIZE_MAX] = {9}, sealed[POS_KEY_VALUE_SIZE_MAX], size;
    seal_one(POS_ALGORITHM_A256, &tpk_out, key, sealed, &size);
    cr_assert(size == sizeof sealed);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        uint8_t out[POS_KEY_SIZE_MAX];
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_expect(pos_key_block_unseal(protector, &tpk_out, POS_ALGORITHM_A256,
                                       pos_bytes(sealed, size), out) == POS_ERR_MAC,
                  "bit %zu", bit);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    pos_key_block_protector_destroy(protector);
}
