/*
 * Reading the configuration again, by SIGHUP or `posgatectl reload`. The new file is checked first
 * and the old settings stay when it is wrong. What may change while the gateway runs is changed at
 * once (the log); what may not is named, so that nobody thinks it was.
 */
#ifndef POS_GATEWAY_RELOAD_H
#define POS_GATEWAY_RELOAD_H

#include "gateway/settings.h"

enum { POS_RELOAD_GROUP_COUNT_MAX = 16 };

struct pos_reload {
    struct pos_config_report
        report; /* the file's mistakes; nothing was changed when there are any */
    const char *applied[POS_RELOAD_GROUP_COUNT_MAX]; /* names of groups; static */
    size_t applied_count;
    const char *needs_restart[POS_RELOAD_GROUP_COUNT_MAX];
    size_t needs_restart_count;
};

/* Reads `path` and applies what can be applied to *settings, which the running gateway reads.
 * POS_ERR_CONFIG: mistakes in *reload. About 50 KB of memory: give static or heap memory. */
POS_MUST_USE enum pos_status pos_gateway_reload(const char *path,
                                                struct pos_gateway_settings *settings,
                                                struct pos_reload *reload);

/* One line for each mistake, each change and each thing that needs a restart. */
void pos_reload_log(const struct pos_reload *reload, const char *path);

#endif
