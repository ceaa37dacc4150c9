/* What was to be reached: the checks of the small commands, and latencies that --slo states. */
#include <string.h>

#include "bench/page_inside.h"

enum { BULLET_WIDTH = 260, BULLET_HEIGHT = 20 };

/* One thing that has a target. */
struct target {
    const char *name;
    double median, low, high, limit;
    bool at_least, met;
    void (*write)(char *, double);
};

/* A bar to the median, the rounds' spread, and a line where the target is. */
static void draw_bullet(const struct target *of, FILE *to)
{
    double end = of->high > of->limit ? of->high : of->limit;
    double scale = end > 0 ? BULLET_WIDTH / (1.08 * end) : 0;
    (void)fprintf(to, "<svg role=\"img\" viewBox=\"0 0 %d %d\"><title>", BULLET_WIDTH,
                  BULLET_HEIGHT);
    pos_html_format(to, "%s, median %.4g, rounds %.4g to %.4g, target %.4g", of->name, of->median,
                    of->low, of->high, of->limit);
    (void)fprintf(to,
                  "</title><rect class=\"track\" x=\"0\" y=\"3\" width=\"%d\" height=\"14\"/>"
                  "<rect class=\"bar s0\" x=\"0\" y=\"6\" width=\"%.1f\" height=\"8\"/>",
                  BULLET_WIDTH, of->median * scale);
    (void)fprintf(to, "<path class=\"whisker\" d=\"M%.1f 10 H%.1f M%.1f 7 V13 M%.1f 7 V13\"/>",
                  of->low * scale, of->high * scale, of->low * scale, of->high * scale);
    if (of->limit > 0)
        (void)fprintf(to, "<path class=\"target%s\" d=\"M%.1f 0 V%d\"/>", of->met ? " met" : "",
                      of->limit * scale, BULLET_HEIGHT);
    (void)fputs("</svg>", to);
}

static void write_verdict(const struct target *of, FILE *to)
{
    char limit[POS_NUMBER_SIZE];
    of->write(limit, of->limit);
    if (of->limit <= 0) {
        (void)fputs("<td>none</td><td></td>", to);
        return;
    }
    (void)fprintf(to, "<td>at %s ", of->at_least ? "least" : "most");
    pos_page_data(to, of->limit, limit);
    (void)fprintf(to, "</td><td class=\"%s\">%s</td>", of->met ? "good" : "bad",
                  of->met ? "✓ met" : "✗ missed");
}

static void write_row(const struct target *of, json_t *value, FILE *to)
{
    (void)fputs("<tr><th scope=\"row\">", to);
    pos_html_text(to, of->name);
    (void)fputs("</th><td class=\"n\">", to);
    pos_page_spread(to, value, of->write);
    (void)fputs("</td><td>", to);
    draw_bullet(of, to);
    (void)fputs("</td>", to);
    write_verdict(of, to);
    (void)fputs("</tr>\n", to);
}

static struct target target_of_check(json_t *check)
{
    json_t *value = json_object_get(check, "value");
    bool is_time = strcmp(pos_page_text(check, "unit"), "ns") == 0;
    return (struct target){.name = pos_page_text(check, "name"),
                           .median = pos_page_number(value, "median"),
                           .low = pos_page_number(value, "low"),
                           .high = pos_page_number(value, "high"),
                           .limit = pos_page_number(check, "limit"),
                           .at_least = strcmp(pos_page_text(check, "sense"), "at least") == 0,
                           .met = json_is_true(json_object_get(check, "met")),
                           .write = is_time ? pos_html_nanoseconds : pos_html_ratio};
}

static void write_checks(json_t *checks, FILE *to)
{
    json_t *check;
    size_t i;
    json_array_foreach(checks, i, check)
    {
        struct target target = target_of_check(check);
        write_row(&target, json_object_get(check, "value"), to);
    }
}

/* A limit on latency is held against all rounds together: it has no spread. */
static void write_slo(json_t *limits, FILE *to)
{
    json_t *limit;
    size_t i;
    json_array_foreach(limits, i, limit)
    {
        char name[64], reached[POS_NUMBER_SIZE];
        double value = pos_page_number(limit, "reached_us");
        (void)snprintf(name, sizeof name, "latency %.20s, all rounds",
                       pos_page_text(limit, "name"));
        struct target target = {.name = name,
                                .median = value,
                                .low = value,
                                .high = value,
                                .limit = pos_page_number(limit, "below_us"),
                                .met = json_is_true(json_object_get(limit, "met")),
                                .write = pos_html_time};
        pos_html_time(reached, value);
        (void)fputs("<tr><th scope=\"row\">", to);
        pos_html_text(to, name);
        (void)fputs("</th><td class=\"n\">", to);
        pos_page_data(to, value, reached);
        (void)fputs("</td><td>", to);
        draw_bullet(&target, to);
        (void)fputs("</td>", to);
        write_verdict(&target, to);
        (void)fputs("</tr>\n", to);
    }
}

void pos_page_targets(json_t *report, FILE *to)
{
    json_t *checks = json_object_get(report, "checks"), *slo = json_object_get(report, "slo");
    if (json_array_size(checks) + json_array_size(slo) == 0)
        return;
    pos_page_section(to, "Targets",
                     "The bar is the median of the rounds, the line across its end the spread from "
                     "the lowest round to the highest, the upright line the target.");
    (void)fputs("<div class=\"wide\"><table>\n<thead><tr><th>What</th><th class=\"n\">Reached</th>"
                "<th></th><th>Target</th><th></th></tr></thead>\n<tbody>\n",
                to);
    write_checks(checks, to);
    write_slo(slo, to);
    (void)fputs("</tbody>\n</table></div>\n</section>\n", to);
}
