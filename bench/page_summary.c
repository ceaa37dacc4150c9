/* The figures one looks for first, large. */
#include <string.h>

#include "bench/page_inside.h"

/* A tile: what, how much, and the spread. `summary` has median, low and high. */
static void write_tile(FILE *to, const char *what, json_t *summary, void (*write)(char *, double))
{
    (void)fputs("<div><span>", to);
    pos_html_text(to, what);
    (void)fputs("</span><b>", to);
    char text[POS_NUMBER_SIZE];
    write(text, pos_page_number(summary, "median"));
    pos_page_data(to, pos_page_number(summary, "median"), text);
    (void)fputs("</b><small>", to);
    write(text, pos_page_number(summary, "low"));
    pos_html_format(to, "%s – ", text);
    write(text, pos_page_number(summary, "high"));
    pos_html_text(to, text);
    (void)fputs("</small></div>\n", to);
}

static void write_bytes(char *text, double value)
{
    char number[POS_NUMBER_SIZE];
    pos_html_number(number, value);
    (void)snprintf(text, POS_NUMBER_SIZE, "%.24s B", number);
}

/* What the page is about: the first subject, or where all are denominators the first of them. */
static json_t *main_server(json_t *servers)
{
    json_t *server;
    size_t i;
    json_array_foreach(servers, i, server)
    {
        if (strcmp(pos_page_text(server, "role"), "subject") == 0)
            return server;
    }
    return json_array_get(servers, 0);
}

static void write_about(FILE *to, const char *what)
{
    (void)fputs("<p class=\"about\">", to);
    pos_html_text(to, what);
    (void)fputs(": medians of the rounds, and all rounds between</p>\n<div class=\"tiles\">\n", to);
}

/* The server's CPU to that of the first one. */
static void write_ratio(json_t *report, json_t *server, FILE *to)
{
    json_t *ratio;
    size_t i;
    json_array_foreach(json_object_get(report, "cpu_ratios"), i, ratio)
    {
        char what[128];
        if (strcmp(pos_page_text(ratio, "of"), pos_page_text(server, "name")) != 0)
            continue;
        (void)snprintf(what, sizeof what, "CPU to %s", pos_page_text(ratio, "to"));
        write_tile(to, what, ratio, pos_html_ratio);
        return;
    }
}

static void write_server(json_t *report, json_t *server, FILE *to)
{
    static const struct {
        const char *key, *what;
        void (*write)(char *, double);
    } tiles[] = {
        {"cpu_us_per_request", "server CPU a request", pos_html_time},
        {"requests_per_second", "requests a second", pos_html_number},
        {"latency_p50_us", "p50", pos_html_time},
        {"latency_p99_us", "p99", pos_html_time},
        {"latency_p999_us", "p99.9", pos_html_time},
        {"latency_p9999_us", "p99.99", pos_html_time},
        {"latency_max_us", "max", pos_html_time},
        {"bytes_connected", "a connection that has connected", write_bytes},
        {"bytes_used", "a connection after a request", write_bytes},
    };
    write_about(to, pos_page_text(server, "name"));
    write_ratio(report, server, to);
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
        json_t *summary = json_object_get(server, tiles[i].key);
        if (pos_page_number(summary, "high") > 0)
            write_tile(to, tiles[i].what, summary, tiles[i].write);
    }
    (void)fputs("</div>\n", to);
}

static void write_plain_tile(FILE *to, const char *what, double value, const char *shown)
{
    (void)fprintf(to, "<div><span>%s</span><b>", what);
    pos_page_data(to, value, shown);
    (void)fputs("</b></div>\n", to);
}

/* Of a sweep: where the knee is, and what holds there. */
static void write_knee(json_t *report, json_t *server, FILE *to)
{
    double knee = pos_page_number(server, "knee_per_second");
    double closed = pos_page_number(report, "closed_loop_per_second");
    char text[POS_NUMBER_SIZE];
    json_t *point;
    size_t i;
    write_about(to, pos_page_text(server, "name"));
    pos_html_number(text, knee);
    write_plain_tile(to, "knee, requests a second", knee, knee > 0 ? text : "none");
    pos_html_number(text, closed);
    write_plain_tile(to, "closed loop, requests a second", closed, text);
    json_array_foreach(json_object_get(server, "points"), i, point)
    {
        double p99 = pos_page_number(point, "latency_p99_us");
        if (knee <= 0 || pos_page_number(point, "rate") != knee)
            continue;
        pos_html_time(text, p99);
        write_plain_tile(to, "p99 at the knee", p99, text);
        pos_html_time(text, pos_page_number(point, "latency_p999_us"));
        write_plain_tile(to, "p99.9 at the knee", pos_page_number(point, "latency_p999_us"), text);
    }
    (void)fputs("</div>\n", to);
}

static void write_checks(json_t *checks, FILE *to)
{
    enum { TILES_MAX = 8 };
    json_t *check;
    size_t i;
    write_about(to, "What this command is for");
    json_array_foreach(checks, i, check)
    {
        bool is_time = strcmp(pos_page_text(check, "unit"), "ns") == 0;
        if (i < TILES_MAX)
            write_tile(to, pos_page_text(check, "name"), json_object_get(check, "value"),
                       is_time ? pos_html_nanoseconds : pos_html_ratio);
    }
    (void)fputs("</div>\n", to);
}

void pos_page_summary(json_t *report, FILE *to)
{
    json_t *checks = json_object_get(report, "checks");
    json_t *sweep = json_object_get(report, "sweep"), *servers = json_object_get(report, "servers");
    if (json_array_size(sweep) > 0)
        write_knee(report, main_server(sweep), to);
    else if (json_array_size(servers) > 0)
        write_server(report, main_server(servers), to);
    else if (json_array_size(checks) > 0)
        write_checks(checks, to);
}
