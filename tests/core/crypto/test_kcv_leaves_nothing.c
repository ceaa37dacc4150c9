/*
 * A maker of check values keeps its ciphers, and nothing of the keys that went through them: looked
 * for in every block that the cryptographic library has in use, which begins a schedule of AES with
 * the key itself. With a main of its own, because the library's allocator is replaced.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto/cipher.h"
#include "core/crypto/kcv.h"

enum { BLOCK_COUNT_MAX = 1 << 16 };

static struct {
    uint8_t *memory;
    size_t size;
} blocks[BLOCK_COUNT_MAX];
static int passed, failed;

static size_t place_of(const void *memory)
{
    size_t i = 0;
    while (i < BLOCK_COUNT_MAX && blocks[i].memory != memory)
        i++;
    if (i == BLOCK_COUNT_MAX)
        abort();
    return i;
}

static void note(size_t i, void *memory, size_t size)
{
    blocks[i].memory = memory;
    blocks[i].size = size;
}

static void *noted_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *memory = malloc(size);
    note(place_of(NULL), memory, size);
    return memory;
}

static void *noted_realloc(void *before, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    size_t place = place_of(before);
    void *memory = realloc(before, size);
    note(place, memory, size);
    return memory;
}

static void noted_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    if (memory != NULL)
        note(place_of(memory), NULL, 0);
    free(memory);
}

static bool found(const uint8_t *key, size_t size)
{
    for (size_t i = 0; i < BLOCK_COUNT_MAX; i++)
        if (blocks[i].memory != NULL && memmem(blocks[i].memory, blocks[i].size, key, size) != NULL)
            return true;
    return false;
}

static void expect(bool good, const char *name, const char *what)
{
    if (!good)
        (void)printf("FAILED: %s: %s\n", name, what);
    *(good ? &passed : &failed) += 1;
}

static void check(enum pos_algorithm algorithm)
{
    const char *name = pos_algorithm_name(algorithm);
    uint8_t key[POS_KEY_SIZE_MAX];
    struct pos_cipher cipher = {0};
    struct pos_kcv kcv;
    struct pos_kcv_maker *maker = pos_kcv_maker_create();
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0x51 + 7 * i);
    size_t size = pos_algorithm_key_size(algorithm);
    expect(!found(key, size), name, "is nowhere before");
    expect(pos_kcv_make(maker, algorithm, key, &kcv) == POS_OK, name, "has a check value");
    expect(!found(key, size), name, "is nowhere afterwards");
    expect(pos_kcv_make_next(maker, algorithm, key, &kcv) == POS_OK, name, "is one of several");
    expect(found(key, size), name, "stays until the next, or this looks elsewhere");
    expect(pos_kcv_forget(maker) == POS_OK && !found(key, size), name,
           "is forgotten with the last");
    expect(pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, key) == POS_OK, name, "is used");
    expect(found(key, size), name, "is found in a cipher, or this looks elsewhere");
    pos_cipher_fini(&cipher);
    pos_kcv_maker_destroy(maker);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(noted_malloc, noted_realloc, noted_free) != 1)
        return 1;
    check(POS_ALGORITHM_A128);
    check(POS_ALGORITHM_A256);
    (void)printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
