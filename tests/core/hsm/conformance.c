/*
 * One path through all verbs with the terminal and the mother POS at their places, and beside each
 * step what must be refused. The terminal's side is done with core/crypto, from clear keys, so that
 * a module cannot agree with itself alone.
 */
#include "tests/core/hsm/conformance.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/cipher.h"
#include "core/crypto/derive.h"
#include "core/crypto/exchange.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "tests/core/hsm/scratch.h"

struct stage {
    const char *name; /* of the kind of module */
    enum pos_algorithm algorithm;
    struct pos_hsm_session *center, *mother;
    uint8_t clear_ktk[POS_KEY_SIZE_MAX];
    struct pos_key ktk, mother_ktk;
    struct pos_kcv ktk_kcv;
    struct pos_key tmk, tpk, tak;
    struct pos_kcv tmk_kcv, tpk_kcv, tak_kcv;
    uint8_t clear_tmk[POS_KEY_SIZE_MAX], clear_tak[POS_KEY_SIZE_MAX];
};

static const char message[] = "0800 a message of no particular meaning";

/* ---- helpers on the terminal's side ---- */

static enum pos_status unwrap(enum pos_algorithm protection, const uint8_t *protection_key,
                              struct pos_bytes block,
                              const struct pos_key_block_attributes *attributes,
                              enum pos_algorithm algorithm, uint8_t *key)
{
    struct pos_key_block_protector *protector;
    cr_assert(pos_key_block_protector_create(protection, protection_key, &protector) == POS_OK);
    const struct pos_key_block_expectation expected = {*attributes, algorithm};
    enum pos_status status = pos_key_block_unwrap(protector, block, &expected, key, NULL);
    pos_key_block_protector_destroy(protector);
    return status;
}

static void expect_kcv(const struct stage *stage, const uint8_t *clear, const struct pos_kcv *kcv,
                       const char *what)
{
    struct pos_kcv right;
    cr_assert(pos_kcv_compute(stage->algorithm, clear, &right) == POS_OK);
    cr_expect(pos_kcv_equal(&right, kcv), "%s: KCV of %s", stage->name, what);
}

static void mac_of(const struct stage *stage, const uint8_t *key, uint8_t *out)
{
    struct pos_mac *mac;
    cr_assert(pos_mac_create(POS_MAC_CMAC, stage->algorithm, key, &mac) == POS_OK);
    cr_assert(pos_mac_compute(mac, pos_bytes_text(message), out) == POS_OK);
    pos_mac_destroy(mac);
}

static void expect_verifies(const struct stage *stage, const struct pos_key *key,
                            enum pos_mac_purpose purpose, const uint8_t *clear_key)
{
    uint8_t mac[POS_MAC_FULL_SIZE_MAX], made[POS_MAC_SIZE];
    struct pos_bytes text = pos_bytes_text(message);
    mac_of(stage, clear_key, mac);
    for (int time = 0; time < 2; time++) /* before and after the key is remembered */
        cr_expect(pos_hsm_verify_mac(stage->center, key, purpose, text, mac) == POS_OK,
                  "%s: purpose %d", stage->name, purpose);
    cr_expect(pos_hsm_make_mac(stage->center, key, purpose, text, made) == POS_OK);
    cr_expect_arr_eq(made, mac, POS_MAC_SIZE, "%s: purpose %d", stage->name, purpose);
    cr_expect(pos_hsm_verify_mac(stage->center, key, purpose, pos_bytes(message, 5), mac) ==
              POS_ERR_MAC);
    for (size_t bit = 0; bit < 8 * POS_MAC_SIZE; bit++) {
        mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_expect(pos_hsm_verify_mac(stage->center, key, purpose, text, mac) == POS_ERR_MAC,
                  "%s: purpose %d, bit %zu", stage->name, purpose, bit);
        mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* ---- the path ---- */

/* Both modules get the KTK from the same components; each has it under its own LMK. */
static void hold_ktk_ceremony(struct stage *stage)
{
    struct pos_component components[2];
    uint8_t size = (uint8_t)pos_algorithm_key_size(stage->algorithm);
    struct pos_error error = {0};
    struct pos_kcv mother_kcv;
    scratch_components(components, size, 0x30);
    for (size_t i = 0; i < size; i++)
        stage->clear_ktk[i] = components[0].data[i] ^ components[1].data[i];
    cr_assert(pos_hsm_import_components(stage->center, POS_USAGE_KTK, stage->algorithm, components,
                                        2, &stage->ktk, &stage->ktk_kcv, &error) == POS_OK,
              "%s", error.text);
    cr_assert(pos_hsm_import_components(stage->mother, POS_USAGE_KTK, stage->algorithm, components,
                                        2, &stage->mother_ktk, &mother_kcv, &error) == POS_OK);
    expect_kcv(stage, stage->clear_ktk, &stage->ktk_kcv, "KTK");
    expect_kcv(stage, stage->clear_ktk, &mother_kcv, "KTK at the mother POS");
    cr_expect(memcmp(stage->ktk.data, stage->mother_ktk.data, stage->ktk.size) != 0);

    struct pos_key key;
    struct pos_kcv kcv;
    cr_expect(pos_hsm_import_components(stage->center, POS_USAGE_TMK, stage->algorithm, components,
                                        2, &key, &kcv, &error) == POS_ERR_USAGE,
              "a TMK is random");
    cr_expect(pos_hsm_import_components(stage->center, POS_USAGE_KTK, stage->algorithm, components,
                                        1, &key, &kcv, &error) == POS_ERR_USAGE);
    cr_expect(pos_hsm_import_components(stage->center, POS_USAGE_KTK, POS_ALGORITHM_SM4, components,
                                        2, &key, &kcv, &error) == POS_ERR_USAGE);
    cr_expect(key.size == 0 && kcv.method == POS_KCV_NONE);
}

static void generate_keys(struct stage *stage)
{
    struct {
        enum pos_key_usage usage;
        struct pos_key *key;
        struct pos_kcv *kcv;
    } rows[] = {{POS_USAGE_TMK, &stage->tmk, &stage->tmk_kcv},
                {POS_USAGE_TPK, &stage->tpk, &stage->tpk_kcv},
                {POS_USAGE_TAK, &stage->tak, &stage->tak_kcv}};
    for (size_t i = 0; i < 3; i++) {
        struct pos_key other;
        struct pos_kcv kcv, other_kcv;
        cr_assert(pos_hsm_generate(stage->center, rows[i].usage, stage->algorithm, rows[i].key,
                                   rows[i].kcv) == POS_OK);
        cr_expect(rows[i].key->usage == rows[i].usage &&
                  rows[i].key->algorithm == stage->algorithm && rows[i].key->size >= 32);
        cr_expect(pos_hsm_kcv(stage->center, rows[i].key, &kcv) == POS_OK);
        cr_expect(pos_kcv_equal(&kcv, rows[i].kcv), "%s: the same key opens", stage->name);
        cr_expect(pos_hsm_generate(stage->center, rows[i].usage, stage->algorithm, &other,
                                   &other_kcv) == POS_OK);
        cr_expect_not(pos_kcv_equal(&other_kcv, rows[i].kcv), "%s: keys are random", stage->name);
    }
    const enum pos_key_usage others[] = {POS_USAGE_NONE, POS_USAGE_LMK, POS_USAGE_KTK,
                                         POS_USAGE_ZPK, POS_USAGE_ZAK};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct pos_key key;
        struct pos_kcv kcv;
        cr_expect(pos_hsm_generate(stage->center, others[i], stage->algorithm, &key, &kcv) ==
                      POS_ERR_USAGE,
                  "%s: usage %d is not generated", stage->name, others[i]);
    }
}

static void expect_export(const struct stage *stage, struct pos_bytes block)
{
    char start[] = "D0176K1AB00E0200KC1001**********KP1001**********", digits[11];
    cr_expect(block.size == 176);
    (void)snprintf(digits, sizeof digits, "%02X%02X%02X%02X%02X", stage->tmk_kcv.data[0],
                   stage->tmk_kcv.data[1], stage->tmk_kcv.data[2], stage->tmk_kcv.data[3],
                   stage->tmk_kcv.data[4]);
    memcpy(start + 22, digits, 10);
    (void)snprintf(digits, sizeof digits, "%02X%02X%02X%02X%02X", stage->ktk_kcv.data[0],
                   stage->ktk_kcv.data[1], stage->ktk_kcv.data[2], stage->ktk_kcv.data[3],
                   stage->ktk_kcv.data[4]);
    memcpy(start + 38, digits, 10);
    cr_expect(memcmp(block.data, start, strlen(start)) == 0, "%s: %.48s is not %s", stage->name,
              (const char *)block.data, start);
}

/* From the center in a key file to the mother POS; the key is looked at with the clear KTK. */
static void carry_tmk_to_mother(struct stage *stage, struct pos_key *mother_tmk)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_error error = {0};
    struct pos_kcv kcv;
    cr_assert(pos_hsm_export_tmk(stage->center, &stage->tmk, &stage->ktk, &block) == POS_OK);
    struct pos_bytes view = pos_buffer_view(&block);
    expect_export(stage, view);
    const struct pos_key_block_attributes expected = {"K1", 'A', 'B', "00", 'E'};
    cr_expect(unwrap(stage->algorithm, stage->clear_ktk, view, &expected, stage->algorithm,
                     stage->clear_tmk) == POS_OK);
    expect_kcv(stage, stage->clear_tmk, &stage->tmk_kcv, "TMK under the KTK");

    cr_assert(pos_hsm_import_tmk(stage->mother, view, &stage->mother_ktk, stage->algorithm,
                                 mother_tmk, &kcv, &error) == POS_OK,
              "%s", error.text);
    cr_expect(pos_kcv_equal(&kcv, &stage->tmk_kcv), "%s: the mother POS has it", stage->name);

    struct pos_key refused;
    memory[100] = memory[100] == 'A' ? 'B' : 'A';
    cr_expect(pos_hsm_import_tmk(stage->mother, view, &stage->mother_ktk, stage->algorithm,
                                 &refused, &kcv, &error) == POS_ERR_MAC);
    cr_expect(refused.size == 0 && error.text[0] != '\0');
}

/* A bare ciphertext, opened block by block with the clear KTK. */
static void check_bare_export(const struct stage *stage)
{
    char memory[2 * POS_KEY_SIZE_MAX + 1];
    uint8_t coded[POS_KEY_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    struct pos_cipher cipher = {0};
    struct pos_hsm_session *s = stage->center;
    size_t size = pos_algorithm_key_size(stage->algorithm);
    cr_assert(pos_hsm_export_tmk_bare(s, &stage->tmk, &stage->ktk, &text) == POS_OK);
    cr_assert(pos_hex_decode(pos_buffer_view(&text), coded, size) == POS_OK, "%s", stage->name);
    cr_expect(memcmp(coded, stage->clear_tmk, 16) != 0);
    cr_assert(pos_cipher_init(&cipher, stage->algorithm, POS_CIPHER_DECRYPT, stage->clear_ktk) ==
              POS_OK);
    cr_expect(pos_cipher_ecb(&cipher, coded, size) == POS_OK);
    cr_expect_arr_eq(coded, stage->clear_tmk, size, "%s: the TMK in ECB under the KTK",
                     stage->name);
    pos_cipher_fini(&cipher);

    struct pos_buffer small = pos_buffer(memory, 2 * size - 1), none = pos_buffer(memory, 100);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tmk, &stage->ktk, &small) == POS_ERR_LENGTH);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tak, &stage->ktk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tpk, &stage->ktk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->ktk, &stage->ktk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tmk, &stage->tmk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tmk, &stage->mother_ktk, &none) ==
              POS_ERR_CORRUPT);
    cr_expect(none.size == 0 && small.size == 0);
}

static void expect_no_export(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_hsm_session *s = stage->center;
    cr_expect(pos_hsm_export_tmk(s, &stage->tak, &stage->ktk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk(s, &stage->ktk, &stage->ktk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk(s, &stage->tmk, &stage->tmk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk(s, &stage->tmk, &stage->mother_ktk, &block) == POS_ERR_CORRUPT,
              "%s: another LMK's", stage->name);
    cr_expect(pos_hsm_wrap_working_key(s, &stage->tmk, &stage->tmk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_key(s, &stage->tmk, &stage->ktk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_key(s, &stage->ktk, &stage->tpk, &block) == POS_ERR_USAGE,
              "%s: a working key goes out under a TMK only", stage->name);
    cr_expect(block.size == 0);
}

static void deliver_to_terminal(const struct stage *stage, const struct pos_key *mother_tmk)
{
    struct pos_exchange *terminal;
    cr_assert(pos_exchange_create(&terminal) == POS_OK);
    uint8_t terminal_public[32], mother_public[32], session_key[POS_KEY_SIZE_MAX];
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], key[POS_KEY_SIZE_MAX], zeros[32] = {0};
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    pos_exchange_public(terminal, terminal_public);
    cr_assert(pos_hsm_deliver_tmk(stage->mother, mother_tmk, terminal_public, mother_public,
                                  &block) == POS_OK);
    cr_expect(block.size == 144 && memcmp(memory, "D0144K1AD00N0000", 16) == 0);
    cr_assert(pos_exchange_session_key(terminal, POS_EXCHANGE_TERMINAL, mother_public,
                                       session_key) == POS_OK);
    const struct pos_key_block_attributes expected = {"K1", 'A', 'D', "00", 'N'};
    cr_expect(unwrap(POS_ALGORITHM_A256, session_key, pos_buffer_view(&block), &expected,
                     stage->algorithm, key) == POS_OK);
    cr_expect_arr_eq(key, stage->clear_tmk, pos_algorithm_key_size(stage->algorithm),
                     "%s: the terminal has the key that was generated", stage->name);
    pos_exchange_destroy(terminal);

    block.size = 0;
    cr_expect(pos_hsm_deliver_tmk(stage->mother, mother_tmk, zeros, mother_public, &block) ==
              POS_ERR_FORMAT);
    cr_expect(pos_hsm_deliver_tmk(stage->mother, &stage->mother_ktk, terminal_public, mother_public,
                                  &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_deliver_tmk(stage->mother, &stage->tmk, terminal_public, mother_public,
                                  &block) == POS_ERR_CORRUPT,
              "%s: the center's", stage->name);
    cr_expect(block.size == 0);
}

static void sign_terminal_on(struct stage *stage)
{
    const struct {
        const struct pos_key *key;
        const struct pos_kcv *kcv;
        const char *start;
        struct pos_key_block_attributes expected;
    } rows[] = {
        {&stage->tpk, &stage->tpk_kcv, "D0144P0AE00N0000", {"P0", 'A', 'E', "00", 'N'}},
        {&stage->tak, &stage->tak_kcv, "D0144M6AC00N0000", {"M6", 'A', 'C', "00", 'N'}},
    };
    for (size_t i = 0; i < 2; i++) {
        uint8_t memory[144];
        struct pos_buffer block = pos_buffer(memory, sizeof memory);
        cr_assert(pos_hsm_wrap_working_key(stage->center, &stage->tmk, rows[i].key, &block) ==
                  POS_OK);
        cr_expect(block.size == 144 && memcmp(memory, rows[i].start, 16) == 0);
        cr_expect(unwrap(stage->algorithm, stage->clear_tmk, pos_buffer_view(&block),
                         &rows[i].expected, stage->algorithm, stage->clear_tak) == POS_OK);
        expect_kcv(stage, stage->clear_tak, rows[i].kcv, rows[i].start);
    }
}

static void check_macs(const struct stage *stage)
{
    uint8_t derived[POS_KEY_SIZE_MAX], mac[POS_MAC_SIZE];
    expect_verifies(stage, &stage->tak, POS_MAC_WORKING, stage->clear_tak);
    cr_assert(pos_derive(stage->algorithm, stage->clear_tmk, POS_DERIVE_REGISTRATION, derived) ==
              POS_OK);
    expect_verifies(stage, &stage->tmk, POS_MAC_REGISTRATION, derived);
    cr_assert(pos_derive(stage->algorithm, stage->clear_ktk, POS_DERIVE_KEY_FILE, derived) ==
              POS_OK);
    expect_verifies(stage, &stage->ktk, POS_MAC_KEY_FILE, derived);
    cr_assert(pos_derive(stage->algorithm, stage->clear_ktk, POS_DERIVE_RETURN_FILE, derived) ==
              POS_OK);
    expect_verifies(stage, &stage->ktk, POS_MAC_RETURN_FILE, derived);

    const struct pos_key *const keys[] = {&stage->tak, &stage->tmk, &stage->ktk, &stage->tpk};
    for (int k = 0; k < 4; k++)
        for (int purpose = 0; purpose <= POS_MAC_RETURN_FILE; purpose++) {
            int right = purpose == POS_MAC_RETURN_FILE ? POS_MAC_KEY_FILE : purpose;
            enum pos_status status =
                pos_hsm_make_mac(stage->center, keys[k], (enum pos_mac_purpose)purpose,
                                 pos_bytes_text(message), mac);
            cr_expect(status == (k == right ? POS_OK : POS_ERR_USAGE), "%s: key %d for %d",
                      stage->name, k, purpose);
        }
}

static void check_file_mac(const struct stage *stage)
{
    uint8_t derived[POS_KEY_SIZE_MAX], right[16], mac[16], other[POS_MAC_SIZE];
    struct pos_hsm_session *s = stage->center;
    cr_assert(pos_derive(stage->algorithm, stage->clear_ktk, POS_DERIVE_KEY_FILE, derived) ==
              POS_OK);
    mac_of(stage, derived, right);
    cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(message)) == POS_ERR_STATE);
    cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_ERR_STATE);
    cr_expect(pos_hsm_file_mac_start(s, &stage->tmk) == POS_ERR_USAGE);
    cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(message)) == POS_ERR_STATE);
    for (int time = 0; time < 2; time++) {
        cr_expect(pos_hsm_file_mac_start(s, &stage->ktk) == POS_OK);
        cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text("what a second start forgets")) == 0);
        cr_expect(pos_hsm_file_mac_start(s, &stage->ktk) == POS_OK);
        cr_expect(pos_hsm_file_mac_add(s, pos_bytes(message, 3)) == POS_OK);
        /* Other MACs go on in between, even under the same key. */
        cr_expect(pos_hsm_make_mac(s, &stage->ktk, POS_MAC_KEY_FILE, pos_bytes_text("x"), other) ==
                  POS_OK);
        cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(message + 3)) == POS_OK);
        cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_OK);
        cr_expect_arr_eq(mac, right, sizeof mac, "%s", stage->name);
    }
    cr_expect(pos_hsm_file_mac_finish(s, mac) == POS_ERR_STATE);

    /* The file that comes back has a key of its own: neither passes for the other. */
    cr_assert(pos_derive(stage->algorithm, stage->clear_ktk, POS_DERIVE_RETURN_FILE, derived) ==
              POS_OK);
    mac_of(stage, derived, right);
    cr_expect(pos_hsm_return_mac_start(s, &stage->tmk) == POS_ERR_USAGE);
    cr_expect(pos_hsm_return_mac_start(s, &stage->ktk) == POS_OK);
    cr_expect(pos_hsm_file_mac_add(s, pos_bytes_text(message)) == POS_OK);
    uint8_t back[16];
    cr_expect(pos_hsm_file_mac_finish(s, back) == POS_OK);
    cr_expect_arr_eq(back, right, sizeof back, "%s", stage->name);
    cr_expect(memcmp(back, mac, sizeof back) != 0);
}

/* ---- values that are not what they say ---- */

static void expect_dead(const struct stage *stage, const struct pos_key *key, const char *what)
{
    struct pos_kcv kcv;
    enum pos_status status = pos_hsm_kcv(stage->center, key, &kcv);
    cr_expect(status == POS_ERR_CORRUPT || status == POS_ERR_USAGE, "%s: %s: %s", stage->name, what,
              pos_status_name(status));
    cr_expect(pos_status_class(status) != POS_CLASS_PEER, "%s: not the peer's fault", stage->name);
    cr_expect(kcv.method == POS_KCV_NONE);
}

static void expect_dead_as_anything_else(const struct stage *stage, const struct pos_key *key)
{
    for (int usage = POS_USAGE_NONE; usage <= POS_USAGE_COUNT; usage++) {
        struct pos_key changed = *key;
        changed.usage = (enum pos_key_usage)usage;
        if (changed.usage != key->usage)
            expect_dead(stage, &changed, "other usage");
    }
    for (int algorithm = POS_ALGORITHM_NONE; algorithm <= POS_ALGORITHM_COUNT; algorithm++) {
        struct pos_key changed = *key;
        changed.algorithm = (enum pos_algorithm)algorithm;
        if (changed.algorithm != key->algorithm)
            expect_dead(stage, &changed, "other algorithm");
    }
    for (unsigned size = 0; size < 256; size++) {
        struct pos_key changed = *key;
        changed.size = (uint8_t)size;
        if (changed.size != key->size)
            expect_dead(stage, &changed, "other size");
    }
    for (size_t bit = 0; bit < 8 * (size_t)key->size; bit++) {
        struct pos_key changed = *key;
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_dead(stage, &changed, "bit changed");
    }
}

/* A key that is remembered must not vouch for one that differs. */
static void check_damaged_mac_keys(const struct stage *stage)
{
    uint8_t mac[POS_MAC_SIZE];
    struct pos_bytes text = pos_bytes_text(message);
    cr_assert(pos_hsm_make_mac(stage->center, &stage->tak, POS_MAC_WORKING, text, mac) == POS_OK);
    for (size_t at = 0; at < stage->tak.size; at++) {
        struct pos_key changed = stage->tak;
        changed.data[at] ^= 0x10;
        cr_expect(pos_hsm_verify_mac(stage->center, &changed, POS_MAC_WORKING, text, mac) ==
                      POS_ERR_CORRUPT,
                  "%s: byte %zu", stage->name, at);
    }
    for (unsigned size = 0; size < 256; size++) {
        struct pos_key changed = stage->tak;
        changed.size = (uint8_t)size;
        if (changed.size != stage->tak.size)
            cr_expect(pos_hsm_verify_mac(stage->center, &changed, POS_MAC_WORKING, text, mac) ==
                          POS_ERR_CORRUPT,
                      "%s: size %u", stage->name, size);
    }
    cr_expect(pos_hsm_verify_mac(stage->mother, &stage->tak, POS_MAC_WORKING, text, mac) ==
                  POS_ERR_CORRUPT,
              "%s: under another LMK", stage->name);
}

/* More keys than a session remembers, then all of them again. */
static void check_past_the_bound(const struct stage *stage)
{
    enum { COUNT = POS_KEY_CONTEXT_COUNT_MAX + 100 };
    static struct pos_key keys[COUNT];
    static uint8_t macs[COUNT][POS_MAC_SIZE];
    struct pos_bytes text = pos_bytes_text(message);
    struct pos_kcv kcv;
    for (int i = 0; i < COUNT; i++) {
        cr_assert(pos_hsm_generate(stage->center, POS_USAGE_TAK, stage->algorithm, &keys[i],
                                   &kcv) == POS_OK);
        cr_assert(pos_hsm_make_mac(stage->center, &keys[i], POS_MAC_WORKING, text, macs[i]) ==
                  POS_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        cr_expect(pos_hsm_verify_mac(stage->center, &keys[i], POS_MAC_WORKING, text, macs[i]) ==
                      POS_OK,
                  "%s: key %d", stage->name, i);
        cr_expect(pos_hsm_verify_mac(stage->center, &keys[i], POS_MAC_WORKING, text,
                                     macs[(i + 1) % COUNT]) == POS_ERR_MAC);
    }
}

static void check_strength(const struct hsm_factory *factory, struct stage *weak,
                           struct stage *strong)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_hsm_session *s = weak->center;
    cr_expect(pos_hsm_export_tmk(s, &strong->tmk, &weak->ktk, &block) == POS_ERR_NOT_ALLOWED, "%s",
              factory->name);
    cr_expect(pos_hsm_export_tmk_bare(s, &strong->tmk, &weak->ktk, &block) == POS_ERR_NOT_ALLOWED);
    cr_expect(pos_hsm_wrap_working_key(s, &weak->tmk, &strong->tak, &block) == POS_ERR_NOT_ALLOWED);
    cr_expect(block.size == 0);
    cr_expect(pos_hsm_export_tmk(s, &weak->tmk, &strong->ktk, &block) == POS_OK);
}

static void run_path(struct stage *stage)
{
    struct pos_key mother_tmk;
    hold_ktk_ceremony(stage);
    generate_keys(stage);
    carry_tmk_to_mother(stage, &mother_tmk);
    check_bare_export(stage);
    expect_no_export(stage);
    deliver_to_terminal(stage, &mother_tmk);
    sign_terminal_on(stage);
    check_macs(stage);
    check_file_mac(stage);
    expect_dead_as_anything_else(stage, &stage->tmk);
    expect_dead_as_anything_else(stage, &stage->tpk);
    expect_dead_as_anything_else(stage, &stage->tak);
    expect_dead_as_anything_else(stage, &stage->ktk);
    check_damaged_mac_keys(stage);
}

/* Zone keys look like the terminal's and must not pass for them. */
static void check_zone_keys(struct stage *stage)
{
    struct pos_component components[2];
    scratch_components(components, 32, 0x60);
    const enum pos_key_usage usages[] = {POS_USAGE_ZPK, POS_USAGE_ZAK};
    for (size_t i = 0; i < 2; i++) {
        struct pos_key key;
        struct pos_kcv kcv, again;
        cr_assert(pos_hsm_import_components(stage->center, usages[i], POS_ALGORITHM_A256,
                                            components, 2, &key, &kcv, NULL) == POS_OK);
        cr_expect(pos_hsm_kcv(stage->center, &key, &again) == POS_OK);
        cr_expect(pos_kcv_equal(&kcv, &again));
        expect_dead_as_anything_else(stage, &key);
    }
}

void hsm_conformance(const struct hsm_factory *factory)
{
    struct pos_hsm *center = factory->open(factory->context, 0);
    struct pos_hsm *mother = factory->open(factory->context, 1);
    struct pos_kcv center_kcv = pos_hsm_lmk_kcv(center), mother_kcv = pos_hsm_lmk_kcv(mother);
    cr_expect_not(pos_kcv_equal(&center_kcv, &mother_kcv));
    cr_expect(strlen(pos_hsm_describe(center)) > 0);
    static struct stage strong, weak;
    strong = (struct stage){.name = factory->name, .algorithm = POS_ALGORITHM_A256};
    cr_assert(pos_hsm_session_open(center, &strong.center) == POS_OK);
    cr_assert(pos_hsm_session_open(mother, &strong.mother) == POS_OK);
    weak = strong;
    weak.algorithm = POS_ALGORITHM_A128;
    run_path(&strong);
    run_path(&weak);
    check_strength(factory, &weak, &strong);
    check_zone_keys(&strong);
    check_past_the_bound(&strong);
    pos_hsm_session_close(strong.center);
    pos_hsm_session_close(strong.mother);
    pos_hsm_session_close(NULL);
    pos_hsm_close(center);
    pos_hsm_close(mother);
    pos_hsm_close(NULL);
}
