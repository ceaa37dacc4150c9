/* A sweep: latency and CPU by rate, the knee, and the distribution at each rate. */
#include <math.h>
#include <string.h>

#include "bench/chart.h"
#include "bench/page_inside.h"

enum { HEIGHT = 380, CPU_HEIGHT = 240, FAN_HEIGHT = 340 };

static json_t *points_of(json_t *servers, size_t i)
{
    return json_object_get(json_array_get(servers, i), "points");
}

static void take(struct pos_chart *chart, json_t *servers, const char *key)
{
    for (size_t s = 0; s < json_array_size(servers); s++) {
        json_t *point;
        size_t i;
        json_array_foreach(points_of(servers, s), i, point)
        {
            pos_scale_take(&chart->x, pos_page_number(point, "rate"));
            pos_scale_take(&chart->y, pos_page_number(point, key));
        }
    }
}

static void draw_line(struct pos_chart *chart, json_t *points, const char *key, const char *style)
{
    json_t *point;
    size_t i;
    pos_chart_line(chart, style);
    json_array_foreach(points, i, point)
    {
        double value = pos_page_number(point, key);
        if (value > 0)
            pos_chart_point(chart, pos_page_number(point, "rate"), value);
    }
    pos_chart_line_end(chart);
}

/* Between the lowest and the highest round. */
static void draw_spread(struct pos_chart *chart, json_t *points, const char *style)
{
    size_t count = json_array_size(points);
    pos_chart_line(chart, style);
    for (size_t i = 0; i < 2 * count; i++) {
        json_t *point = json_array_get(points, i < count ? i : 2 * count - 1 - i);
        pos_chart_point(
            chart, pos_page_number(point, "rate"),
            pos_page_number(point, i < count ? "latency_p99_low_us" : "latency_p99_high_us"));
    }
    pos_chart_line_end(chart);
}

static void draw_knee(struct pos_chart *chart, json_t *server, const char *class_name)
{
    char text[64], number[POS_NUMBER_SIZE];
    double knee = pos_page_number(server, "knee_per_second");
    if (knee <= 0 || strcmp(pos_page_text(server, "role"), "subject") != 0)
        return;
    pos_html_number(number, knee);
    (void)snprintf(text, sizeof text, "knee: %s a second", number);
    pos_chart_mark(chart, class_name, knee, text);
}

static void draw_server(struct pos_chart *chart, json_t *servers, size_t i)
{
    char class_name[POS_PAGE_CLASS_SIZE], style[48];
    json_t *points = points_of(servers, i);
    pos_page_class(servers, i, class_name);
    (void)snprintf(style, sizeof style, "area %s", class_name);
    draw_spread(chart, points, style);
    (void)snprintf(style, sizeof style, "line thin %s", class_name);
    draw_line(chart, points, "latency_p50_us", style);
    (void)snprintf(style, sizeof style, "line %s", class_name);
    draw_line(chart, points, "latency_p99_us", style);
    (void)snprintf(style, sizeof style, "line dashed %s", class_name);
    draw_line(chart, points, "latency_p999_us", style);
    draw_knee(chart, json_array_get(servers, i), class_name);
}

static void draw_latency(json_t *servers, FILE *to)
{
    struct pos_chart chart = {.to = to, .height = HEIGHT};
    chart.x = pos_scale(POS_SCALE_LINEAR);
    chart.x.tight = true;
    chart.y = pos_scale(POS_SCALE_LOG);
    take(&chart, servers, "latency_p50_us");
    take(&chart, servers, "latency_p99_low_us");
    take(&chart, servers, "latency_p99_high_us");
    take(&chart, servers, "latency_p999_us");
    pos_chart_open(&chart, "latency by rate", "requests a second", pos_html_number,
                   "p50 thin, p99 strong with its spread, p99.9 dashed", pos_html_time);
    for (size_t i = 0; i < json_array_size(servers); i++)
        draw_server(&chart, servers, i);
    pos_chart_close(&chart);
}

static void draw_cpu(json_t *servers, FILE *to)
{
    struct pos_chart chart = {.to = to, .height = CPU_HEIGHT};
    char class_name[POS_PAGE_CLASS_SIZE], style[48];
    chart.x = pos_scale(POS_SCALE_LINEAR);
    chart.x.tight = true;
    chart.y = pos_scale(POS_SCALE_LINEAR);
    take(&chart, servers, "cpu_us_per_request");
    (void)fputs("<h3>CPU of the server a request</h3>\n", to);
    pos_chart_open(&chart, "server CPU a request by rate", "requests a second", pos_html_number,
                   "CPU a request", pos_html_time);
    for (size_t i = 0; i < json_array_size(servers); i++) {
        pos_page_class(servers, i, class_name);
        (void)snprintf(style, sizeof style, "line %s", class_name);
        draw_line(&chart, points_of(servers, i), "cpu_us_per_request", style);
    }
    pos_chart_close(&chart);
}

/* ---- the distribution at each rate ---- */

static void draw_curve(struct pos_chart *chart, json_t *point, const char *style)
{
    json_t *curve = json_object_get(point, "latency_curve"), *share;
    size_t i;
    pos_chart_line(chart, style);
    json_array_foreach(json_object_get(curve, "share"), i, share)
        pos_chart_point(chart, json_number_value(share),
                        json_number_value(json_array_get(json_object_get(curve, "us"), i)));
    pos_chart_line_end(chart);
}

static void take_curve(struct pos_chart *chart, json_t *point)
{
    json_t *value, *curve = json_object_get(point, "latency_curve");
    double replies = pos_page_number(point, "replies");
    size_t i;
    if (replies > 1)
        pos_scale_take(&chart->x, 1 - 1 / replies);
    json_array_foreach(json_object_get(curve, "us"), i, value)
        pos_scale_take(&chart->y, json_number_value(value));
}

static void draw_fan(json_t *server, const char *class_name, FILE *to)
{
    struct pos_chart chart = {.to = to, .height = FAN_HEIGHT};
    double knee = pos_page_number(server, "knee_per_second");
    char style[48];
    json_t *point, *points = json_object_get(server, "points");
    size_t i;
    chart.x = pos_scale(POS_SCALE_NINES);
    chart.y = pos_scale(POS_SCALE_LOG);
    json_array_foreach(points, i, point) take_curve(&chart, point);
    (void)fputs("<h3>Latency by percentile of ", to);
    pos_html_text(to, pos_page_text(server, "name"));
    (void)fputs(" at each rate, that of the knee strong</h3>\n", to);
    pos_chart_open(&chart, "latency by percentile at each rate",
                   "share of requests answered within", pos_tick_percent, "latency", pos_html_time);
    json_array_foreach(points, i, point)
    {
        bool is_knee = knee > 0 && pos_page_number(point, "rate") == knee;
        (void)snprintf(style, sizeof style, "line %s%s", is_knee ? "" : "faded ", class_name);
        draw_curve(&chart, point, style);
    }
    pos_chart_close(&chart);
}

/* ---- the table ---- */

static void write_time(FILE *to, json_t *point, const char *key)
{
    char text[POS_NUMBER_SIZE];
    pos_html_time(text, pos_page_number(point, key));
    (void)fputs("<td class=\"n\">", to);
    pos_page_data(to, pos_page_number(point, key), text);
    (void)fputs("</td>", to);
}

static void write_count(FILE *to, json_t *point, const char *key)
{
    char text[POS_NUMBER_SIZE];
    pos_html_number(text, pos_page_number(point, key));
    (void)fputs("<td class=\"n\">", to);
    pos_page_data(to, pos_page_number(point, key), text);
    (void)fputs("</td>", to);
}

static void write_point(FILE *to, json_t *point, double knee)
{
    static const char *const times[] = {"cpu_us_per_request", "latency_p50_us",   "latency_p99_us",
                                        "latency_p999_us",    "latency_p9999_us", "latency_max_us",
                                        "sent_late_p99_us"};
    bool good = json_is_true(json_object_get(point, "good"));
    bool is_knee = knee > 0 && pos_page_number(point, "rate") == knee;
    (void)fprintf(to, "<tr%s><th scope=\"row\">%.0f %%%s</th>", is_knee ? " class=\"best\"" : "",
                  pos_page_number(point, "percent"), is_knee ? ", knee" : "");
    write_count(to, point, "rate");
    write_count(to, point, "requests_per_second");
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        write_time(to, point, times[i]);
    (void)fprintf(to, "<td class=\"%s\">%s</td></tr>\n", good ? "good" : "bad",
                  good ? "✓" : "✗ not all answered");
}

static void write_table(json_t *server, FILE *to)
{
    json_t *point;
    size_t i;
    (void)fputs("<h3>", to);
    pos_html_text(to, pos_page_text(server, "name"));
    (void)fputs("</h3>\n<div class=\"wide\"><table>\n<thead><tr><th>Rate</th><th class=\"n\">asked"
                "</th><th class=\"n\">answered</th><th class=\"n\">CPU</th><th class=\"n\">p50</th>"
                "<th class=\"n\">p99</th><th class=\"n\">p99.9</th><th class=\"n\">p99.99</th>"
                "<th class=\"n\">max</th><th class=\"n\">sent late, p99</th><th></th></tr></thead>"
                "\n<tbody>\n",
                to);
    json_array_foreach(json_object_get(server, "points"), i, point)
        write_point(to, point, pos_page_number(server, "knee_per_second"));
    (void)fputs("</tbody>\n</table></div>\n", to);
}

void pos_page_sweep(json_t *report, FILE *to)
{
    json_t *servers = json_object_get(report, "sweep"), *server;
    char class_name[POS_PAGE_CLASS_SIZE];
    size_t i;
    if (json_array_size(servers) == 0)
        return;
    pos_page_section(to, "Latency by rate",
                     "At constant rates, each a share of what the gateway reaches in a closed "
                     "loop, from when each request should have gone out. The knee is the highest "
                     "rate before p99 leaves the quiet ones behind by five times, or replies fall "
                     "behind by more than one in a hundred.");
    pos_page_legend(servers, "points", to);
    draw_latency(servers, to);
    draw_cpu(servers, to);
    json_array_foreach(servers, i, server)
    {
        pos_page_class(servers, i, class_name);
        if (strcmp(pos_page_text(server, "role"), "subject") == 0)
            draw_fan(server, class_name, to);
    }
    json_array_foreach(servers, i, server) write_table(server, to);
    (void)fputs("</section>\n", to);
}
