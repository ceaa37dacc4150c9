/*
 * Charts as inline SVG: scales, axes, lines. Colours and line styles are classes, whose rules stand
 * in the page (bench/page_style.c). Coordinates are units of the view box, about pixels.
 */
#ifndef POS_BENCH_CHART_H
#define POS_BENCH_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/html.h"

enum pos_scale_kind {
    POS_SCALE_LINEAR, /* from 0 */
    POS_SCALE_LOG,
    POS_SCALE_NINES, /* of shares below 1: 90 %, 99 %, 99.9 % are equally far apart */
};

struct pos_scale {
    enum pos_scale_kind kind;
    double low, high; /* values; pos_scale_take widens them */
    double from, to;  /* where those are drawn */
    bool tight;       /* a linear one ends where the values do */
};

/* Empty, for pos_scale_take to widen. A linear one begins at 0. */
struct pos_scale pos_scale(enum pos_scale_kind kind);
/* So that the value fits in; what a logarithm has no place for is left out. */
void pos_scale_take(struct pos_scale *scale, double value);
double pos_scale_at(const struct pos_scale *scale, double value);

/* How a value is written at an axis. */
typedef void (*pos_tick_text)(char *text, double value);
void pos_tick_percent(char *text, double share);
void pos_tick_seconds(char *text, double seconds);

struct pos_chart {
    FILE *to;
    double height; /* of the whole; the width is the same for all */
    struct pos_scale x, y;
    bool drawing; /* a line has begun */
};

enum { POS_CHART_WIDTH = 960 };

/* Rounds the scales to their ticks, and draws the frame and both axes. `label` is for those who do
 * not see it. */
void pos_chart_open(struct pos_chart *chart, const char *label, const char *x_name,
                    pos_tick_text x_text, const char *y_name, pos_tick_text y_text);
void pos_chart_close(struct pos_chart *chart);

/* A line of a class, point by point; a gap parts it. Text of ours only. */
void pos_chart_line(struct pos_chart *chart, const char *class_name);
void pos_chart_point(struct pos_chart *chart, double x, double y);
void pos_chart_gap(struct pos_chart *chart);
void pos_chart_line_end(struct pos_chart *chart);

void pos_chart_dot(struct pos_chart *chart, const char *class_name, double x, double y,
                   const char *title);
/* A line across all values of y, with a text at its upper end. */
void pos_chart_mark(struct pos_chart *chart, const char *class_name, double x, const char *text);

#endif
