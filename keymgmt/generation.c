#include "keymgmt/generation.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "keymgmt/progress.h"

enum {
    CHUNK_COUNT_MAX = 4000, /* what a sync costs is little beside what it syncs */
    CHUNK_COUNT_WAITING =
        500,           /* with a module that waits for a device: a few seconds of its time */
    ROWS_AT_ONCE = 64, /* in one verb of the security module */
    KEYS_OF_ROW_MAX = 4,
    ON_WHAT_SIZE_MAX = 128,
};

struct chunk {
    struct pos_key_row *rows;
    uint32_t count;
    struct pos_batch_row batch;
    char on_what[ON_WHAT_SIZE_MAX];
    struct pos_audit_event event;
    struct pos_key_addition *addition; /* NULL: it is not on its way */
};

struct work {
    struct pos_generation *generation;
    struct pos_home *home;
    struct pos_hsm_session *session; /* home's own MACs the audit record meanwhile */
    struct chunk chunks[2];
    uint32_t chunk_count_max;
    uint32_t made; /* on disk or on their way */
    struct pos_progress progress;
};

void pos_generation_begin_batch(struct pos_generation *generation, uint32_t number)
{
    generation->batch = (struct pos_batch_row){.number = number,
                                               .state = POS_BATCH_GENERATED,
                                               .algorithm = generation->algorithm,
                                               .form = generation->form,
                                               .first = generation->next_index,
                                               .created_ms = pos_clock_utc_ms()};
}

/* ---- making ---- */

/* A working key, of single length where the form has it so. */
static struct pos_new_key working_key(const struct pos_generation *generation,
                                      enum pos_key_usage usage, struct pos_key *key,
                                      struct pos_kcv *kcv)
{
    enum pos_algorithm algorithm = pos_algorithm_working(generation->algorithm);
    bool tdes = algorithm == POS_ALGORITHM_T2;
    bool single = tdes && (generation->form == POS_FORM_24 ||
                           (generation->form == POS_FORM_40 && usage == POS_USAGE_TAK));
    return (struct pos_new_key){usage, algorithm, single, key, kcv};
}

/* The row without its keys, and the keys that it wants; returns how many these are. */
static size_t begin_row(const struct pos_generation *generation, uint32_t index, uint64_t utc_ms,
                        struct pos_key_row *row, struct pos_new_key *wanted)
{
    enum pos_algorithm algorithm = generation->algorithm;
    size_t count = 0;
    *row = (struct pos_key_row){.index = index,
                                .state = POS_KEY_GENERATED,
                                .algorithm = algorithm,
                                .form = generation->form,
                                .batch = generation->batch.number,
                                .generated_ms = utc_ms,
                                .changed_ms = utc_ms};
    wanted[count++] =
        (struct pos_new_key){POS_USAGE_TMK, algorithm, false, &row->tmk, &row->tmk_kcv};
    wanted[count++] = working_key(generation, POS_USAGE_TPK, &row->tpk, &row->tpk_kcv);
    wanted[count++] = working_key(generation, POS_USAGE_TAK, &row->tak, &row->tak_kcv);
    if (pos_key_form_has_tdk(generation->form, algorithm))
        wanted[count++] = working_key(generation, POS_USAGE_TDK, &row->tdk, &row->tdk_kcv);
    return count;
}

static enum pos_status make_rows(const struct work *work, uint32_t first, uint64_t utc_ms,
                                 struct pos_key_row *rows, uint32_t count)
{
    struct pos_new_key wanted[ROWS_AT_ONCE * KEYS_OF_ROW_MAX];
    size_t wanted_count = 0;
    for (uint32_t i = 0; i < count; i++)
        wanted_count +=
            begin_row(work->generation, first + i, utc_ms, &rows[i], &wanted[wanted_count]);
    return pos_hsm_generate_many(work->session, wanted, wanted_count);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void describe(struct work *work, struct chunk *chunk)
{
    const struct pos_generation *generation = work->generation;
    (void)snprintf(chunk->on_what, sizeof chunk->on_what,
                   "batch=%08u algorithm=%s form=%s first=%08u count=%u", generation->batch.number,
                   pos_algorithm_name(generation->algorithm), pos_key_form_name(generation->form),
                   generation->next_index, chunk->count);
    chunk->event = pos_home_event(work->home, "generate", chunk->on_what);
    chunk->batch = generation->batch;
}

static enum pos_status make_chunk(struct work *work, struct chunk *chunk, struct pos_error *error)
{
    struct pos_generation *generation = work->generation;
    uint64_t now = pos_clock_utc_ms();
    if (generation->batch.count == POS_KEY_FILE_COUNT_MAX)
        pos_generation_begin_batch(generation, generation->batch.number + 1);
    chunk->count = least(generation->count - work->made, work->chunk_count_max);
    chunk->count = least(chunk->count, POS_KEY_FILE_COUNT_MAX - generation->batch.count);
    for (uint32_t at = 0, part; at < chunk->count; at += part) {
        uint32_t first = generation->next_index + at;
        part = least(chunk->count - at, ROWS_AT_ONCE);
        enum pos_status status = make_rows(work, first, now, &chunk->rows[at], part);
        if (status != POS_OK)
            return pos_error_set(error, status,
                                 "the security module cannot make the keys %08u to %08u: %s", first,
                                 first + part - 1, pos_status_text(status));
    }
    describe(work, chunk);
    return POS_OK;
}

/* ---- storing ---- */

static enum pos_status cannot_store(const struct chunk *chunk, enum pos_status status,
                                    struct pos_error *error)
{
    uint32_t first = chunk->rows[0].index;
    return pos_error_set(error, status, "the keys %08u to %08u cannot be stored: %s", first,
                         first + chunk->count - 1, pos_status_text(status));
}

static enum pos_status send_off(struct work *work, struct chunk *chunk, struct pos_error *error)
{
    struct pos_generation *generation = work->generation;
    enum pos_status status =
        pos_key_library_add_start(work->home->library, chunk->rows, chunk->count, &chunk->batch,
                                  &chunk->event, &chunk->addition);
    if (status != POS_OK)
        return cannot_store(chunk, status, error);
    generation->batch.count += chunk->count;
    generation->next_index += chunk->count;
    work->made += chunk->count;
    return POS_OK;
}

/* A chunk that is on its way gets there, or it does not. */
static enum pos_status await(struct work *work, struct chunk *chunk, struct pos_error *error)
{
    struct pos_generation *generation = work->generation;
    if (chunk->addition == NULL)
        return POS_OK;
    enum pos_status status = pos_key_library_add_await(chunk->addition);
    chunk->addition = NULL;
    if (status != POS_OK)
        return cannot_store(chunk, status, error);
    generation->done += chunk->count;
    generation->last_batch = chunk->batch.number;
    pos_progress_show(&work->progress, generation->done);
    return POS_OK;
}

static enum pos_status interrupted(const struct pos_generation *generation, struct pos_error *error)
{
    char batch[32] = "";
    if (generation->batch.count > 0)
        (void)snprintf(batch, sizeof batch, "--batch %u ", generation->batch.number);
    return pos_error_set(
        error, POS_ERR_BUSY,
        "interrupted: %u of %u keys are made, on disk and good to use; go on with "
        "'posgate-keymgmt generate %s--count %u --alg %s --form %s'",
        generation->done, generation->count, batch, generation->count - generation->done,
        pos_algorithm_name(generation->algorithm), pos_key_form_name(generation->form));
}

static enum pos_status run(struct work *work, struct pos_error *error)
{
    struct pos_generation *generation = work->generation;
    enum pos_status status = POS_OK;
    size_t at = 0;
    while (status == POS_OK && work->made < generation->count && !pos_interrupted()) {
        status = make_chunk(work, &work->chunks[at], error);
        if (status == POS_OK)
            status = await(work, &work->chunks[1 - at], error);
        if (status == POS_OK)
            status = send_off(work, &work->chunks[at], error);
        at = 1 - at;
    }
    struct pos_error last = {0};
    enum pos_status arrived = await(work, &work->chunks[1 - at], &last);
    if (status == POS_OK && arrived != POS_OK) {
        *error = last;
        return arrived;
    }
    return status == POS_OK && generation->done < generation->count ? interrupted(generation, error)
                                                                    : status;
}

static enum pos_status prepare(struct work *work, struct pos_error *error)
{
    work->chunk_count_max = pos_hsm_waits(work->home->hsm) ? CHUNK_COUNT_WAITING : CHUNK_COUNT_MAX;
    for (size_t i = 0; i < 2; i++) {
        work->chunks[i].rows = calloc(work->chunk_count_max, sizeof(struct pos_key_row));
        if (work->chunks[i].rows == NULL)
            return pos_error_set(error, POS_ERR_MEMORY, "no memory for %u keys",
                                 work->chunk_count_max);
    }
    enum pos_status status = pos_hsm_session_open(work->home->hsm, &work->session);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status,
                                            "cannot open another session with the security module");
}

enum pos_status pos_generation_run(struct pos_generation *generation, struct pos_home *home,
                                   struct pos_error *error)
{
    struct work work = {.generation = generation, .home = home};
    enum pos_status status = prepare(&work, error);
    if (status == POS_OK) {
        pos_interrupt_catch();
        pos_progress_start(&work.progress, "keys generated", generation->count);
        status = run(&work, error);
        pos_progress_end(&work.progress);
    }
    pos_hsm_session_close(work.session);
    free(work.chunks[0].rows);
    free(work.chunks[1].rows);
    return status;
}
