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

enum { KEY_FROM = 0x200, KEY_TABLE };

struct asked {
    uint64_t from;
    const char *table; /* path; NULL: not named */
};

static error_t parse_show(int key, char *argument, struct argp_state *state)
{
    struct asked *asked = state->input;
    switch (key) {
    case KEY_FROM:
        asked->from = pos_option_number(state, "--from", argument, 1, INT64_MAX);
        return 0;
    case KEY_TABLE:
        asked->table = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

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

static enum pos_status show(struct pos_home *home, const struct asked *asked,
                            struct pos_error *error)
{
    static const struct pos_column columns[] = {{"sequence", 8}, {"time", -24},   {"who", -16},
                                                {"what", -18},   {"outcome", -8}, {"on_what", -1}};
    struct showing showing = {.report = pos_report_create(stdout, home->options->json, columns,
                                                          sizeof columns / sizeof columns[0])};
    enum pos_status status =
        pos_audit_command_walk(home, asked->table, asked->from, show_record, &showing, error);
    pos_report_destroy(showing.report);
    if (status == POS_OK && showing.unreadable)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "record %llu cannot be read: see 'audit verify'",
                             (unsigned long long)(asked->from + showing.shown));
    return status;
}

static enum pos_status run_show(struct pos_options *options, int argc, char **argv,
                                struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"from", KEY_FROM, "N", 0, "Begin with record N (default 1)", 0},
        {"gateway-table", KEY_TABLE, "DIR", 0,
         "Show the records of the gateway whose terminal table is in DIR", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own, .parser = parse_show, .doc = "Shows the audit records."};
    struct asked asked = {.from = 1};
    pos_options_parse(options, &argp, &asked, argc, argv);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_audit_command_begin(&home, "audit show", error);
    if (status == POS_OK)
        status = show(&home, &asked, error);
    pos_home_fini(&home);
    return status;
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
