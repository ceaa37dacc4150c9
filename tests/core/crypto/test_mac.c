#include "core/crypto/mac.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/crypto/random.h"
#include "tests/core/crypto/vectors.h"

static struct pos_mac *keyed(enum pos_algorithm algorithm, const uint8_t *key)
{
    struct pos_mac *mac;
    cr_assert(pos_mac_create(POS_MAC_CMAC, algorithm, key, &mac) == POS_OK);
    return mac;
}

Test(mac, is_that_of_rfc_4493)
{
    json_t *root = vectors_load("standards.json");
    const json_t *set = json_object_get(root, "aes_cmac_rfc4493");
    struct vector key = vector_hex(vectors_text(set, "key"));
    struct pos_mac *mac = keyed(POS_ALGORITHM_A128, key.data);
    const json_t *cases = json_object_get(set, "cases");
    cr_assert(json_array_size(cases) == 3);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *row = json_array_get(cases, i);
        struct vector message = vector_hex(vectors_text(row, "message"));
        struct vector right = vector_hex(vectors_text(row, "mac"));
        uint8_t out[POS_MAC_FULL_SIZE_MAX];
        cr_expect(pos_mac_compute(mac, vector_view(&message), out) == POS_OK);
        cr_expect_arr_eq(out, right.data, right.size, "case %zu", i);
    }
    pos_mac_destroy(mac);
    json_decref(root);
}

/* NIST SP 800-38B, appendix D.3 to D.5: prefixes of one message. */
static const char message_text[] =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const struct {
    enum pos_algorithm algorithm;
    const char *key;
    size_t size;
    const char *mac;
} nist[] = {
    {POS_ALGORITHM_A256, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 0,
     "028962f61b7bf89efc6b551f4667d983"},
    {POS_ALGORITHM_A256, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 16,
     "28a7023f452e8f82bd4bf28d8c37c35c"},
    {POS_ALGORITHM_A256, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 40,
     "aaf3d8f1de5640c232f5b169b9c911e6"},
    {POS_ALGORITHM_A256, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 64,
     "e1992190549f6ed5696a2c056c315410"},
    {POS_ALGORITHM_T3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 0, "b7a688e122ffaf95"},
    {POS_ALGORITHM_T3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 8, "8e8f293136283797"},
    {POS_ALGORITHM_T3, "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5", 20, "743ddbe0ce2dc2ed"},
    {POS_ALGORITHM_T2, "4cf15134a2850dd58a3d10ba80570d38", 0, "bd2ebf9a3ba00361"},
    {POS_ALGORITHM_T2, "4cf15134a2850dd58a3d10ba80570d38", 8, "4ff2ab813c53ce83"},
    {POS_ALGORITHM_T2, "4cf15134a2850dd58a3d10ba80570d38", 20, "62dd1b471902bd4e"},
};

Test(mac, is_that_of_sp_800_38b)
{
    struct vector message = vector_hex(message_text);
    for (size_t i = 0; i < sizeof nist / sizeof nist[0]; i++) {
        struct vector key = vector_hex(nist[i].key), right = vector_hex(nist[i].mac);
        struct pos_mac *mac = keyed(nist[i].algorithm, key.data);
        uint8_t out[POS_MAC_FULL_SIZE_MAX];
        cr_expect(pos_mac_size(mac) == right.size);
        cr_expect(pos_mac_compute(mac, pos_bytes(message.data, nist[i].size), out) == POS_OK);
        cr_expect_arr_eq(out, right.data, right.size, "row %zu", i);
        pos_mac_destroy(mac);
    }
}

static void library_mac(const char *cipher, const uint8_t *key, size_t key_size,
                        struct pos_bytes message, uint8_t *out)
{
    size_t size = 0;
    cr_assert(EVP_Q_mac(NULL, "CMAC", NULL, cipher, NULL, key, key_size, message.data, message.size,
                        out, POS_MAC_FULL_SIZE_MAX, &size) != NULL);
}

/* Lengths around every edge of blocks and of the pending buffer, against OpenSSL's own CMAC, from
 * one context that is used over and over. */
Test(mac, agrees_with_the_library_at_every_length)
{
    static const char *const ciphers[POS_ALGORITHM_COUNT] = {
        [POS_ALGORITHM_T2] = "DES-EDE-CBC",   [POS_ALGORITHM_T3] = "DES-EDE3-CBC",
        [POS_ALGORITHM_A128] = "AES-128-CBC", [POS_ALGORITHM_A256] = "AES-256-CBC",
        [POS_ALGORITHM_SM4] = "SM4-CBC",
    };
    uint8_t message[600], key[POS_KEY_SIZE_MAX];
    cr_assert(pos_random(message, sizeof message) == POS_OK);
    for (int a = POS_ALGORITHM_NONE + 1; a < POS_ALGORITHM_COUNT; a++) {
        cr_assert(pos_random(key, sizeof key) == POS_OK);
        struct pos_mac *mac = keyed((enum pos_algorithm)a, key);
        for (size_t size = 0; size <= sizeof message; size++) {
            uint8_t out[POS_MAC_FULL_SIZE_MAX], right[POS_MAC_FULL_SIZE_MAX];
            library_mac(ciphers[a], key, pos_algorithm_key_size((enum pos_algorithm)a),
                        pos_bytes(message, size), right);
            cr_expect(pos_mac_compute(mac, pos_bytes(message, size), out) == POS_OK);
            cr_expect_arr_eq(out, right, pos_mac_size(mac), "%s %zu", ciphers[a], size);
        }
        pos_mac_destroy(mac);
    }
}

Test(mac, in_pieces_is_the_mac_of_the_whole)
{
    uint8_t message[1000], key[POS_KEY_SIZE_MAX] = {5}, whole[16], out[16];
    cr_assert(pos_random(message, sizeof message) == POS_OK);
    struct pos_mac *mac = keyed(POS_ALGORITHM_A256, key);
    static const size_t piece_sizes[] = {1, 7, 15, 16, 17, 255, 256, 257, 999, 1000};
    cr_assert(pos_mac_compute(mac, pos_bytes(message, sizeof message), whole) == POS_OK);
    for (size_t i = 0; i < sizeof piece_sizes / sizeof piece_sizes[0]; i++) {
        cr_expect(pos_mac_start(mac) == POS_OK);
        for (size_t at = 0; at < sizeof message; at += piece_sizes[i]) {
            size_t left = sizeof message - at;
            size_t size = left < piece_sizes[i] ? left : piece_sizes[i];
            cr_expect(pos_mac_add(mac, pos_bytes(message + at, size)) == POS_OK);
            cr_expect(pos_mac_add(mac, pos_bytes(NULL, 0)) == POS_OK);
        }
        cr_expect(pos_mac_finish(mac, out) == POS_OK);
        cr_expect_arr_eq(out, whole, sizeof out, "pieces of %zu", piece_sizes[i]);
    }
    pos_mac_destroy(mac);
}

/* What was begun and not ended is in no later MAC, under the same key or, as a cache does it, under
 * another key and another MAC. */
Test(mac, started_anew_forgets_what_was_added)
{
    uint8_t key[POS_KEY_SIZE_MAX] = {5}, right[16], out[16], long_piece[300];
    struct pos_mac *mac;
    memset(long_piece, 0x77, sizeof long_piece);
    for (int kind = POS_MAC_CMAC; kind <= POS_MAC_CUP_ECB; kind++) {
        enum pos_mac_algorithm algorithm = (enum pos_mac_algorithm)kind;
        cr_assert(pos_mac_create(algorithm, POS_ALGORITHM_T2, key, &mac) == POS_OK);
        cr_assert(pos_mac_compute(mac, pos_bytes_text("abc"), right) == POS_OK);
        for (int turn = 0; turn < 2; turn++) {
            if (turn == 1)
                cr_assert(pos_mac_rekey(mac, POS_MAC_CMAC, POS_ALGORITHM_A256, key) == POS_OK);
            cr_assert(pos_mac_start(mac) == POS_OK);
            cr_assert(pos_mac_add(mac, pos_bytes(long_piece, sizeof long_piece)) == POS_OK);
            if (turn == 1)
                cr_assert(pos_mac_rekey(mac, algorithm, POS_ALGORITHM_T2, key) == POS_OK);
            cr_expect(pos_mac_compute(mac, pos_bytes_text("abc"), out) == POS_OK);
            cr_expect_arr_eq(out, right, 8, "MAC %d, turn %d", kind, turn);
        }
        pos_mac_destroy(mac);
    }
}

Test(mac, context_takes_another_key_and_algorithm)
{
    struct vector a256 = vector_hex(nist[1].key), t3 = vector_hex(nist[5].key);
    struct vector message = vector_hex(message_text);
    uint8_t other[POS_KEY_SIZE_MAX] = {1}, out[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *mac = keyed(POS_ALGORITHM_A256, other);
    cr_expect(pos_mac_rekey(mac, POS_MAC_CMAC, POS_ALGORITHM_A256, a256.data) == POS_OK);
    cr_expect(pos_mac_compute(mac, pos_bytes(message.data, 16), out) == POS_OK);
    cr_expect_arr_eq(out, vector_hex(nist[1].mac).data, 16);
    cr_expect(pos_mac_rekey(mac, POS_MAC_CMAC, POS_ALGORITHM_T3, t3.data) == POS_OK);
    cr_expect(pos_mac_size(mac) == 8);
    cr_expect(pos_mac_compute(mac, pos_bytes(message.data, 8), out) == POS_OK);
    cr_expect_arr_eq(out, vector_hex(nist[5].mac).data, 8);
    pos_mac_destroy(mac);
}

/* RFC 4493, GB/T 15852.1, ISO 9797-1 and others: the file names the source of each. */
Test(mac, is_the_published_one)
{
    json_t *root = vectors_load("macs.json");
    const json_t *rows = json_object_get(root, "rows");
    cr_assert(json_array_size(rows) == 5);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        bool retail = strcmp(vectors_text(row, "mac"), "retail") == 0;
        struct vector key = vector_hex(vectors_text(row, "key"));
        struct vector message = vector_hex(vectors_text(row, "message"));
        struct vector right = vector_hex(vectors_text(row, "result"));
        struct pos_mac *mac;
        uint8_t out[POS_MAC_FULL_SIZE_MAX];
        cr_assert(
            pos_mac_create(retail ? POS_MAC_RETAIL : POS_MAC_CMAC,
                           pos_algorithm_parse(pos_bytes_text(vectors_text(row, "algorithm"))),
                           key.data, &mac) == POS_OK);
        cr_expect(pos_mac_size(mac) == right.size);
        cr_expect(pos_mac_compute(mac, vector_view(&message), out) == POS_OK);
        cr_expect_arr_eq(out, right.data, right.size, "%s", vectors_text(row, "source"));
        pos_mac_destroy(mac);
    }
    json_decref(root);
}

static void tdes(const char *cipher_name, const uint8_t *key, bool encrypt, uint8_t *block)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int size;
    cr_assert(EVP_CipherInit_ex2(context, cipher, key, NULL, encrypt, NULL) == 1);
    cr_assert(EVP_CIPHER_CTX_set_padding(context, 0) == 1);
    cr_assert(EVP_CipherUpdate(context, block, &size, block, 8) == 1 && size == 8);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}

static void des(const uint8_t *half, bool encrypt, uint8_t *block)
{
    uint8_t key[24];
    for (int i = 0; i < 3; i++)
        memcpy(key + 8 * i, half, 8);
    tdes("DES-EDE3", key, encrypt, block);
}

/* The standard's steps one by one: E with the left half over each block, then D with the right one
 * and E with the left one. */
static void retail_by_steps(const uint8_t *key, const uint8_t *message, size_t size, uint8_t *out)
{
    memset(out, 0, 8);
    for (size_t at = 0; at == 0 || at < size; at += 8) {
        for (size_t i = 0; i < 8; i++)
            out[i] ^= at + i < size ? message[at + i] : 0;
        des(key, true, out);
    }
    des(key + 8, false, out);
    des(key, true, out);
}

static void cup_ecb_by_steps(const uint8_t *key, const uint8_t *message, size_t size, uint8_t *out)
{
    uint8_t block[8] = {0};
    char text[17];
    for (size_t i = 0; i < size; i++)
        block[i % 8] ^= message[i];
    for (int i = 0; i < 8; i++)
        (void)snprintf(text + 2 * i, 3, "%02X", block[i]);
    memcpy(block, text, 8);
    tdes("DES-EDE", key, true, block);
    for (int i = 0; i < 8; i++)
        block[i] ^= (uint8_t)text[8 + i];
    tdes("DES-EDE", key, true, block);
    for (int i = 0; i < 4; i++)
        (void)snprintf(text + 2 * i, 3, "%02X", block[i]);
    memcpy(out, text, 8);
}

static const struct {
    const char *name;
    enum pos_mac_algorithm mac;
    void (*by_steps)(const uint8_t *key, const uint8_t *message, size_t size, uint8_t *out);
} of_terminals[] = {
    {"retail", POS_MAC_RETAIL, retail_by_steps},
    {"cup-ecb", POS_MAC_CUP_ECB, cup_ecb_by_steps},
};

static void check_every_length(size_t row, const uint8_t *key)
{
    uint8_t message[600], out[POS_MAC_FULL_SIZE_MAX], right[8];
    struct pos_mac *mac;
    cr_assert(pos_random(message, sizeof message) == POS_OK);
    cr_assert(pos_mac_create(of_terminals[row].mac, POS_ALGORITHM_T2, key, &mac) == POS_OK);
    for (size_t size = 0; size <= sizeof message; size++) {
        of_terminals[row].by_steps(key, message, size, right);
        cr_expect(pos_mac_compute(mac, pos_bytes(message, size), out) == POS_OK);
        cr_expect_arr_eq(out, right, 8, "%s of %zu", of_terminals[row].name, size);
        cr_assert(pos_mac_start(mac) == POS_OK);
        for (size_t at = 0; at < size; at += size / 3 + 1) {
            size_t piece = size - at < size / 3 + 1 ? size - at : size / 3 + 1;
            cr_assert(pos_mac_add(mac, pos_bytes(message + at, piece)) == POS_OK);
        }
        cr_expect(pos_mac_finish(mac, out) == POS_OK);
        cr_expect_arr_eq(out, right, 8, "%s of %zu in pieces", of_terminals[row].name, size);
    }
    pos_mac_destroy(mac);
}

Test(mac_of_terminals, follows_its_steps_at_every_length_whole_and_in_pieces)
{
    uint8_t key[16];
    for (size_t i = 0; i < sizeof of_terminals / sizeof of_terminals[0]; i++) {
        cr_assert(pos_random(key, sizeof key) == POS_OK);
        check_every_length(i, key);
        memcpy(key + 8, key, 8); /* a key of single length */
        check_every_length(i, key);
    }
}

/* With equal halves the last two steps undo each other: ISO 9797-1 algorithm 1. */
Test(mac_retail, with_equal_halves_is_the_cbc_mac_of_single_des)
{
    uint8_t key[16], message[40], out[POS_MAC_FULL_SIZE_MAX], right[8] = {0};
    struct pos_mac *mac;
    cr_assert(pos_random(key, 8) == POS_OK && pos_random(message, sizeof message) == POS_OK);
    memcpy(key + 8, key, 8);
    for (size_t at = 0; at < sizeof message; at += 8) {
        for (size_t i = 0; i < 8; i++)
            right[i] ^= message[at + i];
        des(key, true, right);
    }
    cr_assert(pos_mac_create(POS_MAC_RETAIL, POS_ALGORITHM_T2, key, &mac) == POS_OK);
    cr_expect(pos_mac_compute(mac, pos_bytes(message, sizeof message), out) == POS_OK);
    cr_expect_arr_eq(out, right, 8);
    pos_mac_destroy(mac);
}

Test(mac_cup_ecb, is_that_of_the_public_example)
{
    json_t *root = vectors_load("unionpay.json");
    const json_t *row = json_object_get(root, "ecb_mac");
    struct vector half = vector_hex(vectors_text(row, "tak"));
    struct vector message = vector_hex(vectors_text(row, "data"));
    uint8_t key[16], out[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *mac;
    memcpy(key, half.data, 8);
    memcpy(key + 8, half.data, 8);
    cr_assert(pos_mac_create(POS_MAC_CUP_ECB, POS_ALGORITHM_T2, key, &mac) == POS_OK);
    cr_expect(pos_mac_size(mac) == 8);
    cr_expect(pos_mac_compute(mac, vector_view(&message), out) == POS_OK);
    cr_expect_arr_eq(out, vectors_text(row, "mac_ascii"), 8);
    message.data[20] ^= 1;
    cr_expect(pos_mac_compute(mac, vector_view(&message), out) == POS_OK);
    cr_expect_arr_neq(out, vectors_text(row, "mac_ascii"), 8);
    pos_mac_destroy(mac);
    json_decref(root);
}

/* A cache gives its contexts now to this key and now to that one. */
Test(mac, context_goes_from_each_mac_to_each_other)
{
    uint8_t key[POS_KEY_SIZE_MAX], message[100], out[16], right[16];
    struct pos_mac *mac, *fresh;
    static const struct {
        enum pos_mac_algorithm mac;
        enum pos_algorithm algorithm;
    } kinds[] = {
        {POS_MAC_CMAC, POS_ALGORITHM_A256}, {POS_MAC_CMAC, POS_ALGORITHM_T2},
        {POS_MAC_RETAIL, POS_ALGORITHM_T2}, {POS_MAC_CUP_ECB, POS_ALGORITHM_T2},
        {POS_MAC_CMAC, POS_ALGORITHM_SM4},
    };
    const size_t count = sizeof kinds / sizeof kinds[0];
    cr_assert(pos_random(message, sizeof message) == POS_OK && pos_random(key, 32) == POS_OK);
    cr_assert(pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A128, key, &mac) == POS_OK);
    for (size_t i = 0; i < count * count; i++)
        for (size_t k = 0; k < 2; k++) {
            size_t to = k == 0 ? i / count : i % count;
            cr_assert(pos_random(key, sizeof key) == POS_OK);
            cr_expect(pos_mac_rekey(mac, kinds[to].mac, kinds[to].algorithm, key) == POS_OK);
            cr_assert(pos_mac_create(kinds[to].mac, kinds[to].algorithm, key, &fresh) == POS_OK);
            cr_expect(pos_mac_compute(mac, pos_bytes(message, sizeof message), out) == POS_OK);
            cr_expect(pos_mac_compute(fresh, pos_bytes(message, sizeof message), right) == POS_OK);
            cr_expect(pos_mac_size(mac) == pos_mac_size(fresh));
            cr_expect_arr_eq(out, right, pos_mac_size(mac), "step %zu.%zu", i, k);
            pos_mac_destroy(fresh);
        }
    pos_mac_destroy(mac);
}

Test(mac, that_is_not_made_here_is_refused)
{
    const uint8_t key[POS_KEY_SIZE_MAX] = {0};
    struct pos_mac *mac;
    for (int a = POS_ALGORITHM_NONE; a <= POS_ALGORITHM_COUNT; a++)
        for (int kind = POS_MAC_CMAC; kind <= POS_MAC_CUP_ECB + 1; kind++) {
            bool made =
                a != POS_ALGORITHM_NONE && a != POS_ALGORITHM_COUNT &&
                (kind == POS_MAC_CMAC || (kind <= POS_MAC_CUP_ECB && a == POS_ALGORITHM_T2));
            enum pos_status status =
                pos_mac_create((enum pos_mac_algorithm)kind, (enum pos_algorithm)a, key, &mac);
            cr_expect(status == (made ? POS_OK : POS_ERR_USAGE), "MAC %d, algorithm %d", kind, a);
            cr_expect((mac != NULL) == made);
            pos_mac_destroy(mac);
        }
    cr_assert(pos_mac_create(POS_MAC_CMAC, POS_ALGORITHM_A256, key, &mac) == POS_OK);
    cr_expect(pos_mac_rekey(mac, POS_MAC_RETAIL, POS_ALGORITHM_A256, key) == POS_ERR_USAGE);
    cr_expect(pos_mac_rekey(mac, POS_MAC_CMAC, POS_ALGORITHM_NONE, key) == POS_ERR_USAGE);
    pos_mac_destroy(mac);
    pos_mac_destroy(NULL);
}
