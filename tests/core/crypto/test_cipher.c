#include "core/crypto/cipher.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/core/crypto/vectors.h"

/* NIST SP 800-38A F.2.1 and F.2.5: the same key and IV, AES-128 and AES-256, two blocks. */
static const struct {
    const char *name, *key, *iv, *text, *ciphertext;
    enum pos_algorithm algorithm;
} rows[] = {
    {"F.2.1", "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2", POS_ALGORITHM_A128},
    {"F.2.5", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d", POS_ALGORITHM_A256},
};

Test(cipher, starts_every_message_at_its_own_iv_however_often_it_was_used)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vector key = vector_hex(rows[i].key), iv = vector_hex(rows[i].iv);
        struct vector text = vector_hex(rows[i].text), coded = vector_hex(rows[i].ciphertext);
        struct pos_cipher encrypt = {0}, decrypt = {0};
        cr_assert(pos_cipher_init(&encrypt, rows[i].algorithm, POS_CIPHER_ENCRYPT, key.data) == 0);
        cr_assert(pos_cipher_init(&decrypt, rows[i].algorithm, POS_CIPHER_DECRYPT, key.data) == 0);
        for (int round = 0; round < 3; round++) {
            uint8_t data[32];
            memcpy(data, text.data, sizeof data);
            cr_expect(pos_cipher_cbc(&encrypt, iv.data, data, sizeof data) == POS_OK);
            cr_expect_arr_eq(data, coded.data, sizeof data, "%s round %d", rows[i].name, round);
            cr_expect(pos_cipher_cbc(&decrypt, iv.data, data, sizeof data) == POS_OK);
            cr_expect_arr_eq(data, text.data, sizeof data, "%s round %d", rows[i].name, round);
        }
        pos_cipher_fini(&encrypt);
        pos_cipher_fini(&decrypt);
    }
}

Test(cipher, goes_on_where_the_last_call_ended_when_given_its_own_chain)
{
    struct vector key = vector_hex(rows[1].key), iv = vector_hex(rows[1].iv);
    struct vector data = vector_hex(rows[1].text), coded = vector_hex(rows[1].ciphertext);
    struct pos_cipher cipher = {0};
    cr_assert(pos_cipher_init(&cipher, POS_ALGORITHM_A256, POS_CIPHER_ENCRYPT, key.data) == 0);
    cr_expect(pos_cipher_cbc(&cipher, iv.data, data.data, 16) == POS_OK);
    cr_expect(pos_cipher_cbc(&cipher, cipher.chain, data.data + 16, 16) == POS_OK);
    cr_expect_arr_eq(data.data, coded.data, 32);
    pos_cipher_fini(&cipher);
}

Test(cipher, takes_another_key_algorithm_and_direction)
{
    struct pos_cipher cipher = {0};
    for (int turn = 0; turn < 4; turn++) {
        size_t i = (size_t)turn % 2;
        enum pos_cipher_direction direction = turn < 2 ? POS_CIPHER_ENCRYPT : POS_CIPHER_DECRYPT;
        struct vector key = vector_hex(rows[i].key), iv = vector_hex(rows[i].iv);
        struct vector text = vector_hex(rows[i].text), coded = vector_hex(rows[i].ciphertext);
        cr_assert(pos_cipher_init(&cipher, rows[i].algorithm, direction, key.data) == POS_OK);
        struct vector *from = turn < 2 ? &text : &coded, *to = turn < 2 ? &coded : &text;
        cr_expect(pos_cipher_cbc(&cipher, iv.data, from->data, 32) == POS_OK);
        cr_expect_arr_eq(from->data, to->data, 32, "turn %d", turn);
    }
    pos_cipher_fini(&cipher);
}

/* In the middle of a message, both ways: nothing of it is left over in what follows. */
Test(cipher, takes_another_key_of_its_kind_wherever_it_stopped)
{
    for (int turn = 0; turn < 4; turn++) {
        size_t i = (size_t)turn % 2;
        enum pos_cipher_direction direction = turn < 2 ? POS_CIPHER_ENCRYPT : POS_CIPHER_DECRYPT;
        struct vector key = vector_hex(rows[i].key), iv = vector_hex(rows[i].iv);
        struct vector text = vector_hex(rows[i].text), coded = vector_hex(rows[i].ciphertext);
        struct vector *from = turn < 2 ? &text : &coded, *to = turn < 2 ? &coded : &text;
        uint8_t other[POS_KEY_SIZE_MAX] = {7}, data[48] = {5};
        struct pos_cipher cipher = {0};
        cr_assert(pos_cipher_init(&cipher, rows[i].algorithm, direction, other) == POS_OK);
        cr_assert(pos_cipher_cbc(&cipher, iv.data, data, sizeof data) == POS_OK);
        cr_assert(pos_cipher_init(&cipher, rows[i].algorithm, direction, key.data) == POS_OK);
        cr_expect(pos_cipher_cbc(&cipher, iv.data, from->data, 16) == POS_OK);
        cr_expect(pos_cipher_cbc(&cipher, cipher.chain, from->data + 16, 16) == POS_OK);
        cr_expect_arr_eq(from->data, to->data, 32, "turn %d", turn);
        pos_cipher_fini(&cipher);
    }
}

Test(cipher, that_was_never_keyed_does_nothing)
{
    struct pos_cipher cipher = {.block_size = 16};
    uint8_t data[16] = {0};
    cr_expect(pos_cipher_cbc(&cipher, data, data, sizeof data) == POS_ERR_CRYPTO);
    pos_cipher_fini(&cipher);
}

/* NIST SP 800-38A F.1.1 and F.1.5: the same keys and text, each block by itself. */
Test(cipher, encrypts_each_block_by_itself_when_that_is_asked)
{
    static const char *const coded_texts[] = {
        "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
        "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vector key = vector_hex(rows[i].key), text = vector_hex(rows[i].text);
        struct vector coded = vector_hex(coded_texts[i]);
        struct pos_cipher cipher = {0};
        for (int turn = 0; turn < 2; turn++) {
            struct vector data = turn == 0 ? text : coded;
            enum pos_cipher_direction direction =
                turn == 0 ? POS_CIPHER_ENCRYPT : POS_CIPHER_DECRYPT;
            cr_assert(pos_cipher_init(&cipher, rows[i].algorithm, direction, key.data) == POS_OK);
            cr_expect(pos_cipher_ecb(&cipher, data.data, 32) == POS_OK);
            cr_expect_arr_eq(data.data, (turn == 0 ? coded : text).data, 32, "%s turn %d",
                             rows[i].name, turn);
        }
        pos_cipher_fini(&cipher);
    }
}

/* GB/T 32907-2016, annex A: key and text are the same; once, and a million times over. */
Test(cipher, of_sm4_is_that_of_its_standard)
{
    struct vector key = vector_hex("0123456789ABCDEFFEDCBA9876543210"), block = key;
    struct vector once = vector_hex("681EDF34D206965E86B3E94F536E4246");
    struct vector million = vector_hex("595298C7C6FD271F0402F804C33D3F66");
    struct pos_cipher cipher = {0};
    cr_assert(pos_cipher_init(&cipher, POS_ALGORITHM_SM4, POS_CIPHER_ENCRYPT, key.data) == POS_OK);
    cr_expect(pos_cipher_ecb(&cipher, block.data, 16) == POS_OK);
    cr_expect_arr_eq(block.data, once.data, 16);
    for (int i = 1; i < 1000000; i++)
        cr_assert(pos_cipher_ecb(&cipher, block.data, 16) == POS_OK);
    cr_expect_arr_eq(block.data, million.data, 16);
    pos_cipher_fini(&cipher);
}
