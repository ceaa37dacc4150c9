/* What key_library.c (opening, reading), key_add.c, key_write.c, key_life.c and people.c share. */
#ifndef POS_STORE_KEY_LIBRARY_INSIDE_H
#define POS_STORE_KEY_LIBRARY_INSIDE_H

#include <pthread.h>

#include "core/store/rows.h"
#include "core/store/transaction.h"

/* Places in the list of families that the library is opened with. */
enum {
    POS_LIBRARY_KEYS,
    POS_LIBRARY_BATCHES,
    POS_LIBRARY_MOTHERS,
    POS_LIBRARY_LINKS,
    POS_LIBRARY_PEOPLE,
    POS_LIBRARY_APPROVALS,
    POS_LIBRARY_AUDITS,
    POS_LIBRARY_META,
    POS_LIBRARY_FAMILY_COUNT
};

/* The front of every write, which is one batch with its audit record. `stage` (NULL: nothing)
 * reads rows from the library itself, as no other write runs meanwhile. */
struct pos_library_write {
    struct pos_commit commit;
    struct pos_commit_waiter waiter;
    struct pos_key_library *library;
    enum pos_status (*stage)(struct pos_library_write *write, struct pos_transaction *transaction);
    const void *event;
};

struct pos_key_library {
    struct pos_rocks *rocks;
    struct pos_committer *committer; /* NULL: a follower */
    pthread_mutex_t writing;         /* one write at a time: what is next is read from the rows */
};

/* Runs it and waits. POS_ERR_NOT_ALLOWED on a follower. */
POS_MUST_USE enum pos_status pos_library_run(struct pos_key_library *library,
                                             struct pos_library_write *write);
/* Its halves, on one thread. After an error of start there is nothing to wait for. */
POS_MUST_USE enum pos_status pos_library_start(struct pos_key_library *library,
                                               struct pos_library_write *write);
POS_MUST_USE enum pos_status pos_library_await(struct pos_library_write *write);

/* In a stage. POS_ERR_FORMAT for a row that breaks a rule. */
POS_MUST_USE enum pos_status pos_library_put_key(struct pos_transaction *transaction,
                                                 const struct pos_key_row *row);
POS_MUST_USE enum pos_status pos_library_put_batch(struct pos_transaction *transaction,
                                                   const struct pos_batch_row *batch);
POS_MUST_USE enum pos_status pos_library_put_mother(struct pos_transaction *transaction,
                                                    const struct pos_mother_row *row);
POS_MUST_USE enum pos_status pos_library_put_link(struct pos_transaction *transaction,
                                                  const struct pos_link_row *row);

extern const char pos_library_floor_key[]; /* of a row in meta */

/* The number behind the last one in a family whose keys are numbers; 1 when it is empty. */
POS_MUST_USE enum pos_status pos_library_next_number(struct pos_key_library *library, size_t family,
                                                     uint32_t *next);

#endif
