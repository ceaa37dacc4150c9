/*
 * The mother POS's journal: which TMKs it holds and to whom each went. What it says was handed out
 * is on disk before it leaves. Owned by `posgate-emulator mother`.
 *
 * Column families: keys (index, 4 bytes big endian -> row), serials (serial, 8 -> index and burn
 * count), meta (batches seen, the load under way and its lines). Byte layouts: rows_journal.c.
 */
#ifndef POS_STORE_JOURNAL_H
#define POS_STORE_JOURNAL_H

#include "core/store/anchor.h"
#include "core/store/committer.h"

/* Stored; never renumber. */
enum pos_journal_state {
    POS_JOURNAL_NONE = 0,
    POS_JOURNAL_FREE = 1,
    POS_JOURNAL_RESERVED = 2, /* handed out, not confirmed */
    POS_JOURNAL_ISSUED = 3,   /* confirmed */
    POS_JOURNAL_BURNED = 4,   /* handed out, never to be offered again */
};
const char *pos_journal_state_name(enum pos_journal_state state);

enum { POS_PUBLIC_KEY_SIZE = 32, POS_JOURNAL_REPLY_SIZE_MAX = 256 };

struct pos_journal_row {
    uint32_t index;
    enum pos_journal_state state;
    enum pos_algorithm algorithm;
    struct pos_key tmk; /* under the mother POS's own LMK */
    struct pos_kcv kcv;
    uint32_t batch;
    char serial[POS_SERIAL_SIZE + 1]; /* "" while free, or when it was burned without one */
    uint8_t terminal_public[POS_PUBLIC_KEY_SIZE]; /* of the request that reserved it */
    uint8_t mother_public[POS_PUBLIC_KEY_SIZE];   /* of the reply that was given */
    uint8_t reply_size;
    char reply[POS_JOURNAL_REPLY_SIZE_MAX]; /* the key block of that reply, to give again */
    uint64_t changed_ms;
};

struct pos_journal_counts {
    uint32_t free, reserved, issued, burned;
};

struct pos_journal;

/* Made when missing; anchor NULL: none. The anchor's high-water mark tells how far handing out had
 * come (pos_journal_burn_since). */
POS_MUST_USE enum pos_status pos_journal_open(const char *path,
                                              const struct pos_anchor_options *anchor,
                                              struct pos_journal **journal,
                                              struct pos_error *error);
/* For a journal that is older than its anchor: burns every key that may have been handed out since.
 * The mark is the highest index that ever was handed out; which keys up to it were not, nobody can
 * tell, because keys do not leave in the order of all indexes but of those loaded at the time. So
 * every free and reserved key up to the mark is burned, *burned counts them, and one that is loaded
 * later is burned as it comes. Synced; once more changes nothing. To be called before the open that
 * accepts, on the journal opened without its anchor: so a crash in between leaves one that is still
 * refused. */
POS_MUST_USE enum pos_status pos_journal_burn_since(struct pos_journal *journal,
                                                    uint32_t high_water, uint64_t utc_ms,
                                                    uint32_t *burned);
/* As pos_key_library_checkpoint. */
POS_MUST_USE enum pos_status pos_journal_checkpoint(struct pos_journal *journal, const char *path);
void pos_journal_close(struct pos_journal *journal);

void pos_journal_counts(struct pos_journal *journal, struct pos_journal_counts *counts);
POS_MUST_USE enum pos_status pos_journal_find(struct pos_journal *journal, uint32_t index,
                                              struct pos_journal_row *row);
POS_MUST_USE enum pos_status
pos_journal_walk(struct pos_journal *journal,
                 bool (*each)(void *context, const struct pos_journal_row *row), void *context);

/* ---- loading: lines are kept until the trailer verified; nothing can be handed out before ---- */

struct pos_journal_load {
    uint32_t batch;      /* 0: no load under way */
    uint32_t line_count; /* lines held; the next expected is line_count + 1 */
};
POS_MUST_USE enum pos_status pos_journal_load_status(struct pos_journal *journal,
                                                     struct pos_journal_load *load);
/* Was this batch taken in before? Refusing it then is the caller's. */
POS_MUST_USE enum pos_status pos_journal_batch_known(struct pos_journal *journal, uint32_t batch,
                                                     bool *known);
/* Line 1 (the header) begins a load and drops another one that is not finished. Any other line must
 * be the next one of the same batch, else POS_ERR_ORDER. Unsynced is enough: a lost line is asked
 * for again. */
POS_MUST_USE enum pos_status pos_journal_load_line(struct pos_journal *journal, uint32_t batch,
                                                   uint32_t line_number, struct pos_bytes line);
POS_MUST_USE enum pos_status pos_journal_load_walk(struct pos_journal *journal,
                                                   bool (*each)(void *context, uint32_t number,
                                                                struct pos_bytes line),
                                                   void *context);
/* All or nothing, synced: the rows become free keys, the batch is known, the lines are dropped.
 * POS_ERR_EXISTS when an index is there already, POS_ERR_ORDER when no load of this batch is under
 * way, POS_ERR_FORMAT when a row is not a free key of this batch. */
POS_MUST_USE enum pos_status pos_journal_load_finish(struct pos_journal *journal, uint32_t batch,
                                                     const struct pos_journal_row *rows,
                                                     size_t count);
POS_MUST_USE enum pos_status pos_journal_load_drop(struct pos_journal *journal);

/* ---- handing out ---- */

enum pos_journal_operation {
    /* In: serial, terminal_public, allow_rekey, utc_ms, and `deliver`, which is called on the
     * committer's thread with the chosen row (state reserved, serial and public key set) and fills
     * mother_public and reply. Out: GIVEN (a new reservation; synced before done), AGAIN (same
     * serial and public key before the confirm: row with the same reply, nothing written),
     * EXHAUSTED (no key free), HAS_KEY (confirmed already), TOO_OFTEN (POS_MOTHER_BURN_COUNT_MAX
     * burned); the last three change nothing. A failing `deliver` refuses the write. */
    POS_JOURNAL_RESERVE,
    /* In: serial, index. reserved -> issued: GIVEN (synced); issued already: AGAIN; else UNKNOWN.
     */
    POS_JOURNAL_CONFIRM,
    /* Burns every reserved row: the operator closes the session. */
    POS_JOURNAL_CLOSE,
};

enum pos_journal_outcome {
    POS_JOURNAL_GIVEN,
    POS_JOURNAL_AGAIN,
    POS_JOURNAL_EXHAUSTED,
    POS_JOURNAL_HAS_KEY,
    POS_JOURNAL_TOO_OFTEN,
    POS_JOURNAL_UNKNOWN,
};

struct pos_journal_write {
    struct pos_commit commit; /* set `done` */
    enum pos_journal_operation operation;
    char serial[POS_SERIAL_SIZE + 1];
    uint32_t index;
    uint8_t terminal_public[POS_PUBLIC_KEY_SIZE];
    bool allow_rekey;
    uint64_t utc_ms;
    enum pos_status (*deliver)(void *context, struct pos_journal_row *row);
    void *deliver_context;
    /* out */
    enum pos_journal_outcome outcome;
    struct pos_journal_row row;
    uint32_t burned; /* by CLOSE, or by a RESERVE from another device of the same serial */
};

POS_MUST_USE enum pos_status pos_journal_submit(struct pos_journal *journal,
                                                struct pos_journal_write *write);
POS_MUST_USE enum pos_status pos_journal_run(struct pos_journal *journal,
                                             struct pos_journal_write *write);

#endif
