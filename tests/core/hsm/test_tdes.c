#include "core/hsm/tdes.h"

#include <criterion/criterion.h>
#include <string.h>

Test(tdes, parity_becomes_odd_in_each_byte_and_nothing_else_changes)
{
    for (unsigned value = 0; value < 256; value++) {
        uint8_t bytes[3] = {0x55, (uint8_t)value, 0x55};
        pos_tdes_set_parity(bytes + 1, 1);
        cr_expect(__builtin_popcount(bytes[1]) % 2 == 1, "%02X", value);
        cr_expect((bytes[1] & 0xFE) == (value & 0xFE), "%02X", value);
        cr_expect(bytes[0] == 0x55 && bytes[2] == 0x55);
    }
}

Test(tdes, parts_repeat_when_they_are_the_same_but_for_parity)
{
    static const struct {
        const char *name;
        enum pos_algorithm algorithm;
        uint8_t parts[3]; /* the last byte of each */
        bool repeats;
    } rows[] = {
        {"T2 that differs", POS_ALGORITHM_T2, {2, 4, 2}, false},
        {"T2 of one half", POS_ALGORITHM_T2, {2, 2, 0}, true},
        {"T2 that differs in parity", POS_ALGORITHM_T2, {2, 3, 0}, true},
        {"T3 that differs", POS_ALGORITHM_T3, {2, 4, 8}, false},
        {"T3, 1 and 2", POS_ALGORITHM_T3, {2, 2, 8}, true},
        {"T3, 2 and 3", POS_ALGORITHM_T3, {2, 4, 4}, true},
        {"T3, 1 and 3: a T2 key", POS_ALGORITHM_T3, {2, 4, 3}, true},
        {"AES may be what it is", POS_ALGORITHM_A128, {2, 2, 2}, false},
        {"SM4 too", POS_ALGORITHM_SM4, {2, 2, 2}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t key[24] = {0};
        for (size_t part = 0; part < 3; part++)
            key[8 * part + 7] = rows[i].parts[part];
        cr_expect(pos_tdes_repeats(rows[i].algorithm, key) == rows[i].repeats, "%s", rows[i].name);
    }
    cr_expect(pos_is_tdes(POS_ALGORITHM_T2) && pos_is_tdes(POS_ALGORITHM_T3));
    cr_expect_not(pos_is_tdes(POS_ALGORITHM_A128) || pos_is_tdes(POS_ALGORITHM_SM4));
}
