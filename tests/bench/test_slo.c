/* Limits on latency: what is understood, what is kept. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bench/slo.h"

Test(slo, takes_quantiles_below_times)
{
    static const struct {
        const char *text;
        size_t count;
        double last_share;
        uint64_t last_ns;
    } rows[] = {
        {"p50<1us", 1, 0.5, 1000},
        {"p99<2ms", 1, 0.99, 2000000},
        {"p99.9<2.5ms", 1, 0.999, 2500000},
        {"max<1s", 1, 1, 1000000000},
        {"p90<1ms,p99.99<900us", 2, 0.9999, 900000},
        {"p50<1s,p90<1s,p99<1s,p99.9<1s,p99.99<1s,max<3600s", 6, 1, 3600000000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_slo slo;
        cr_assert(pos_slo_parse(rows[i].text, &slo), "%s", rows[i].text);
        cr_assert_eq(slo.count, rows[i].count, "%s", rows[i].text);
        cr_expect_eq(slo.limits[slo.count - 1].share, rows[i].last_share, "%s", rows[i].text);
        cr_expect_eq(slo.limits[slo.count - 1].below_ns, rows[i].last_ns, "%s", rows[i].text);
    }
}

Test(slo, takes_nothing_else)
{
    static const char *const texts[] = {
        "",          "p99",        "p99<",           "p99<2",    "p99<ms",          "p99<2m",
        "p99<2mss",  "p98<2ms",    "p9<2ms",         "p99.<2ms", "p99>2ms",         "p99<=2ms",
        "p99 <2ms",  "p99< 2ms",   "p99<-2ms",       "p99<0ms",  "p99<0x2ms",       "p99<infs",
        "p99<1e3ms", "p99<2..5ms", "p99<2ms,",       ",p99<2ms", "p99<2ms,p99<3ms", "p99<3601s",
        "p99,<2ms",  "p99<2,5ms",  "p99<2ms;max<1s",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pos_slo slo;
        cr_expect_not(pos_slo_parse(texts[i], &slo), "%s", texts[i]);
    }
}

/* 99 replies of 1 ms and one of 1 s. */
Test(slo, says_which_limits_are_missed)
{
    static const struct {
        const char *text;
        size_t missed;
        const char *said;
    } rows[] = {
        {"p99<1.1ms", 0, ""},
        {"p99<1ms", 1, "gateway: p99 is 1"},
        {"p50<1.1ms,p99.9<1.1ms", 1, "gateway: p99.9 is 1000"},
        {"max<0.5s", 1, "gateway: max is 1000"},
        {"max<1.1s", 0, ""},
        {"p50<1us,p90<1s,max<1us", 2, "gateway: p50 is"},
    };
    struct pos_histogram *latency = calloc(1, sizeof *latency);
    pos_histogram_record_times(latency, 1000000, 99);
    pos_histogram_record(latency, 1000000000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_slo slo;
        char said[512] = "";
        FILE *to = fmemopen(said, sizeof said, "w");
        cr_assert(pos_slo_parse(rows[i].text, &slo));
        cr_expect_eq(pos_slo_missed(&slo, latency, "gateway", to), rows[i].missed, "%s",
                     rows[i].text);
        (void)fclose(to);
        cr_expect_eq(strncmp(said, rows[i].said, strlen(rows[i].said)), 0, "%s", said);
        cr_expect_eq(said[0] == '\0', rows[i].missed == 0, "%s", said);
    }
    free(latency);
}

Test(slo, nothing_answered_keeps_no_limit)
{
    struct pos_slo slo;
    struct pos_histogram *latency = calloc(1, sizeof *latency);
    cr_assert(pos_slo_parse("p50<1s,max<1s", &slo));
    FILE *to = fopen("/dev/null", "we");
    cr_expect_eq(pos_slo_missed(&slo, latency, "gateway", to), 2);
    (void)fclose(to);
    free(latency);
}
