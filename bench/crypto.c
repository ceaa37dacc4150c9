/*
 * `crypto`: what core/crypto and core/hsm do for a request, beside OpenSSL doing the same steps on
 * contexts that are keyed already, with nothing of ours between.
 */
#include <string.h>

#include "bench/command.h"
#include "bench/folder.h"
#include "bench/micro.h"
#include "bench/module.h"
#include "bench/primitives.h"
#include "core/base/secret.h"
#include "core/crypto/kcv.h"
#include "core/crypto/mac.h"
#include "core/crypto/random.h"

enum {
    MESSAGE_SIZE = 100,
    RANDOM_SIZE = 16,
    HEADER_SIZE = POS_KEY_BLOCK_HEADER_SIZE,
    UNWRAP_NS = 800, /* the targets for blocks of version D */
    WRAP_NS = 2000,
    RECIPE_COUNT_MAX = 32,
};

static struct pos_micro micro = {.command = "crypto"};
static struct pos_recipe recipes[RECIPE_COUNT_MAX];
static size_t recipe_count;
static const uint8_t clear_key[POS_KEY_SIZE_MAX] = "another key, as good as any here";
static const uint8_t message[MESSAGE_SIZE];

static struct pos_recipe *new_recipe(void)
{
    return &recipes[recipe_count++];
}

static int add_recipe(struct pos_recipe *recipe, const char *what, const char *of)
{
    struct pos_micro_subject subject = {
        .run = pos_recipe_run, .context = recipe, .floor = POS_MICRO_NONE};
    return pos_micro_add(&micro, &subject, "OpenSSL: %s %s", what, of);
}

/* ---- MACs ---- */

static const struct mac_case {
    const char *name;
    enum pos_mac_algorithm mac;
    enum pos_algorithm algorithm;
    size_t blocks_size; /* what goes through the cipher for a message */
} mac_cases[] = {
    {"CMAC A128", POS_MAC_CMAC, POS_ALGORITHM_A128, 112},
    {"CMAC A256", POS_MAC_CMAC, POS_ALGORITHM_A256, 112},
    {"CMAC SM4", POS_MAC_CMAC, POS_ALGORITHM_SM4, 112},
    {"retail T2", POS_MAC_RETAIL, POS_ALGORITHM_T2, 104},
    {"cup-ecb T2", POS_MAC_CUP_ECB, POS_ALGORITHM_T2, 16},
};
enum { MAC_COUNT = sizeof mac_cases / sizeof mac_cases[0] };

static struct pos_mac *macs[MAC_COUNT];

static enum pos_status run_mac(void *context, uint64_t count)
{
    struct pos_mac *mac = context;
    uint8_t out[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = POS_OK;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = pos_mac_compute(mac, pos_bytes(message, sizeof message), out);
    return status;
}

/* OpenSSL's own CMAC is another denominator: what a program would use that is in no hurry. */
static void add_evp_mac(const struct mac_case *row, int ours)
{
    struct pos_recipe *recipe = new_recipe();
    pos_recipe_add(recipe, POS_STEP_CMAC, row->algorithm, MESSAGE_SIZE);
    int theirs = add_recipe(recipe, "EVP_MAC,", row->name);
    pos_micro_check(&micro, (struct pos_micro_check){.of = ours, .to = theirs, .target = 1},
                    "cmac/%s", pos_algorithm_name(row->algorithm));
}

static enum pos_status add_mac(size_t i)
{
    const struct mac_case *row = &mac_cases[i];
    struct pos_recipe *blocks = new_recipe();
    pos_recipe_add(blocks, POS_STEP_ENCRYPT, row->algorithm, row->blocks_size);
    enum pos_status status = pos_mac_create(row->mac, row->algorithm, clear_key, &macs[i]);
    struct pos_micro_subject subject = {.run = run_mac, .context = macs[i]};
    subject.floor = add_recipe(blocks, "blocks of", row->name);
    int ours = pos_micro_add(&micro, &subject, "%s, %d bytes", row->name, MESSAGE_SIZE);
    if (row->mac == POS_MAC_CMAC)
        add_evp_mac(row, ours);
    return status;
}

/* ---- key blocks ---- */

static struct block_case {
    const char *version;
    enum pos_algorithm algorithm; /* of both keys */
    char letter;
    size_t data_size; /* that is encrypted: length, key, padding */
    size_t padding_size;
    bool counts;
    struct pos_key_block_protector *protector;
    char block[POS_KEY_BLOCK_SIZE_MAX];
    size_t block_size;
} block_cases[] = {
    {.version = "D",
     .algorithm = POS_ALGORITHM_A256,
     .letter = 'A',
     .data_size = 48,
     .padding_size = 14,
     .counts = true},
    {.version = "B",
     .algorithm = POS_ALGORITHM_T2,
     .letter = 'T',
     .data_size = 32,
     .padding_size = 14},
};

static struct pos_key_block_attributes attributes_of(const struct block_case *row)
{
    return (struct pos_key_block_attributes){.usage = {'P', '0'},
                                             .algorithm = row->letter,
                                             .mode = 'E',
                                             .version = {'0', '0'},
                                             .exportable = 'N'};
}

static enum pos_status wrap(void *context, uint64_t count)
{
    struct block_case *row = context;
    struct pos_key_block_attributes attributes = attributes_of(row);
    struct pos_key_block_optional none = {0};
    enum pos_status status = POS_OK;
    for (uint64_t i = 0; i < count && status == POS_OK; i++) {
        struct pos_buffer block = pos_buffer(row->block, sizeof row->block);
        status = pos_key_block_wrap(row->protector, &attributes, &none, row->algorithm, clear_key,
                                    &block);
        row->block_size = block.size;
    }
    return status;
}

static enum pos_status unwrap(void *context, uint64_t count)
{
    struct block_case *row = context;
    struct pos_key_block_expectation expected = {.attributes = attributes_of(row),
                                                 .key_algorithm = row->algorithm};
    uint8_t key[POS_KEY_SIZE_MAX];
    enum pos_status status = POS_OK;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = pos_key_block_unwrap(row->protector, pos_bytes(row->block, row->block_size),
                                      &expected, key, NULL);
    return status;
}

static void add_block_recipes(const struct block_case *row, struct pos_recipe *unwrapping,
                              struct pos_recipe *wrapping)
{
    size_t covered = HEADER_SIZE + row->data_size;
    pos_recipe_add(unwrapping, POS_STEP_DECRYPT, row->algorithm, row->data_size);
    pos_recipe_add(unwrapping, POS_STEP_ENCRYPT, row->algorithm, covered);
    pos_recipe_add(wrapping, POS_STEP_RANDOM, POS_ALGORITHM_NONE, row->padding_size);
    pos_recipe_add(wrapping, POS_STEP_ENCRYPT, row->algorithm, covered);
    pos_recipe_add(wrapping, POS_STEP_ENCRYPT, row->algorithm, row->data_size);
}

static enum pos_status add_block(struct block_case *row)
{
    struct pos_recipe *unwrapping = new_recipe(), *wrapping = new_recipe();
    add_block_recipes(row, unwrapping, wrapping);
    enum pos_status status =
        pos_key_block_protector_create(row->algorithm, clear_key, &row->protector);
    if (status == POS_OK)
        status = wrap(row, 1);
    struct pos_micro_subject subject = {.run = unwrap, .context = row};
    subject.floor = add_recipe(unwrapping, "unwrap", row->version);
    int unwrapped = pos_micro_add(&micro, &subject, "unwrap key block %s", row->version);
    subject.run = wrap;
    subject.floor = add_recipe(wrapping, "wrap", row->version);
    int wrapped = pos_micro_add(&micro, &subject, "wrap key block %s", row->version);
    if (!row->counts)
        return status;
    pos_micro_check(
        &micro,
        (struct pos_micro_check){.of = unwrapped, .to = POS_MICRO_NONE, .target = UNWRAP_NS},
        "unwrap/%s", row->version);
    pos_micro_check(
        &micro, (struct pos_micro_check){.of = wrapped, .to = POS_MICRO_NONE, .target = WRAP_NS},
        "wrap/%s", row->version);
    return status;
}

/* ---- check values and random numbers ---- */

static const enum pos_algorithm kcv_algorithms[] = {POS_ALGORITHM_A256, POS_ALGORITHM_T2};

static enum pos_status run_kcv(void *context, uint64_t count)
{
    const enum pos_algorithm *algorithm = context;
    struct pos_kcv kcv;
    enum pos_status status = POS_OK;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = pos_kcv_compute(*algorithm, clear_key, &kcv);
    return status;
}

static void add_kcv(size_t i)
{
    static enum pos_algorithm algorithms[2];
    enum pos_algorithm algorithm = algorithms[i] = kcv_algorithms[i];
    struct pos_recipe *recipe = new_recipe();
    bool cmac = algorithm == POS_ALGORITHM_A256;
    pos_recipe_add(recipe, POS_STEP_KEY, algorithm, 0);
    pos_recipe_add(recipe, POS_STEP_ENCRYPT, algorithm, cmac ? 16 : 8);
    if (cmac) /* its subkey, then the block */
        pos_recipe_add(recipe, POS_STEP_ENCRYPT, algorithm, 16);
    struct pos_micro_subject subject = {.run = run_kcv, .context = &algorithms[i]};
    subject.floor = add_recipe(recipe, "check value", pos_algorithm_name(algorithm));
    (void)pos_micro_add(&micro, &subject, "check value %s", pos_algorithm_name(algorithm));
}

static enum pos_status run_random(void *context, uint64_t count)
{
    uint8_t bytes[RANDOM_SIZE];
    enum pos_status status = POS_OK;
    (void)context;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = pos_random(bytes, sizeof bytes);
    return status;
}

static void add_random(void)
{
    struct pos_recipe *many = new_recipe(), *one = new_recipe();
    pos_recipe_add(many, POS_STEP_RANDOM, POS_ALGORITHM_NONE, RANDOM_SIZE);
    pos_recipe_add(one, POS_STEP_RANDOM_ONE, POS_ALGORITHM_NONE, RANDOM_SIZE);
    struct pos_micro_subject subject = {.run = run_random};
    subject.floor = add_recipe(many, "16 random bytes,", "4 KiB at a time");
    (void)add_recipe(one, "16 random bytes,", "each by itself");
    (void)pos_micro_add(&micro, &subject, "16 random bytes");
}

/* ---- PINs, in the security module ---- */

static struct pin_case {
    enum pos_algorithm algorithm;
    enum pos_pin_format format;
    struct pos_module *module;
    struct pos_key tpk, zpk;
    struct pos_pin_cryptogram in;
} pin_cases[] = {
    {.algorithm = POS_ALGORITHM_A256, .format = POS_PIN_FORMAT_4},
    {.algorithm = POS_ALGORITHM_T2, .format = POS_PIN_FORMAT_0},
};
static const char pan[] = "6212345678901234567";

static enum pos_status translate(void *context, uint64_t count)
{
    struct pin_case *row = context;
    struct pos_pin_cryptogram out = {.format = row->format};
    enum pos_status status = POS_OK;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = pos_hsm_translate_pin(row->module->session, &row->tpk, &row->zpk,
                                       pos_bytes_text(pan), &row->in, &out);
    return status;
}

/* A terminal's block under its TPK. */
static enum pos_status make_pin(struct pin_case *row)
{
    uint8_t clear_tmk[POS_KEY_SIZE_MAX], clear_tpk[POS_KEY_SIZE_MAX];
    struct pos_key tmk;
    struct pos_kcv kcv;
    struct pos_key_block_protector *protector = NULL;
    const struct pos_pin pin = {.size = 4, .digits = "1234"};
    enum pos_status status =
        pos_module_make_tmk(row->module, row->algorithm, &tmk, &kcv, clear_tmk);
    if (status == POS_OK)
        status = pos_key_block_protector_create(row->algorithm, clear_tmk, &protector);
    if (status == POS_OK)
        status =
            pos_hsm_generate(row->module->session, POS_USAGE_TPK, row->algorithm, &row->tpk, &kcv);
    if (status == POS_OK)
        status = pos_module_learn(row->module, &tmk, protector, &row->tpk, clear_tpk);
    row->in.format = row->format;
    row->in.size = (uint8_t)pos_pin_block_size(row->format);
    if (status == POS_OK)
        status = pos_pin_block_make(row->format, row->algorithm, clear_tpk, pos_bytes_text(pan),
                                    &pin, row->in.data);
    pos_key_block_protector_destroy(protector);
    pos_secret_wipe(clear_tmk, sizeof clear_tmk);
    pos_secret_wipe(clear_tpk, sizeof clear_tpk);
    return status;
}

static enum pos_status make_zpk(struct pin_case *row, struct pos_error *error)
{
    struct pos_component parts[2];
    struct pos_kcv kcv;
    size_t size = pos_algorithm_key_size(row->algorithm);
    enum pos_status status = pos_module_random_component(&parts[0], size);
    if (status == POS_OK)
        status = pos_module_random_component(&parts[1], size);
    if (status == POS_OK)
        status = pos_hsm_import_components(row->module->session, POS_USAGE_ZPK, row->algorithm,
                                           parts, 2, &row->zpk, &kcv, error);
    pos_secret_wipe(parts, sizeof parts);
    return status;
}

/* Format 4 is two blocks each way, one after the other; format 0 is one. */
static enum pos_status add_pin(struct pin_case *row, struct pos_module *module,
                               struct pos_error *error)
{
    struct pos_recipe *recipe = new_recipe();
    size_t block = row->algorithm == POS_ALGORITHM_T2 ? 8 : 16;
    for (int i = 0; i < (row->format == POS_PIN_FORMAT_4 ? 2 : 1); i++) {
        pos_recipe_add(recipe, POS_STEP_DECRYPT, row->algorithm, block);
        pos_recipe_add(recipe, POS_STEP_ENCRYPT, row->algorithm, block);
    }
    row->module = module;
    enum pos_status status = make_pin(row);
    if (status == POS_OK)
        status = make_zpk(row, error);
    struct pos_micro_subject subject = {.run = translate, .context = row};
    subject.floor = add_recipe(recipe, "PIN", pos_algorithm_name(row->algorithm));
    (void)pos_micro_add(&micro, &subject, "PIN translation, format %d, %s", row->format,
                        pos_algorithm_name(row->algorithm));
    return status;
}

/* ---- the command ---- */

static enum pos_status add_all(struct pos_module *module, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < MAC_COUNT && status == POS_OK; i++)
        status = add_mac(i);
    for (size_t i = 0; i < sizeof block_cases / sizeof block_cases[0] && status == POS_OK; i++)
        status = add_block(&block_cases[i]);
    for (size_t i = 0; i < sizeof pin_cases / sizeof pin_cases[0] && status == POS_OK; i++)
        status = add_pin(&pin_cases[i], module, error);
    for (size_t i = 0; i < sizeof kcv_algorithms / sizeof kcv_algorithms[0]; i++)
        add_kcv(i);
    add_random();
    if (status != POS_OK && error->text[0] == '\0')
        return pos_error_set(error, status, "cannot make keys: %s", pos_status_text(status));
    return status;
}

static void release(struct pos_module *module)
{
    for (size_t i = 0; i < MAC_COUNT; i++)
        pos_mac_destroy(macs[i]);
    for (size_t i = 0; i < sizeof block_cases / sizeof block_cases[0]; i++)
        pos_key_block_protector_destroy(block_cases[i].protector);
    pos_module_close(module);
}

int pos_command_crypto(int argc, char **argv)
{
    struct pos_error error = {0};
    struct pos_module module = {0};
    char folder[POS_PATH_SIZE_MAX] = "";
    pos_micro_begin(&micro,
                    "Measures MACs, key blocks, PIN translation, check values and random numbers "
                    "beside OpenSSL's ciphers with contexts that are keyed already.",
                    NULL, NULL, argc, argv);
    enum pos_status status = pos_folder_make(NULL, folder, &error);
    if (status == POS_OK)
        status = pos_module_make(folder, &module, &error);
    if (status == POS_OK)
        status = add_all(&module, &error);
    if (status == POS_OK)
        status = pos_micro_measure(&micro, &error);
    int code = pos_micro_finish(&micro, status, &error);
    release(&module);
    if (folder[0] != '\0')
        pos_folder_remove(folder);
    return code;
}
