/*
 * `generate`: keys as posgate-keymgmt generates them, in its chunks: a TMK with its first TPK and
 * TAK, check values, a row each, an audit record with its MAC and one sync a chunk. Beside it the
 * same keys and check values without the library, and the ciphers' work in them.
 */
#include <stdio.h>

#include "bench/command.h"
#include "bench/folder.h"
#include "bench/micro.h"
#include "bench/module.h"
#include "bench/primitives.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/store/key_library.h"

enum {
    CHUNK = 500, /* as posgate-keymgmt's */
    KEY_ALG = 0x700,
    SEALED_SIZE = 48, /* the longest: ciphertext of a key under the LMK */
};
#define RATE_RATIO 0.5 /* the target: of what the crypto alone reaches */

static struct generating {
    struct pos_micro micro;
    enum pos_algorithm algorithm;
    char folder[POS_PATH_SIZE_MAX];
    struct pos_module module;
    struct pos_audit_chain chain;
    struct pos_key_library *library;
    struct pos_batch_row batch;
    uint32_t next;
    struct pos_key_row rows[CHUNK];
    struct pos_recipe recipe;
} all = {.micro = {.command = "generate", .options = {.duration_s = 0.5}},
         .algorithm = POS_ALGORITHM_A256};

/* ---- what is measured ---- */

static enum pos_status make_row(struct pos_key_row *row, uint64_t utc_ms)
{
    struct pos_hsm_session *session = all.module.session;
    enum pos_algorithm working = pos_algorithm_working(all.algorithm);
    *row = (struct pos_key_row){.index = all.next++,
                                .state = POS_KEY_GENERATED,
                                .algorithm = all.algorithm,
                                .batch = all.batch.number,
                                .generated_ms = utc_ms,
                                .changed_ms = utc_ms};
    enum pos_status status =
        pos_hsm_generate(session, POS_USAGE_TMK, all.algorithm, &row->tmk, &row->tmk_kcv);
    if (status == POS_OK)
        status = pos_hsm_generate(session, POS_USAGE_TPK, working, &row->tpk, &row->tpk_kcv);
    if (status == POS_OK)
        status = pos_hsm_generate(session, POS_USAGE_TAK, working, &row->tak, &row->tak_kcv);
    if (status == POS_OK && pos_key_form_has_tdk(POS_FORM_60, all.algorithm))
        status = pos_hsm_generate(session, POS_USAGE_TDK, working, &row->tdk, &row->tdk_kcv);
    return status;
}

static enum pos_status make_chunk(uint64_t utc_ms)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < CHUNK && status == POS_OK; i++)
        status = make_row(&all.rows[i], utc_ms);
    return status;
}

static enum pos_status run_verbs(void *context, uint64_t count)
{
    uint32_t next = all.next;
    enum pos_status status = POS_OK;
    (void)context;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = make_chunk(all.batch.created_ms);
    all.next = next; /* nobody stored them */
    return status;
}

static void begin_batch(uint32_t number)
{
    all.batch = (struct pos_batch_row){.number = number,
                                       .state = POS_BATCH_GENERATED,
                                       .algorithm = all.algorithm,
                                       .first = all.next,
                                       .created_ms = pos_clock_utc_ms()};
}

/* What stands in all.rows. */
static enum pos_status store_chunk(uint64_t now, uint32_t first)
{
    char on_what[128];
    (void)snprintf(on_what, sizeof on_what, "batch=%08u algorithm=%s first=%08u count=%d",
                   all.batch.number, pos_algorithm_name(all.algorithm), first, CHUNK);
    const struct pos_audit_event event = {
        .utc_ms = now, .who = "bench", .what = "generate", .on_what = on_what, .outcome = "done"};
    enum pos_status status = pos_key_library_add(all.library, all.rows, CHUNK, &all.batch, &event);
    all.batch.count += CHUNK;
    if (all.batch.count + CHUNK > POS_KEY_FILE_COUNT_MAX)
        begin_batch(all.batch.number + 1);
    return status;
}

static enum pos_status make_and_store_chunk(void)
{
    uint64_t now = pos_clock_utc_ms();
    uint32_t first = all.next;
    enum pos_status status = make_chunk(now);
    return status == POS_OK ? store_chunk(now, first) : status;
}

static enum pos_status run_generate(void *context, uint64_t count)
{
    enum pos_status status = POS_OK;
    (void)context;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = make_and_store_chunk();
    return status;
}

/* The same keys again and again, under the next indexes. */
static enum pos_status run_storing(void *context, uint64_t count)
{
    enum pos_status status = POS_OK;
    (void)context;
    for (uint64_t i = 0; i < count && status == POS_OK; i++) {
        uint32_t first = all.next;
        for (size_t r = 0; r < CHUNK; r++) {
            all.rows[r].index = all.next++;
            all.rows[r].batch = all.batch.number;
        }
        status = store_chunk(all.batch.created_ms, first);
    }
    return status;
}

/* ---- the ciphers' work in it ---- */

/* Random bytes, a check value under the new key, and the key under the LMK, which is AES. */
static void add_key(enum pos_algorithm algorithm)
{
    bool aes = algorithm == POS_ALGORITHM_A128 || algorithm == POS_ALGORITHM_A256;
    size_t block = algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3 ? 8 : 16;
    size_t size = pos_algorithm_key_size(algorithm);
    pos_recipe_add(&all.recipe, POS_STEP_RANDOM, POS_ALGORITHM_NONE, size);
    pos_recipe_add(&all.recipe, POS_STEP_KEY, algorithm, 0);
    pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, algorithm, block);
    if (aes) /* a CMAC's subkey, then its block */
        pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, algorithm, block);
    pos_recipe_add(&all.recipe, POS_STEP_RANDOM, POS_ALGORITHM_NONE, SEALED_SIZE - 2 - size);
    pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, POS_ALGORITHM_A256,
                   POS_KEY_BLOCK_HEADER_SIZE + SEALED_SIZE);
    pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, POS_ALGORITHM_A256, SEALED_SIZE);
}

static void fill_recipe(void)
{
    enum pos_algorithm working = pos_algorithm_working(all.algorithm);
    add_key(all.algorithm);
    add_key(working);
    add_key(working);
    if (pos_key_form_has_tdk(POS_FORM_60, all.algorithm))
        add_key(working);
}

/* ---- the command ---- */

static enum pos_status audit_mac(void *context, struct pos_bytes record,
                                 uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    return pos_hsm_audit_mac(context, record, mac);
}

/* Its committer's thread has the other core, as it would find one free. */
static enum pos_status open_library(struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 8];
    uint32_t number = 0;
    (void)snprintf(path, sizeof path, "%s/keys", all.folder);
    struct pos_key_library_options options = {.path = path, .create = true};
    options.audit = pos_audit_chain_init(&all.chain);
    all.chain.sealer = (struct pos_audit_sealer){.mac = audit_mac, .context = all.module.session};
    pos_pin_self(all.micro.pinning.server_core);
    enum pos_status status = pos_key_library_open(&options, &all.library, error);
    pos_pin_self(all.micro.pinning.load_core);
    if (status == POS_OK)
        status = pos_key_library_next(all.library, &all.next, &number);
    begin_batch(number);
    return status;
}

static void add_subjects(void)
{
    struct pos_micro_subject subject = {
        .run = pos_recipe_run, .context = &all.recipe, .wall = true, .floor = POS_MICRO_NONE};
    fill_recipe();
    int ciphers = pos_micro_add(&all.micro, &subject, "OpenSSL: the ciphers of a terminal's keys");
    subject =
        (struct pos_micro_subject){.run = run_verbs, .wall = true, .each = CHUNK, .floor = ciphers};
    int verbs = pos_micro_add(&all.micro, &subject, "security module alone");
    subject.run = run_generate;
    int all_of_it = pos_micro_add(&all.micro, &subject, "generated, stored and synced");
    subject.run = run_storing;
    (void)pos_micro_add(&all.micro, &subject, "stored and synced alone");
    struct pos_micro_check check = {
        .of = ciphers, .to = all_of_it, .at_least = true, .target = RATE_RATIO};
    pos_micro_check(&all.micro, check, "generate/ciphers");
    check.of = verbs;
    pos_micro_check(&all.micro, check, "generate/verbs");
}

static enum pos_status prepare(struct pos_error *error)
{
    enum pos_status status = pos_folder_make(NULL, all.folder, error);
    if (status != POS_OK) {
        all.folder[0] = '\0'; /* not ours to remove */
        return status;
    }
    status = pos_module_make(all.folder, &all.module, error);
    if (status == POS_OK)
        status = open_library(error);
    add_subjects();
    return status;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    if (key != KEY_ALG)
        return ARGP_ERR_UNKNOWN;
    all.algorithm = pos_algorithm_parse(pos_bytes_text(argument));
    if (all.algorithm == POS_ALGORITHM_NONE)
        argp_error(state, "--alg takes A256, A128, T2, T3 or SM4, not '%s'", argument);
    return 0;
}

int pos_command_generate(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"alg", KEY_ALG, "ALG", 0, "Algorithm of the keys: A256 (default), A128, T2, T3 or SM4", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    pos_micro_begin(&all.micro,
                    "Measures generating terminals' keys, stored and synced with their check "
                    "values, beside the same cryptography alone.",
                    &argp, NULL, argc, argv);
    pos_micro_text(&all.micro, "alg", pos_algorithm_name(all.algorithm));
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = pos_micro_finish(&all.micro, status, &error);
    if (all.library != NULL)
        pos_key_library_close(all.library);
    pos_module_close(&all.module);
    if (all.folder[0] != '\0')
        pos_folder_remove(all.folder);
    return code;
}
