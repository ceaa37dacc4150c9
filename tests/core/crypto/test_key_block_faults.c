/*
 * Key blocks and PIN blocks when the cryptographic library or the memory fails, at each call in
 * turn: the failure is told, nothing half made is given out, and no key or PIN.
 *
 * The linker puts the functions below in front of the real ones (--wrap).
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto/chains.h"
#include "core/crypto/cipher.h"
#include "core/crypto/derive.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/crypto/pin_block.h"
#include "core/crypto/random.h"

/* The call that fails, counted from 1; 0: none. */
static int fail_at, calls;

static bool fails(void)
{
    return fail_at > 0 && ++calls == fail_at;
}

#define IN_FRONT_OF(function, parameters, arguments)                                               \
    enum pos_status __real_##function parameters;                                                  \
    enum pos_status __wrap_##function parameters;                                                  \
    enum pos_status __wrap_##function parameters                                                   \
    {                                                                                              \
        return fails() ? POS_ERR_CRYPTO : __real_##function arguments;                             \
    }

IN_FRONT_OF(pos_derive_by,
            (struct pos_mac * mac, enum pos_algorithm algorithm, enum pos_derivation usage,
             uint8_t *derived),
            (mac, algorithm, usage, derived))
IN_FRONT_OF(pos_cipher_init,
            (struct pos_cipher * cipher, enum pos_algorithm algorithm,
             enum pos_cipher_direction direction, const uint8_t *key),
            (cipher, algorithm, direction, key))
IN_FRONT_OF(pos_cipher_cbc,
            (struct pos_cipher * cipher, const uint8_t *iv, uint8_t *data, size_t size),
            (cipher, iv, data, size))
IN_FRONT_OF(pos_chains_create,
            (enum pos_algorithm algorithm, const uint8_t *key, struct pos_chains **chains),
            (algorithm, key, chains))
IN_FRONT_OF(pos_chains_cmac,
            (struct pos_chains * chains, const struct pos_texts *texts, uint8_t *macs),
            (chains, texts, macs))
IN_FRONT_OF(pos_chains_encrypt,
            (struct pos_chains * chains, const struct pos_texts *texts, uint8_t *chain),
            (chains, texts, chain))
IN_FRONT_OF(pos_mac_create,
            (enum pos_mac_algorithm mac, enum pos_algorithm algorithm, const uint8_t *key,
             struct pos_mac **context),
            (mac, algorithm, key, context))
IN_FRONT_OF(pos_mac_start, (struct pos_mac * context), (context))
IN_FRONT_OF(pos_mac_add, (struct pos_mac * context, struct pos_bytes piece), (context, piece))
IN_FRONT_OF(pos_mac_finish, (struct pos_mac * context, uint8_t *out), (context, out))
IN_FRONT_OF(pos_random, (void *memory, size_t size), (memory, size))
IN_FRONT_OF(pos_kcv_compute_by,
            (enum pos_kcv_method method, enum pos_algorithm algorithm, const uint8_t *key,
             struct pos_kcv *kcv),
            (method, algorithm, key, kcv))

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

/* The locked memory of the last sealer. */
static void *locked;
static size_t locked_size;
void *__real_pos_secret_create(size_t size);
void *__wrap_pos_secret_create(size_t size);
void *__wrap_pos_secret_create(size_t size)
{
    locked = fails() ? NULL : __real_pos_secret_create(size);
    locked_size = size;
    return locked;
}

static const uint8_t protection_key[32] = "a protection key of 32 letters.";
static const uint8_t key[32] = "the key that must not get out..";
static const struct pos_key_block_attributes attributes = {{'K', '1'}, 'A', 'B', {'0', '0'}, 'E'};

static struct pos_key_block_protector *protector;
static struct pos_key_block_sealer *sealer;
static char block_memory[POS_KEY_BLOCK_SIZE_MAX];
static struct pos_buffer block;
static uint8_t sealed[POS_KEY_VALUE_SIZE_MAX], sealed_size;

static void make_block(void)
{
    struct pos_kcv kcv;
    const struct pos_key_block_optional optional = {.kc = &kcv};
    block = pos_buffer(block_memory, sizeof block_memory);
    cr_assert_eq(pos_kcv_compute_by(POS_KCV_CMAC, POS_ALGORITHM_A256, key, &kcv), POS_OK);
    cr_assert_eq(
        pos_key_block_wrap(protector, &attributes, &optional, POS_ALGORITHM_A256, key, &block),
        POS_OK);
}

static void start(void)
{
    cr_assert_eq(pos_key_block_protector_create(POS_ALGORITHM_A256, protection_key, &protector),
                 POS_OK);
    make_block();
    cr_assert_eq(pos_key_block_sealer_create(POS_ALGORITHM_A256, protection_key, &sealer), POS_OK);
    const struct pos_key_block_sealing sealing = {attributes, POS_ALGORITHM_A256, key, sealed,
                                                  &sealed_size};
    cr_assert_eq(pos_key_block_seal(sealer, &sealing, 1), POS_OK);
}

static void stop(void)
{
    pos_key_block_protector_destroy(protector);
    pos_key_block_sealer_destroy(sealer);
}

TestSuite(key_block_faults, .init = start, .fini = stop);

/* Calls `attempt` with each of its calls failing once, then with none; returns how many there are.
 */
static int fail_each(enum pos_status (*attempt)(void))
{
    int at = 0;
    enum pos_status status;
    do {
        fail_at = ++at;
        calls = 0;
        status = attempt();
        if (calls >= fail_at)
            cr_expect(status == POS_ERR_CRYPTO || status == POS_ERR_MEMORY,
                      "call %d failed and it said %s", at, pos_status_name(status));
    } while (calls >= fail_at);
    fail_at = 0;
    cr_expect_eq(status, POS_OK, "with nothing failing it said %s", pos_status_name(status));
    return at - 1;
}

static enum pos_status create(void)
{
    struct pos_key_block_protector *made;
    enum pos_status status =
        pos_key_block_protector_create(POS_ALGORITHM_A256, protection_key, &made);
    cr_expect_eq(made != NULL, status == POS_OK, "a protector or an error");
    pos_key_block_protector_destroy(made);
    return status;
}

Test(key_block_faults, a_protector_is_made_whole_or_not_at_all)
{
    cr_expect_geq(fail_each(create), 10);
}

static enum pos_status wrap(void)
{
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_key_block_wrap(protector, &attributes, NULL, POS_ALGORITHM_A256, key, &out);
    cr_expect_eq(out.size > 0, status == POS_OK, "a block or an error");
    return status;
}

Test(key_block_faults, a_block_is_written_whole_or_not_at_all)
{
    cr_expect_geq(fail_each(wrap), 5);
}

static enum pos_status unwrap(void)
{
    const struct pos_key_block_expectation expected = {.attributes = attributes,
                                                       .key_algorithm = POS_ALGORITHM_A256};
    uint8_t found[POS_KEY_SIZE_MAX] = {0};
    struct pos_error error = {.text = ""};
    enum pos_status status =
        pos_key_block_unwrap(protector, pos_buffer_view(&block), &expected, found, &error);
    cr_expect_eq(memcmp(found, key, sizeof key) == 0, status == POS_OK, "the key or an error");
    cr_expect_eq(error.text[0] == '\0', status == POS_OK, "and the error is explained");
    return status;
}

Test(key_block_faults, a_block_opens_or_gives_no_key)
{
    cr_expect_geq(fail_each(unwrap), 6);
}

static enum pos_status create_sealer(void)
{
    struct pos_key_block_sealer *made;
    enum pos_status status = pos_key_block_sealer_create(POS_ALGORITHM_A256, protection_key, &made);
    cr_expect_eq(made != NULL, status == POS_OK, "a sealer or an error");
    pos_key_block_sealer_destroy(made);
    return status;
}

Test(key_block_faults, a_sealer_is_made_whole_or_not_at_all)
{
    cr_expect_geq(fail_each(create_sealer), 6);
}

/* Two runs, for the second is of another size: what fails there empties the first one too. */
static enum pos_status seal(void)
{
    struct pos_key_block_attributes tdes = attributes;
    tdes.algorithm = 'T';
    uint8_t out[3][POS_KEY_VALUE_SIZE_MAX] = {{0}}, sizes[3] = {1, 1, 1};
    const struct pos_key_block_sealing sealings[] = {
        {attributes, POS_ALGORITHM_A256, key, out[0], &sizes[0]},
        {attributes, POS_ALGORITHM_A256, key, out[1], &sizes[1]},
        {tdes, POS_ALGORITHM_T2, key, out[2], &sizes[2]},
    };
    enum pos_status status = pos_key_block_seal(sealer, sealings, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(sizes[i] > 0, status == POS_OK, "a sealed key or an error");
    cr_expect_eq(memmem(out, sizeof out, key, 16), NULL, "a key stayed behind in the clear");
    cr_expect_eq(memmem(locked, locked_size, key, 16), NULL, "and in locked memory");
    return status;
}

Test(key_block_faults, keys_are_sealed_or_leave_nothing_behind)
{
    cr_expect_geq(fail_each(seal), 7);
}

static enum pos_status unseal(void)
{
    uint8_t found[POS_KEY_SIZE_MAX] = {0};
    enum pos_status status = pos_key_block_unseal(protector, &attributes, POS_ALGORITHM_A256,
                                                  pos_bytes(sealed, sealed_size), found);
    cr_expect_eq(memcmp(found, key, sizeof key) == 0, status == POS_OK, "the key or an error");
    return status;
}

Test(key_block_faults, a_sealed_key_opens_or_gives_no_key)
{
    cr_expect_geq(fail_each(unseal), 5);
}

Test(key_block_faults, a_key_that_its_protector_is_too_weak_for_is_not_wrapped)
{
    struct pos_key_block_protector *weak;
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    cr_assert_eq(pos_key_block_protector_create(POS_ALGORITHM_A128, protection_key, &weak), POS_OK);
    cr_expect_eq(pos_key_block_wrap(weak, &attributes, NULL, POS_ALGORITHM_A256, key, &out),
                 POS_ERR_NOT_ALLOWED);
    cr_expect_eq(out.size, 0);
    pos_key_block_protector_destroy(weak);
}

Test(key_block_faults, a_block_without_room_is_not_cut)
{
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, 100);
    cr_expect_eq(pos_key_block_wrap(protector, &attributes, NULL, POS_ALGORITHM_A256, key, &out),
                 POS_ERR_LENGTH);
    cr_expect_eq(out.size, 0);
}

/* Under TDES there are the variants of versions A and C besides. */
static enum pos_status create_tdes(void)
{
    struct pos_key_block_protector *made;
    enum pos_status status =
        pos_key_block_protector_create(POS_ALGORITHM_T3, protection_key, &made);
    cr_expect_eq(made != NULL, status == POS_OK, "a protector or an error");
    pos_key_block_protector_destroy(made);
    return status;
}

Test(key_block_faults, a_tdes_protector_is_made_whole_or_not_at_all)
{
    cr_expect_geq(fail_each(create_tdes), 12);
}

/* TR-31:2018, A.7.2.1. */
static const uint8_t published_protection_key[16] = {
    0x89, 0xE8, 0x8C, 0xF7, 0x93, 0x14, 0x44, 0xF3, 0x34, 0xBD, 0x75, 0x47, 0xFC, 0x3F, 0x38, 0x0C};
static const char published[] =
    "A0072P0TE00E0000F5161ED902807AF26F1D62263644BD24192FDB3193C730301CEE8701";
static struct pos_key_block_protector *published_protector;

static enum pos_status unwrap_variant(void)
{
    static const struct pos_key_block_expectation expected = {
        {{'P', '0'}, 'T', 'E', {'0', '0'}, 'E'}, POS_ALGORITHM_T2};
    static const uint8_t start[4] = {0xF0, 0x39, 0x12, 0x1B};
    uint8_t found[POS_KEY_SIZE_MAX] = {0};
    struct pos_error error = {.text = ""};
    enum pos_status status = pos_key_block_unwrap(published_protector, pos_bytes_text(published),
                                                  &expected, found, &error);
    cr_expect_eq(memcmp(found, start, sizeof start) == 0, status == POS_OK, "the key or an error");
    cr_expect_eq(error.text[0] == '\0', status == POS_OK, "and the error is explained");
    /* A cipher that failed wants to be keyed anew. */
    pos_key_block_protector_destroy(published_protector);
    int kept_at = fail_at;
    fail_at = 0;
    cr_assert_eq(pos_key_block_protector_create(POS_ALGORITHM_T2, published_protection_key,
                                                &published_protector),
                 POS_OK);
    fail_at = kept_at;
    return status;
}

Test(key_block_faults, a_block_of_version_a_opens_or_gives_no_key)
{
    cr_assert_eq(pos_key_block_protector_create(POS_ALGORITHM_T2, published_protection_key,
                                                &published_protector),
                 POS_OK);
    cr_expect_geq(fail_each(unwrap_variant), 2);
    pos_key_block_protector_destroy(published_protector);
}

static const struct pos_pin pin = {4, {'1', '2', '3', '4'}};
static enum pos_pin_format pin_format;
static uint8_t pin_block[POS_PIN_BLOCK_SIZE_MAX];

static enum pos_algorithm pin_algorithm(void)
{
    return pin_format == POS_PIN_FORMAT_4 ? POS_ALGORITHM_A128 : POS_ALGORITHM_T2;
}

static enum pos_status make_pin_block(void)
{
    static const uint8_t untouched[POS_PIN_BLOCK_SIZE_MAX];
    uint8_t made[POS_PIN_BLOCK_SIZE_MAX] = {0};
    enum pos_status status = pos_pin_block_make(pin_format, pin_algorithm(), key,
                                                pos_bytes_text("4111111111111111"), &pin, made);
    cr_expect_eq(memcmp(made, untouched, sizeof made) != 0, status == POS_OK,
                 "a block or an error");
    if (status == POS_OK)
        memcpy(pin_block, made, sizeof made);
    return status;
}

static enum pos_status open_pin_block(void)
{
    static const struct pos_pin none;
    struct pos_pin found;
    enum pos_status status =
        pos_pin_block_open(pin_format, pin_algorithm(), key, pos_bytes_text("4111111111111111"),
                           pos_bytes(pin_block, pos_pin_block_size(pin_format)), &found);
    cr_expect_eq(memcmp(&found, status == POS_OK ? &pin : &none, sizeof found), 0,
                 "the PIN, or nothing of it");
    return status;
}

Test(pin_block_faults, a_pin_is_given_out_whole_or_not_at_all)
{
    static const int calls_of[POS_PIN_FORMAT_COUNT] = {1, 2, 0, 2, 2};
    for (int f = POS_PIN_FORMAT_0; f < POS_PIN_FORMAT_COUNT; f++) {
        if (f == POS_PIN_FORMAT_2)
            continue;
        pin_format = (enum pos_pin_format)f;
        cr_expect_geq(fail_each(make_pin_block), calls_of[f]);
        cr_expect_geq(fail_each(open_pin_block), 1);
    }
}
