#include "bench/newcomers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/interrupt.h"
#include "bench/terminals_inside.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/store/key_library.h"
#include "core/store/terminal_bulk.h"

enum { CHUNK = 500, STAN_COUNT = POS_STAN_MAX };
static const char mother[] = "BENCH"; /* who handed the keys out */

struct pos_newcomers {
    struct pos_terminals *terminals; /* frames of theirs, one each */
    struct pos_newcomers_options options;
    struct pos_module *module; /* while they are made */
    uint64_t come;
    bool repeats; /* somebody came twice */
};

/* ---- keys ---- */

/* As posgate-keymgmt generates them; and the newcomer's request, now that its TMK is known. */
static enum pos_status make_one(struct pos_newcomers *newcomers, uint64_t at,
                                struct pos_key_row *row)
{
    struct pos_module *module = newcomers->module;
    uint8_t clear[POS_KEY_SIZE_MAX];
    enum pos_status status =
        pos_module_make_tmk(module, POS_ALGORITHM_A256, &row->tmk, &row->tmk_kcv, clear);
    if (status == POS_OK)
        status = pos_hsm_generate(module->session, POS_USAGE_TPK, POS_ALGORITHM_A256, &row->tpk,
                                  &row->tpk_kcv);
    if (status == POS_OK)
        status = pos_hsm_generate(module->session, POS_USAGE_TAK, POS_ALGORITHM_A256, &row->tak,
                                  &row->tak_kcv);
    if (status == POS_OK)
        status =
            pos_terminals_make_request(newcomers->terminals, at, newcomers->options.first_row + at,
                                       (uint32_t)(at % STAN_COUNT) + 1, clear, clear);
    pos_secret_wipe(clear, sizeof clear);
    return status;
}

static enum pos_status add_chunk(struct pos_newcomers *newcomers, struct pos_key_library *library,
                                 struct pos_batch_row *batch, uint64_t at, size_t count)
{
    static struct pos_key_row rows[CHUNK];
    const struct pos_audit_event event = {.utc_ms = batch->created_ms,
                                          .who = "bench",
                                          .what = "generate",
                                          .on_what = "newcomers",
                                          .outcome = "done"};
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < count && status == POS_OK; i++) {
        rows[i] =
            (struct pos_key_row){.index = (uint32_t)(newcomers->options.first_row + at + i + 1),
                                 .state = POS_KEY_GENERATED,
                                 .algorithm = POS_ALGORITHM_A256,
                                 .batch = batch->number,
                                 .generated_ms = batch->created_ms,
                                 .changed_ms = batch->created_ms};
        status = make_one(newcomers, at + i, &rows[i]);
    }
    if (status == POS_OK)
        status = pos_key_library_add(library, rows, count, batch, &event);
    batch->count += (uint32_t)count;
    return status;
}

/* Indexes in front of the first newcomer's belong to rows that are there already. */
static enum pos_status begin_batch(const struct pos_newcomers *newcomers,
                                   struct pos_key_library *library, struct pos_batch_row *batch)
{
    uint32_t next, number, batches;
    uint64_t burned, now = pos_clock_utc_ms();
    uint32_t before = (uint32_t)newcomers->options.first_row;
    const struct pos_audit_event event = {
        .utc_ms = now, .who = "bench", .what = "burn", .on_what = "rows", .outcome = "done"};
    enum pos_status status = POS_OK;
    if (before > 0)
        status = pos_key_library_burn_since(library, before, now, &burned, &batches, &event);
    if (status == POS_OK)
        status = pos_key_library_next(library, &next, &number);
    if (status == POS_OK && next != before + 1)
        status = POS_ERR_ORDER;
    if (status == POS_OK)
        *batch = (struct pos_batch_row){.number = number,
                                        .state = POS_BATCH_GENERATED,
                                        .algorithm = POS_ALGORITHM_A256,
                                        .first = next,
                                        .created_ms = now};
    return status;
}

/* A key whose batch was never exported cannot be a terminal's. */
static enum pos_status hand_out(struct pos_newcomers *newcomers, struct pos_key_library *library,
                                const struct pos_batch_row *batch)
{
    const struct pos_audit_event event = {.utc_ms = batch->created_ms,
                                          .who = "bench",
                                          .what = "export",
                                          .on_what = "newcomers",
                                          .outcome = "done"};
    struct pos_mother_row row = {.ktk = newcomers->module->ktk, .created_ms = batch->created_ms};
    memcpy(row.name, mother, sizeof mother);
    enum pos_status status =
        pos_hsm_kcv(newcomers->module->session, &newcomers->module->ktk, &row.ktk_kcv);
    if (status == POS_OK)
        status = pos_key_library_add_mother(library, &row, &event);
    if (status == POS_OK)
        status = pos_key_library_move_batch(library, batch->number, POS_KEY_EXPORTED, mother,
                                            batch->created_ms, &event);
    return status;
}

static enum pos_status add_keys(struct pos_newcomers *newcomers, struct pos_key_library *library)
{
    uint64_t count = newcomers->options.count;
    struct pos_batch_row batch;
    enum pos_status status = begin_batch(newcomers, library, &batch);
    for (uint64_t at = 0; at < count && status == POS_OK; at += CHUNK) {
        size_t size = count - at < CHUNK ? (size_t)(count - at) : CHUNK;
        status = add_chunk(newcomers, library, &batch, at, size);
        if (pos_interrupted())
            status = POS_ERR_BUSY;
    }
    return status == POS_OK ? hand_out(newcomers, library, &batch) : status;
}

static enum pos_status make_keys(struct pos_newcomers *newcomers, struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 8];
    struct pos_audit_chain chain;
    struct pos_key_library *library;
    (void)snprintf(path, sizeof path, "%s/keys", newcomers->options.folder);
    struct pos_key_library_options options = {.path = path};
    options.audit = pos_audit_chain_init(&chain);
    enum pos_status status = pos_key_library_open(&options, &library, error);
    if (status == POS_ERR_NOT_FOUND) {
        options.create = true;
        options.audit = pos_audit_chain_init(&chain);
        status = pos_key_library_open(&options, &library, error);
    }
    if (status != POS_OK)
        return status;
    status = add_keys(newcomers, library);
    pos_key_library_close(library);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot make newcomers' keys: %s",
                                            pos_status_text(status));
}

/* ---- rows, for those who are registered ---- */

static enum pos_status load_rows(const struct pos_newcomers_options *options,
                                 struct pos_terminal_table *table)
{
    static struct pos_smn smns[CHUNK];
    static struct pos_terminal_hot rows[CHUNK];
    enum pos_status status = POS_OK;
    for (uint64_t at = 0; at < options->count && status == POS_OK; at += CHUNK) {
        size_t size = options->count - at < CHUNK ? (size_t)(options->count - at) : CHUNK;
        for (size_t i = 0; i < size; i++) {
            smns[i] = pos_terminals_smn(options->first_row + at + i);
            rows[i] = (struct pos_terminal_hot){.state = POS_TERMINAL_ACTIVE,
                                                .algorithm = POS_ALGORITHM_A256,
                                                .proved = true,
                                                .version = 1};
        }
        status = pos_terminal_table_load(table, smns, rows, size);
    }
    return status == POS_OK ? pos_terminal_table_flush(table) : status;
}

static enum pos_status make_rows(const struct pos_newcomers *newcomers, struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 16];
    struct pos_audit_chain chain;
    struct pos_terminal_table *table;
    (void)snprintf(path, sizeof path, "%s/terminals", newcomers->options.folder);
    struct pos_terminal_table_options options = {
        .path = path, .create_if_missing = true, .cache_size = 64 << 20};
    options.audit = pos_audit_chain_init(&chain);
    enum pos_status status = pos_terminal_table_open(&options, &table, error);
    if (status != POS_OK)
        return status;
    if (newcomers->options.kind == POS_KIND_SIGN_ON)
        status = load_rows(&newcomers->options, table);
    pos_terminal_table_close(table);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot write newcomers' rows: %s",
                                            pos_status_text(status));
}

/* ---- asking ---- */

static size_t ask(void *context, uint8_t *out, uint32_t *mark)
{
    struct pos_newcomers *newcomers = context;
    struct pos_load_source source = pos_terminals_source(newcomers->terminals);
    if (newcomers->come == newcomers->options.count)
        newcomers->repeats = true;
    else
        newcomers->come++;
    return source.request(source.context, out, mark);
}

static ssize_t read_reply(void *context, struct pos_bytes stream, struct pos_load_reply *reply)
{
    struct pos_newcomers *newcomers = context;
    struct pos_load_source source = pos_terminals_source(newcomers->terminals);
    ssize_t size = source.reply(source.context, stream, reply);
    reply->good = reply->good && !newcomers->repeats;
    return size;
}

struct pos_load_source pos_newcomers_source(struct pos_newcomers *newcomers)
{
    struct pos_load_source source = pos_terminals_source(newcomers->terminals);
    return (struct pos_load_source){.request = ask,
                                    .request_size_max = source.request_size_max,
                                    .reply = read_reply,
                                    .context = newcomers};
}

/* ---- making and unmaking ---- */

static enum pos_status make_frames(struct pos_newcomers *newcomers, struct pos_error *error)
{
    const struct pos_newcomers_options *options = &newcomers->options;
    struct pos_terminals_options rows = {.rows = options->first_row + options->count,
                                         .dialect = options->dialect};
    if (rows.rows > POS_KEY_INDEX_MAX || options->count > POS_KEY_FILE_COUNT_MAX)
        return pos_error_set(error, POS_ERR_USAGE, "more newcomers than a batch has keys");
    enum pos_status status = pos_terminals_assume(&rows, &newcomers->terminals, error);
    if (status != POS_OK)
        return status;
    struct pos_terminals *terminals = newcomers->terminals;
    terminals->mac = true;
    terminals->kind = options->kind;
    status = pos_terminals_make_template(terminals, error);
    terminals->request_count = options->count;
    terminals->frames = malloc(options->count * terminals->frame_size);
    terminals->stans = calloc(options->count, sizeof *terminals->stans);
    if (terminals->frames == NULL || terminals->stans == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the newcomers");
    return status;
}

enum pos_status pos_newcomers_create(const struct pos_newcomers_options *options,
                                     struct pos_module *module, struct pos_newcomers **out,
                                     struct pos_error *error)
{
    struct pos_newcomers *newcomers = calloc(1, sizeof *newcomers);
    if (newcomers == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the newcomers");
    newcomers->options = *options;
    newcomers->module = module;
    enum pos_status status = make_frames(newcomers, error);
    if (status == POS_OK)
        status = make_keys(newcomers, error);
    if (status == POS_OK)
        status = make_rows(newcomers, error);
    newcomers->module = NULL;
    if (status == POS_OK)
        *out = newcomers;
    else
        pos_newcomers_destroy(newcomers);
    return status;
}

void pos_newcomers_destroy(struct pos_newcomers *newcomers)
{
    if (newcomers == NULL)
        return;
    pos_terminals_destroy(newcomers->terminals);
    free(newcomers);
}
