/*
 * Which keys a command is about: --index A, --index A-B, --batch N, --list FILE, as one sorted list
 * of indexes without doubles.
 */
#ifndef POS_KEYMGMT_KEY_SELECTION_H
#define POS_KEYMGMT_KEY_SELECTION_H

#include "core/base/smn.h"

enum {
    POS_KEY_SELECTION_COUNT_MAX = 5000000, /* keys in one command */
    POS_KEY_SELECTION_WORDS_SIZE = 128,
};

struct pos_key_selection {
    uint32_t *indexes; /* owned */
    size_t count, capacity;
};

void pos_key_selection_free(struct pos_key_selection *selection);

/* "278" or "278-300", digits alone, 1 to POS_KEY_INDEX_MAX, first not behind last. POS_ERR_FORMAT.
 * Pure. */
POS_MUST_USE enum pos_status pos_key_range_parse(struct pos_bytes text, uint32_t *first,
                                                 uint32_t *last);

/* POS_ERR_LIMIT: too many; POS_ERR_MEMORY. */
POS_MUST_USE enum pos_status pos_key_selection_add(struct pos_key_selection *selection,
                                                   uint32_t first, uint32_t last);
/* A range a line; empty lines and those that begin with # do not count. POS_ERR_NOT_FOUND,
 * POS_ERR_IO; POS_ERR_FORMAT with file and line. */
POS_MUST_USE enum pos_status pos_key_selection_read(struct pos_key_selection *selection,
                                                    const char *path, struct pos_error *error);
/* Sorts, and drops doubles. */
void pos_key_selection_settle(struct pos_key_selection *selection);

/* "keys=100 first=00000001 last=00000100 digest=<32 hex>" of a settled list that is not empty: the
 * same for the same keys and, by the digest, for no others. POS_ERR_CRYPTO. */
POS_MUST_USE enum pos_status pos_key_selection_words(const struct pos_key_selection *selection,
                                                     char words[POS_KEY_SELECTION_WORDS_SIZE]);

/* The same for terminals by name: a file with an SMN a line. */
struct pos_smn_list {
    struct pos_smn *smns; /* owned; sorted, without doubles */
    size_t count;
};
POS_MUST_USE enum pos_status pos_smn_list_read(const char *path, struct pos_smn_list *list,
                                               struct pos_error *error);
void pos_smn_list_free(struct pos_smn_list *list);
/* "terminals=3 digest=<32 hex>" */
POS_MUST_USE enum pos_status pos_smn_list_words(const struct pos_smn_list *list,
                                                char words[POS_KEY_SELECTION_WORDS_SIZE]);

#endif
