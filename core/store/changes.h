/*
 * Which rows changed, to the shard of their key: noted by decides, shown to others once the batch
 * was written (or was tried: what failed late may be readable all the same) and before anybody is
 * told. Notes come from the committer's thread alone; the counts are read from any.
 */
#ifndef POS_STORE_CHANGES_H
#define POS_STORE_CHANGES_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/smn.h"

/* So many that a busy terminal's own changes are nearly all that it hears of. 32 KiB. */
enum { POS_CHANGES_SHARD_COUNT = 4096, POS_CHANGES_WORD_COUNT = POS_CHANGES_SHARD_COUNT / 64 };

struct pos_changes {
    uint64_t noted[POS_CHANGES_WORD_COUNT]; /* a bit a shard */
    bool any;                               /* of them */
    _Atomic uint64_t counts[POS_CHANGES_SHARD_COUNT];
};

static inline unsigned pos_changes_shard(const struct pos_smn *smn)
{
    return (unsigned)(pos_smn_hash(smn) % POS_CHANGES_SHARD_COUNT);
}

static inline uint64_t pos_changes_read(const struct pos_changes *changes,
                                        const struct pos_smn *smn)
{
    return atomic_load_explicit(&changes->counts[pos_changes_shard(smn)], memory_order_acquire);
}

static inline void pos_changes_note(struct pos_changes *changes, const struct pos_smn *smn)
{
    unsigned shard = pos_changes_shard(smn);
    changes->noted[shard / 64] |= UINT64_C(1) << shard % 64;
    changes->any = true;
}

static inline void pos_changes_show(struct pos_changes *changes)
{
    for (unsigned i = 0; changes->any && i < POS_CHANGES_WORD_COUNT; i++) {
        for (; changes->noted[i] != 0; changes->noted[i] &= changes->noted[i] - 1) {
            unsigned shard = 64 * i + (unsigned)__builtin_ctzll(changes->noted[i]);
            atomic_fetch_add_explicit(&changes->counts[shard], 1, memory_order_release);
        }
    }
    changes->any = false;
}

#endif
