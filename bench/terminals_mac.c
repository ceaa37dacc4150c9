/*
 * Requests with MACs: uniformly random rows are drawn, their TAKs are read from the table and
 * opened as a terminal would, and the requests are made beforehand, each under its row's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/interrupt.h"
#include "bench/module.h"
#include "bench/table.h"
#include "bench/terminals_inside.h"
#include "core/base/secret.h"
#include "core/crypto/kcv.h"
#include "core/store/terminal_table.h"

/* A request that is wanted: of which row, and in which place. */
struct draw {
    uint64_t row, at;
    uint32_t stan;
};

struct reading {
    struct pos_terminals *terminals;
    struct pos_table table;
    struct pos_module module;
    uint8_t clear_tmk[POS_KEY_SIZE_MAX];
    struct pos_key_block_protector *tmk_protector;
    struct pos_terminal_table *rows;
    struct draw *draws; /* by row */
};

static int by_row(const void *a, const void *b)
{
    const struct draw *left = a, *right = b;
    return (left->row > right->row) - (left->row < right->row);
}

/* Sorting them keeps for each the place in which it was drawn. */
static enum pos_status draw_rows(struct reading *reading)
{
    struct pos_terminals *terminals = reading->terminals;
    uint64_t count = terminals->working_set < POS_TERMINALS_REQUEST_COUNT_MAX
                         ? terminals->working_set
                         : POS_TERMINALS_REQUEST_COUNT_MAX;
    terminals->request_count = count;
    terminals->frames = malloc(count * terminals->frame_size);
    terminals->stans = calloc(count, sizeof *terminals->stans);
    reading->draws = calloc(count, sizeof *reading->draws);
    if (terminals->frames == NULL || terminals->stans == NULL || reading->draws == NULL)
        return POS_ERR_MEMORY;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t row = pos_terminals_draw(terminals);
        uint32_t stan = (uint32_t)pos_terminals_random(terminals, POS_STAN_MAX) + 1;
        reading->draws[i] = (struct draw){row, i, stan};
    }
    qsort(reading->draws, count, sizeof *reading->draws, by_row);
    return POS_OK;
}

/* ---- keys ---- */

static enum pos_status open_keys(struct reading *reading, const char *folder,
                                 struct pos_error *error)
{
    struct pos_key *tmk = &reading->table.tmk;
    enum pos_status status = pos_module_open(folder, &reading->module, error);
    if (status != POS_OK)
        return status;
    status = pos_module_learn_tmk(&reading->module, tmk, reading->clear_tmk);
    if (status == POS_OK)
        status = pos_key_block_protector_create(tmk->algorithm, reading->clear_tmk,
                                                &reading->tmk_protector);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot open the TMK");
}

static enum pos_status learn_tak(struct reading *reading, uint64_t row, uint8_t *clear)
{
    struct pos_terminal_hot hot;
    enum pos_status status;
    struct pos_smn smn = pos_terminals_smn(row);
    pos_terminal_table_find(reading->rows, &smn, 1, &hot, &status);
    if (status != POS_OK)
        return status;
    return pos_module_learn(&reading->module, &reading->table.tmk, reading->tmk_protector,
                            &hot.tak[0], clear);
}

/* ---- requests ---- */

static enum pos_status make_requests(struct reading *reading)
{
    struct pos_terminals *terminals = reading->terminals;
    uint8_t tak[POS_KEY_SIZE_MAX];
    enum pos_status status = POS_OK;
    for (uint64_t i = 0; i < terminals->request_count && status == POS_OK; i++) {
        const struct draw *draw = &reading->draws[i];
        if (i == 0 || draw->row != draw[-1].row)
            status = learn_tak(reading, draw->row, tak);
        if (status == POS_OK)
            status = pos_terminals_make_request(terminals, draw->at, draw->row, draw->stan,
                                                reading->clear_tmk, tak);
        if (pos_interrupted())
            status = POS_ERR_CLOSED;
    }
    pos_secret_wipe(tak, sizeof tak);
    return status;
}

static enum pos_status read_table(struct reading *reading, const char *folder,
                                  struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 16], scratch[POS_PATH_SIZE_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/terminals", folder);
    (void)snprintf(scratch, sizeof scratch, "%s/reading", folder);
    enum pos_status status = pos_terminal_table_follow(path, scratch, &reading->rows, error);
    if (status != POS_OK)
        return status;
    status = draw_rows(reading);
    if (status == POS_OK)
        status = make_requests(reading);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot make requests with MACs: %s",
                                            pos_status_text(status));
}

static void finish_reading(struct reading *reading)
{
    pos_terminal_table_close(reading->rows);
    pos_key_block_protector_destroy(reading->tmk_protector);
    pos_module_close(&reading->module);
    pos_secret_wipe(reading->clear_tmk, sizeof reading->clear_tmk);
    free(reading->draws);
}

enum pos_status pos_terminals_add_macs(struct pos_terminals *terminals, const char *folder,
                                       struct pos_error *error)
{
    struct reading reading = {.terminals = terminals};
    terminals->mac = true;
    enum pos_status status = pos_terminals_make_template(terminals, error); /* now with a MAC */
    if (status == POS_OK)
        status = pos_table_read(folder, &reading.table, error);
    if (status == POS_OK)
        status = open_keys(&reading, folder, error);
    if (status == POS_OK)
        status = read_table(&reading, folder, error);
    finish_reading(&reading);
    return status;
}
