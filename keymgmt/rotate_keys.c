/*
 * Moving every key, one after the other, each compared by its check value before and behind. The
 * databases write what was moved in batches; a key that is under the new LMK already, because of a
 * run that broke off, is left alone.
 */
#include "core/base/failpoint.h"
#include "keymgmt/progress.h"
#include "keymgmt/rotate.h"

/* One walk over one of the two databases. */
struct passage {
    struct pos_rotation *rotation;
    bool table;
    uint64_t keys; /* seen; the last one is where it ended */
    struct pos_progress progress;
};

typedef enum pos_status each_key(void *context, const struct pos_key *key, struct pos_key *moved);

static enum pos_status move_key(void *context, const struct pos_key *key, struct pos_key *moved)
{
    struct passage *passage = context;
    struct pos_hsm_session *from = passage->rotation->home->session;
    struct pos_hsm_session *to = passage->rotation->next_session;
    struct pos_kcv before, after;
    passage->keys++;
    if (pos_hsm_kcv(to, key, &after) == POS_OK)
        return POS_ERR_EXISTS;
    enum pos_status status = pos_hsm_kcv(from, key, &before);
    if (status == POS_OK)
        status = pos_hsm_move_key(from, to, key, moved);
    if (status == POS_OK)
        status = pos_hsm_kcv(to, moved, &after);
    if (status == POS_OK && !pos_kcv_equal(&before, &after))
        status = POS_ERR_MISMATCH;
    POS_FAILPOINT(passage->table ? "rotate-table-key" : "rotate-key");
    return status;
}

/* Nothing is to be moved any more: every key opens under the new LMK. */
static enum pos_status check_key(void *context, const struct pos_key *key, struct pos_key *moved)
{
    struct passage *passage = context;
    struct pos_kcv kcv;
    (void)moved;
    passage->keys++;
    return pos_hsm_kcv(passage->rotation->next_session, key, &kcv) == POS_OK ? POS_ERR_EXISTS
                                                                             : POS_ERR_CORRUPT;
}

static bool go_on(void *context, uint64_t rows)
{
    struct passage *passage = context;
    pos_progress_show(&passage->progress, rows);
    return !pos_interrupted();
}

static uint64_t count_rows(const struct pos_rotation *rotation, bool table)
{
    uint32_t next = POS_KEY_INDEX_MIN, batch;
    uint64_t counts[POS_TERMINAL_STATE_COUNT] = {0}, total = 0;
    if (!table)
        return pos_key_library_next(rotation->home->library, &next, &batch) == POS_OK ? next - 1
                                                                                      : 0;
    pos_terminal_table_counts(rotation->table, counts);
    for (size_t i = 0; i < POS_TERMINAL_STATE_COUNT; i++)
        total += counts[i];
    return total;
}

static enum pos_status explain(const struct passage *passage, enum pos_status status,
                               struct pos_error *error)
{
    const char *where = passage->table ? "terminal table" : "key library";
    if (status == POS_ERR_BUSY && pos_interrupted())
        return pos_error_set(error, status,
                             "interrupted: what is moved stays so; finish it with 'posgate-keymgmt "
                             "lmk rotate'");
    return pos_error_set(error, status,
                         "the %s's key number %llu cannot be moved: %s. Nothing is lost: both LMKs "
                         "are there, and the same command goes on here",
                         where, (unsigned long long)passage->keys, pos_status_text(status));
}

static enum pos_status pass(struct pos_rotation *rotation, bool table, const char *what,
                            each_key *each, uint64_t *keys, struct pos_error *error)
{
    struct passage passage = {.rotation = rotation, .table = table};
    if (table && rotation->table == NULL)
        return POS_OK;
    pos_progress_start(&passage.progress, what, count_rows(rotation, table));
    enum pos_status status =
        table ? pos_terminal_table_move_keys(rotation->table, each, go_on, &passage)
              : pos_key_library_move_keys(rotation->home->library, each, go_on, &passage);
    pos_progress_end(&passage.progress);
    *keys = passage.keys;
    return status == POS_OK ? POS_OK : explain(&passage, status, error);
}

static enum pos_status scrub(struct pos_rotation *rotation, struct pos_error *error)
{
    POS_FAILPOINT("rotate-checked");
    enum pos_status status = pos_key_library_scrub(rotation->home->library);
    POS_FAILPOINT("rotate-scrubbed");
    if (status == POS_OK && rotation->table != NULL)
        status = pos_terminal_table_scrub(rotation->table);
    POS_FAILPOINT("rotate-table-scrubbed");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status,
                         "every key is moved, but old files cannot be cleaned of what they were: "
                         "%s; run 'posgate-keymgmt lmk rotate' again",
                         pos_status_text(status));
}

enum pos_status pos_rotation_move_keys(struct pos_rotation *rotation, struct pos_error *error)
{
    enum pos_status status =
        pass(rotation, false, "rows moved", move_key, &rotation->library_keys, error);
    POS_FAILPOINT("rotate-library-moved");
    if (status == POS_OK)
        status = pass(rotation, true, "terminals moved", move_key, &rotation->table_keys, error);
    POS_FAILPOINT("rotate-table-moved");
    if (status == POS_OK)
        status = pass(rotation, false, "rows checked", check_key, &rotation->library_keys, error);
    if (status == POS_OK)
        status = pass(rotation, true, "terminals checked", check_key, &rotation->table_keys, error);
    return status == POS_OK ? scrub(rotation, error) : status;
}
