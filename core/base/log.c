#include "core/base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"

/* As JSON a byte may become six characters: the longest text still ends with its brace. */
enum { TEXT_SIZE_MAX = 512, LINE_SIZE_MAX = 6 * TEXT_SIZE_MAX + 512 };

static _Atomic int current_level = POS_LOG_INFO;
static bool as_json;

static const char *const level_names[POS_LOG_LEVELS] = {"debug", "info", "warning", "error"};

void pos_log_set_level(enum pos_log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum pos_log_level pos_log_level(void)
{
    return (enum pos_log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

void pos_log_set_json(bool json)
{
    as_json = json;
}

int pos_log_level_parse(const char *name)
{
    for (int i = 0; i < POS_LOG_LEVELS; i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

/* JSON is UTF-8, and a text that was cut or came from a file name may not be: bytes of 80 and above
 * are escaped one by one. */
static void put_json_character(struct pos_buffer *line, char c)
{
    if (c == '"' || c == '\\')
        pos_buffer_put_u8(line, '\\');
    if ((unsigned char)c >= 0x80)
        pos_buffer_format(line, "\\u%04x", (unsigned char)c);
    else if ((unsigned char)c >= 0x20)
        pos_buffer_put_u8(line, (uint8_t)c);
}

/* One key=value or key="some words" pair as ,"key":"value"; returns what follows it. */
static const char *put_json_pair(struct pos_buffer *line, const char *pair)
{
    pos_buffer_put_text(line, ",\"");
    while (*pair != '\0' && *pair != '=' && *pair != ' ')
        put_json_character(line, *pair++);
    pos_buffer_put_text(line, "\":\"");
    if (*pair == '=')
        pair++;
    bool quoted = *pair == '"';
    if (quoted)
        pair++;
    while (*pair != '\0' && *pair != (quoted ? '"' : ' '))
        put_json_character(line, *pair++);
    if (quoted && *pair == '"')
        pair++;
    pos_buffer_put_text(line, "\"");
    return pair;
}

static void put_json_pairs(struct pos_buffer *line, const char *pairs)
{
    while (*pairs != '\0') {
        while (*pairs == ' ')
            pairs++;
        if (*pairs != '\0')
            pairs = put_json_pair(line, pairs);
    }
}

static void put_line(struct pos_buffer *line, enum pos_log_level level, const char *event,
                     const char *pairs)
{
    char time[POS_TIME_TEXT_SIZE];
    pos_time_text(pos_clock_utc_ms(), 1, time);
    if (as_json) {
        pos_buffer_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", time,
                          level_names[level], event);
        put_json_pairs(line, pairs);
        pos_buffer_put_text(line, "}\n");
    } else {
        pos_buffer_format(line, "%s %s %s%s%s\n", time, level_names[level], event,
                          pairs[0] == '\0' ? "" : " ", pairs);
    }
}

static void flatten(char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            *text = ' ';
}

void pos_log(enum pos_log_level level, const char *event, const char *pairs, ...)
{
    if ((int)level < atomic_load_explicit(&current_level, memory_order_relaxed))
        return;
    char text[TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, pairs);
    (void)vsnprintf(text, sizeof text, pairs, arguments);
    va_end(arguments);
    flatten(text);
    char memory[LINE_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    put_line(&line, level, event, text);
    /* A log that cannot be written must not stop the gateway. */
    ssize_t ignored = write(STDERR_FILENO, memory, line.size);
    (void)ignored;
}

bool pos_log_allow(struct pos_log_limit *limit, uint32_t per_second_max, uint64_t utc_ms,
                   uint32_t *suppressed)
{
    uint64_t second = utc_ms / 1000;
    if (limit->second != second) {
        limit->second = second;
        limit->count = 0;
    }
    if (limit->count >= per_second_max) {
        limit->suppressed++;
        return false;
    }
    limit->count++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}

void pos_log_pan(const char *pan, char masked[POS_LOG_PAN_SIZE])
{
    size_t size = strnlen(pan, POS_LOG_PAN_SIZE - 1);
    for (size_t i = 0; i < size; i++)
        masked[i] = size >= 13 && (i < 6 || i + 4 >= size) ? pan[i] : '*';
    masked[size] = '\0';
}
