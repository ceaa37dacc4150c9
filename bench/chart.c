#include "bench/chart.h"

#include <math.h>

enum { LEFT = 68, RIGHT = 18, TOP = 18, BOTTOM = 44, TICK_COUNT_MAX = 40, TICK_GAP = 44 };

/* ---- scales ---- */

struct pos_scale pos_scale(enum pos_scale_kind kind)
{
    return (struct pos_scale){.kind = kind, .low = kind == POS_SCALE_LOG ? INFINITY : 0};
}

void pos_scale_take(struct pos_scale *scale, double value)
{
    if (!isfinite(value) || (scale->kind == POS_SCALE_LOG && value <= 0))
        return;
    if (value < scale->low)
        scale->low = value;
    if (value > scale->high)
        scale->high = value;
}

static double along(const struct pos_scale *scale, double value)
{
    switch (scale->kind) {
    case POS_SCALE_LOG:
        return log10(value > scale->low ? value : scale->low);
    case POS_SCALE_NINES:
        return -log10(1 - (value < scale->high ? value : scale->high));
    default:
        return value;
    }
}

double pos_scale_at(const struct pos_scale *scale, double value)
{
    double low = along(scale, scale->low), high = along(scale, scale->high);
    return scale->from + (along(scale, value) - low) / (high - low) * (scale->to - scale->from);
}

/* 1, 2 or 5 times a power of ten, at least `least`. */
static double round_step(double least)
{
    double decade = pow(10, floor(log10(least)));
    double times = least / decade;
    return decade * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

/* Whether a mark of a logarithmic axis is written: all of 1, 2 and 5 where there are few decades.
 */
static bool is_written(const struct pos_scale *scale, double digit)
{
    double decades = log10(scale->high / scale->low);
    return digit == 1 || (decades < 3.2 && (digit == 2 || digit == 5));
}

/* Makes it span whole ticks, and never nothing. */
static void widen(struct pos_scale *scale)
{
    static const double digits[] = {1, 2, 5, 10};
    if (scale->kind == POS_SCALE_NINES) {
        scale->high = scale->high < 0.9 ? 0.9 : scale->high;
        return;
    }
    if (scale->kind == POS_SCALE_LINEAR) {
        double high = scale->high > 0 ? scale->high : 1;
        double step = round_step(high / 5);
        scale->high = scale->tight ? high * 1.01 : step * ceil(high * 1.02 / step);
        return;
    }
    if (!(scale->low <= scale->high)) {
        scale->low = 1;
        scale->high = 10;
    }
    double under = pow(10, floor(log10(scale->low))), over = pow(10, floor(log10(scale->high)));
    for (size_t i = 4; i-- > 0;)
        if (under * digits[i] <= scale->low * 0.97) {
            under *= digits[i];
            break;
        }
    size_t i = 0;
    while (i < 3 && over * digits[i] < scale->high * 1.03)
        i++;
    scale->low = under;
    scale->high = over * digits[i];
}

/* ---- axes ---- */

struct ticks {
    size_t count;
    double values[TICK_COUNT_MAX];
    bool written[TICK_COUNT_MAX];
};

static void add_tick(const struct pos_scale *scale, struct ticks *ticks, double value, bool written)
{
    double slack = 1e-9 * scale->high;
    if (ticks->count == TICK_COUNT_MAX || value < scale->low - slack || value > scale->high + slack)
        return;
    ticks->values[ticks->count] = value;
    ticks->written[ticks->count++] = written;
}

static void find_ticks(const struct pos_scale *scale, struct ticks *ticks)
{
    ticks->count = 0;
    if (scale->kind == POS_SCALE_LINEAR) {
        double fewest = fabs(scale->to - scale->from) / TICK_GAP;
        double step = round_step(scale->high / (fewest > 10 ? 10 : fewest));
        for (int i = 0; i * step <= scale->high * 1.0001; i++)
            add_tick(scale, ticks, i * step, true);
        return;
    }
    if (scale->kind == POS_SCALE_NINES) {
        add_tick(scale, ticks, 0, true);
        add_tick(scale, ticks, 0.5, true);
        for (int nines = 1; nines < 12; nines++)
            add_tick(scale, ticks, 1 - pow(10, -nines), true);
        return;
    }
    int last = (int)floor(log10(scale->high));
    for (int decade = (int)floor(log10(scale->low)); decade <= last; decade++)
        for (int digit = 1; digit < 10; digit++)
            add_tick(scale, ticks, pow(10, decade) * digit, is_written(scale, digit));
}

void pos_tick_percent(char *text, double share)
{
    (void)snprintf(text, POS_NUMBER_SIZE, "%.10g %%", 100 * share);
}

void pos_tick_seconds(char *text, double seconds)
{
    (void)snprintf(text, POS_NUMBER_SIZE, "%.6g s", seconds);
}

static void draw_x(struct pos_chart *chart, const char *name, pos_tick_text write)
{
    struct ticks ticks;
    char text[POS_NUMBER_SIZE];
    double bottom = chart->height - BOTTOM;
    find_ticks(&chart->x, &ticks);
    for (size_t i = 0; i < ticks.count; i++) {
        double x = pos_scale_at(&chart->x, ticks.values[i]);
        (void)fprintf(chart->to, "<path class=\"grid%s\" d=\"M%.1f %d V%.1f\"/>",
                      ticks.written[i] ? "" : " minor", x, TOP, bottom);
        if (!ticks.written[i])
            continue;
        write(text, ticks.values[i]);
        (void)fprintf(chart->to,
                      "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">", x,
                      bottom + 16);
        pos_html_text(chart->to, text);
        (void)fputs("</text>\n", chart->to);
    }
    (void)fprintf(chart->to, "<text class=\"axis\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">",
                  POS_CHART_WIDTH - RIGHT, chart->height - 8);
    pos_html_text(chart->to, name);
    (void)fputs("</text>\n", chart->to);
}

static void draw_y(struct pos_chart *chart, const char *name, pos_tick_text write)
{
    struct ticks ticks;
    char text[POS_NUMBER_SIZE];
    find_ticks(&chart->y, &ticks);
    for (size_t i = 0; i < ticks.count; i++) {
        double y = pos_scale_at(&chart->y, ticks.values[i]);
        (void)fprintf(chart->to, "<path class=\"grid%s\" d=\"M%d %.1f H%d\"/>",
                      ticks.written[i] ? "" : " minor", LEFT, y, POS_CHART_WIDTH - RIGHT);
        if (!ticks.written[i])
            continue;
        write(text, ticks.values[i]);
        (void)fprintf(chart->to, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">",
                      LEFT - 8, y + 4);
        pos_html_text(chart->to, text);
        (void)fputs("</text>\n", chart->to);
    }
    (void)fprintf(chart->to, "<text class=\"axis\" x=\"%d\" y=\"%d\">", LEFT, TOP - 6);
    pos_html_text(chart->to, name);
    (void)fputs("</text>\n", chart->to);
}

void pos_chart_open(struct pos_chart *chart, const char *label, const char *x_name,
                    pos_tick_text x_text, const char *y_name, pos_tick_text y_text)
{
    widen(&chart->x);
    widen(&chart->y);
    chart->x.from = LEFT;
    chart->x.to = POS_CHART_WIDTH - RIGHT;
    chart->y.from = chart->height - BOTTOM;
    chart->y.to = TOP;
    (void)fprintf(chart->to, "<svg role=\"img\" viewBox=\"0 0 %d %.0f\" aria-label=\"",
                  POS_CHART_WIDTH, chart->height);
    pos_html_text(chart->to, label);
    (void)fputs("\">\n", chart->to);
    draw_x(chart, x_name, x_text);
    draw_y(chart, y_name, y_text);
    (void)fprintf(chart->to, "<path class=\"base\" d=\"M%d %.1f H%d\"/>\n", LEFT, chart->y.from,
                  POS_CHART_WIDTH - RIGHT);
}

void pos_chart_close(struct pos_chart *chart)
{
    (void)fputs("</svg>\n", chart->to);
}

/* ---- what is drawn ---- */

void pos_chart_line(struct pos_chart *chart, const char *class_name)
{
    (void)fprintf(chart->to, "<path class=\"%s\" d=\"M0 0", class_name);
    chart->drawing = false;
}

void pos_chart_point(struct pos_chart *chart, double x, double y)
{
    (void)fprintf(chart->to, "%c%.1f %.1f", chart->drawing ? 'L' : 'M', pos_scale_at(&chart->x, x),
                  pos_scale_at(&chart->y, y));
    chart->drawing = true;
}

void pos_chart_gap(struct pos_chart *chart)
{
    chart->drawing = false;
}

void pos_chart_line_end(struct pos_chart *chart)
{
    (void)fputs("\"/>\n", chart->to);
    chart->drawing = false;
}

void pos_chart_dot(struct pos_chart *chart, const char *class_name, double x, double y,
                   const char *title)
{
    (void)fprintf(chart->to, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\"><title>",
                  class_name, pos_scale_at(&chart->x, x), pos_scale_at(&chart->y, y));
    pos_html_text(chart->to, title);
    (void)fputs("</title></circle>\n", chart->to);
}

void pos_chart_mark(struct pos_chart *chart, const char *class_name, double x, const char *text)
{
    double at = pos_scale_at(&chart->x, x);
    bool is_right = at > POS_CHART_WIDTH / 2.0;
    (void)fprintf(chart->to,
                  "<path class=\"mark %s\" d=\"M%.1f %.1f V%d\"/><text class=\"note %s\" "
                  "text-anchor=\"%s\" x=\"%.1f\" y=\"%d\">",
                  class_name, at, chart->y.from, TOP, class_name, is_right ? "end" : "start",
                  at + (is_right ? -6 : 6), TOP + 14);
    pos_html_text(chart->to, text);
    (void)fputs("</text>\n", chart->to);
}
