/* Where a chart draws what. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "bench/chart.h"

static char text[65536];

static struct pos_chart open_chart(struct pos_scale x, struct pos_scale y)
{
    memset(text, 0, sizeof text);
    struct pos_chart chart = {
        .to = fmemopen(text, sizeof text, "w"), .height = 300, .x = x, .y = y};
    pos_chart_open(&chart, "a chart", "x", pos_tick_percent, "y", pos_html_number);
    return chart;
}

static void close_chart(struct pos_chart *chart)
{
    pos_chart_close(chart);
    (void)fclose(chart->to);
}

static struct pos_scale scale_of(enum pos_scale_kind kind, double low, double high)
{
    struct pos_scale scale = pos_scale(kind);
    pos_scale_take(&scale, low);
    pos_scale_take(&scale, high);
    return scale;
}

Test(chart, each_nine_takes_as_much_room_as_the_one_before)
{
    struct pos_chart chart =
        open_chart(scale_of(POS_SCALE_NINES, 0.5, 0.99999), scale_of(POS_SCALE_LINEAR, 0, 10));
    double last = pos_scale_at(&chart.x, 0), step = 0;
    for (int nines = 1; nines <= 5; nines++) {
        double at = pos_scale_at(&chart.x, 1 - pow(10, -nines));
        cr_expect(nines == 1 || fabs(at - last - step) < 0.01, "%d nines", nines);
        step = at - last;
        last = at;
    }
    cr_expect(fabs(pos_scale_at(&chart.x, 1) - last) < 0.01, "100 %% is at the edge");
    close_chart(&chart);
    cr_expect_not_null(strstr(text, ">99.999 %</text>"));
    cr_expect_null(strstr(text, ">99.9999 %</text>"));
}

Test(chart, a_logarithm_gives_each_decade_the_same_room)
{
    struct pos_chart chart =
        open_chart(scale_of(POS_SCALE_NINES, 0.5, 0.99), scale_of(POS_SCALE_LOG, 3, 2500));
    cr_expect(chart.y.low <= 3 && chart.y.low >= 1, "%g", chart.y.low);
    cr_expect(chart.y.high >= 2500 && chart.y.high <= 5000, "%g", chart.y.high);
    double ten = pos_scale_at(&chart.y, 10), hundred = pos_scale_at(&chart.y, 100);
    double thousand = pos_scale_at(&chart.y, 1000);
    cr_expect(fabs((ten - hundred) - (hundred - thousand)) < 0.01 && ten > hundred);
    cr_expect(isfinite(pos_scale_at(&chart.y, 0)), "0 has a place, at the edge");
    close_chart(&chart);
}

Test(chart, scales_of_nothing_and_of_one_value_are_scales)
{
    static const enum pos_scale_kind kinds[] = {POS_SCALE_LINEAR, POS_SCALE_LOG};
    for (size_t i = 0; i < 2; i++) {
        struct pos_chart none = open_chart(pos_scale(POS_SCALE_NINES), pos_scale(kinds[i]));
        cr_expect(isfinite(pos_scale_at(&none.y, 1)) && isfinite(pos_scale_at(&none.x, 0.5)));
        close_chart(&none);
        struct pos_chart one = open_chart(pos_scale(POS_SCALE_NINES), scale_of(kinds[i], 100, 100));
        double at = pos_scale_at(&one.y, 100);
        cr_expect(at >= one.y.to && at <= one.y.from, "%g", at);
        close_chart(&one);
    }
}

Test(chart, a_gap_parts_a_line)
{
    struct pos_chart chart =
        open_chart(scale_of(POS_SCALE_LINEAR, 0, 10), scale_of(POS_SCALE_LINEAR, 0, 10));
    pos_chart_line(&chart, "line s0");
    pos_chart_point(&chart, 1, 1);
    pos_chart_point(&chart, 2, 2);
    pos_chart_gap(&chart);
    pos_chart_point(&chart, 4, 4);
    pos_chart_line_end(&chart);
    close_chart(&chart);
    const char *line = strstr(text, "<path class=\"line s0\"");
    cr_assert_not_null(line);
    size_t moves = 0, lines = 0;
    for (const char *at = strstr(line, "M0 0") + 4; *at != '"'; at++) {
        moves += *at == 'M';
        lines += *at == 'L';
    }
    cr_expect(moves == 2 && lines == 1, "%zu moves, %zu lines", moves, lines);
}
