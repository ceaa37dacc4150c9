/*
 * Putting every key of a database under another LMK. Rows are read, moved and written on the
 * committer's thread, a chunk at a time: so no other write comes in between, and what a chunk wrote
 * is on disk before the next begins. A key that is there already is left alone; so it does not
 * matter where an earlier run broke off.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/store/key_library_inside.h"
#include "core/store/terminal_table_inside.h"

enum { CHUNK = 128, KEY_SIZE_MAX = 32 };

typedef enum pos_status move_key(void *context, const struct pos_key *key, struct pos_key *moved);

struct mover;

/* One kind of rows. */
struct kind {
    size_t family;
    /* Moves the keys of a row, and stages it when one of them moved. */
    enum pos_status (*row)(struct mover *mover, struct pos_transaction *transaction,
                           struct pos_bytes key, struct pos_bytes value);
};

struct raw_row {
    uint8_t key[KEY_SIZE_MAX], value[POS_ROW_SIZE_MAX];
    size_t key_size, value_size;
};

struct mover {
    move_key *move;
    void *context;
    const struct kind *kind;
    uint8_t next[KEY_SIZE_MAX + 1]; /* where the next chunk begins */
    size_t next_size;
    struct raw_row rows[CHUNK];
    size_t count;
    enum pos_status status;
    uint64_t done; /* rows, of all kinds */
};

/* *changed is set when the key moved. */
static enum pos_status move_one(struct mover *mover, struct pos_key *key, bool *changed)
{
    struct pos_key moved = {0};
    if (key->size == 0)
        return POS_OK;
    enum pos_status status = mover->move(mover->context, key, &moved);
    if (status == POS_ERR_EXISTS)
        return POS_OK;
    if (status != POS_OK)
        return status;
    if (moved.size == 0 || moved.usage != key->usage || moved.algorithm != key->algorithm)
        return POS_ERR_MISMATCH;
    *key = moved;
    *changed = true;
    return POS_OK;
}

/* ---- rows of the key library ---- */

static enum pos_status move_key_row(struct mover *mover, struct pos_transaction *transaction,
                                    struct pos_bytes key, struct pos_bytes value)
{
    struct pos_key_row row;
    uint32_t index;
    bool changed = false;
    enum pos_status status = pos_key4_read(key, &index);
    if (status == POS_OK)
        status = pos_key_row_decode(index, value, &row);
    if (status != POS_OK)
        return status;
    struct pos_key *keys[] = {&row.tmk, &row.tpk, &row.tak, &row.tdk};
    for (size_t i = 0; status == POS_OK && i < sizeof keys / sizeof keys[0]; i++)
        status = move_one(mover, keys[i], &changed);
    return status == POS_OK && changed ? pos_library_put_key(transaction, &row) : status;
}

static enum pos_status move_mother_row(struct mover *mover, struct pos_transaction *transaction,
                                       struct pos_bytes key, struct pos_bytes value)
{
    struct pos_mother_row row;
    bool changed = false;
    enum pos_status status = pos_mother_row_decode(key, value, &row);
    if (status == POS_OK)
        status = move_one(mover, &row.ktk, &changed);
    return status == POS_OK && changed ? pos_library_put_mother(transaction, &row) : status;
}

static enum pos_status move_link_row(struct mover *mover, struct pos_transaction *transaction,
                                     struct pos_bytes key, struct pos_bytes value)
{
    struct pos_link_row row;
    bool changed = false;
    enum pos_status status = pos_link_row_decode(key, value, &row);
    if (status == POS_OK)
        status = move_one(mover, &row.key, &changed);
    return status == POS_OK && changed ? pos_library_put_link(transaction, &row) : status;
}

/* ---- rows of the terminal table ---- */

static enum pos_status move_hot_row(struct mover *mover, struct pos_transaction *transaction,
                                    struct pos_bytes key, struct pos_bytes value)
{
    uint8_t memory[POS_HOT_ROW_SIZE_MAX];
    struct pos_buffer put = pos_buffer(memory, sizeof memory);
    struct pos_terminal_hot row;
    bool changed = false;
    enum pos_status status = pos_terminal_hot_decode(value, &row);
    for (size_t i = 0; status == POS_OK && i < 2; i++)
        status = move_one(mover, &row.tak[i], &changed);
    if (status != POS_OK || !changed)
        return status;
    row.version++;
    status = pos_terminal_hot_encode(&row, &put);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_TERMINAL_HOT, key, pos_buffer_view(&put));
    return status;
}

static enum pos_status move_detail_row(struct mover *mover, struct pos_transaction *transaction,
                                       struct pos_bytes key, struct pos_bytes value)
{
    uint8_t memory[POS_ROW_SIZE_MAX];
    struct pos_buffer put = pos_buffer(memory, sizeof memory);
    struct pos_terminal_detail row;
    bool changed = false;
    enum pos_status status = pos_terminal_detail_decode(value, &row);
    for (size_t i = 0; status == POS_OK && i < 2; i++)
        status = move_one(mover, &row.tpk[i], &changed);
    for (size_t i = 0; status == POS_OK && i < 2; i++)
        status = move_one(mover, &row.tdk[i], &changed);
    if (status != POS_OK || !changed)
        return status;
    status = pos_terminal_detail_encode(&row, &put);
    if (status == POS_OK)
        pos_transaction_put(transaction, POS_TERMINAL_DETAIL, key, pos_buffer_view(&put));
    return status;
}

/* ---- chunks ---- */

/* A walk may not change what it walks over. */
static bool collect(void *context, struct pos_bytes key, struct pos_bytes value)
{
    struct mover *mover = context;
    struct raw_row *row = &mover->rows[mover->count];
    if (key.size > sizeof row->key || value.size > sizeof row->value) {
        mover->status = POS_ERR_CORRUPT;
        return false;
    }
    memcpy(row->key, key.data, key.size);
    memcpy(row->value, value.data, value.size);
    row->key_size = key.size;
    row->value_size = value.size;
    return ++mover->count < CHUNK;
}

/* The next chunk begins behind the last key of this one. */
static void set_next(struct mover *mover)
{
    const struct raw_row *last = &mover->rows[mover->count - 1];
    memcpy(mover->next, last->key, last->key_size);
    mover->next[last->key_size] = 0;
    mover->next_size = last->key_size + 1;
}

static enum pos_status move_chunk(struct mover *mover, struct pos_transaction *transaction)
{
    mover->count = 0;
    mover->status = POS_OK;
    enum pos_status status = pos_transaction_walk(
        transaction, mover->kind->family, pos_bytes(mover->next, mover->next_size), collect, mover);
    if (status == POS_OK)
        status = mover->status;
    for (size_t i = 0; status == POS_OK && i < mover->count; i++) {
        const struct raw_row *row = &mover->rows[i];
        status = mover->kind->row(mover, transaction, pos_bytes(row->key, row->key_size),
                                  pos_bytes(row->value, row->value_size));
    }
    if (status == POS_OK && mover->count > 0)
        set_next(mover);
    return status;
}

/* Runs chunks of each kind until none is left. */
static enum pos_status move_all(struct mover *mover, const struct kind *kinds, size_t kind_count,
                                enum pos_status (*run)(struct mover *mover, void *table),
                                void *table, bool (*progress)(void *context, uint64_t rows))
{
    for (size_t i = 0; i < kind_count; i++) {
        mover->kind = &kinds[i];
        mover->next_size = 0;
        do {
            enum pos_status status = run(mover, table);
            if (status != POS_OK)
                return status;
            mover->done += mover->count;
            if (mover->count > 0 && progress != NULL && !progress(mover->context, mover->done))
                return POS_ERR_BUSY;
        } while (mover->count == CHUNK);
    }
    return POS_OK;
}

struct library_chunk {
    struct pos_library_write write;
    struct mover *mover;
};

static enum pos_status stage_chunk(struct pos_library_write *write,
                                   struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct library_chunk, write) == 0, "the write is the chunk");
    return move_chunk(((struct library_chunk *)(void *)write)->mover, transaction);
}

static enum pos_status run_library_chunk(struct mover *mover, void *library)
{
    struct library_chunk chunk = {.write.stage = stage_chunk, .mover = mover};
    return pos_library_run(library, &chunk.write);
}

struct table_chunk {
    struct pos_commit commit;
    struct mover *mover;
};

static enum pos_status decide_chunk(struct pos_commit *commit, struct pos_transaction *transaction)
{
    _Static_assert(offsetof(struct table_chunk, commit) == 0, "the commit is the chunk");
    return move_chunk(((struct table_chunk *)(void *)commit)->mover, transaction);
}

static enum pos_status run_table_chunk(struct mover *mover, void *table)
{
    struct table_chunk chunk = {.commit.decide = decide_chunk, .mover = mover};
    return pos_committer_run(((struct pos_terminal_table *)table)->committer, &chunk.commit);
}

static struct mover *make_mover(move_key *move, void *context)
{
    struct mover *mover = calloc(1, sizeof *mover);
    if (mover == NULL)
        return NULL;
    mover->move = move;
    mover->context = context;
    return mover;
}

enum pos_status pos_key_library_move_keys(struct pos_key_library *library, move_key *move,
                                          bool (*progress)(void *context, uint64_t rows),
                                          void *context)
{
    static const struct kind kinds[] = {{POS_LIBRARY_KEYS, move_key_row},
                                        {POS_LIBRARY_MOTHERS, move_mother_row},
                                        {POS_LIBRARY_LINKS, move_link_row}};
    struct mover *mover = make_mover(move, context);
    if (mover == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status = move_all(mover, kinds, sizeof kinds / sizeof kinds[0],
                                      run_library_chunk, library, progress);
    free(mover);
    return status;
}

enum pos_status pos_terminal_table_move_keys(struct pos_terminal_table *table, move_key *move,
                                             bool (*progress)(void *context, uint64_t rows),
                                             void *context)
{
    static const struct kind kinds[] = {{POS_TERMINAL_HOT, move_hot_row},
                                        {POS_TERMINAL_DETAIL, move_detail_row}};
    if (table->committer == NULL)
        return POS_ERR_NOT_ALLOWED;
    struct mover *mover = make_mover(move, context);
    if (mover == NULL)
        return POS_ERR_MEMORY;
    enum pos_status status =
        move_all(mover, kinds, sizeof kinds / sizeof kinds[0], run_table_chunk, table, progress);
    free(mover);
    return status;
}
