/* What terminal_table.c (reading, opening) and terminal_write.c (deciding) share. */
#ifndef POS_STORE_TERMINAL_TABLE_INSIDE_H
#define POS_STORE_TERMINAL_TABLE_INSIDE_H

#include "core/store/changes.h"
#include "core/store/rows.h"
#include "core/store/tally.h"
#include "core/store/transaction.h"

/* Places in the list of families that the table is opened with. */
enum {
    POS_TERMINAL_HOT,
    POS_TERMINAL_DETAIL,
    POS_TERMINAL_BY_INDEX,
    POS_TERMINAL_AUDITS,
    POS_TERMINAL_META,
    POS_TERMINAL_FAMILY_COUNT
};

struct pos_terminal_table {
    struct pos_rocks *rocks;
    struct pos_committer *committer;
    struct pos_tally tally;
    struct pos_changes changes;
    uint64_t cache_size;
    /* find_now batches, and may read, only where neither of the first two is set. */
    atomic_bool cache_too_small; /* to hold the hot rows */
    atomic_bool blocks_missing;  /* a batch had to read what was just written: so others have to */
    atomic_bool missed;          /* a find_now was busy, since pos_terminal_table_settle */
};

_Static_assert((int)POS_TERMINAL_STATE_COUNT <= (int)POS_TALLY_STATE_COUNT_MAX,
               "every state is counted");

/* The decide of every pos_terminal_write. */
enum pos_status pos_terminal_decide(struct pos_commit *commit, struct pos_transaction *transaction);

static inline struct pos_bytes pos_terminal_key(const struct pos_smn *smn)
{
    return pos_bytes(smn->text, POS_SMN_SIZE);
}

#endif
