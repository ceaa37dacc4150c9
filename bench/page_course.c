/* What a server did as time went on: throughput of all in one chart, latency of each in its own. */
#include <math.h>

#include "bench/chart.h"
#include "bench/page_inside.h"

enum { RATE_HEIGHT = 240, LATENCY_HEIGHT = 220 };

struct course {
    json_t *servers;
    double round_s; /* the room that a round takes, the longest one's */
    double rounds;
};

static double value_at(json_t *series, const char *column, size_t i)
{
    return json_number_value(json_array_get(json_object_get(series, column), i));
}

static size_t count_of(json_t *series)
{
    return json_array_size(json_object_get(series, "at_s"));
}

static json_t *series_of(const struct course *course, size_t server)
{
    return json_object_get(json_array_get(course->servers, server), "series");
}

static void measure_rounds(struct course *course)
{
    for (size_t s = 0; s < json_array_size(course->servers); s++) {
        json_t *series = series_of(course, s);
        for (size_t i = 0; i < count_of(series); i++) {
            double end = value_at(series, "at_s", i) + value_at(series, "length_s", i);
            course->round_s = fmax(course->round_s, end);
            course->rounds = fmax(course->rounds, value_at(series, "round", i));
        }
    }
}

/* Where the middle of an interval stands: rounds follow each other. */
static double time_of(const struct course *course, json_t *series, size_t i)
{
    return (value_at(series, "round", i) - 1) * course->round_s + value_at(series, "at_s", i) +
           value_at(series, "length_s", i) / 2;
}

/* Of an interval that is long enough to say; -1 otherwise. */
static double rate_of(json_t *series, size_t i)
{
    double length = value_at(series, "length_s", i);
    if (length < 0.5 * pos_page_number(series, "interval_s"))
        return -1;
    return value_at(series, "replies", i) / length;
}

static bool begins_round(json_t *series, size_t i)
{
    return i > 0 && value_at(series, "round", i) > value_at(series, "round", i - 1);
}

static void draw_rounds(struct pos_chart *chart, const struct course *course)
{
    for (int round = 1; round < course->rounds; round++)
        (void)fprintf(chart->to, "<path class=\"round\" d=\"M%.1f %.1f V%.1f\"/>\n",
                      pos_scale_at(&chart->x, round * course->round_s), chart->y.from, chart->y.to);
}

static void draw_rate(struct pos_chart *chart, const struct course *course, size_t server)
{
    char class_name[POS_PAGE_CLASS_SIZE], style[48];
    json_t *series = series_of(course, server);
    pos_page_class(course->servers, server, class_name);
    (void)snprintf(style, sizeof style, "line %s", class_name);
    pos_chart_line(chart, style);
    for (size_t i = 0; i < count_of(series); i++) {
        if (begins_round(series, i))
            pos_chart_gap(chart);
        if (rate_of(series, i) >= 0)
            pos_chart_point(chart, time_of(course, series, i), rate_of(series, i));
    }
    pos_chart_line_end(chart);
}

static void draw_rates(const struct course *course, FILE *to)
{
    struct pos_chart chart = {.to = to, .height = RATE_HEIGHT};
    chart.x = pos_scale(POS_SCALE_LINEAR);
    chart.y = pos_scale(POS_SCALE_LINEAR);
    chart.x.tight = true;
    pos_scale_take(&chart.x, course->rounds * course->round_s);
    for (size_t s = 0; s < json_array_size(course->servers); s++)
        for (size_t i = 0; i < count_of(series_of(course, s)); i++)
            pos_scale_take(&chart.y, rate_of(series_of(course, s), i));
    pos_chart_open(&chart, "throughput as time went on", "time in rounds, one after the other",
                   pos_tick_seconds, "replies a second", pos_html_number);
    draw_rounds(&chart, course);
    for (size_t s = 0; s < json_array_size(course->servers); s++)
        draw_rate(&chart, course, s);
    pos_chart_close(&chart);
}

/* ---- latency ---- */

static void draw_quantile(struct pos_chart *chart, const struct course *course, json_t *series,
                          const char *column, const char *style)
{
    pos_chart_line(chart, style);
    for (size_t i = 0; i < count_of(series); i++) {
        bool silent = value_at(series, "replies", i) <= 0;
        if (begins_round(series, i) || silent)
            pos_chart_gap(chart);
        if (!silent && rate_of(series, i) >= 0) /* the few of a round's end say no percentile */
            pos_chart_point(chart, time_of(course, series, i), value_at(series, column, i));
    }
    pos_chart_line_end(chart);
}

static void draw_largest(struct pos_chart *chart, const struct course *course, json_t *series,
                         const char *style)
{
    char title[64], time[POS_NUMBER_SIZE];
    for (size_t i = 0; i < count_of(series); i++) {
        double us = value_at(series, "max_us", i);
        if (us <= 0)
            continue;
        pos_html_time(time, us);
        (void)snprintf(title, sizeof title, "max %s", time);
        pos_chart_dot(chart, style, time_of(course, series, i), us, title);
    }
}

static struct pos_scale latency_scale(const struct course *course)
{
    struct pos_scale scale = pos_scale(POS_SCALE_LOG);
    for (size_t s = 0; s < json_array_size(course->servers); s++)
        for (size_t i = 0; i < count_of(series_of(course, s)); i++) {
            pos_scale_take(&scale, value_at(series_of(course, s), "p50_us", i));
            pos_scale_take(&scale, value_at(series_of(course, s), "max_us", i));
        }
    return scale;
}

static void draw_latency(const struct course *course, size_t server, FILE *to)
{
    char class_name[POS_PAGE_CLASS_SIZE], style[48];
    json_t *series = series_of(course, server);
    struct pos_chart chart = {.to = to, .height = LATENCY_HEIGHT, .y = latency_scale(course)};
    chart.x = pos_scale(POS_SCALE_LINEAR);
    chart.x.tight = true;
    pos_scale_take(&chart.x, course->rounds * course->round_s);
    (void)fputs("<h3>Latency of ", to);
    pos_html_text(to, pos_page_text(json_array_get(course->servers, server), "name"));
    (void)fputs("</h3>\n", to);
    pos_chart_open(&chart, "latency as time went on", "time in rounds, one after the other",
                   pos_tick_seconds, "p50 thin, p99 strong, largest as dots", pos_html_time);
    draw_rounds(&chart, course);
    pos_page_class(course->servers, server, class_name);
    (void)snprintf(style, sizeof style, "line thin %s", class_name);
    draw_quantile(&chart, course, series, "p50_us", style);
    (void)snprintf(style, sizeof style, "line %s", class_name);
    draw_quantile(&chart, course, series, "p99_us", style);
    (void)snprintf(style, sizeof style, "dot %s", class_name);
    draw_largest(&chart, course, series, style);
    pos_chart_close(&chart);
}

void pos_page_course(json_t *report, FILE *to)
{
    struct course course = {.servers = pos_page_all(report)};
    measure_rounds(&course);
    if (course.rounds < 1)
        return;
    pos_page_section(to, "As time went on",
                     "By the time at which replies came, round after round; rounds are parted by a "
                     "line, since the other servers had their turn between them. Where a server "
                     "stood still, nothing comes, and then what waited.");
    pos_page_legend(course.servers, "series", to);
    draw_rates(&course, to);
    for (size_t s = 0; s < json_array_size(course.servers); s++)
        draw_latency(&course, s, to);
    (void)fputs("</section>\n", to);
}
