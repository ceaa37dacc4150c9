/*
 * `posgate-keymgmt audit show|verify|export`: the chain as it is, whether it is whole, and for
 * others. The gateway keeps a chain of its own in its terminal table, which is read here too when
 * it is named.
 */
#include <stdio.h>
#include <string.h>

#include "keymgmt/audit_walk.h"
#include "keymgmt/command.h"
#include "keymgmt/report.h"

static void put(struct pos_report *report, const char *name, struct pos_bytes value)
{
    char text[POS_AUDIT_RECORD_SIZE_MAX + 1];
    size_t size = value.size < sizeof text ? value.size : sizeof text - 1;
    memcpy(text, value.data, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = '?'; /* nothing in a record may steer a terminal */
    pos_report_text(report, name, text);
}

struct showing {
    struct pos_report *report;
    uint64_t shown;
    bool unreadable;
};

static bool show_record(void *context, struct pos_bytes record)
{
    struct showing *showing = context;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    showing->unreadable = pos_audit_read(record, text, sizeof text, &parts) != POS_OK;
    if (showing->unreadable)
        return false;
    showing->shown++;
    pos_report_number(showing->report, "sequence", parts.sequence);
    put(showing->report, "time", parts.time);
    put(showing->report, "who", parts.who);
    put(showing->report, "what", parts.what);
    put(showing->report, "on_what", parts.on_what);
    put(showing->report, "outcome", parts.outcome);
    pos_report_end_row(showing->report);
    return true;
}

static enum pos_status show(struct pos_home *home, const struct pos_audit_range *range,
                            struct pos_error *error)
{
    static const struct pos_column columns[] = {{"sequence", 8}, {"time", -24},   {"who", -16},
                                                {"what", -18},   {"outcome", -8}, {"on_what", -1}};
    struct showing showing = {.report = pos_report_create(stdout, home->options->json, columns,
                                                          sizeof columns / sizeof columns[0])};
    enum pos_status status = pos_audit_command_walk(home, range, show_record, &showing, error);
    pos_report_destroy(showing.report);
    if (status == POS_OK && showing.unreadable)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "record %llu cannot be read: see 'audit verify'",
                             (unsigned long long)(range->first + showing.shown));
    return status;
}

static enum pos_status run_show(struct pos_options *options, int argc, char **argv,
                                struct pos_error *error)
{
    static const struct pos_audit_command command = {
        .name = "audit show", .doc = "Shows the audit records.", .work = show};
    return pos_audit_command_run(&command, options, argc, argv, error);
}

enum pos_status pos_command_audit(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct pos_command commands[] = {
        {"show", "show the records", run_show},
        {"verify", "check that the chain is whole", pos_command_audit_verify},
        {"export", "write the records as JSON lines", pos_command_audit_export},
        {NULL, NULL, NULL}};
    return pos_command_dispatch(commands, "posgate-keymgmt audit",
                                "Reads the audit chain of the key library.", options, argc, argv,
                                error);
}
