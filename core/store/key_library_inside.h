/* What key_library.c (opening, reading) and key_write.c share. */
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
    POS_LIBRARY_AUDITS,
    POS_LIBRARY_META,
    POS_LIBRARY_FAMILY_COUNT
};

struct pos_key_library {
    struct pos_rocks *rocks;
    struct pos_committer *committer; /* NULL: a follower */
    pthread_mutex_t writing;         /* one write at a time: what is next is read from the rows */
};

#endif
