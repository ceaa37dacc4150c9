/* CPU time of one server to that of another: bars with their spread, the noise, the limit. */
#include <string.h>

#include "bench/page_inside.h"

enum { WIDTH = 960, LEFT = 330, RIGHT = 130, ROW = 34, TOP = 26 };

struct scale {
    double end; /* ratio at the right edge */
};

static double at(const struct scale *scale, double ratio)
{
    return LEFT + ratio / scale->end * (WIDTH - LEFT - RIGHT);
}

/* One server against itself, as --aa measures it. */
static bool is_noise(json_t *ratio)
{
    const char *of = pos_page_text(ratio, "of"), *to = pos_page_text(ratio, "to");
    size_t size = strlen(to);
    return strncmp(of, to, size) == 0 && strcmp(of + size, " again") == 0;
}

static json_t *find_noise(json_t *ratios)
{
    json_t *ratio;
    size_t i;
    json_array_foreach(ratios, i, ratio)
    {
        if (is_noise(ratio))
            return ratio;
    }
    return NULL;
}

static struct scale find_scale(json_t *ratios, double limit)
{
    struct scale scale = {.end = limit > 1 ? limit : 1};
    json_t *ratio;
    size_t i;
    json_array_foreach(ratios, i, ratio)
    {
        double high = pos_page_number(ratio, "high");
        scale.end = high > scale.end ? high : scale.end;
    }
    scale.end *= 1.04;
    return scale;
}

static void draw_bar(const struct scale *scale, json_t *ratio, size_t row, const char *class_name,
                     FILE *to)
{
    char text[POS_NUMBER_SIZE];
    double y = TOP + (double)row * ROW, median = pos_page_number(ratio, "median");
    double low = at(scale, pos_page_number(ratio, "low"));
    double high = at(scale, pos_page_number(ratio, "high"));
    (void)fprintf(to, "<text class=\"label\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">", LEFT - 12,
                  y + 19);
    pos_html_format(to, "%s ÷ %s", pos_page_text(ratio, "of"), pos_page_text(ratio, "to"));
    (void)fprintf(to,
                  "</text><rect class=\"bar %s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" "
                  "height=\"18\"/>",
                  class_name, LEFT, y + 6, at(scale, median) - LEFT);
    (void)fprintf(to,
                  "<path class=\"whisker\" d=\"M%.1f %.1f H%.1f M%.1f %.1f v8 M%.1f %.1f v8\"/>",
                  low, y + 15, high, low, y + 11, high, y + 11);
    pos_html_number(text, median);
    (void)fprintf(to, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">%s ×</text>\n", high + 10,
                  y + 19, text);
}

/* Of the server that the ratio is about. */
static void class_of(json_t *servers, json_t *ratio, char class_name[POS_PAGE_CLASS_SIZE])
{
    json_t *server;
    size_t i;
    (void)snprintf(class_name, POS_PAGE_CLASS_SIZE, "d0");
    json_array_foreach(servers, i, server)
    {
        if (strcmp(pos_page_text(server, "name"), pos_page_text(ratio, "of")) == 0)
            pos_page_class(servers, i, class_name);
    }
}

static void draw_band(const struct scale *scale, json_t *noise, double bottom, FILE *to)
{
    double low = at(scale, pos_page_number(noise, "low"));
    double high = at(scale, pos_page_number(noise, "high"));
    (void)fprintf(to,
                  "<rect class=\"noise\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\">"
                  "<title>noise</title></rect>",
                  low, TOP - 4, high - low, bottom - TOP + 4);
}

static void draw_lines(const struct scale *scale, double limit, double bottom, FILE *to)
{
    (void)fprintf(to,
                  "<path class=\"base\" d=\"M%.1f %d V%.1f\"/><text class=\"tick\" "
                  "text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">1 ×</text>\n",
                  at(scale, 1), TOP - 4, bottom, at(scale, 1), TOP - 10);
    if (limit <= 0)
        return;
    (void)fprintf(to,
                  "<path class=\"target\" d=\"M%.1f %d V%.1f\"/><text class=\"tick\" "
                  "text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">at most %.3g ×</text>\n",
                  at(scale, limit), TOP - 4, bottom, at(scale, limit), bottom + 14, limit);
}

void pos_page_ratios(json_t *report, FILE *to)
{
    json_t *ratios = json_object_get(report, "cpu_ratios"), *noise = find_noise(ratios), *ratio;
    double limit = pos_page_number(report, "ratio_max");
    struct scale scale = find_scale(ratios, limit);
    double bottom = TOP + (double)json_array_size(ratios) * ROW;
    char class_name[POS_PAGE_CLASS_SIZE];
    size_t i;
    if (json_array_size(ratios) == 0)
        return;
    pos_page_section(to, "Server CPU, one to the other",
                     "CPU time a request, divided round by round: the bar is the median, the line "
                     "across its end reaches from the lowest round to the highest. Ratios hold "
                     "across machines and busy hours; microseconds do not.");
    (void)fprintf(to, "<svg role=\"img\" aria-label=\"ratios\" viewBox=\"0 0 %d %.0f\">\n", WIDTH,
                  bottom + 20);
    if (noise != NULL)
        draw_band(&scale, noise, bottom, to);
    json_array_foreach(ratios, i, ratio)
    {
        class_of(json_object_get(report, "servers"), ratio, class_name);
        draw_bar(&scale, ratio, i, class_name, to);
    }
    draw_lines(&scale, limit, bottom, to);
    (void)fputs("</svg>\n", to);
    (void)fprintf(to, "<p class=\"why\">%s</p>\n</section>\n",
                  noise != NULL ? "The grey band is one server against itself, another process of "
                                  "the same: a ratio is not known better than that."
                                : "How far a ratio may be off by chance, --aa shows: one server "
                                  "against itself.");
}
