#include "core/base/option.h"

#include <stdlib.h>
#include <string.h>

bool pos_number_parse(const char *text, uint64_t *number)
{
    *number = 0;
    if (text[0] == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*text - '0'), number))
            return false;
    }
    return true;
}

uint64_t pos_option_number(struct argp_state *state, const char *name, const char *text,
                           uint64_t low, uint64_t high)
{
    uint64_t number;
    if (!pos_number_parse(text, &number) || number < low || number > high)
        argp_error(state, "%s takes %llu to %llu, not '%.64s'", name, (unsigned long long)low,
                   (unsigned long long)high, text);
    return number;
}

double pos_option_decimal(struct argp_state *state, const char *name, const char *text, double low,
                          double high)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= low && value <= high))
        argp_error(state, "%s takes %g to %g, not '%.64s'", name, low, high, text);
    return value;
}

bool pos_option_on(struct argp_state *state, const char *name, const char *text)
{
    bool on = strcmp(text, "on") == 0;
    if (!on && strcmp(text, "off") != 0)
        argp_error(state, "%s takes on or off, not '%.64s'", name, text);
    return on;
}

enum pos_algorithm pos_option_algorithm(struct argp_state *state, const char *name,
                                        const char *text)
{
    enum pos_algorithm algorithm = pos_algorithm_parse(pos_bytes_text(text));
    if (algorithm == POS_ALGORITHM_NONE)
        argp_error(state, "%s takes T2, T3, A128, A256 or SM4, not '%.64s'", name, text);
    return algorithm;
}

enum pos_log_level pos_option_log_level(struct argp_state *state, const char *name,
                                        const char *text)
{
    int level = pos_log_level_parse(text);
    if (level < 0)
        argp_error(state, "%s takes debug, info, warning or error, not '%.64s'", name, text);
    return (enum pos_log_level)level;
}
