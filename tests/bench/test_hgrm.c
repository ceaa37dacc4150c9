/* HdrHistogram's text: what it says of values that are known. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hgrm.h"

static char text[65536];

static void write_text(const struct pos_histogram *latency)
{
    memset(text, 0, sizeof text);
    FILE *to = fmemopen(text, sizeof text, "w");
    pos_hgrm_write(latency, to);
    (void)fclose(to);
}

/* 100 values below 128 ns, where each has a step of its own: 1, 2, ... 100. */
Test(hgrm, lines_are_those_of_hdrhistogram)
{
    static const char *const lines[] = {
        "       Value     Percentile TotalCount 1/(1-Percentile)\n\n",
        "       0.001 0.000000000000          1           1.00\n",
        "       0.010 0.100000000000         10           1.11\n",
        "       0.050 0.500000000000         50           2.00\n",
        "       0.055 0.550000000000         55           2.22\n",
        "       0.075 0.750000000000         75           4.00\n",
        "       0.100 1.000000000000        100\n#[Mean    =        0.051",
        ", StdDeviation   =        0.029]\n",
        "#[Max     =        0.100, Total count    =          100]\n",
        "#[Buckets =           36, SubBuckets     =          128]\n",
    };
    struct pos_histogram *latency = calloc(1, sizeof *latency);
    for (uint64_t i = 1; i <= 100; i++)
        pos_histogram_record(latency, i);
    write_text(latency);
    const char *at = text;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *found = strstr(at, lines[i]);
        cr_expect(found != NULL, "line %zu, '%s', is not in its place in\n%s", i, lines[i], text);
        at = found != NULL ? found : at;
    }
    free(latency);
}

/* What a reader takes from the file is what the histogram says; counts never fall. */
Test(hgrm, shares_and_counts_grow_to_all)
{
    struct pos_histogram *latency = calloc(1, sizeof *latency);
    for (uint64_t i = 0; i < 200000; i++)
        pos_histogram_record(latency, 20000 + i * i % 9999991);
    write_text(latency);
    double last_value = 0, last_share = -1;
    unsigned long long last_count = 0;
    size_t lines = 0;
    for (char *at = strstr(text, "\n\n") + 2; *at != '#'; at = strchr(at, '\n') + 1, lines++) {
        double value, share;
        unsigned long long count;
        cr_assert_eq(sscanf(at, "%lf %lf %llu", &value, &share, &count), 3, "%.60s", at);
        cr_expect(value >= last_value && share > last_share && count >= last_count, "%.60s", at);
        cr_expect((double)count >= share * 200000 - 1, "%.60s", at);
        last_value = value;
        last_share = share;
        last_count = count;
    }
    cr_expect(lines > 30 && lines < 120, "%zu", lines);
    cr_expect(last_share == 1 && last_count == 200000);
    free(latency);
}

Test(hgrm, nothing_measured_is_no_line)
{
    struct pos_histogram *latency = calloc(1, sizeof *latency);
    write_text(latency);
    cr_expect(strstr(text, "1.000000000000") == NULL, "%s", text);
    cr_expect(strstr(text, "Total count    =            0]") != NULL, "%s", text);
    free(latency);
}
