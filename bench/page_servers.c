/* All figures of servers: median and spread, and each round as a dot. */
#include "bench/page_inside.h"

enum { STRIP_WIDTH = 130, STRIP_HEIGHT = 16 };

struct measure {
    const char *key, *name;
    void (*write)(char *, double);
};

static const struct measure measures[] = {
    {"cpu_us_per_request", "server CPU a request", pos_html_time},
    {"requests_per_second", "requests a second", pos_html_number},
    {"latency_p50_us", "latency p50", pos_html_time},
    {"latency_p99_us", "latency p99", pos_html_time},
    {"latency_p999_us", "latency p99.9", pos_html_time},
    {"latency_p9999_us", "latency p99.99", pos_html_time},
    {"latency_max_us", "latency max", pos_html_time},
    {"sent_late_p99_us", "sent late, p99", pos_html_time},
    {"server_busy_percent", "server's core busy, %", pos_html_number},
    {"load_busy_percent", "load's core busy, %", pos_html_number},
    {"bytes_connected", "bytes a connection, connected", pos_html_number},
    {"bytes_used", "bytes a connection, after a request", pos_html_number},
};

/* From the lowest to the highest round of all servers, so that strips of a row are comparable. */
static void find_ends(json_t *servers, const char *key, double *low, double *high)
{
    json_t *server;
    size_t i;
    *low = *high = 0;
    json_array_foreach(servers, i, server)
    {
        json_t *summary = json_object_get(server, key);
        double below = pos_page_number(summary, "low"), above = pos_page_number(summary, "high");
        *low = i == 0 || below < *low ? below : *low;
        *high = above > *high ? above : *high;
    }
}

static void draw_strip(FILE *to, json_t *rounds, const char *class_name, double low, double high)
{
    json_t *value;
    size_t i;
    double scale = high > low ? (STRIP_WIDTH - 10) / (high - low) : 0;
    (void)fprintf(to,
                  "<svg class=\"strip\" role=\"img\" aria-label=\"rounds\" viewBox=\"0 0 %d %d\">"
                  "<path class=\"grid\" d=\"M0 8 H%d\"/>",
                  STRIP_WIDTH, STRIP_HEIGHT, STRIP_WIDTH);
    json_array_foreach(rounds, i, value)(void) fprintf(
        to,
        "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"8\" r=\"3\"><title>round %zu: "
        "%.6g</title></circle>",
        class_name, 5 + (json_number_value(value) - low) * scale, i + 1, json_number_value(value));
    (void)fputs("</svg>", to);
}

static void write_cell(FILE *to, json_t *servers, size_t i, const struct measure *measure)
{
    char class_name[POS_PAGE_CLASS_SIZE];
    json_t *summary = json_object_get(json_array_get(servers, i), measure->key);
    json_t *rounds = json_object_get(summary, "rounds");
    double low, high;
    if (pos_page_number(summary, "high") <= 0) {
        (void)fputs("<td>not known</td>", to);
        return;
    }
    (void)fputs("<td>", to);
    pos_page_spread(to, summary, measure->write);
    find_ends(servers, measure->key, &low, &high);
    pos_page_class(servers, i, class_name);
    if (json_array_size(rounds) > 1)
        draw_strip(to, rounds, class_name, low, high);
    (void)fputs("</td>", to);
}

static void write_rows(json_t *servers, FILE *to)
{
    double low, high;
    for (size_t m = 0; m < sizeof measures / sizeof measures[0]; m++) {
        find_ends(servers, measures[m].key, &low, &high);
        if (high <= 0)
            continue;
        (void)fprintf(to, "<tr><th scope=\"row\">%s</th>", measures[m].name);
        for (size_t i = 0; i < json_array_size(servers); i++)
            write_cell(to, servers, i, &measures[m]);
        (void)fputs("</tr>\n", to);
    }
}

/* Measured once, when the first round connects. */
static void write_memory(json_t *servers, FILE *to)
{
    json_t *server;
    size_t i;
    bool known = false;
    json_array_foreach(servers, i, server) known =
        known || json_is_number(json_object_get(server, "memory_bytes_per_connection"));
    if (!known)
        return;
    (void)fputs("<tr><th scope=\"row\">bytes a connection</th>", to);
    json_array_foreach(servers, i, server)
    {
        char text[POS_NUMBER_SIZE];
        double bytes = pos_page_number(server, "memory_bytes_per_connection");
        pos_html_number(text, bytes);
        (void)fputs("<td>", to);
        if (json_is_number(json_object_get(server, "memory_bytes_per_connection")))
            pos_page_data(to, bytes, text);
        else
            (void)fputs("not known", to);
        (void)fputs("</td>", to);
    }
    (void)fputs("</tr>\n", to);
}

/* Where the load was at its end before the server, figures are of the load. */
static void write_bound(json_t *servers, FILE *to)
{
    json_t *server;
    size_t i;
    json_array_foreach(servers, i, server)
    {
        if (!json_is_true(json_object_get(server, "load_bound")))
            continue;
        (void)fputs("<p class=\"bad\">", to);
        pos_html_text(to, pos_page_text(server, "name"));
        (void)fputs(" could have done more: the load was at its end, and throughput and latency "
                    "say more of it than of the server</p>\n",
                    to);
    }
}

void pos_page_servers(json_t *report, FILE *to)
{
    json_t *servers = json_object_get(report, "servers"), *server;
    size_t i;
    if (json_array_size(servers) == 0)
        return;
    pos_page_section(to, "All figures",
                     "Median of the rounds; below it the lowest and the highest round, and each "
                     "round as a dot, on one scale for all servers.");
    write_bound(servers, to);
    (void)fputs("<div class=\"wide\"><table>\n<thead><tr><th></th>", to);
    json_array_foreach(servers, i, server)
    {
        (void)fputs("<th>", to);
        pos_html_text(to, pos_page_text(server, "name"));
        (void)fputs("</th>", to);
    }
    (void)fputs("</tr></thead>\n<tbody>\n", to);
    write_rows(servers, to);
    write_memory(servers, to);
    (void)fputs("</tbody>\n</table></div>\n</section>\n", to);
}
