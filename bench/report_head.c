#include "bench/report_head.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "bench/machine.h"
#include "core/base/version.h"

enum { LINE_SIZE = 4096 };

/* ---- what was run ---- */

static bool is_plain(const char *word)
{
    static const char others[] = "_@%+=:,./-";
    for (const char *at = word; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr(others, *at) == NULL)
            return false;
    return *word != '\0';
}

/* As a shell takes it. The first word is program and command. */
static void put_word(FILE *to, const char *word, bool first)
{
    if (first || is_plain(word)) {
        (void)fputs(word, to);
        return;
    }
    (void)fputc('\'', to);
    for (const char *at = word; *at != '\0'; at++)
        if (*at == '\'')
            (void)fputs("'\\''", to);
        else
            (void)fputc(*at, to);
    (void)fputc('\'', to);
}

/* What is not UTF-8 becomes question marks, as JSON has no place for it. */
static json_t *json_words(const struct pos_outputs *outputs)
{
    char line[LINE_SIZE] = "";
    FILE *to = fmemopen(line, sizeof line - 1, "w");
    for (int i = 0; to != NULL && i < outputs->argc; i++) {
        (void)fputs(i > 0 ? " " : "", to);
        put_word(to, outputs->argv[i], i == 0);
    }
    if (to != NULL)
        (void)fclose(to);
    json_t *out = json_string(line);
    if (out != NULL)
        return out;
    for (char *at = line; *at != '\0'; at++)
        if (!isascii(*at))
            *at = '?';
    return json_string(line);
}

static json_t *json_time(time_t when)
{
    char text[32] = "";
    struct tm utc;
    if (gmtime_r(&when, &utc) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

/* ---- on what ---- */

static json_t *json_machine(void)
{
    struct pos_machine machine;
    pos_machine_read(&machine);
    return json_pack("{s:s, s:i, s:I, s:s, s:s, s:s, s:b}", "processor", machine.processor, "cores",
                     (int)machine.cores, "memory_bytes", (json_int_t)machine.memory, "kernel",
                     machine.kernel, "system", machine.system, "governor", machine.governor,
                     "virtual", (int)machine.is_virtual);
}

/* ---- of what ---- */

/* "OpenSSL: compiled ..., loaded ...", line by line: as an object. */
static json_t *json_versions(void)
{
    json_t *out = json_object();
    char line[512];
    for (const char *at = pos_version_details(); *at != '\0';) {
        size_t size = strcspn(at, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)size, at);
        char *value = strstr(line, ": ");
        if (value != NULL) {
            *value = '\0';
            (void)json_object_set_new(out, line, json_string(value + 2));
        }
        at += size + (at[size] == '\n');
    }
    return out;
}

void pos_report_merge(json_t *into, json_t *from)
{
    if (into != NULL && from != NULL)
        (void)json_object_update(into, from);
    json_decref(from);
}

json_t *pos_report_head(const char *command, const struct pos_outputs *outputs,
                        struct pos_pinning pinning)
{
    char machine[POS_MACHINE_TEXT_SIZE];
    pos_machine_text(machine);
    return json_pack("{s:i, s:s, s:o, s:o, s:s, s:o, s:s, s:s, s:o, s:i, s:i}", "schema",
                     POS_REPORT_SCHEMA, "command", command, "command_line", json_words(outputs),
                     "started", json_time(outputs->started), "machine", machine, "machine_details",
                     json_machine(), "version", pos_version_line(), "commit", pos_version_commit(),
                     "versions", json_versions(), "server_core", pinning.server_core, "load_core",
                     pinning.load_core);
}
