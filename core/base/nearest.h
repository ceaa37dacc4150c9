/* Which of the known words a mistyped one was meant to be: a command, a setting's name, a choice.
 */
#ifndef POS_BASE_NEAREST_H
#define POS_BASE_NEAREST_H

#include <stddef.h>

/*
 *     struct pos_nearest nearest = pos_nearest(typed);
 *     for (...)
 *         pos_nearest_offer(&nearest, known[i]);
 *     if (nearest.found != NULL)
 */
struct pos_nearest {
    const char *typed; /* borrowed, as what is found */
    const char *found; /* the nearest of what was offered; NULL: none is near enough */
    size_t distance;   /* a word must be nearer than this to be found */
};

/* Near enough is when at most a third of the typed letters, and never more than 3, are wrong. */
struct pos_nearest pos_nearest(const char *typed);
/* The first of several that are equally near stays. */
void pos_nearest_offer(struct pos_nearest *nearest, const char *known);

/* Single letters to change, insert or drop, and neighbours to swap, to get from `a` to `b`; words
 * of more than 63 bytes are SIZE_MAX away. */
size_t pos_edit_distance(const char *a, const char *b);

#endif
