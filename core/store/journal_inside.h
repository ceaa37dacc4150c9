/* What journal.c (opening, reading), journal_load.c, journal_burn.c and journal_write.c share. */
#ifndef POS_STORE_JOURNAL_INSIDE_H
#define POS_STORE_JOURNAL_INSIDE_H

#include "core/store/rows.h"
#include "core/store/tally.h"
#include "core/store/transaction.h"

/* Places in the list of families that the journal is opened with. */
enum { POS_JOURNAL_KEYS, POS_JOURNAL_SERIALS, POS_JOURNAL_META, POS_JOURNAL_FAMILY_COUNT };

struct pos_journal {
    struct pos_rocks *rocks;
    struct pos_committer *committer;
    struct pos_tally tally;
    uint32_t free_from; /* no key below it is free; the committer's thread only, once open */
};

/* A key in meta: a letter and a number. */
struct pos_journal_meta_key {
    uint8_t data[5];
};
struct pos_journal_meta_key pos_journal_meta_key(char letter, uint32_t number);
enum { POS_JOURNAL_BATCH = 'B', POS_JOURNAL_LINE = 'L' };

static inline struct pos_bytes pos_journal_meta_view(const struct pos_journal_meta_key *key)
{
    return pos_bytes(key->data, sizeof key->data);
}

/* In a decide. */
POS_MUST_USE enum pos_status pos_journal_get_row(struct pos_transaction *transaction,
                                                 uint32_t index, struct pos_journal_row *row);
POS_MUST_USE enum pos_status pos_journal_put_row(struct pos_transaction *transaction,
                                                 const struct pos_journal_row *row);
POS_MUST_USE enum pos_status pos_journal_burn_row(struct pos_transaction *transaction,
                                                  struct pos_journal_row *row, uint64_t utc_ms);
POS_MUST_USE enum pos_status pos_journal_decide_close(struct pos_journal_write *write,
                                                      struct pos_transaction *transaction);
/* In a decide: the floor (rows.h); 0 when there is none. */
POS_MUST_USE enum pos_status pos_journal_get_floor(struct pos_transaction *transaction,
                                                   uint32_t *index);
/* On open: the lines of a load that ended while its process did. */
void pos_journal_drop_leftovers(struct pos_journal *journal);

#endif
