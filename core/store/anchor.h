/*
 * The anchor: where a table stands, kept a second time outside the database, so that a restored old
 * copy, or one whose end was cut off, is noticed. A small file of its own, best on another disk,
 * written in place and synced after every synced batch and before anybody hears of it.
 *
 * Two slots of POS_ANCHOR_SLOT_SIZE bytes at 0 and POS_ANCHOR_SLOT_STEP, written in turn, each
 *    0  8  "POSANCHR"   8  1  version, 1   9 16  the database's identity, random
 *   25  8  epoch       33  8  batches     41  4  high-water mark
 *   45  8  sequence of the last audit record     53 32  its SHA-256
 *   85  8  the batch's stamp, random     93  4  CRC-32 over the above; the rest is 0
 * The same numbers are in the database (meta, "anchor"), in each synced batch, with the stamp of
 * the batch before: so a database that went on from a copy is told from the one that the anchor
 * followed, also when both have come equally far. Batches that are not synced (promotions of
 * pending keys, lines of a load) do not count.
 *
 * The CRC tells a slot that was half written. Who can write the file can forge it; so it belongs
 * where those who can replace the database cannot write.
 */
#ifndef POS_STORE_ANCHOR_H
#define POS_STORE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/limits.h"

enum { POS_ANCHOR_SLOT_SIZE = 128, POS_ANCHOR_SLOT_STEP = 4096 };

/* What opening a table found. */
enum pos_anchor_finding {
    POS_ANCHOR_NONE,    /* no anchor was asked for */
    POS_ANCHOR_NEW,     /* the database is new, or had none yet: made */
    POS_ANCHOR_MATCH,   /* as it should be; the database may be a batch ahead after a crash */
    POS_ANCHOR_BEHIND,  /* the database is older than its anchor: a restored backup */
    POS_ANCHOR_MISSING, /* the database had one, and the file is not there or cannot be read */
    POS_ANCHOR_FOREIGN, /* the anchor is another database's, or tells another history */
};

const char *pos_anchor_finding_name(enum pos_anchor_finding finding); /* "match" */

struct pos_anchor_report {
    enum pos_anchor_finding finding;
    bool same_database;      /* the anchor is this database's; else the numbers below are 0 */
    uint64_t batches_lost;   /* BEHIND: that the anchor knows and the database does not */
    uint32_t high_water;     /* the anchor's: the highest index that was generated or given out */
    uint64_t audit_sequence; /* of the last audit record that the anchor knows */
};

/* Where a database's anchor is when nobody names another place: the folder's name and ".anchor". */
enum { POS_ANCHOR_PATH_SIZE_MAX = POS_PATH_SIZE_MAX + 16 };
void pos_anchor_beside(const char *database, char path[POS_ANCHOR_PATH_SIZE_MAX]);

/* An anchor as it lies on disk, for those who only look: also while its database is written. The
 * later of the slots that are whole. POS_ERR_CORRUPT: none is; POS_ERR_VERSION: nor of a version
 * that is known. */
struct pos_anchor_mark {
    uint64_t epoch, batches;
    uint32_t high_water;
    uint64_t audit_sequence; /* of the last audit record; 0: none */
    uint8_t audit_hash[32];  /* and its SHA-256 */
};
POS_MUST_USE enum pos_status pos_anchor_parse(struct pos_bytes file, struct pos_anchor_mark *mark);

struct pos_anchor_options {
    const char *path; /* NULL: none is kept */
    /* BEHIND, MISSING and FOREIGN make the open fail with POS_ERR_STATE; with accept_old it goes on
     * and the anchor starts anew from the database, once. The caller burns what was issued since. A
     * database that is not there yet is not made beside the anchor of another one. */
    bool accept_old;
    struct pos_anchor_report *report; /* filled also when the open fails; may be NULL */
};

#endif
