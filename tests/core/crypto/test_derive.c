#include "core/crypto/derive.h"

#include <criterion/criterion.h>

#include "tests/core/crypto/vectors.h"

/* Computed with `openssl mac ... CMAC` over the inputs of the header, from keys 00 01 02 ... */
static const struct {
    enum pos_algorithm algorithm;
    const char *registration, *key_file;
} rows[] = {
    {POS_ALGORITHM_T2, "E085DF788816A6BCEECD876ECFC33F6F", "083788864D4BDEDA38910B0DA6DAF131"},
    {POS_ALGORITHM_T3, "C38663A1A9D602C5F8A89B13736040700DA1AA70699FAA9A",
     "671D6CD994F612549C7DDD148DE665777957C6667B890219"},
    {POS_ALGORITHM_A128, "0A9F08E2765F677DF2E1269DACF51206", "4F62914B629A1B28A30F6C22B37A3E76"},
    {POS_ALGORITHM_A256, "766AB474EA877DF643E215FC4790E4BE9162BEF482C005108E546751BC46BE96",
     "B3F6BEA005258644F07A5C56BA4E04B3A4960C1D9D9948997A56C9AAF3A9FD5D"},
    {POS_ALGORITHM_SM4, "1E97EB5F9B9E44BE1FAE47B856FC21F7", "7D03BB3492320A7B0A88641B9240EDF6"},
};

Test(derive, agrees_with_cmacs_by_another_tool_for_every_algorithm)
{
    uint8_t key[POS_KEY_SIZE_MAX], derived[POS_KEY_SIZE_MAX];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = pos_algorithm_name(rows[i].algorithm);
        struct vector registration = vector_hex(rows[i].registration);
        struct vector key_file = vector_hex(rows[i].key_file);
        cr_assert(registration.size == pos_algorithm_key_size(rows[i].algorithm));
        cr_expect(pos_derive(rows[i].algorithm, key, POS_DERIVE_REGISTRATION, derived) == POS_OK);
        cr_expect_arr_eq(derived, registration.data, registration.size, "%s", name);
        cr_expect(pos_derive(rows[i].algorithm, key, POS_DERIVE_KEY_FILE, derived) == POS_OK);
        cr_expect_arr_eq(derived, key_file.data, key_file.size, "%s", name);
    }
}

Test(derive, refuses_a_key_of_no_algorithm)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {0}, derived[POS_KEY_SIZE_MAX];
    cr_expect(pos_derive(POS_ALGORITHM_NONE, key, POS_DERIVE_REGISTRATION, derived) ==
              POS_ERR_USAGE);
}
