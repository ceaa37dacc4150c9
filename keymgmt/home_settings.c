/* The home folder's own settings: HOME/keymgmt.conf, which need not be there. */
#include <stdio.h>
#include <unistd.h>

#include "keymgmt/home.h"

enum { MISTAKES_SIZE_MAX = 400 };

static enum pos_status explain(const struct pos_config_report *report, struct pos_error *error)
{
    char memory[MISTAKES_SIZE_MAX];
    struct pos_buffer mistakes = pos_buffer(memory, sizeof memory - 1);
    for (size_t i = 0; i < report->count && i < POS_CONFIG_MISTAKE_COUNT_MAX; i++)
        pos_buffer_format(&mistakes, "%s%u: %s", i == 0 ? "" : "; ", report->mistakes[i].line,
                          report->mistakes[i].text);
    memory[mistakes.size] = '\0';
    return pos_error_set(error, POS_ERR_CONFIG, "%s:%s%s", report->path, memory,
                         mistakes.overflow ? " ..." : "");
}

enum pos_status pos_home_settings(const struct pos_home *home,
                                  const struct pos_keymgmt_settings **settings,
                                  struct pos_error *error)
{
    static struct pos_keymgmt_settings own;
    static struct pos_config_report report;
    static bool read;
    char path[POS_PATH_SIZE_MAX + 16];
    *settings = &own;
    if (read)
        return POS_OK;
    (void)snprintf(path, sizeof path, "%s/keymgmt.conf", home->options->home);
    if (access(path, F_OK) != 0)
        pos_keymgmt_settings_defaults(&own);
    else if (pos_keymgmt_settings_read(path, &own, &report) != POS_OK)
        return explain(&report, error);
    read = true;
    return POS_OK;
}
