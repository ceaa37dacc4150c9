#include "bench/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/folder.h"
#include "bench/interrupt.h"
#include "bench/module.h"
#include "bench/process.h"
#include "bench/progress.h"
#include "bench/terminals.h"
#include "core/audit/chain.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/store/key_library.h"
#include "core/store/terminal_bulk.h"

enum { PATH_SIZE = POS_PATH_SIZE_MAX + 16, DESCRIPTION_SIZE = 512, CACHE_SIZE = 8 << 20 };

/* ---- what is known of it ---- */

static const char format[] = "posgate-bench table 2\nrows %llu\ntmk A256 %s\n";

/* Written last: what is there is finished. */
static enum pos_status describe(const char *folder, const struct pos_table *table,
                                struct pos_error *error)
{
    char path[PATH_SIZE], hex[2 * POS_KEY_VALUE_SIZE_MAX + 1], text[DESCRIPTION_SIZE];
    pos_hex_encode(pos_bytes(table->tmk.data, table->tmk.size), hex);
    (void)snprintf(path, sizeof path, "%s/table", folder);
    (void)snprintf(text, sizeof text, format, (unsigned long long)table->rows, hex);
    return pos_file_write(path, pos_bytes_text(text), 0600, error);
}

static enum pos_status parse(const char *text, struct pos_table *table)
{
    unsigned long long rows;
    char hex[2 * POS_KEY_VALUE_SIZE_MAX + 1] = "";
    int end = 0;
    if (sscanf(text, "posgate-bench table 2 rows %llu tmk A256 %128[0-9A-F] %n", &rows, hex,
               &end) != 2 ||
        text[end] != '\0' || rows == 0 || rows > POS_KEY_INDEX_MAX)
        return POS_ERR_CORRUPT;
    table->rows = rows;
    table->tmk = (struct pos_key){.usage = POS_USAGE_TMK,
                                  .algorithm = POS_ALGORITHM_A256,
                                  .size = (uint8_t)(strlen(hex) / 2)};
    return pos_hex_decode(pos_bytes_text(hex), table->tmk.data, table->tmk.size) == POS_OK
               ? POS_OK
               : POS_ERR_CORRUPT;
}

enum pos_status pos_table_read(const char *folder, struct pos_table *table, struct pos_error *error)
{
    char path[PATH_SIZE];
    uint8_t *text;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/table", folder);
    enum pos_status status = pos_file_read(path, DESCRIPTION_SIZE, &text, &size, error);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "%s holds no table that --keep left and finished",
                             folder);
    if (status != POS_OK)
        return status;
    status = parse((const char *)text, table);
    free(text);
    return status == POS_OK
               ? POS_OK
               : pos_error_set(error, status, "%s is not a table of this version", path);
}

enum pos_status pos_table_expect(const struct pos_table *table, uint64_t rows,
                                 struct pos_error *error)
{
    if (table->rows == rows)
        return POS_OK;
    return pos_error_set(error, POS_ERR_MISMATCH,
                         "the table has %llu rows, not %llu: --rows says how many",
                         (unsigned long long)table->rows, (unsigned long long)rows);
}

enum pos_status pos_table_borrow(const char *kept, char folder[POS_PATH_SIZE_MAX],
                                 struct pos_table *table, struct pos_error *error)
{
    /* an anchor: where a gateway has run on it */
    static const char *const files[] = {"lmk", "credential", "table", "terminals.anchor"};
    static const char *const databases[] = {"keys", "terminals"};
    enum pos_status status = pos_table_read(kept, table, error);
    if (status == POS_OK)
        status = pos_folder_make_beside(kept, folder, error);
    if (status != POS_OK)
        return status;
    for (size_t i = 0; i < 2 && status == POS_OK; i++)
        status = pos_folder_copy_database(kept, databases[i], folder, error);
    for (size_t i = 0; i < sizeof files / sizeof files[0] && status == POS_OK; i++)
        status = pos_folder_copy_file(kept, files[i], folder, error);
    if (status != POS_OK)
        pos_folder_remove(folder);
    return status;
}

/* ---- making it ---- */

struct making {
    const char *folder;
    struct pos_table *table;
    struct pos_module module;
    struct pos_hsm_session *sessions[POS_TERMINAL_FILL_THREAD_COUNT_MAX];
    size_t thread_count;
    struct pos_key tpk;
    struct pos_kcv tpk_kcv;
    uint64_t now_ms;
};

/* As after register, sign-on and the first message under the new keys. */
static enum pos_status make_row(const struct making *making, struct pos_hsm_session *session,
                                uint64_t number, struct pos_terminal_row *row)
{
    row->smn = pos_terminals_smn(number);
    row->hot.state = POS_TERMINAL_ACTIVE;
    row->hot.algorithm = POS_ALGORITHM_A256;
    row->hot.version = 3;
    row->detail.first_pair_given = true;
    row->detail.registered_ms = row->detail.signed_on_ms = making->now_ms;
    row->detail.changed_ms = making->now_ms;
    row->detail.tpk[0] = making->tpk;
    row->detail.tpk_kcv[0] = making->tpk_kcv;
    return pos_hsm_generate(session, POS_USAGE_TAK, POS_ALGORITHM_A256, &row->hot.tak[0],
                            &row->detail.tak_kcv[0]);
}

static enum pos_status make_rows(void *context, size_t thread, uint64_t first, size_t count,
                                 struct pos_terminal_row *rows)
{
    const struct making *making = context;
    enum pos_status status = POS_OK;
    for (size_t i = 0; status == POS_OK && i < count; i++)
        status = make_row(making, making->sessions[thread], first + i, &rows[i]);
    return status;
}

static bool progress(void *context, uint64_t done)
{
    const struct making *making = context;
    pos_progress_say("%llu of %llu rows are made", (unsigned long long)done,
                     (unsigned long long)making->table->rows);
    return !pos_interrupted();
}

static enum pos_status make_keys(struct making *making, struct pos_error *error)
{
    uint8_t clear[POS_KEY_SIZE_MAX];
    struct pos_kcv kcv;
    enum pos_status status = pos_module_make(making->folder, &making->module, error);
    if (status != POS_OK)
        return status;
    status =
        pos_module_make_tmk(&making->module, POS_ALGORITHM_A256, &making->table->tmk, &kcv, clear);
    pos_secret_wipe(clear, sizeof clear);
    if (status == POS_OK)
        status = pos_hsm_generate(making->module.session, POS_USAGE_TPK, POS_ALGORITHM_A256,
                                  &making->tpk, &making->tpk_kcv);
    for (size_t i = 0; status == POS_OK && i < making->thread_count; i++)
        status = pos_hsm_session_open(making->module.hsm, &making->sessions[i]);
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot make keys");
}

/* The gateway follows a key library; authentication never looks into it. */
static enum pos_status make_library(const struct making *making, struct pos_error *error)
{
    char path[PATH_SIZE];
    struct pos_audit_chain chain;
    struct pos_key_library *library;
    (void)snprintf(path, sizeof path, "%s/keys", making->folder);
    struct pos_key_library_options options = {.path = path, .create = true};
    options.audit = pos_audit_chain_init(&chain);
    enum pos_status status = pos_key_library_open(&options, &library, error);
    if (status == POS_OK)
        pos_key_library_close(library);
    return status;
}

static enum pos_status make_table(struct making *making, const char *path, struct pos_error *error)
{
    struct pos_audit_chain chain;
    struct pos_terminal_table *table;
    struct pos_terminal_table_options options = {
        .path = path, .create_if_missing = true, .cache_size = CACHE_SIZE};
    options.audit = pos_audit_chain_init(&chain);
    enum pos_status status = pos_terminal_table_open(&options, &table, error);
    if (status != POS_OK)
        return status;
    const struct pos_terminal_fill fill = {.count = making->table->rows,
                                           .thread_count = making->thread_count,
                                           .make = make_rows,
                                           .progress = progress,
                                           .context = making};
    status = pos_terminal_table_fill(table, &fill);
    pos_terminal_table_close(table);
    if (status == POS_ERR_CLOSED)
        return pos_error_set(error, status, "interrupted");
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status, "cannot write the table: %s",
                                            pos_status_text(status));
}

static enum pos_status make_all(struct making *making, struct pos_table_made *made,
                                struct pos_error *error)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/terminals", making->folder);
    enum pos_status status = make_keys(making, error);
    if (status == POS_OK)
        status = make_library(making, error);
    uint64_t start = pos_clock_monotonic_ns();
    if (status == POS_OK)
        status = make_table(making, path, error);
    if (made != NULL)
        *made = (struct pos_table_made){(double)(pos_clock_monotonic_ns() - start) / 1e9,
                                        pos_folder_size(path)};
    return status == POS_OK ? describe(making->folder, making->table, error) : status;
}

enum pos_status pos_table_make(const char *folder, uint64_t rows, struct pos_table_made *made,
                               struct pos_error *error)
{
    struct pos_table table = {.rows = rows};
    struct making making = {.folder = folder, .table = &table, .now_ms = pos_clock_utc_ms()};
    int core = pos_unpin_self(); /* of the thread that measures; those that make rows use all */
    making.thread_count = pos_core_count(POS_TERMINAL_FILL_THREAD_COUNT_MAX);
    enum pos_status status = make_all(&making, made, error);
    for (size_t i = 0; i < making.thread_count && making.sessions[i] != NULL; i++)
        pos_hsm_session_close(making.sessions[i]);
    pos_module_close(&making.module);
    pos_progress_wipe();
    pos_pin_self(core);
    return status;
}
