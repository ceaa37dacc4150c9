/* The file of an export: every key of the batch, in order, as a key file or by line templates. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "keymgmt/export.h"
#include "keymgmt/format_sink.h"
#include "keymgmt/key_file_sink.h"
#include "keymgmt/progress.h"

struct writing {
    struct pos_export *export;
    struct pos_key_file_sink keys; /* one of the two is open */
    struct pos_format_sink lines;
    struct pos_template_file file;
    uint32_t count;
    enum pos_status status;
    struct pos_progress progress;
};

/* ---- opening and closing ---- */

static enum pos_status open_key_file(struct writing *writing)
{
    const struct pos_export *export = writing->export;
    struct pos_key_file_header header = {.batch = export->batch.number,
                                         .created_utc_ms = pos_clock_utc_ms(),
                                         .algorithm = export->batch.algorithm,
                                         .ktk_kcv = export->mother.ktk_kcv,
                                         .count = export->batch.count,
                                         .first = export->batch.first,
                                         .last = export->batch.first + export->batch.count - 1};
    memcpy(header.ktk, export->mother.name, sizeof header.ktk);
    memcpy(header.destination, export->mother.name, sizeof header.destination);
    return pos_key_file_sink_open(&writing->keys, export->part, export->home->session,
                                  &export->mother.ktk, &header, export->error);
}

static enum pos_status open_lines(struct writing *writing)
{
    const struct pos_export *export = writing->export;
    writing->file =
        (struct pos_template_file){.batch = export->batch.number,
                                   .count = export->batch.count,
                                   .first = export->batch.first,
                                   .last = export->batch.first + export->batch.count - 1,
                                   .mother = export->mother.name,
                                   .utc_ms = pos_clock_utc_ms()};
    return pos_format_sink_open(&writing->lines, export->part, export->format, &writing->file,
                                export->error);
}

static void close_file(struct writing *writing, bool remove)
{
    if (writing->export->format == NULL)
        pos_key_file_sink_close(&writing->keys, remove);
    else
        pos_format_sink_close(&writing->lines, remove);
}

static enum pos_status finish_file(struct writing *writing)
{
    return writing->export->format == NULL
               ? pos_key_file_sink_finish(&writing->keys, writing->export->error)
               : pos_format_sink_finish(&writing->lines, writing->export->error);
}

/* ---- keys ---- */

static enum pos_status wrap(const struct pos_export *export, const struct pos_key_row *row,
                            struct pos_buffer *block, struct pos_buffer *bare)
{
    struct pos_hsm_session *session = export->home->session;
    const struct pos_key *ktk = &export->mother.ktk;
    bool wants_bare = export->format != NULL && pos_template_has(export->format->key, 'c');
    bool wants_block = export->format == NULL || pos_template_has(export->format->key, 'b');
    enum pos_status status = POS_OK;
    if (wants_block)
        status = pos_hsm_export_tmk(session, &row->tmk, ktk, block);
    if (status == POS_OK && wants_bare)
        status = pos_hsm_export_tmk_bare(session, &row->tmk, ktk, bare);
    if (status != POS_OK)
        return pos_error_set(export->error, status,
                             "the security module cannot export key %08u: %s", row->index,
                             pos_status_text(status));
    return POS_OK;
}

static enum pos_status put_key(struct writing *writing, const struct pos_key_row *row)
{
    struct pos_export *export = writing->export;
    uint8_t block_memory[POS_KEY_BLOCK_SIZE_MAX], bare_memory[2 * POS_KEY_SIZE_MAX];
    struct pos_buffer block = pos_buffer(block_memory, sizeof block_memory);
    struct pos_buffer bare = pos_buffer(bare_memory, sizeof bare_memory);
    if (row->batch != export->batch.number || row->state != POS_KEY_GENERATED)
        return pos_error_set(export->error, POS_ERR_CORRUPT,
                             "key %08u is not a new key of batch %u: the library is damaged",
                             row->index, export->batch.number);
    enum pos_status status = wrap(export, row, &block, &bare);
    if (status != POS_OK)
        return status;
    if (export->format == NULL) {
        const struct pos_key_file_key key = {
            .index = row->index, .block = pos_buffer_view(&block), .kcv = row->tmk_kcv};
        return pos_key_file_sink_add(&writing->keys, &key, export->error);
    }
    const struct pos_template_key key = {.index = row->index,
                                         .ciphertext = pos_buffer_view(&bare),
                                         .block = pos_buffer_view(&block),
                                         .kcv = row->tmk_kcv,
                                         .kcv_digits = export->format->kcv_digits};
    return pos_format_sink_add(&writing->lines, &key, export->error);
}

static bool each_key(void *context, const struct pos_key_row *row)
{
    struct writing *writing = context;
    struct pos_export *export = writing->export;
    if (row->index - export->batch.first >= export->batch.count)
        return false;
    if (pos_interrupted())
        writing->status = pos_error_set(export->error, POS_ERR_BUSY,
                                        "interrupted: batch %u is not exported, nothing is changed",
                                        export->batch.number);
    else
        writing->status = put_key(writing, row);
    if (writing->status == POS_OK)
        writing->count++;
    POS_FAILPOINT("export-key");
    pos_progress_show(&writing->progress, writing->count);
    return writing->status == POS_OK;
}

static enum pos_status put_keys(struct writing *writing)
{
    struct pos_export *export = writing->export;
    pos_progress_start(&writing->progress, "keys written", export->batch.count);
    enum pos_status status =
        pos_key_library_walk(export->home->library, export->batch.first, each_key, writing);
    pos_progress_end(&writing->progress);
    if (writing->status != POS_OK)
        return writing->status;
    if (status != POS_OK)
        return pos_error_set(export->error, status, "cannot read the key library: %s",
                             pos_status_text(status));
    if (writing->count != export->batch.count)
        return pos_error_set(export->error, POS_ERR_CORRUPT,
                             "batch %u has %u keys, %u were found: the library is damaged",
                             export->batch.number, export->batch.count, writing->count);
    return finish_file(writing);
}

enum pos_status pos_export_write(struct pos_export *export)
{
    struct writing writing = {.export = export};
    pos_interrupt_catch();
    enum pos_status status =
        export->format == NULL ? open_key_file(&writing) : open_lines(&writing);
    if (status != POS_OK)
        return status;
    POS_FAILPOINT("export-begun");
    status = put_keys(&writing);
    close_file(&writing, status != POS_OK);
    POS_FAILPOINT("export-synced");
    return status == POS_OK ? pos_file_digest(export->part, export->digest, export->error) : status;
}
