#include "core/crypto/chains.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/cipher.h"
#include "core/crypto/mac.h"
#include "core/crypto/random.h"

enum { TEXT_COUNT_MAX = 9, SIZE_MAX_OF_TEXT = 64, STRIDE = 80 };

static const enum pos_algorithm algorithms[] = {POS_ALGORITHM_A128, POS_ALGORITHM_A256};

/* The same texts for who does one at a time. */
struct room {
    uint8_t key[POS_KEY_SIZE_MAX];
    uint8_t texts[TEXT_COUNT_MAX][STRIDE], before[TEXT_COUNT_MAX][STRIDE];
    uint8_t chain[TEXT_COUNT_MAX][POS_CHAIN_BLOCK_SIZE], ivs[TEXT_COUNT_MAX][POS_CHAIN_BLOCK_SIZE];
};

static void fill(struct room *room)
{
    cr_assert(pos_random(room, sizeof *room) == POS_OK);
    memcpy(room->before, room->texts, sizeof room->texts);
    memcpy(room->ivs, room->chain, sizeof room->chain);
}

static void expect_macs(enum pos_algorithm algorithm, size_t size, size_t count)
{
    struct room room;
    struct pos_chains *chains;
    struct pos_mac *mac;
    uint8_t right[POS_MAC_FULL_SIZE_MAX];
    fill(&room);
    const struct pos_texts texts = {room.texts[0], STRIDE, size, count};
    cr_assert(pos_chains_create(algorithm, room.key, &chains) == POS_OK);
    cr_assert(pos_mac_create(POS_MAC_CMAC, algorithm, room.key, &mac) == POS_OK);
    for (int turn = 0; turn < 2; turn++) {
        cr_assert(pos_chains_cmac(chains, &texts, room.chain[0]) == POS_OK);
        for (size_t i = 0; i < count; i++) {
            cr_assert(pos_mac_compute(mac, pos_bytes(room.before[i], size), right) == POS_OK);
            cr_expect_arr_eq(room.chain[i], right, sizeof right, "text %zu of %zu, %zu bytes", i,
                             count, size);
        }
    }
    cr_expect(memcmp(room.texts, room.before, sizeof room.texts) == 0, "texts stay as they are");
    cr_expect(memcmp(room.chain + count, room.ivs + count,
                     (TEXT_COUNT_MAX - count) * sizeof room.chain[0]) == 0,
              "no more MACs than texts");
    pos_mac_destroy(mac);
    pos_chains_destroy(chains);
}

static void expect_encrypted(enum pos_algorithm algorithm, size_t size, size_t count)
{
    struct room room;
    struct pos_chains *chains;
    struct pos_cipher cipher = {0};
    fill(&room);
    const struct pos_texts texts = {room.texts[0], STRIDE, size, count};
    cr_assert(pos_chains_create(algorithm, room.key, &chains) == POS_OK);
    cr_assert(pos_cipher_init(&cipher, algorithm, POS_CIPHER_ENCRYPT, room.key) == POS_OK);
    cr_assert(pos_chains_encrypt(chains, &texts, room.chain[0]) == POS_OK);
    for (size_t i = 0; i < count; i++) {
        cr_assert(pos_cipher_cbc(&cipher, room.ivs[i], room.before[i], size) == POS_OK);
        cr_expect_arr_eq(room.chain[i], room.before[i] + size - POS_CHAIN_BLOCK_SIZE,
                         POS_CHAIN_BLOCK_SIZE, "the chain is where text %zu ends", i);
    }
    cr_expect(memcmp(room.texts, room.before, sizeof room.texts) == 0,
              "%zu texts of %zu bytes, and nothing between them or behind", count, size);
    pos_cipher_fini(&cipher);
    pos_chains_destroy(chains);
}

Test(chains, do_for_many_texts_what_is_done_for_one)
{
    for (size_t a = 0; a < sizeof algorithms / sizeof algorithms[0]; a++)
        for (size_t size = POS_CHAIN_BLOCK_SIZE; size <= SIZE_MAX_OF_TEXT;
             size += POS_CHAIN_BLOCK_SIZE)
            for (size_t count = 1; count <= TEXT_COUNT_MAX; count++) {
                expect_macs(algorithms[a], size, count);
                expect_encrypted(algorithms[a], size, count);
            }
}

Test(chains, are_of_aes_alone)
{
    static const uint8_t key[POS_KEY_SIZE_MAX];
    for (int a = POS_ALGORITHM_NONE; a < POS_ALGORITHM_COUNT; a++) {
        struct pos_chains *chains;
        bool aes = a == POS_ALGORITHM_A128 || a == POS_ALGORITHM_A256;
        cr_expect(pos_chains_create((enum pos_algorithm)a, key, &chains) ==
                      (aes ? POS_OK : POS_ERR_USAGE),
                  "algorithm %d", a);
        cr_expect((chains != NULL) == aes);
        pos_chains_destroy(chains);
    }
}
