/* The list of mistakes in a file, in order of lines. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/config/internal.h"

void pos_config_mistake(struct pos_config_report *report, uint32_t line, const char *format, ...)
{
    if (report->count++ >= POS_CONFIG_MISTAKE_COUNT_MAX)
        return;
    size_t place = report->count - 1;
    while (place > 0 && report->mistakes[place - 1].line > line)
        place--;
    memmove(&report->mistakes[place + 1], &report->mistakes[place],
            (report->count - 1 - place) * sizeof report->mistakes[0]);
    struct pos_config_mistake *mistake = &report->mistakes[place];
    mistake->line = line;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(mistake->text, sizeof mistake->text, format, arguments);
    va_end(arguments);
}

void pos_config_report_format(const struct pos_config_report *report, struct pos_buffer *out)
{
    size_t kept = report->count;
    if (kept > POS_CONFIG_MISTAKE_COUNT_MAX)
        kept = POS_CONFIG_MISTAKE_COUNT_MAX;
    for (size_t i = 0; i < kept; i++) {
        const struct pos_config_mistake *mistake = &report->mistakes[i];
        if (mistake->line == 0)
            pos_buffer_format(out, "%s: %s\n", report->path, mistake->text);
        else
            pos_buffer_format(out, "%s:%u: %s\n", report->path, mistake->line, mistake->text);
    }
    if (report->count > kept)
        pos_buffer_format(out, "%s: and %zu more\n", report->path, report->count - kept);
}
