#include "core/hsm/component.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/kcv.h"

static struct pos_component filled(uint8_t fill, uint8_t size)
{
    struct pos_component component = {.size = size};
    memset(component.data, fill, sizeof component.data);
    return component;
}

Test(component, parts_are_xored_into_the_key)
{
    uint8_t key[POS_KEY_SIZE_MAX], right[POS_KEY_SIZE_MAX];
    struct pos_component parts[POS_COMPONENT_COUNT_MAX];
    memset(right, 0, sizeof right);
    for (uint8_t i = 0; i < POS_COMPONENT_COUNT_MAX; i++) {
        parts[i] = filled((uint8_t)(1 + 7 * i * i), 32);
        parts[i].data[31] = (uint8_t)(200 + i);
        for (size_t b = 0; b < sizeof right; b++)
            right[b] ^= parts[i].data[b];
        if (i == 0)
            continue;
        struct pos_error error = {0};
        cr_expect(pos_component_combine(parts, i + 1u, POS_ALGORITHM_A256, key, &error) == POS_OK,
                  "%d parts: %s", i + 1, error.text);
        cr_expect_arr_eq(key, right, sizeof right, "%d parts", i + 1);
    }
}

Test(component, sets_that_would_make_a_weak_key_are_refused_with_a_reason)
{
    static const struct {
        const char *name;
        size_t count;
        uint8_t fills[3];
        uint8_t sizes[3];
        enum pos_status status;
        const char *reason;
    } rows[] = {
        {"two", 2, {1, 2}, {32, 32}, POS_OK, ""},
        {"none", 0, {0}, {0}, POS_ERR_USAGE, "0 components, it takes 2 to 9"},
        {"one", 1, {1}, {32}, POS_ERR_USAGE, "1 components"},
        {"equal", 2, {5, 5}, {32, 32}, POS_ERR_USAGE, "1 and 2 are the same"},
        {"equal far apart", 3, {5, 6, 5}, {32, 32, 32}, POS_ERR_USAGE, "1 and 3 are the same"},
        {"zero", 2, {5, 0}, {32, 32}, POS_ERR_USAGE, "component 2 is all zeros"},
        {"cancelling", 3, {5, 6, 3}, {32, 32, 32}, POS_ERR_USAGE, "key of all zeros"},
        {"too short", 2, {5, 6}, {32, 16}, POS_ERR_USAGE, "component 2 has 16 bytes"},
        {"too long", 2, {5, 6}, {33, 32}, POS_ERR_USAGE, "component 1 has 33 bytes"},
    };
    static const uint8_t zeros[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_component parts[3];
        for (size_t p = 0; p < 3; p++)
            parts[p] = filled(rows[i].fills[p], rows[i].sizes[p]);
        uint8_t key[POS_KEY_SIZE_MAX];
        struct pos_error error = {0};
        enum pos_status status =
            pos_component_combine(parts, rows[i].count, POS_ALGORITHM_A256, key, &error);
        cr_expect(status == rows[i].status, "%s: %s", rows[i].name, pos_status_name(status));
        cr_expect(strstr(error.text, rows[i].reason) != NULL, "%s: %s", rows[i].name, error.text);
        if (status != POS_OK)
            cr_expect_arr_eq(key, zeros, sizeof key, "%s leaves nothing behind", rows[i].name);
    }
    struct pos_component many[POS_COMPONENT_COUNT_MAX + 1];
    for (uint8_t i = 0; i <= POS_COMPONENT_COUNT_MAX; i++)
        many[i] = filled((uint8_t)(1 + 2 * i), 32);
    uint8_t key[POS_KEY_SIZE_MAX];
    cr_expect(pos_component_combine(many, POS_COMPONENT_COUNT_MAX + 1, POS_ALGORITHM_A256, key,
                                    NULL) == POS_ERR_USAGE);
}

/* Only the bytes of the key count: what stands behind a short component does not make it differ. */
Test(component, of_a_short_key_is_compared_over_its_own_size)
{
    struct pos_component parts[2] = {filled(5, 16), filled(5, 16)};
    parts[1].data[20] = 9;
    uint8_t key[POS_KEY_SIZE_MAX];
    cr_expect(pos_component_combine(parts, 2, POS_ALGORITHM_A128, key, NULL) == POS_ERR_USAGE);
}

Test(component, has_a_kcv_for_its_custodian)
{
    struct pos_component part = filled(7, 32);
    struct pos_kcv kcv, right;
    cr_assert(pos_kcv_compute(POS_ALGORITHM_A256, part.data, &right) == POS_OK);
    cr_expect(pos_component_kcv(&part, POS_ALGORITHM_A256, &kcv) == POS_OK);
    cr_expect(pos_kcv_equal(&kcv, &right));
    cr_expect(pos_component_kcv(&part, POS_ALGORITHM_A128, &kcv) == POS_ERR_USAGE);
    cr_expect(pos_component_kcv(&part, POS_ALGORITHM_NONE, &kcv) == POS_ERR_USAGE);
    cr_expect(kcv.method == POS_KCV_NONE);
}

/* Bits of parity are bits like others: what was entered is what the key is. */
Test(component, of_tdes_are_taken_bit_for_bit_and_make_no_shorter_key)
{
    struct pos_component parts[2];
    uint8_t key[POS_KEY_SIZE_MAX], right[24];
    struct pos_error error = {0};
    for (uint8_t i = 0; i < 2; i++) {
        parts[i].size = 24;
        for (uint8_t b = 0; b < 24; b++)
            parts[i].data[b] = (uint8_t)(100 * i + b * (b + 1) + 1);
    }
    for (size_t b = 0; b < sizeof right; b++)
        right[b] = parts[0].data[b] ^ parts[1].data[b];
    cr_assert(pos_component_combine(parts, 2, POS_ALGORITHM_T3, key, &error) == POS_OK);
    cr_expect_arr_eq(key, right, sizeof right);
    for (size_t b = 0; b < 8; b++) /* the third part becomes the first, but for a bit of parity */
        parts[0].data[16 + b] ^= (uint8_t)(right[16 + b] ^ right[b] ^ (b == 3));
    cr_expect(pos_component_combine(parts, 2, POS_ALGORITHM_T3, key, &error) == POS_ERR_USAGE);
    cr_expect(strstr(error.text, "one part repeats another") != NULL, "%s", error.text);
    static const uint8_t zeros[POS_KEY_SIZE_MAX];
    cr_expect_arr_eq(key, zeros, sizeof zeros, "and it is wiped");
}
