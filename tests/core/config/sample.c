#include "tests/core/config/sample.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const colours[] = {"red", "green", NULL};

static bool accept_title(const char *text, struct pos_buffer *reason)
{
    if (strcmp(text, "forbidden") != 0)
        return true;
    pos_buffer_put_text(reason, "may not be that");
    return false;
}

/* One row a key. */
static const struct pos_config_key inner_keys[] = {
    {.name = "depth",
     POS_CONFIG_MEMBER_NUMBER(struct sample, inner.depth, 4, 1, 9, "levels", "How deep")},
    {.name = NULL},
};

static const struct pos_config_key item_keys[] = {
    {.name = "name", POS_CONFIG_MEMBER_TEXT(struct sample_item, name, "one", NULL, "Name")},
    {.name = "port", POS_CONFIG_MEMBER_NUMBER(struct sample_item, port, 80, 1, 65535, "", "Port")},
    {.name = NULL},
};

const struct pos_config_key sample_keys[] = {
    {.name = "timeout_ms",
     POS_CONFIG_MEMBER_NUMBER(struct sample, timeout_ms, 1000, 10, 2000000000, "ms", "Time")},
    {.name = "port", POS_CONFIG_MEMBER_NUMBER(struct sample, port, 8583, 0, 65535, "", "Port")},
    {.name = "title",
     POS_CONFIG_MEMBER_TEXT(struct sample, title, "a \"b\" \\", accept_title, "Title")},
    {.name = "colour", POS_CONFIG_MEMBER_CHOICE(struct sample, colour, "green", colours, "Colour")},
    {.name = "note",
     POS_CONFIG_MEMBER_TEXT(struct sample, note, "n", accept_title, "Note"),
     .may_be_empty = true},
    {.name = "inner", .kind = POS_CONFIG_GROUP, .keys = inner_keys, .about = "Inner"},
    {.name = "items",
     .kind = POS_CONFIG_LIST,
     .keys = item_keys,
     .about = "Items",
     .offset = offsetof(struct sample, items),
     .size = sizeof(struct sample_item),
     .count_offset = offsetof(struct sample, item_count),
     .line_offset = offsetof(struct sample_item, line),
     .default_count = 1,
     .count_min = 0,
     .count_max = SAMPLE_ITEM_COUNT_MAX},
    {.name = NULL},
};

enum pos_status sample_read(const char *text, struct sample *sample,
                            struct pos_config_report *report)
{
    char path[] = "/tmp/posgate-config-XXXXXX";
    int file = mkstemp(path);
    assert(file >= 0);
    ssize_t written = write(file, text, strlen(text));
    assert(written == (ssize_t)strlen(text));
    (void)close(file);
    memset(sample, 0, sizeof *sample);
    enum pos_status status = pos_config_read(path, sample_keys, sample, report);
    (void)unlink(path);
    return status;
}
