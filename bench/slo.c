/*
 * Limits on latency. They are held against all replies of all rounds together, not against the
 * median of the rounds: one bad second in one round counts.
 */
#include "bench/slo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    double share;
} quantiles[] = {{"p50", 0.5},     {"p90", 0.9},       {"p99", 0.99},
                 {"p99.9", 0.999}, {"p99.99", 0.9999}, {"max", 1}};
_Static_assert(sizeof quantiles / sizeof quantiles[0] == POS_SLO_COUNT_MAX, "each fits once");

static const struct {
    const char *name;
    double nanoseconds;
} units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

static const double longest_ns = 3600e9;

static bool is_word(const char *at, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(at, word, size) == 0;
}

static bool is_stated(const struct pos_slo *slo, const char *name)
{
    for (size_t i = 0; i < slo->count; i++)
        if (slo->limits[i].name == name)
            return true;
    return false;
}

/* "2.5ms", `size` characters. Digits and a point only: strtod would take "inf" and "0x1" too. */
static bool parse_time(const char *at, size_t size, uint64_t *nanoseconds)
{
    size_t digits = strspn(at, "0123456789.");
    char *end;
    double value = strtod(at, &end);
    if (digits == 0 || digits > size || end != at + digits)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (is_word(end, size - digits, units[i].name)) {
            double wanted = value * units[i].nanoseconds;
            if (!(wanted >= 1 && wanted <= longest_ns))
                return false;
            *nanoseconds = (uint64_t)llround(wanted);
            return true;
        }
    return false;
}

/* "p99<2ms" */
static bool parse_limit(const char *at, size_t size, struct pos_slo *slo)
{
    size_t name_size = strcspn(at, "<");
    if (name_size >= size)
        return false;
    for (size_t i = 0; i < POS_SLO_COUNT_MAX; i++)
        if (is_word(at, name_size, quantiles[i].name)) {
            struct pos_slo_limit limit = {.name = quantiles[i].name, .share = quantiles[i].share};
            if (is_stated(slo, limit.name) ||
                !parse_time(at + name_size + 1, size - name_size - 1, &limit.below_ns))
                return false;
            slo->limits[slo->count++] = limit;
            return true;
        }
    return false;
}

bool pos_slo_parse(const char *text, struct pos_slo *slo)
{
    *slo = (struct pos_slo){0};
    for (;;) {
        size_t size = strcspn(text, ",");
        if (!parse_limit(text, size, slo))
            return false;
        if (text[size] == '\0')
            return true;
        text += size + 1;
    }
}

bool pos_slo_met(const struct pos_slo_limit *limit, const struct pos_histogram *latency)
{
    return pos_histogram_count(latency) > 0 &&
           pos_histogram_quantile(latency, limit->share) < limit->below_ns;
}

size_t pos_slo_missed(const struct pos_slo *slo, const struct pos_histogram *latency,
                      const char *server, FILE *to)
{
    size_t missed = 0;
    bool empty = pos_histogram_count(latency) == 0;
    for (size_t i = 0; i < slo->count; i++) {
        const struct pos_slo_limit *limit = &slo->limits[i];
        uint64_t reached = pos_histogram_quantile(latency, limit->share);
        if (pos_slo_met(limit, latency))
            continue;
        missed++;
        if (empty)
            (void)fprintf(to, "%s: no reply, so %s is not known\n", server, limit->name);
        else
            (void)fprintf(to, "%s: %s is %.1f us, not below %.1f us\n", server, limit->name,
                          (double)reached / 1e3, (double)limit->below_ns / 1e3);
    }
    return missed;
}
