/* What the small commands measured: times side by side on one logarithmic scale, and facts. */
#include <math.h>

#include "bench/chart.h"
#include "bench/page_inside.h"

enum { WIDTH = 320, HEIGHT = 16, EDGE = 6 };

static struct pos_scale find_scale(json_t *subjects)
{
    struct pos_scale scale = pos_scale(POS_SCALE_LOG);
    json_t *subject;
    size_t i;
    json_array_foreach(subjects, i, subject)
    {
        json_t *ns = json_object_get(subject, "ns");
        pos_scale_take(&scale, pos_page_number(ns, "low"));
        pos_scale_take(&scale, pos_page_number(ns, "high"));
    }
    bool empty = !(scale.low <= scale.high);
    scale.low = empty ? 1 : pow(10, floor(log10(scale.low)));
    scale.high = empty ? 10 : pow(10, ceil(log10(scale.high * 1.001)));
    scale.from = EDGE;
    scale.to = WIDTH - EDGE;
    return scale;
}

/* Decades as upright lines, the spread as a bar, the median as a dot. */
static void draw_range(FILE *to, const struct pos_scale *scale, json_t *ns, const char *class_name)
{
    double low = pos_scale_at(scale, pos_page_number(ns, "low"));
    double high = pos_scale_at(scale, pos_page_number(ns, "high"));
    (void)fprintf(to, "<svg role=\"img\" aria-label=\"time\" viewBox=\"0 0 %d %d\">", WIDTH,
                  HEIGHT);
    int decades = (int)lround(log10(scale->high / scale->low));
    for (int decade = 0; decade <= decades; decade++)
        (void)fprintf(to, "<path class=\"grid\" d=\"M%.1f 0 V%d\"/>",
                      pos_scale_at(scale, scale->low * pow(10, decade)), HEIGHT);
    (void)fprintf(to,
                  "<rect class=\"bar %s\" opacity=\".35\" x=\"%.1f\" y=\"5\" width=\"%.1f\" "
                  "height=\"6\"/><circle class=\"dot %s\" cx=\"%.1f\" cy=\"8\" r=\"4\"/></svg>",
                  class_name, low, high - low + 0.5, class_name,
                  pos_scale_at(scale, pos_page_number(ns, "median")));
}

static void write_floor(FILE *to, json_t *subject)
{
    char number[POS_NUMBER_SIZE];
    json_t *ratio = json_object_get(subject, "ratio");
    (void)fputs("<td>", to);
    if (ratio != NULL) {
        pos_html_number(number, pos_page_number(ratio, "median"));
        pos_page_data(to, pos_page_number(ratio, "median"), number);
        (void)fputs(" × ", to);
        pos_html_text(to, pos_page_text(subject, "floor"));
    }
    (void)fputs("</td>", to);
}

static void write_subject(FILE *to, const struct pos_scale *scale, json_t *subject)
{
    json_t *ns = json_object_get(subject, "ns");
    (void)fputs("<tr><th scope=\"row\">", to);
    pos_html_text(to, pos_page_text(subject, "name"));
    (void)fputs("</th><td class=\"n\">", to);
    pos_page_spread(to, ns, pos_html_nanoseconds);
    (void)fputs("</td><td>", to);
    draw_range(to, scale, ns, json_object_get(subject, "floor") != NULL ? "s0" : "d0");
    (void)fputs("</td>", to);
    write_floor(to, subject);
    (void)fputs("</tr>\n", to);
}

static void write_facts(json_t *facts, FILE *to)
{
    json_t *fact;
    size_t i;
    if (json_array_size(facts) == 0)
        return;
    pos_page_section(to, "Besides", "What is not taken in rounds.");
    (void)fputs("<dl>\n", to);
    json_array_foreach(facts, i, fact)
    {
        char text[POS_NUMBER_SIZE];
        double value = pos_page_number(fact, "value");
        pos_html_number(text, value);
        (void)fputs("<dt>", to);
        pos_html_text(to, pos_page_text(fact, "name"));
        (void)fputs("</dt><dd>", to);
        pos_page_data(to, value, text);
        (void)fputs(" ", to);
        pos_html_text(to, pos_page_text(fact, "unit"));
        (void)fputs("</dd>\n", to);
    }
    (void)fputs("</dl>\n</section>\n", to);
}

void pos_page_subjects(json_t *report, FILE *to)
{
    json_t *subjects = json_object_get(report, "subjects"), *subject;
    size_t i;
    if (json_array_size(subjects) == 0)
        return;
    struct pos_scale scale = find_scale(subjects);
    char low[POS_NUMBER_SIZE], high[POS_NUMBER_SIZE];
    pos_html_nanoseconds(low, scale.low);
    pos_html_nanoseconds(high, scale.high);
    pos_page_section(to, "All figures",
                     "Time of one operation: the dot is the median of the rounds, the bar reaches "
                     "from the lowest to the highest. The scale is logarithmic, a line for each "
                     "power of ten. Strong ones have a floor that bounds them, the last column.");
    (void)fputs("<div class=\"wide\"><table>\n<thead><tr><th>What</th><th class=\"n\">Time each"
                "</th><th>",
                to);
    pos_html_format(to, "%s to %s", low, high);
    (void)fputs("</th><th>to its floor</th></tr></thead>\n<tbody>\n", to);
    json_array_foreach(subjects, i, subject) write_subject(to, &scale, subject);
    (void)fputs("</tbody>\n</table></div>\n</section>\n", to);
    write_facts(json_object_get(report, "facts"), to);
}
