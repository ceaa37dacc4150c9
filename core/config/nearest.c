/* The nearest valid name, by the number of letters to insert, drop, change or swap. */
#include <string.h>

#include "core/config/internal.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the table of distances: two letters back, one back, and the current one. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][POS_CONFIG_NAME_SIZE_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > POS_CONFIG_NAME_SIZE_MAX || b_size > POS_CONFIG_NAME_SIZE_MAX)
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

/* Half the letters wrong is another word, not a slip of the fingers. */
static void consider(const char *candidate, const char *name, const char **best, size_t *best_cost)
{
    size_t cost = distance(name, candidate);
    size_t allowed = least(strlen(candidate) / 2, 4);
    if (cost > allowed || cost >= *best_cost)
        return;
    *best = candidate;
    *best_cost = cost;
}

const char *pos_config_nearest_key(const struct pos_config_key *keys, const char *name)
{
    const char *best = NULL;
    size_t cost = SIZE_MAX;
    for (; keys->name != NULL; keys++)
        consider(keys->name, name, &best, &cost);
    return best;
}

const char *pos_config_nearest_choice(const char *const *choices, const char *name)
{
    const char *best = NULL;
    size_t cost = SIZE_MAX;
    for (; *choices != NULL; choices++)
        consider(*choices, name, &best, &cost);
    return best;
}
