#include "keymgmt/nearest.h"

#include <string.h>

enum { WORD_SIZE_MAX = 31, FAR = 1000 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t pos_edit_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_SIZE_MAX || b_size > WORD_SIZE_MAX)
        return FAR;
    size_t cost[WORD_SIZE_MAX + 1][WORD_SIZE_MAX + 1];
    for (size_t i = 0; i <= a_size; i++)
        cost[i][0] = i;
    for (size_t j = 0; j <= b_size; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        for (size_t j = 1; j <= b_size; j++) {
            size_t changed = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = least(changed, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a_size][b_size];
}

const char *pos_nearest_word(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t limit = least((strlen(word) + 2) / 3, 3);
    for (size_t i = 0; i < count; i++) {
        size_t distance = pos_edit_distance(word, words[i]);
        if (distance > limit || (nearest != NULL && distance == limit))
            continue;
        nearest = words[i];
        limit = distance;
    }
    return nearest;
}
