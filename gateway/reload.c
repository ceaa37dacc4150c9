#include "gateway/reload.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"

/* The groups of the file as the struct holds them. `count` members go with their arrays. */
static const struct {
    const char *name;
    size_t offset, size;
    bool while_running;
} groups[] = {
#define GROUP(text, member, running)                                                               \
    {                                                                                              \
        (text), offsetof(struct pos_gateway_settings, member),                                     \
            sizeof(((struct pos_gateway_settings *)0)->member), (running)                          \
    }
    GROUP("listeners", listeners, false),
    GROUP("listeners", listener_count, false),
    GROUP("loops", loops, false),
    GROUP("database", database, false),
    GROUP("key_library", key_library, false),
    GROUP("security_module", security_module, false),
    GROUP("lookup", lookup, false),
    GROUP("remembered_rows", remembered_rows, false),
    GROUP("binding", binding, false),
    GROUP("limits", limits, false),
    GROUP("upstreams", upstreams, false),
    GROUP("upstreams", upstream_count, false),
    GROUP("admin", admin, false),
    GROUP("log", log, true),
#undef GROUP
};

static void add_once(const char **names, size_t *count, const char *name)
{
    if (*count == 0 || strcmp(names[*count - 1], name) != 0)
        names[(*count)++] = name;
}

/* Where a list's element stands in its file is no setting. */
static void forget_lines(struct pos_gateway_settings *settings)
{
    for (size_t i = 0; i < POS_LISTENER_COUNT_MAX; i++)
        settings->listeners[i].line = 0;
    for (size_t i = 0; i < POS_UPSTREAM_COUNT_MAX; i++)
        settings->upstreams[i].line = 0;
}

static void compare(const struct pos_gateway_settings *old, const struct pos_gateway_settings *new,
                    struct pos_reload *reload)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (memcmp((const char *)old + groups[i].offset, (const char *)new + groups[i].offset,
                   groups[i].size) == 0)
            continue;
        if (groups[i].while_running)
            add_once(reload->applied, &reload->applied_count, groups[i].name);
        else
            add_once(reload->needs_restart, &reload->needs_restart_count, groups[i].name);
    }
}

enum pos_status pos_gateway_reload(const char *path, struct pos_gateway_settings *settings,
                                   struct pos_reload *reload)
{
    struct pos_gateway_settings *both = calloc(2, sizeof *both);
    struct pos_gateway_settings *new = &both[0], *old = &both[1];
    memset(reload, 0, sizeof *reload);
    if (both == NULL)
        return POS_ERR_MEMORY;
    *old = *settings;
    enum pos_status status = pos_gateway_settings_read(path, new, &reload->report);
    if (status == POS_OK) {
        forget_lines(old);
        forget_lines(new);
        compare(old, new, reload);
        settings->log = new->log;
        pos_log_set_level(settings->log.level);
        pos_log_set_json(settings->log.format == POS_LOG_FORMAT_JSON);
    }
    free(both);
    return status;
}

void pos_reload_log(const struct pos_reload *reload, const char *path)
{
    for (size_t i = 0; i < reload->report.count && i < POS_CONFIG_MISTAKE_COUNT_MAX; i++)
        pos_log(POS_LOG_ERROR, "reload-refused", "file=%s line=%u reason=\"%s\"", path,
                reload->report.mistakes[i].line, reload->report.mistakes[i].text);
    if (reload->report.count > 0)
        return;
    for (size_t i = 0; i < reload->applied_count; i++)
        pos_log(POS_LOG_INFO, "reload-applied", "setting=%s", reload->applied[i]);
    for (size_t i = 0; i < reload->needs_restart_count; i++)
        pos_log(POS_LOG_WARNING, "reload-needs-restart", "setting=%s", reload->needs_restart[i]);
    if (reload->applied_count + reload->needs_restart_count == 0)
        pos_log(POS_LOG_INFO, "reload-unchanged", "file=%s", path);
}
