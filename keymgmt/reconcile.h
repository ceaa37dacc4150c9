/*
 * What the mother POS says of its keys beside what the library knows of them: which keys move on,
 * and what does not fit. Pure.
 */
#ifndef POS_KEYMGMT_RECONCILE_H
#define POS_KEYMGMT_RECONCILE_H

#include "core/store/key_library.h"
#include "core/wire/return_file.h"

enum pos_finding_kind {
    POS_FINDING_NONE,
    /* of a key that the file names; such a key is left as it is */
    POS_FINDING_UNKNOWN_INDEX,
    POS_FINDING_NOT_EXPORTED,
    POS_FINDING_OTHER_MOTHER,
    POS_FINDING_KCV_DIFFERS,
    POS_FINDING_SERIAL_DIFFERS,
    POS_FINDING_STATE_DIFFERS,
    POS_FINDING_WENT_BACK,
    POS_FINDING_HOLDER_LOST,
    /* of keys that the file does not name */
    POS_FINDING_MISSING,
    POS_FINDING_BATCH_MISSING,
    /* of serials */
    POS_FINDING_UNKNOWN_SERIAL,
    POS_FINDING_SERIAL_WITHOUT_KEY,
    POS_FINDING_TWO_KEYS, /* worth knowing, and no difference: a terminal may have been keyed anew
                           */
    POS_FINDING_KIND_COUNT
};
const char *pos_finding_name(enum pos_finding_kind kind);  /* "kcv-differs" */
const char *pos_finding_about(enum pos_finding_kind kind); /* a few plain words */

enum {
    POS_FINDING_KEPT_COUNT_MAX = 1000, /* the rest is counted */
};

struct pos_finding {
    enum pos_finding_kind kind;
    uint32_t index;                   /* 0: of no key; of a batch its number */
    char serial[POS_SERIAL_SIZE + 1]; /* "": of none */
};

struct pos_findings {
    uint64_t counts[POS_FINDING_KIND_COUNT];
    size_t kept;
    struct pos_finding list[POS_FINDING_KEPT_COUNT_MAX];
};
void pos_findings_add(struct pos_findings *findings, enum pos_finding_kind kind, uint32_t index,
                      const char *serial);
/* Of all kinds that are differences. */
uint64_t pos_findings_differences(const struct pos_findings *findings);

struct pos_judgement {
    enum pos_finding_kind finding;
    bool settles; /* the key becomes what the file says */
};
/* One key of the file; `row` is the library's, NULL when it has none. */
struct pos_judgement pos_reconcile_key(const struct pos_return_file_key *key,
                                       const struct pos_key_row *row, const char *mother);

/* Serials that hold more than one issued key. Sorts `keys`, which are all issued. */
void pos_reconcile_two_keys(const struct pos_return_file_key **keys, size_t count,
                            struct pos_findings *findings);

/* Keys of [first, first + count) that are in the file: how many, and the place of the first. */
size_t pos_reconcile_range(const struct pos_return_file_key *keys, size_t key_count, uint32_t first,
                           uint32_t count, size_t *place);

#endif
