/* Latency by percentile, on an axis where each nine takes as much room as the one before it. */
#include <math.h>

#include "bench/chart.h"
#include "bench/page_inside.h"

enum { HEIGHT = 400 };

/* The share up to which `count` values say anything: the largest of them. */
static double last_share(double count)
{
    return count > 1 ? 1 - 1 / count : 0.5;
}

static void take_curve(struct pos_chart *chart, json_t *server)
{
    json_t *value, *curve = json_object_get(server, "latency_curve");
    double count = pos_page_number(json_object_get(server, "latency"), "count");
    size_t i;
    if (count > 0)
        pos_scale_take(&chart->x, last_share(count));
    json_array_foreach(json_object_get(curve, "us"), i, value)
        pos_scale_take(&chart->y, json_number_value(value));
}

static void draw_curve(struct pos_chart *chart, json_t *server, const char *class_name)
{
    char style[48];
    json_t *curve = json_object_get(server, "latency_curve"), *share;
    double last = last_share(pos_page_number(json_object_get(server, "latency"), "count"));
    size_t i;
    (void)snprintf(style, sizeof style, "line %s", class_name);
    pos_chart_line(chart, style);
    json_array_foreach(json_object_get(curve, "share"), i, share)
    {
        double at = json_number_value(share);
        double us = json_number_value(json_array_get(json_object_get(curve, "us"), i));
        pos_chart_point(chart, at < last ? at : last, us);
    }
    pos_chart_line_end(chart);
}

/* The percentiles that people name, to be pointed at. */
static void draw_names(struct pos_chart *chart, json_t *server, const char *class_name)
{
    static const struct {
        const char *key, *name;
        double share;
    } points[] = {{"p50_us", "p50", 0.5},
                  {"p90_us", "p90", 0.9},
                  {"p99_us", "p99", 0.99},
                  {"p999_us", "p99.9", 0.999},
                  {"p9999_us", "p99.99", 0.9999}};
    json_t *latency = json_object_get(server, "latency");
    char style[48], title[160], time[POS_NUMBER_SIZE];
    (void)snprintf(style, sizeof style, "dot %s", class_name);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        double us = pos_page_number(latency, points[i].key);
        if (points[i].share > last_share(pos_page_number(latency, "count")))
            return;
        pos_html_time(time, us);
        (void)snprintf(title, sizeof title, "%.80s: %s %s", pos_page_text(server, "name"),
                       points[i].name, time);
        pos_chart_dot(chart, style, points[i].share, us, title);
    }
}

/* What --slo allows: a short line at its percentile. */
static void draw_slo(struct pos_chart *chart, json_t *report)
{
    json_t *limit;
    size_t i;
    json_array_foreach(json_object_get(report, "slo"), i, limit)
    {
        bool met = json_is_true(json_object_get(limit, "met"));
        double share = pos_page_number(limit, "share"), us = pos_page_number(limit, "below_us");
        double x = pos_scale_at(&chart->x, share), y = pos_scale_at(&chart->y, us);
        (void)fprintf(chart->to, "<path class=\"target%s\" d=\"M%.1f %.1f h36\"/>",
                      met ? " met" : "", x - 18, y);
        (void)fprintf(chart->to,
                      "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" "
                      "y=\"%.1f\">",
                      x, y - 6);
        pos_html_format(chart->to, "%s limit", pos_page_text(limit, "name"));
        (void)fputs("</text>\n", chart->to);
    }
}

static void take_slo(struct pos_chart *chart, json_t *report)
{
    json_t *limit;
    size_t i;
    json_array_foreach(json_object_get(report, "slo"), i, limit)
    {
        pos_scale_take(&chart->y, pos_page_number(limit, "below_us"));
        if (pos_page_number(limit, "share") < 1)
            pos_scale_take(&chart->x, pos_page_number(limit, "share"));
    }
}

static void draw(json_t *report, json_t *servers, FILE *to)
{
    struct pos_chart chart = {
        .to = to, .height = HEIGHT, .x = pos_scale(POS_SCALE_NINES), .y = pos_scale(POS_SCALE_LOG)};
    char class_name[POS_PAGE_CLASS_SIZE];
    json_t *server;
    size_t i;
    json_array_foreach(servers, i, server) take_curve(&chart, server);
    take_slo(&chart, report);
    pos_chart_open(&chart, "latency by percentile", "share of requests answered within",
                   pos_tick_percent, "latency", pos_html_time);
    draw_slo(&chart, report);
    json_array_foreach(servers, i, server)
    {
        pos_page_class(servers, i, class_name);
        draw_curve(&chart, server, class_name);
        draw_names(&chart, server, class_name);
    }
    pos_chart_close(&chart);
}

void pos_page_latency(json_t *report, FILE *to)
{
    json_t *servers = pos_page_all(report);
    if (json_object_get(json_array_get(servers, 0), "latency_curve") == NULL)
        return;
    pos_page_section(
        to, "Latency by percentile",
        json_is_true(json_object_get(json_array_get(servers, 0), "open_loop"))
            ? "Of all rounds together, from when each request should have gone out, so a server "
              "that stalls is charged with everybody who would have come meanwhile. Both axes are "
              "logarithmic; values are off by less than 0.8 %."
            : "Of all rounds together. Both axes are logarithmic; values are off by less than 0.8 "
              "%. In a closed loop latency is from sending, and a slow server is asked less: state "
              "a --rate to see what users would.");
    pos_page_legend(servers, "latency_curve", to);
    draw(report, servers, to);
    (void)fputs("</section>\n", to);
}
