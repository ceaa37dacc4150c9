/*
 * From a file to a struct, by a table: defaults first, then what the file says, each value checked
 * before it is stored. A mistake is noted and reading goes on, so that one look at a file finds
 * all there is to find.
 */
#include <assert.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/nearest.h"
#include "core/config/internal.h"

struct reader {
    struct pos_config_report *report;
    uint32_t wrapped[POS_CONFIG_MISTAKE_COUNT_MAX]; /* lines whose numbers are reported already */
    size_t wrapped_count;
};

/* ---- storing ---- */

static void store_number(const struct pos_config_key *key, void *settings, uint32_t value)
{
    char *member = (char *)settings + key->offset;
    uint16_t narrow = (uint16_t)value;
    assert(key->size == sizeof value || key->size == sizeof narrow);
    if (key->size == sizeof narrow)
        memcpy(member, &narrow, sizeof narrow);
    else
        memcpy(member, &value, sizeof value);
}

uint32_t pos_config_number(const struct pos_config_key *key, const void *settings)
{
    const char *member = (const char *)settings + key->offset;
    uint32_t value = 0;
    uint16_t narrow;
    if (key->size == sizeof value) {
        memcpy(&value, member, sizeof value);
        return value;
    }
    memcpy(&narrow, member, sizeof narrow);
    return narrow;
}

static void store_text(const struct pos_config_key *key, void *settings, const char *text)
{
    size_t size = strlen(text);
    assert(size < key->size);
    memcpy((char *)settings + key->offset, text, size + 1);
}

/* SIZE_MAX when it is none of them. */
static size_t choice_of(const struct pos_config_key *key, const char *text)
{
    for (size_t i = 0; key->choices[i] != NULL; i++)
        if (strcmp(key->choices[i], text) == 0)
            return i;
    return SIZE_MAX;
}

/* ---- defaults ---- */

static void store_default(const struct pos_config_key *key, void *settings);

static void store_list_defaults(const struct pos_config_key *key, void *settings)
{
    char *elements = (char *)settings + key->offset;
    for (uint32_t i = 0; i < key->count_max; i++)
        pos_config_defaults(key->keys, elements + i * key->size);
    memcpy((char *)settings + key->count_offset, &key->default_count, sizeof key->default_count);
}

static void store_default(const struct pos_config_key *key, void *settings)
{
    switch (key->kind) {
    case POS_CONFIG_NUMBER:
        store_number(key, settings, key->number);
        break;
    case POS_CONFIG_TEXT:
        store_text(key, settings, key->text);
        break;
    case POS_CONFIG_CHOICE:
        store_number(key, settings, (uint32_t)choice_of(key, key->text));
        break;
    case POS_CONFIG_GROUP:
        pos_config_defaults(key->keys, settings);
        break;
    case POS_CONFIG_LIST:
        store_list_defaults(key, settings);
        break;
    }
}

void pos_config_defaults(const struct pos_config_key *keys, void *settings)
{
    for (; keys->name != NULL; keys++)
        store_default(keys, settings);
}

/* ---- reading ---- */

/* "path.name", "path[2]": where in the file, for people. */
static void POS_PRINTF(2, 3) spell(char path[POS_CONFIG_PATH_SIZE_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(path, POS_CONFIG_PATH_SIZE_MAX, format, arguments);
    va_end(arguments);
}

static const char *type_name(const config_setting_t *found)
{
    switch (config_setting_type(found)) {
    case CONFIG_TYPE_GROUP:
        return "a group { }";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a whole number";
    case CONFIG_TYPE_FLOAT:
        return "a number with a fraction";
    case CONFIG_TYPE_STRING:
        return "text";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_ARRAY:
        return "an array [ ]";
    default:
        return "a list ( )";
    }
}

static uint32_t line_of(const config_setting_t *found)
{
    return (uint32_t)config_setting_source_line(found);
}

static void wrong_type(struct reader *reader, const config_setting_t *found, const char *path,
                       const char *wanted)
{
    pos_config_mistake(reader->report, line_of(found), "%s must be %s, not %s", path, wanted,
                       type_name(found));
}

static bool is_wrapped(const struct reader *reader, uint32_t line)
{
    for (size_t i = 0; i < reader->wrapped_count; i++)
        if (reader->wrapped[i] == line)
            return true;
    return false;
}

static void read_number(struct reader *reader, const struct pos_config_key *key,
                        const config_setting_t *found, const char *path, void *settings)
{
    int type = config_setting_type(found);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        wrong_type(reader, found, path, "a whole number");
        return;
    }
    long long value =
        type == CONFIG_TYPE_INT ? config_setting_get_int(found) : config_setting_get_int64(found);
    if (value >= key->minimum && value <= key->maximum) {
        store_number(key, settings, (uint32_t)value);
        return;
    }
    if (!is_wrapped(reader, line_of(found)))
        pos_config_mistake(reader->report, line_of(found), "%s = %lld is not between %u and %u%s%s",
                           path, value, key->minimum, key->maximum, key->unit[0] ? " " : "",
                           key->unit);
}

static bool printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static void read_text(struct reader *reader, const struct pos_config_key *key,
                      const config_setting_t *found, const char *path, void *settings)
{
    if (config_setting_type(found) != CONFIG_TYPE_STRING) {
        wrong_type(reader, found, path, "text in quotes");
        return;
    }
    const char *text = config_setting_get_string(found);
    char memory[POS_CONFIG_MISTAKE_TEXT_SIZE / 2];
    struct pos_buffer reason = pos_buffer(memory, sizeof memory);
    if (text[0] == '\0' && key->may_be_empty) {
        store_text(key, settings, text);
        return;
    }
    if (text[0] == '\0')
        pos_buffer_put_text(&reason, "must not be empty");
    else if (strlen(text) >= key->size)
        pos_buffer_format(&reason, "has %zu characters, %zu are allowed", strlen(text),
                          key->size - 1);
    else if (!printable(text))
        pos_buffer_put_text(&reason, "must not hold control characters");
    else if (key->accept == NULL || key->accept(text, &reason)) {
        store_text(key, settings, text);
        return;
    }
    pos_config_mistake(reader->report, line_of(found), "%s %.*s", path, (int)reason.size, memory);
}

static void wrong_choice(struct reader *reader, const struct pos_config_key *key,
                         const config_setting_t *found, const char *path, const char *text)
{
    char memory[POS_CONFIG_MISTAKE_TEXT_SIZE / 2];
    struct pos_buffer all = pos_buffer(memory, sizeof memory);
    struct pos_nearest nearest = pos_nearest(text);
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        pos_buffer_format(&all, "%s\"%s\"", i == 0 ? "" : " or ", key->choices[i]);
        pos_nearest_offer(&nearest, key->choices[i]);
    }
    const char *meant = nearest.found;
    pos_config_mistake(reader->report, line_of(found), "%s = \"%.40s\" must be %.*s%s%s%s", path,
                       text, (int)all.size, memory, meant ? "; did you mean \"" : "",
                       meant ? meant : "", meant ? "\"?" : "");
}

static void read_choice(struct reader *reader, const struct pos_config_key *key,
                        const config_setting_t *found, const char *path, void *settings)
{
    if (config_setting_type(found) != CONFIG_TYPE_STRING) {
        wrong_type(reader, found, path, "text in quotes");
        return;
    }
    const char *text = config_setting_get_string(found);
    size_t choice = choice_of(key, text);
    if (choice == SIZE_MAX)
        wrong_choice(reader, key, found, path, text);
    else
        store_number(key, settings, (uint32_t)choice);
}

static void read_group(struct reader *reader, const struct pos_config_key *keys,
                       const config_setting_t *group, const char *path, void *settings);

static void read_element(struct reader *reader, const struct pos_config_key *key,
                         const config_setting_t *found, const char *path, void *element)
{
    if (config_setting_type(found) != CONFIG_TYPE_GROUP) {
        wrong_type(reader, found, path, "a group { }");
        return;
    }
    uint32_t line = line_of(found);
    memcpy((char *)element + key->line_offset, &line, sizeof line);
    read_group(reader, key->keys, found, path, element);
}

static void read_list(struct reader *reader, const struct pos_config_key *key,
                      const config_setting_t *found, const char *path, void *settings)
{
    if (config_setting_type(found) != CONFIG_TYPE_LIST) {
        wrong_type(reader, found, path, "a list of groups ( { }, ... )");
        return;
    }
    uint32_t count = (uint32_t)config_setting_length(found);
    if (count < key->count_min || count > key->count_max) {
        pos_config_mistake(reader->report, line_of(found),
                           "%s has %u entries, %u to %u are allowed", path, count, key->count_min,
                           key->count_max);
        return;
    }
    memcpy((char *)settings + key->count_offset, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        char inner[POS_CONFIG_PATH_SIZE_MAX];
        spell(inner, "%s[%u]", path, i);
        read_element(reader, key, config_setting_get_elem(found, i), inner,
                     (char *)settings + key->offset + i * key->size);
    }
}

static void read_key(struct reader *reader, const struct pos_config_key *key,
                     const config_setting_t *found, const char *path, void *settings)
{
    switch (key->kind) {
    case POS_CONFIG_NUMBER:
        read_number(reader, key, found, path, settings);
        break;
    case POS_CONFIG_TEXT:
        read_text(reader, key, found, path, settings);
        break;
    case POS_CONFIG_CHOICE:
        read_choice(reader, key, found, path, settings);
        break;
    case POS_CONFIG_GROUP:
        if (config_setting_type(found) == CONFIG_TYPE_GROUP)
            read_group(reader, key->keys, found, path, settings);
        else
            wrong_type(reader, found, path, "a group { }");
        break;
    case POS_CONFIG_LIST:
        read_list(reader, key, found, path, settings);
        break;
    }
}

/* The key that was meant, or all that there are. */
static void hint_at_key(const struct pos_config_key *keys, const char *name,
                        struct pos_buffer *hint)
{
    struct pos_nearest nearest = pos_nearest(name);
    for (size_t i = 0; keys[i].name != NULL; i++)
        pos_nearest_offer(&nearest, keys[i].name);
    if (nearest.found != NULL) {
        pos_buffer_format(hint, "did you mean %s?", nearest.found);
        return;
    }
    pos_buffer_put_text(hint, "known here:");
    for (size_t i = 0; keys[i].name != NULL; i++)
        pos_buffer_format(hint, " %s", keys[i].name);
}

static bool known(const struct pos_config_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++)
        if (strcmp(keys->name, name) == 0)
            return true;
    return false;
}

static void unknown_key(struct reader *reader, const struct pos_config_key *keys,
                        const config_setting_t *found, const char *path)
{
    const char *name = config_setting_name(found);
    char memory[POS_CONFIG_MISTAKE_TEXT_SIZE / 2];
    struct pos_buffer hint = pos_buffer(memory, sizeof memory);
    hint_at_key(keys, name, &hint);
    pos_config_mistake(reader->report, line_of(found), "unknown key %s%s%.64s; %.*s", path,
                       path[0] ? "." : "", name, (int)hint.size, memory);
}

static void read_group(struct reader *reader, const struct pos_config_key *keys,
                       const config_setting_t *group, const char *path, void *settings)
{
    for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
        const config_setting_t *found = config_setting_get_elem(group, i);
        if (!known(keys, config_setting_name(found)))
            unknown_key(reader, keys, found, path);
    }
    for (const struct pos_config_key *key = keys; key->name != NULL; key++) {
        char inner[POS_CONFIG_PATH_SIZE_MAX];
        spell(inner, "%s%s%s", path, path[0] ? "." : "", key->name);
        const config_setting_t *found = config_setting_get_member(group, key->name);
        if (found != NULL)
            read_key(reader, key, found, inner, settings);
    }
}

static void read_source(struct reader *reader, const struct pos_config_key *keys,
                        const char *source, void *settings)
{
    bool readable;
    reader->wrapped_count = pos_config_scan(source, reader->report, reader->wrapped,
                                            POS_CONFIG_MISTAKE_COUNT_MAX, &readable);
    if (!readable)
        return;
    config_t config;
    config_init(&config);
    if (config_read_string(&config, source) == CONFIG_TRUE)
        read_group(reader, keys, config_root_setting(&config), "", settings);
    else
        pos_config_mistake(reader->report, (uint32_t)config_error_line(&config),
                           "%s; what the rest of the file says was not checked",
                           config_error_text(&config));
    config_destroy(&config);
}

enum pos_status pos_config_read(const char *path, const struct pos_config_key *keys, void *settings,
                                struct pos_config_report *report)
{
    struct reader reader = {.report = report};
    struct pos_error error;
    uint8_t *source;
    size_t size;
    report->count = 0;
    (void)snprintf(report->path, sizeof report->path, "%s", path);
    pos_config_defaults(keys, settings);
    if (pos_file_read(path, POS_CONFIG_FILE_SIZE_MAX, &source, &size, &error) != POS_OK) {
        pos_config_mistake(report, 0, "%s", error.text);
        return POS_ERR_CONFIG;
    }
    if (memchr(source, '\0', size) != NULL)
        pos_config_mistake(report, 0, "holds a zero byte: not a text file");
    else
        read_source(&reader, keys, (const char *)source, settings);
    free(source);
    return report->count == 0 ? POS_OK : POS_ERR_CONFIG;
}
