#include "bench/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/clock.h"

enum { TEXT_SIZE = 240, STAGE_SIZE = 40, PAUSE_NS = 500000000 };

static struct {
    size_t steps, done; /* of the plan; 0: there is none */
    double step_s;
    uint64_t start_ns, step_ns, written_ns; /* of the plan, of the step, of the line */
    char stage[STAGE_SIZE], step[TEXT_SIZE / 2];
    bool shown; /* there is a line */
} progress;

static bool is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

/* Cut at the terminal's width: a line that wraps cannot be rewritten. */
static void write_line(const char *text)
{
    struct winsize size;
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1
                                                                                : TEXT_SIZE;
    (void)fprintf(stderr, "\r\033[K%.*s", width, text);
    (void)fflush(stderr);
    progress.shown = true;
    progress.written_ns = pos_clock_monotonic_ns();
}

void pos_progress_wipe(void)
{
    if (!progress.shown)
        return;
    (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    progress.shown = false;
}

/* ---- the plan ---- */

bool pos_progress_plan(size_t steps, double step_s)
{
    if (progress.steps > 0)
        return false;
    progress.steps = steps;
    progress.done = 0;
    progress.step_s = step_s;
    progress.start_ns = pos_clock_monotonic_ns();
    progress.step_ns = 0;
    return true;
}

void pos_progress_leave(bool planned)
{
    if (!planned)
        return;
    pos_progress_wipe();
    progress.steps = 0;
    progress.stage[0] = '\0';
}

void pos_progress_stage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(progress.stage, sizeof progress.stage, format, arguments);
    va_end(arguments);
}

/* As the steps so far took, or as planned while there are none. */
static double seconds_left(void)
{
    uint64_t now_ns = pos_clock_monotonic_ns();
    double done = (double)progress.done;
    double each = progress.done > 0 ? (double)(progress.step_ns - progress.start_ns) / 1e9 / done
                                    : progress.step_s;
    double left =
        each * ((double)progress.steps - done) - (double)(now_ns - progress.step_ns) / 1e9;
    return left > 0 ? left : 0;
}

static void put_left(char text[TEXT_SIZE], const char *how)
{
    double left = seconds_left();
    if (left < 100)
        (void)snprintf(text, TEXT_SIZE, "%s%s%s; %.0f s left", progress.stage, progress.step, how,
                       left);
    else
        (void)snprintf(text, TEXT_SIZE, "%s%s%s; %.0f min left", progress.stage, progress.step, how,
                       left / 60);
}

/* ---- steps ---- */

/* A terminal is not to flicker. */
static bool is_early(void)
{
    return progress.shown && pos_clock_monotonic_ns() - progress.written_ns < PAUSE_NS;
}

void pos_progress_step(uint32_t round, uint32_t rounds, const char *what)
{
    char text[TEXT_SIZE];
    if (progress.step_ns != 0 && progress.done < progress.steps)
        progress.done++;
    progress.step_ns = pos_clock_monotonic_ns();
    if (!is_terminal())
        return;
    if (round == 0)
        (void)snprintf(progress.step, sizeof progress.step, "warming up, %s", what);
    else
        (void)snprintf(progress.step, sizeof progress.step, "round %u of %u, %s", round, rounds,
                       what);
    if (is_early() && progress.step_s * 1e9 < PAUSE_NS)
        return;
    put_left(text, "");
    write_line(text);
}

void pos_progress_tell(double per_second, double p99_us, uint64_t errors)
{
    char text[TEXT_SIZE], how[TEXT_SIZE / 4];
    if (!is_terminal() || is_early())
        return;
    (void)snprintf(how, sizeof how, ": %.0f a second, p99 %.0f us, %llu errors", per_second, p99_us,
                   (unsigned long long)errors);
    put_left(text, how);
    write_line(text);
}

void pos_progress_say(const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    if (!is_terminal())
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(text);
}
