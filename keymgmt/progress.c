#include "keymgmt/progress.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"

#define SECOND_NS          1000000000ull
#define TERMINAL_PERIOD_NS (SECOND_NS / 10)
#define LOG_PERIOD_NS      (SECOND_NS * 5)

static volatile sig_atomic_t interrupted;

void pos_progress_start(struct pos_progress *progress, const char *what, uint64_t total)
{
    uint64_t now = pos_clock_monotonic_ns();
    *progress = (struct pos_progress){.what = what,
                                      .total = total,
                                      .begun_ns = now,
                                      .shown_ns = now,
                                      .terminal = isatty(STDERR_FILENO) == 1};
}

void pos_progress_text(const char *what, uint64_t done, uint64_t total, uint64_t elapsed_ns,
                       char text[POS_PROGRESS_TEXT_SIZE])
{
    uint64_t percent = total == 0 ? 100 : done * 100 / total;
    double left = done == 0 ? 0 : (double)elapsed_ns * (double)(total - done) / (double)done;
    (void)snprintf(text, POS_PROGRESS_TEXT_SIZE, "%llu of %llu %s (%llu %%, %llu s left)",
                   (unsigned long long)done, (unsigned long long)total, what,
                   (unsigned long long)percent,
                   (unsigned long long)((left + (double)SECOND_NS / 2) / (double)SECOND_NS));
}

void pos_progress_show(struct pos_progress *progress, uint64_t done)
{
    uint64_t now = pos_clock_monotonic_ns();
    if (now - progress->shown_ns < (progress->terminal ? TERMINAL_PERIOD_NS : LOG_PERIOD_NS))
        return;
    progress->shown_ns = now;
    char text[POS_PROGRESS_TEXT_SIZE];
    pos_progress_text(progress->what, done, progress->total, now - progress->begun_ns, text);
    if (progress->terminal)
        (void)fprintf(stderr, "\r%-78s", text);
    else
        (void)fprintf(stderr, "posgate-keymgmt: %s\n", text);
    progress->line_open = progress->terminal;
}

void pos_progress_end(struct pos_progress *progress)
{
    if (progress->line_open)
        (void)fputc('\n', stderr);
    progress->line_open = false;
}

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void pos_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = note_interrupt,
                               .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    interrupted = 0;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool pos_interrupted(void)
{
    return interrupted != 0;
}
