#include "gateway/table_anchor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"

void pos_table_anchor_path(const struct pos_gateway_settings *settings,
                           char path[POS_ANCHOR_PATH_SIZE_MAX])
{
    if (settings->database.anchor[0] == '\0')
        pos_anchor_beside(settings->database.path, path);
    else
        (void)snprintf(path, POS_ANCHOR_PATH_SIZE_MAX, "%s", settings->database.anchor);
}

static enum pos_status record(struct pos_terminal_table *table, const char *on_what,
                              struct pos_error *error)
{
    struct pos_audit_event event = {.utc_ms = pos_clock_utc_ms(),
                                    .who = "gateway",
                                    .what = "old-table-accepted",
                                    .on_what = on_what,
                                    .outcome = "done"};
    struct pos_terminal_write write = {.operation = POS_TERMINAL_AUDIT,
                                       .utc_ms = event.utc_ms,
                                       .events[POS_OUTCOME_NONE] = &event};
    enum pos_status status = pos_terminal_table_run(table, &write);
    return status == POS_OK ? POS_OK
                            : pos_error_set(error, status,
                                            "it opens, but that an old table was accepted cannot "
                                            "be recorded: %s",
                                            pos_status_text(status));
}

enum pos_status pos_table_anchor_tell(struct pos_terminal_table *table,
                                      const struct pos_anchor_report *report, const char *path,
                                      struct pos_error *error)
{
    char on_what[128];
    const char *name = pos_anchor_finding_name(report->finding);
    bool good = report->finding == POS_ANCHOR_MATCH || report->finding == POS_ANCHOR_NEW;
    if (good) {
        pos_log(POS_LOG_INFO, "table-anchor", "finding=%s path=\"%s\"", name, path);
        return POS_OK;
    }
    pos_log(POS_LOG_WARNING, "old-table-accepted",
            "finding=%s path=\"%s\" writes_lost=%" PRIu64 " audit_records_to=%" PRIu64
            " action=\"registrations, suspensions and revocations since are lost: check the keys "
            "that were compromised or destroyed\"",
            name, path, report->batches_lost, report->audit_sequence);
    (void)snprintf(on_what, sizeof on_what,
                   "finding=%s writes-lost=%" PRIu64 " lost-records-to=%" PRIu64, name,
                   report->batches_lost, report->audit_sequence);
    return record(table, on_what, error);
}
