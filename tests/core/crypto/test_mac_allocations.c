/*
 * A request costs no allocation: neither a MAC nor, where the cipher stays, another key for its
 * context. With a main of its own, because the allocator of the cryptographic library is replaced
 * by one that counts, which the library allows before its first use alone.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/crypto/mac.h"

static int allocations, passed, failed;

static void *count_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return malloc(size);
}

static void *count_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return realloc(memory, size);
}

static void plain_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

static void expect(bool good, const char *name, const char *what)
{
    if (!good)
        (void)printf("FAILED: %s: %s\n", name, what);
    *(good ? &passed : &failed) += 1;
}

static const struct {
    const char *name;
    enum pos_mac_algorithm mac;
    enum pos_algorithm algorithm;
} rows[] = {
    {"CMAC of AES-256", POS_MAC_CMAC, POS_ALGORITHM_A256},
    {"CMAC of SM4", POS_MAC_CMAC, POS_ALGORITHM_SM4},
    {"CMAC of TDES", POS_MAC_CMAC, POS_ALGORITHM_T3},
    {"retail MAC", POS_MAC_RETAIL, POS_ALGORITHM_T2},
    {"ECB MAC", POS_MAC_CUP_ECB, POS_ALGORITHM_T2},
};

static void check_row(size_t row)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {3}, message[300] = {7}, out[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *mac;
    allocations = 0;
    bool made = pos_mac_create(rows[row].mac, rows[row].algorithm, key, &mac) == POS_OK;
    expect(made && allocations > 0, rows[row].name, "is made, and that is counted");
    allocations = 0;
    for (uint8_t k = 0; k < 10 && made; k++) {
        key[0] = k;
        made = pos_mac_rekey(mac, rows[row].mac, rows[row].algorithm, key) == POS_OK &&
               pos_mac_compute(mac, pos_bytes(message, sizeof message), out) == POS_OK;
    }
    expect(made, rows[row].name, "is keyed and computed");
    expect(allocations == 0, rows[row].name, "costs no allocation");
    pos_mac_destroy(mac);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, plain_free) != 1)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(i);
    (void)printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
