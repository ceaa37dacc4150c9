/*
 * Making the table: a security module with an LMK of its own, an empty key library, and rows as
 * registration and sign-on would leave them.
 *
 * One TMK serves all rows (nothing here depends on it). When MACs are asked for each row that is
 * named by a request has a TAK of its own, as each would cost the gateway a context; the others,
 * which nobody asks for, share one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/folder.h"
#include "bench/interrupt.h"
#include "bench/module.h"
#include "bench/terminals_inside.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/store/key_library.h"
#include "core/store/terminal_bulk.h"

enum { BATCH = 4096, PROGRESS_ROWS = 1000000 };

/* A row that requests are made for, and which of them. */
struct draw {
    uint64_t row;
    uint64_t at;
};

struct making {
    struct pos_terminals *terminals;
    const char *folder;
    struct pos_module module;
    struct pos_terminal_table *table;
    struct pos_audit_chain chain;
    struct pos_key tmk, tak;
    uint8_t clear_tmk[POS_KEY_SIZE_MAX];
    struct pos_key_block_protector *tmk_protector;
    struct draw *draws; /* by row */
    uint64_t draw_next;
    struct pos_smn smns[BATCH];
    struct pos_terminal_hot rows[BATCH];
};

static void path_in(const struct making *making, const char *name, char path[POS_PATH_SIZE_MAX])
{
    (void)snprintf(path, POS_PATH_SIZE_MAX, "%s/%s", making->folder, name);
}

/* ---- keys ---- */

static enum pos_status make_keys(struct making *making, struct pos_error *error)
{
    struct pos_kcv kcv;
    enum pos_status status = pos_module_make(making->folder, &making->module, error);
    if (status != POS_OK)
        return status;
    status = pos_module_make_tmk(&making->module, POS_ALGORITHM_A256, &making->tmk, &kcv,
                                 making->clear_tmk);
    if (status == POS_OK)
        status = pos_key_block_protector_create(POS_ALGORITHM_A256, making->clear_tmk,
                                                &making->tmk_protector);
    if (status == POS_OK)
        status = pos_hsm_generate(making->module.session, POS_USAGE_TAK, POS_ALGORITHM_A256,
                                  &making->tak, &kcv);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot make keys");
}

/* ---- rows ---- */

/* The requests that were drawn for a row, now that its TAK is there; one at least. */
static enum pos_status make_requests(struct making *making, uint64_t row, const struct pos_key *tak)
{
    struct pos_terminals *terminals = making->terminals;
    uint8_t clear[POS_KEY_SIZE_MAX];
    const struct draw *draw = &making->draws[making->draw_next];
    enum pos_status status =
        pos_module_learn(&making->module, &making->tmk, making->tmk_protector, tak, clear);
    for (; status == POS_OK && making->draw_next < terminals->request_count && draw->row == row;
         draw = &making->draws[++making->draw_next]) {
        uint32_t stan = (uint32_t)pos_terminals_random(terminals, POS_STAN_MAX) + 1;
        status =
            pos_terminals_make_request(terminals, draw->at, row, stan, making->clear_tmk, clear);
    }
    pos_secret_wipe(clear, sizeof clear);
    return status;
}

static enum pos_status make_row(struct making *making, uint64_t row, size_t at)
{
    struct pos_terminals *terminals = making->terminals;
    struct pos_key tak = making->tak;
    struct pos_kcv kcv;
    enum pos_status status = POS_OK;
    if (terminals->mac && making->draw_next < terminals->request_count &&
        making->draws[making->draw_next].row == row) {
        status =
            pos_hsm_generate(making->module.session, POS_USAGE_TAK, POS_ALGORITHM_A256, &tak, &kcv);
        if (status == POS_OK)
            status = make_requests(making, row, &tak);
    }
    making->smns[at] = pos_terminals_smn(row);
    /* A row that proved its key is refused where none is asked for. */
    making->rows[at] = (struct pos_terminal_hot){.state = POS_TERMINAL_ACTIVE,
                                                 .algorithm = POS_ALGORITHM_A256,
                                                 .proved = terminals->mac,
                                                 .version = 1,
                                                 .tak = {tak}};
    return status;
}

static enum pos_status load_rows(struct making *making, struct pos_error *error)
{
    uint64_t rows = making->terminals->rows;
    enum pos_status status = POS_OK;
    for (uint64_t first = 0; first < rows && status == POS_OK; first += BATCH) {
        size_t count = rows - first < BATCH ? (size_t)(rows - first) : BATCH;
        for (size_t i = 0; i < count && status == POS_OK; i++)
            status = make_row(making, first + i, i);
        if (status == POS_OK)
            status = pos_terminal_table_load(making->table, making->smns, making->rows, count);
        if (status == POS_OK && pos_interrupted())
            return pos_error_set(error, POS_ERR_CLOSED, "interrupted");
        if ((first + BATCH) / PROGRESS_ROWS > first / PROGRESS_ROWS)
            (void)fprintf(stderr, "%llu of %llu rows\n", (unsigned long long)(first + count),
                          (unsigned long long)rows);
    }
    if (status == POS_OK)
        status = pos_terminal_table_flush(making->table);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot write the table: %s",
                                            pos_status_text(status));
}

/* ---- drawing ---- */

static int by_row(const void *a, const void *b)
{
    const struct draw *left = a, *right = b;
    return (left->row > right->row) - (left->row < right->row);
}

/* Uniformly random rows; sorting them keeps for each the place in which it was drawn. */
static enum pos_status draw_rows(struct making *making, struct pos_error *error)
{
    struct pos_terminals *terminals = making->terminals;
    uint64_t count = terminals->working_set < POS_TERMINALS_REQUEST_COUNT_MAX
                         ? terminals->working_set
                         : POS_TERMINALS_REQUEST_COUNT_MAX;
    terminals->request_count = count;
    terminals->frames = malloc(count * terminals->frame_size);
    terminals->stans = calloc(count, sizeof *terminals->stans);
    making->draws = calloc(count + 1, sizeof *making->draws);
    if (terminals->frames == NULL || terminals->stans == NULL || making->draws == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %llu requests",
                             (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++)
        making->draws[i] = (struct draw){pos_terminals_draw(terminals), i};
    qsort(making->draws, count, sizeof *making->draws, by_row);
    return POS_OK;
}

/* ---- all of it ---- */

/* The gateway follows a key library; authentication never looks into it. */
static enum pos_status make_library(struct making *making, struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX];
    struct pos_audit_chain chain;
    struct pos_key_library *library;
    path_in(making, "keys", path);
    struct pos_key_library_options options = {.path = path, .create = true};
    options.audit = pos_audit_chain_init(&chain);
    enum pos_status status = pos_key_library_open(&options, &library, error);
    if (status == POS_OK)
        pos_key_library_close(library);
    return status;
}

static enum pos_status make_table(struct making *making, struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX];
    path_in(making, "terminals", path);
    struct pos_terminal_table_options options = {
        .path = path, .create_if_missing = true, .cache_size = 64 << 20};
    options.audit = pos_audit_chain_init(&making->chain);
    enum pos_status status = pos_terminal_table_open(&options, &making->table, error);
    if (status != POS_OK)
        return status;
    uint64_t start_ns = pos_clock_monotonic_ns();
    status = load_rows(making, error);
    pos_terminal_table_close(making->table);
    making->terminals->made = (struct pos_terminals_made){
        .seconds = (double)(pos_clock_monotonic_ns() - start_ns) / 1e9,
        .disk_bytes = pos_folder_size(path),
    };
    return status;
}

static enum pos_status make_all(struct making *making, struct pos_error *error)
{
    enum pos_status status = make_keys(making, error);
    if (status == POS_OK)
        status = make_library(making, error);
    if (status == POS_OK && making->terminals->mac)
        status = draw_rows(making, error);
    if (status == POS_OK)
        status = make_table(making, error);
    return status;
}

static void finish_making(struct making *making)
{
    pos_key_block_protector_destroy(making->tmk_protector);
    pos_module_close(&making->module);
    free(making->draws);
    pos_secret_wipe(making->clear_tmk, sizeof making->clear_tmk);
    free(making);
}

enum pos_status pos_terminals_create(const struct pos_terminals_options *options,
                                     struct pos_terminals **out, struct pos_error *error)
{
    struct pos_terminals *terminals;
    enum pos_status status = pos_terminals_assume(options, &terminals, error);
    if (status != POS_OK)
        return status;
    terminals->mac = options->mac;
    struct making *making = calloc(1, sizeof *making);
    if (making == NULL) {
        pos_terminals_destroy(terminals);
        return pos_error_set(error, POS_ERR_MEMORY, "no memory to make a table with");
    }
    making->terminals = terminals;
    making->folder = options->folder;
    status = pos_terminals_make_template(terminals, error); /* now with room for a MAC */
    if (status == POS_OK)
        status = make_all(making, error);
    finish_making(making);
    if (status == POS_OK)
        *out = terminals;
    else
        pos_terminals_destroy(terminals);
    return status;
}
