/* The known word nearest to one that was mistyped. */
#ifndef POS_KEYMGMT_NEAREST_H
#define POS_KEYMGMT_NEAREST_H

#include <stddef.h>

/* Single-character changes, insertions, removals and swaps of neighbours from `a` to `b`; words
 * longer than 31 characters count as far away. */
size_t pos_edit_distance(const char *a, const char *b);

/* The one of `words` with the least distance to `word`, or NULL when none is near enough to be
 * meant: more than a third of its letters, and never more than 3, would have to change. */
const char *pos_nearest_word(const char *word, const char *const *words, size_t count);

#endif
