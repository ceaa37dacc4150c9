#include "bench/statistics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

struct pos_summary pos_summarise(const double *values, size_t count)
{
    double sorted[POS_ROUND_COUNT_MAX];
    assert(count > 0 && count <= POS_ROUND_COUNT_MAX);
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    size_t middle = count / 2;
    double median = count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return (struct pos_summary){.median = median, .low = sorted[0], .high = sorted[count - 1]};
}

struct pos_summary pos_summarise_ratio(const double *a, const double *b, size_t count)
{
    double ratios[POS_ROUND_COUNT_MAX];
    assert(count > 0 && count <= POS_ROUND_COUNT_MAX);
    for (size_t i = 0; i < count; i++)
        ratios[i] = b[i] > 0 ? a[i] / b[i] : 0;
    return pos_summarise(ratios, count);
}
