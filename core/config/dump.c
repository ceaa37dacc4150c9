/* Settings as a commented file: the other direction of read.c, from the same table. */
#include <string.h>

#include "core/config/internal.h"

/* Where a line begins: its depth, and whether it is part of a commented example. */
struct margin {
    int depth;
    bool example;
};

static void put_margin(struct pos_buffer *out, struct margin margin)
{
    if (margin.example)
        pos_buffer_put_text(out, "#:");
    pos_buffer_format(out, "%*s", margin.example ? margin.depth * 4 + 1 : margin.depth * 4, "");
}

static void put_text(struct pos_buffer *out, const char *text)
{
    pos_buffer_put_text(out, "\"");
    for (; *text != '\0'; text++)
        pos_buffer_format(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    pos_buffer_put_text(out, "\"");
}

static const char *chosen(const struct pos_config_key *key, const void *settings)
{
    uint32_t value = pos_config_number(key, settings);
    for (uint32_t i = 0; key->choices[i] != NULL; i++)
        if (i == value)
            return key->choices[i];
    return "";
}

static void put_range(struct pos_buffer *out, const struct pos_config_key *key)
{
    pos_buffer_format(out, ". %u to %u", key->minimum, key->maximum);
    if (key->unit[0] != '\0')
        pos_buffer_format(out, " %s", key->unit);
    pos_buffer_format(out, "; default %u", key->number);
}

static void put_choices(struct pos_buffer *out, const struct pos_config_key *key)
{
    for (size_t i = 0; key->choices[i] != NULL; i++)
        pos_buffer_format(out, "%s \"%s\"", i == 0 ? "." : " or", key->choices[i]);
    pos_buffer_format(out, "; default \"%s\"", key->text);
}

static void put_about(struct pos_buffer *out, const struct pos_config_key *key,
                      struct margin margin)
{
    put_margin(out, margin);
    pos_buffer_format(out, "# %s", key->about);
    if (key->kind == POS_CONFIG_NUMBER)
        put_range(out, key);
    if (key->kind == POS_CONFIG_CHOICE)
        put_choices(out, key);
    if (key->kind == POS_CONFIG_TEXT)
        pos_buffer_format(out, "; default \"%s\"", key->text);
    if (key->kind == POS_CONFIG_LIST)
        pos_buffer_format(out, ". %u to %u of them", key->count_min, key->count_max);
    pos_buffer_put_text(out, ".\n");
}

static void put_group(struct pos_buffer *out, const struct pos_config_key *keys,
                      const void *settings, struct margin margin);

static void put_element(struct pos_buffer *out, const struct pos_config_key *key,
                        const void *element, struct margin margin, bool last)
{
    put_margin(out, margin);
    pos_buffer_put_text(out, "{\n");
    put_group(out, key->keys, element,
              (struct margin){.depth = margin.depth + 1, .example = margin.example});
    put_margin(out, margin);
    pos_buffer_put_text(out, last ? "}\n" : "},\n");
}

static void put_elements(struct pos_buffer *out, const struct pos_config_key *key,
                         const void *settings, uint32_t count, struct margin margin)
{
    const char *elements = (const char *)settings + key->offset;
    struct margin inner = {.depth = margin.depth + 1, .example = margin.example};
    put_margin(out, margin);
    pos_buffer_format(out, "%s = (\n", key->name);
    for (uint32_t i = 0; i < count; i++)
        put_element(out, key, elements + i * key->size, inner, i + 1 == count);
    put_margin(out, margin);
    pos_buffer_put_text(out, ");\n");
}

static void put_list(struct pos_buffer *out, const struct pos_config_key *key, const void *settings,
                     struct margin margin)
{
    uint32_t count;
    memcpy(&count, (const char *)settings + key->count_offset, sizeof count);
    if (count > 0) {
        put_elements(out, key, settings, count, margin);
        return;
    }
    put_margin(out, margin);
    pos_buffer_format(out, "%s = ( );\n", key->name);
    /* The first element holds its defaults, see pos_config_defaults: the example to show. */
    put_elements(out, key, settings, 1, (struct margin){.depth = margin.depth, .example = true});
}

static void put_key(struct pos_buffer *out, const struct pos_config_key *key, const void *settings,
                    struct margin margin)
{
    put_about(out, key, margin);
    if (key->kind == POS_CONFIG_LIST) {
        put_list(out, key, settings, margin);
        return;
    }
    put_margin(out, margin);
    pos_buffer_format(out, "%s = ", key->name);
    if (key->kind == POS_CONFIG_NUMBER)
        pos_buffer_format(out, "%u", pos_config_number(key, settings));
    else if (key->kind == POS_CONFIG_TEXT)
        put_text(out, (const char *)settings + key->offset);
    else if (key->kind == POS_CONFIG_CHOICE)
        put_text(out, chosen(key, settings));
    else {
        pos_buffer_put_text(out, "{\n");
        put_group(out, key->keys, settings,
                  (struct margin){.depth = margin.depth + 1, .example = margin.example});
        put_margin(out, margin);
        pos_buffer_put_text(out, "}");
    }
    pos_buffer_put_text(out, ";\n");
}

static void put_group(struct pos_buffer *out, const struct pos_config_key *keys,
                      const void *settings, struct margin margin)
{
    for (; keys->name != NULL; keys++) {
        put_key(out, keys, settings, margin);
        if (margin.depth == 0 && keys[1].name != NULL)
            pos_buffer_put_text(out, "\n");
    }
}

void pos_config_dump(const struct pos_config_key *keys, const void *settings,
                     struct pos_buffer *out)
{
    put_group(out, keys, settings, (struct margin){.depth = 0});
}
