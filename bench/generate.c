/*
 * `generate`: keys as posgate-keymgmt generates them: a TMK with its first TPK and TAK, check
 * values, a row each; in chunks with an audit record, its MAC and one sync, each on its way to the
 * disk while the next is made. Beside it the same keys and check values without the library, and
 * the ciphers' work in them.
 *
 * What counts is the time on the wall, of two cores where the ciphers alone have one; so the time
 * of all threads on their processors stands beside it.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/command.h"
#include "bench/folder.h"
#include "bench/micro.h"
#include "bench/module.h"
#include "bench/primitives.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/store/key_library.h"

enum {
    CHUNK = 4000, /* as posgate-keymgmt's, and the next one too */
    ROWS_AT_ONCE = 64,
    KEYS_OF_ROW_MAX = 4,
    KEY_ALG = 0x700,
    LENGTH_SIZE = 2, /* in front of a key at rest */
    BLOCK_SIZE = 16, /* of the LMK, which is AES */
};
#define RATE_RATIO 0.5 /* the target: of what the crypto alone reaches */

struct chunk {
    struct pos_key_row rows[CHUNK];
    char on_what[128];
    struct pos_audit_event event;
    struct pos_key_addition *addition; /* NULL: it is not on its way */
};

static struct generating {
    struct pos_micro micro;
    enum pos_algorithm algorithm;
    char folder[POS_PATH_SIZE_MAX];
    struct pos_module module;
    struct pos_hsm_session *session; /* makes keys, while the module's own MACs audit records */
    struct pos_audit_chain chain;
    struct pos_key_library *library;
    struct pos_batch_row batch;
    uint32_t next;
    struct chunk chunks[2];
    struct pos_micro_reading cpu; /* of all threads, when keys were generated last */
    struct pos_recipe recipe;
} all = {.micro = {.command = "generate", .options = {.duration_s = 0.5}},
         .algorithm = POS_ALGORITHM_A256};

/* ---- what is measured ---- */

/* The row without its keys, and the keys that it wants; returns how many these are. */
static size_t begin_row(struct pos_key_row *row, uint64_t utc_ms, struct pos_new_key *wanted)
{
    enum pos_algorithm working = pos_algorithm_working(all.algorithm);
    *row = (struct pos_key_row){.index = all.next++,
                                .state = POS_KEY_GENERATED,
                                .algorithm = all.algorithm,
                                .batch = all.batch.number,
                                .generated_ms = utc_ms,
                                .changed_ms = utc_ms};
    const struct pos_new_key keys[KEYS_OF_ROW_MAX] = {
        {POS_USAGE_TMK, all.algorithm, false, &row->tmk, &row->tmk_kcv},
        {POS_USAGE_TPK, working, false, &row->tpk, &row->tpk_kcv},
        {POS_USAGE_TAK, working, false, &row->tak, &row->tak_kcv},
        {POS_USAGE_TDK, working, false, &row->tdk, &row->tdk_kcv},
    };
    size_t count = pos_key_form_has_tdk(POS_FORM_60, all.algorithm) ? 4 : 3;
    memcpy(wanted, keys, count * sizeof keys[0]);
    return count;
}

static enum pos_status make_chunk(struct chunk *chunk)
{
    struct pos_new_key wanted[ROWS_AT_ONCE * KEYS_OF_ROW_MAX];
    uint64_t now = pos_clock_utc_ms();
    enum pos_status status = POS_OK;
    for (size_t at = 0; at < CHUNK && status == POS_OK; at += ROWS_AT_ONCE) {
        size_t wanted_count = 0;
        for (size_t i = at; i < at + ROWS_AT_ONCE && i < CHUNK; i++)
            wanted_count += begin_row(&chunk->rows[i], now, &wanted[wanted_count]);
        status = pos_hsm_generate_many(all.session, wanted, wanted_count);
    }
    return status;
}

/* The same keys again, under the next indexes. */
static enum pos_status renumber_chunk(struct chunk *chunk)
{
    for (size_t i = 0; i < CHUNK; i++) {
        chunk->rows[i].index = all.next++;
        chunk->rows[i].batch = all.batch.number;
    }
    return POS_OK;
}

static enum pos_status run_verbs(void *context, uint64_t count)
{
    uint32_t next = all.next;
    enum pos_status status = POS_OK;
    (void)context;
    for (uint64_t i = 0; i < count && status == POS_OK; i++)
        status = make_chunk(&all.chunks[i % 2]);
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

static enum pos_status send_off(struct chunk *chunk)
{
    (void)snprintf(chunk->on_what, sizeof chunk->on_what,
                   "batch=%08u algorithm=%s first=%08u count=%d", all.batch.number,
                   pos_algorithm_name(all.algorithm), chunk->rows[0].index, CHUNK);
    chunk->event = (struct pos_audit_event){.utc_ms = pos_clock_utc_ms(),
                                            .who = "bench",
                                            .what = "generate",
                                            .on_what = chunk->on_what,
                                            .outcome = "done"};
    enum pos_status status = pos_key_library_add_start(all.library, chunk->rows, CHUNK, &all.batch,
                                                       &chunk->event, &chunk->addition);
    all.batch.count += CHUNK;
    if (all.batch.count + CHUNK > POS_KEY_FILE_COUNT_MAX)
        begin_batch(all.batch.number + 1);
    return status;
}

static enum pos_status await(struct chunk *chunk)
{
    if (chunk->addition == NULL)
        return POS_OK;
    enum pos_status status = pos_key_library_add_await(chunk->addition);
    chunk->addition = NULL;
    return status;
}

/* Chunk after chunk, as `fill` fills them, for so many seconds; to the end of the last one's sync.
 */
static enum pos_status store_chunks(enum pos_status (*fill)(struct chunk *chunk), double seconds,
                                    struct pos_micro_reading *reading)
{
    uint64_t begun = pos_clock_monotonic_ns(), now = begun;
    enum pos_status status = POS_OK;
    *reading = (struct pos_micro_reading){0};
    for (size_t i = 0; status == POS_OK && (double)(now - begun) < seconds * 1e9; i++) {
        status = fill(&all.chunks[i % 2]);
        if (status == POS_OK)
            status = await(&all.chunks[1 - i % 2]);
        if (status == POS_OK)
            status = send_off(&all.chunks[i % 2]);
        reading->operations += CHUNK;
        now = pos_clock_monotonic_ns();
    }
    for (size_t i = 0; i < 2; i++) {
        enum pos_status last = await(&all.chunks[i]);
        status = status == POS_OK ? last : status;
    }
    reading->seconds = (double)(pos_clock_monotonic_ns() - begun) / 1e9;
    return status;
}

static double cpu_seconds(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static enum pos_status take_generated(void *context, double seconds,
                                      struct pos_micro_reading *reading)
{
    (void)context;
    double before = cpu_seconds();
    enum pos_status status = store_chunks(make_chunk, seconds, reading);
    all.cpu = (struct pos_micro_reading){reading->operations, cpu_seconds() - before};
    return status;
}

static enum pos_status take_cpu(void *context, double seconds, struct pos_micro_reading *reading)
{
    (void)context, (void)seconds;
    *reading = all.cpu;
    return POS_OK;
}

/* Short rounds may have made one of the two only. */
static enum pos_status make_what_is_missing(void)
{
    uint32_t next = all.next;
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < 2 && status == POS_OK; i++)
        if (all.chunks[i].rows[0].state != POS_KEY_GENERATED)
            status = make_chunk(&all.chunks[i]);
    all.next = next; /* nobody stored them */
    return status;
}

static enum pos_status take_stored(void *context, double seconds, struct pos_micro_reading *reading)
{
    (void)context;
    enum pos_status status = make_what_is_missing();
    return status == POS_OK ? store_chunks(renumber_chunk, seconds, reading) : status;
}

/* ---- the ciphers' work in it ---- */

/* What a key cannot be had without: random bytes; a schedule of the new key and what its check
 * value encrypts; and the key at rest, padded with random bytes to the longest of its algorithm:
 * its CMAC under the LMK with the header, and its encryption. The LMK's schedules are there. */
static void add_key(enum pos_algorithm algorithm)
{
    bool aes = algorithm == POS_ALGORITHM_A128 || algorithm == POS_ALGORITHM_A256;
    bool tdes = algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
    size_t block = tdes ? 8 : 16, size = pos_algorithm_key_size(algorithm);
    size_t longest = aes ? 32 : tdes ? 24 : 16;
    size_t sealed = (LENGTH_SIZE + longest + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
    pos_recipe_add(&all.recipe, POS_STEP_RANDOM, POS_ALGORITHM_NONE, size);
    pos_recipe_add(&all.recipe, POS_STEP_KEY, algorithm, 0);
    pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, algorithm, block);
    if (aes) /* a CMAC's subkey, then its block */
        pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, algorithm, block);
    pos_recipe_add(&all.recipe, POS_STEP_RANDOM, POS_ALGORITHM_NONE, sealed - LENGTH_SIZE - size);
    pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, POS_ALGORITHM_A256,
                   POS_KEY_BLOCK_HEADER_SIZE + sealed);
    pos_recipe_add(&all.recipe, POS_STEP_ENCRYPT, POS_ALGORITHM_A256, sealed);
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

/* So that nobody has to take the floor on trust. */
static void note_recipe(void)
{
    size_t keys = 0, random = 0, bytes = 0, calls = 0;
    for (size_t i = 0; i < POS_STEP_COUNT_MAX; i++) {
        const struct pos_step *step = &all.recipe.steps[i];
        keys += step->kind == POS_STEP_KEY;
        random += step->kind == POS_STEP_RANDOM ? step->size : 0;
        calls += step->kind == POS_STEP_ENCRYPT;
        bytes += step->kind == POS_STEP_ENCRYPT ? step->size : 0;
    }
    (void)snprintf(
        all.micro.note, sizeof all.micro.note,
        "the ciphers of a terminal's keys: %zu key schedules, %zu bytes encrypted in CBC "
        "in %zu calls, %zu random bytes drawn 4 KiB at a time",
        keys, bytes, calls, random);
}

/* ---- the command ---- */

static enum pos_status audit_mac(void *context, struct pos_bytes record,
                                 uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    return pos_hsm_audit_mac(context, record, mac);
}

/* The library's threads run where there is room, as posgate-keymgmt's do. */
static void leave_core(void)
{
    cpu_set_t cores;
    memset(&cores, 0xff, sizeof cores);
    (void)sched_setaffinity(0, sizeof cores, &cores);
}

static enum pos_status open_library(struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 8];
    uint32_t number = 0;
    (void)snprintf(path, sizeof path, "%s/keys", all.folder);
    struct pos_key_library_options options = {.path = path, .create = true};
    options.audit = pos_audit_chain_init(&all.chain);
    all.chain.sealer = (struct pos_audit_sealer){.mac = audit_mac, .context = all.module.session};
    leave_core();
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
    note_recipe();
    int ciphers = pos_micro_add(&all.micro, &subject, "OpenSSL: the ciphers of a terminal's keys");
    subject =
        (struct pos_micro_subject){.run = run_verbs, .wall = true, .each = CHUNK, .floor = ciphers};
    int verbs = pos_micro_add(&all.micro, &subject, "security module alone");
    subject = (struct pos_micro_subject){.take = take_generated, .floor = ciphers};
    int all_of_it = pos_micro_add(&all.micro, &subject, "generated, stored and synced");
    subject.take = take_cpu;
    (void)pos_micro_add(&all.micro, &subject, "  CPU of all threads for it");
    subject.take = take_stored;
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
        status = pos_hsm_session_open(all.module.hsm, &all.session);
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
    pos_hsm_session_close(all.session);
    pos_module_close(&all.module);
    if (all.folder[0] != '\0')
        pos_folder_remove(all.folder);
    return code;
}
