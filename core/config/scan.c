/*
 * A look at the text of a configuration file before libconfig reads it.
 *
 * libconfig 1.5 keeps the low 32 bits of a longer number and says nothing, so that a timeout of
 * 4294967297 becomes 1. It also follows @include, whose files would escape this look. Of text
 * without a closing quote it names the file's last line and leaks what it has read. Comments (#,
 * //, and the C form) and strings are stepped over.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/internal.h"

struct scan {
    const char *at;
    uint32_t line;
    struct pos_config_report *report;
    uint32_t *lines;
    size_t capacity, count;
    bool readable;
};

static bool name_letter(char letter)
{
    return isalnum((unsigned char)letter) || letter == '_' || letter == '-' || letter == '*';
}

static void step(struct scan *scan)
{
    if (*scan->at == '\n')
        scan->line++;
    scan->at++;
}

static void skip_line(struct scan *scan)
{
    scan->at += strcspn(scan->at, "\n");
}

static void skip_block_comment(struct scan *scan)
{
    scan->at += 2;
    while (*scan->at != '\0' && strncmp(scan->at, "*/", 2) != 0)
        step(scan);
    if (*scan->at != '\0')
        scan->at += 2;
}

static void skip_string(struct scan *scan)
{
    uint32_t line = scan->line;
    scan->at++;
    while (*scan->at != '\0' && *scan->at != '"') {
        if (*scan->at == '\\' && scan->at[1] != '\0')
            step(scan);
        step(scan);
    }
    if (*scan->at == '"') {
        scan->at++;
        return;
    }
    pos_config_mistake(scan->report, line, "the text that begins here has no closing quote");
    scan->readable = false;
}

static bool starts_number(const char *at)
{
    return isdigit((unsigned char)*at) ||
           ((*at == '-' || *at == '+') && isdigit((unsigned char)at[1]));
}

/* What libconfig keeps of it: 32 bits, or 64 with an L behind. */
static bool fits(const char *digits, bool wide, int base)
{
    errno = 0;
    long long value = strtoll(digits, NULL, base);
    if (errno == ERANGE)
        return false;
    return wide || (value >= INT32_MIN && value <= INT32_MAX);
}

static void take_number(struct scan *scan)
{
    const char *start = scan->at;
    int base = strncmp(start, "0x", 2) == 0 || strncmp(start, "0X", 2) == 0 ? 16 : 10;
    char *end;
    errno = 0;
    (void)strtoll(start, &end, base);
    bool real = *end == '.' || (base == 10 && (*end == 'e' || *end == 'E'));
    while (name_letter(*end) || *end == '.' || *end == '+')
        end++;
    scan->at = end;
    if (real || fits(start, end[-1] == 'L', base))
        return;
    pos_config_mistake(scan->report, scan->line, "the number %.*s is too large (32 bits)",
                       end - start > 40 ? 40 : (int)(end - start), start);
    if (scan->count < scan->capacity)
        scan->lines[scan->count++] = scan->line;
}

static void take_directive(struct scan *scan)
{
    if (strncmp(scan->at, "@include", 8) == 0) {
        pos_config_mistake(scan->report, scan->line,
                           "@include is not supported: put everything into one file");
        scan->readable = false;
    }
    scan->at++;
}

static void take_token(struct scan *scan)
{
    if (*scan->at == '#' || strncmp(scan->at, "//", 2) == 0)
        skip_line(scan);
    else if (strncmp(scan->at, "/*", 2) == 0)
        skip_block_comment(scan);
    else if (*scan->at == '"')
        skip_string(scan);
    else if (*scan->at == '@')
        take_directive(scan);
    else if (starts_number(scan->at))
        take_number(scan);
    else if (name_letter(*scan->at))
        while (name_letter(*scan->at))
            scan->at++;
    else
        step(scan);
}

size_t pos_config_scan(const char *text, struct pos_config_report *report, uint32_t *lines,
                       size_t capacity, bool *readable)
{
    struct scan scan = {.at = text,
                        .line = 1,
                        .report = report,
                        .lines = lines,
                        .capacity = capacity,
                        .readable = true};
    while (*scan.at != '\0')
        take_token(&scan);
    *readable = scan.readable;
    return scan.count;
}
