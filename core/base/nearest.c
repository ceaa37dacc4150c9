#include "core/base/nearest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_SIZE_MAX = 63, WRONG_COUNT_MAX = 3 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the table of distances: two letters back, one back, and the current one. */
size_t pos_edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_SIZE_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_SIZE_MAX || b_size > WORD_SIZE_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t changed = before[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(changed, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], earlier[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

struct pos_nearest pos_nearest(const char *typed)
{
    size_t third = (strlen(typed) + 2) / 3;
    return (struct pos_nearest){.typed = typed, .distance = least(third, WRONG_COUNT_MAX) + 1};
}

void pos_nearest_offer(struct pos_nearest *nearest, const char *known)
{
    size_t distance = pos_edit_distance(nearest->typed, known);
    if (distance >= nearest->distance)
        return;
    nearest->found = known;
    nearest->distance = distance;
}
