#include "bench/percentiles.h"

#include <math.h>

enum { TICKS_PER_HALF = 5 };

double pos_percentile_next(double share)
{
    double half = pow(2, floor(log2(1 / (1 - share))) + 1);
    return share + 1 / (TICKS_PER_HALF * half);
}
