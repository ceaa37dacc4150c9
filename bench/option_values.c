#include "bench/option_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t pos_option_number(struct argp_state *state, const char *name, const char *text,
                           uint64_t low, uint64_t high)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value < low || value > high)
        argp_error(state, "--%s takes %llu to %llu, not '%s'", name, (unsigned long long)low,
                   (unsigned long long)high, text);
    return value;
}

double pos_option_decimal(struct argp_state *state, const char *name, const char *text, double low,
                          double high)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= low && value <= high))
        argp_error(state, "--%s takes %g to %g, not '%s'", name, low, high, text);
    return value;
}

bool pos_option_on(struct argp_state *state, const char *name, const char *text)
{
    bool on = strcmp(text, "on") == 0;
    if (!on && strcmp(text, "off") != 0)
        argp_error(state, "--%s takes on or off, not '%s'", name, text);
    return on;
}
