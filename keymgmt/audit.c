/*
 * `posgate-keymgmt audit show|verify`: the chain as it is, and whether it is whole. The gateway
 * keeps a chain of its own in its terminal table, which is read here too when it is named.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
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
        asked->from = pos_options_number(state, "--from", argument, INT64_MAX);
        return 0;
    case KEY_TABLE:
        asked->table = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_verify(int key, char *argument, struct argp_state *state)
{
    return key == KEY_TABLE ? parse_show(key, argument, state) : ARGP_ERR_UNKNOWN;
}

typedef bool each_record(void *context, struct pos_bytes record);

static enum pos_status cannot_read(enum pos_status status, struct pos_error *error)
{
    return pos_error_set(error, status, "the audit records cannot be read: %s",
                         pos_status_text(status));
}

static enum pos_status walk_library(struct pos_options *options, uint64_t first, each_record *each,
                                    void *context, struct pos_error *error)
{
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_open_reader(&home, error);
    if (status == POS_OK) {
        status = pos_key_library_walk_audit(home.library, first, each, context);
        if (status != POS_OK)
            (void)cannot_read(status, error);
    }
    pos_home_fini(&home);
    return status;
}

static enum pos_status walk_table(const char *path, uint64_t first, each_record *each,
                                  void *context, struct pos_error *error)
{
    struct pos_terminal_table *table;
    enum pos_status status = pos_home_follow_table(path, &table, error);
    if (status != POS_OK)
        return status;
    status = pos_terminal_table_walk_audit(table, first, each, context);
    pos_terminal_table_close(table);
    return status == POS_OK ? POS_OK : cannot_read(status, error);
}

/* Opens the library, or the table when a path is given, and walks its chain from `first`. */
static enum pos_status walk(struct pos_options *options, const char *table, uint64_t first,
                            each_record *each, void *context, struct pos_error *error)
{
    return table == NULL ? walk_library(options, first, each, context, error)
                         : walk_table(table, first, each, context, error);
}

/* ---- show ---- */

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
    static const struct pos_column columns[] = {{"sequence", 8}, {"time", -24},   {"who", -16},
                                                {"what", -18},   {"outcome", -8}, {"on_what", -1}};
    struct asked asked = {.from = 1};
    pos_options_parse(options, &argp, &asked, argc, argv);
    struct showing showing = {.report = pos_report_create(stdout, options->json, columns,
                                                          sizeof columns / sizeof columns[0])};
    enum pos_status status = walk(options, asked.table, asked.from, show_record, &showing, error);
    pos_report_destroy(showing.report);
    if (status == POS_OK && showing.unreadable)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "record %llu cannot be read: see 'audit verify'",
                             (unsigned long long)(asked.from + showing.shown));
    return status;
}

/* ---- verify ---- */

struct verifying {
    struct pos_audit_head head;
    enum pos_status status;
    struct pos_error *error;
};

static bool verify_record(void *context, struct pos_bytes record)
{
    struct verifying *verifying = context;
    verifying->status = pos_audit_verify_next(&verifying->head, &(struct pos_audit_sealer){0},
                                              record, verifying->error);
    return verifying->status == POS_OK;
}

static enum pos_status verify(struct pos_options *options, const char *table,
                              struct pos_audit_head *head, struct pos_error *error)
{
    const char *broken =
        table == NULL ? "the audit chain is broken" : "the gateway's audit chain is broken";
    struct verifying verifying = {.error = error};
    enum pos_status status = walk(options, table, 0, verify_record, &verifying, error);
    /* Damage that the database itself notices is a broken record too. */
    if (status == POS_ERR_CORRUPT || (status != POS_OK && verifying.head.sequence > 0))
        return pos_error_set(error, POS_ERR_CORRUPT, "%s: record %llu cannot be read", broken,
                             (unsigned long long)verifying.head.sequence + 1);
    if (status != POS_OK)
        return status;
    if (verifying.status != POS_OK) {
        (void)pos_error_prefix(error, "%s", broken);
        return verifying.status;
    }
    /* `init` wrote the library's first record, so a chain without any was cut away. A gateway that
     * had nothing to record has none. */
    if (verifying.head.sequence == 0 && table == NULL)
        return pos_error_set(error, POS_ERR_CORRUPT, "%s: record 1 is missing", broken);
    *head = verifying.head;
    return POS_OK;
}

static void report_chain(struct pos_report *answer, const char *const names[3],
                         const struct pos_audit_head *head)
{
    char hash[2 * POS_AUDIT_HASH_SIZE + 1];
    pos_hex_encode(pos_bytes(head->hash, POS_AUDIT_HASH_SIZE), hash);
    pos_report_text(answer, names[0], "intact");
    pos_report_number(answer, names[1], head->sequence);
    pos_report_text(answer, names[2], hash);
}

static void report(const struct pos_options *options, const struct pos_audit_head *library,
                   const struct pos_audit_head *gateway)
{
    static const char *const names[] = {"chain", "records", "last_hash"};
    static const char *const gateways[] = {"gateway_chain", "gateway_records", "gateway_last_hash"};
    struct pos_report *answer = pos_report_create(stdout, options->json, NULL, 0);
    report_chain(answer, names, library);
    if (gateway != NULL)
        report_chain(answer, gateways, gateway);
    pos_report_destroy(answer);
}

static enum pos_status run_verify(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"gateway-table", KEY_TABLE, "DIR", 0,
         "Check the chain of the gateway whose terminal table is in DIR as well; it may be running",
         0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_verify,
        .doc = "Checks every audit record against the one before it. Ends with 1 and names the "
               "first broken record when one was changed, cut out or swapped. Keep the count and "
               "the last hash elsewhere: they tell whether records were cut off at the end."};
    struct asked asked = {.from = 0};
    struct pos_audit_head library, gateway;
    pos_options_parse(options, &argp, &asked, argc, argv);
    enum pos_status status = verify(options, NULL, &library, error);
    if (status == POS_OK && asked.table != NULL)
        status = verify(options, asked.table, &gateway, error);
    if (status == POS_OK)
        report(options, &library, asked.table != NULL ? &gateway : NULL);
    return status;
}

enum pos_status pos_command_audit(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error)
{
    static const struct pos_command commands[] = {
        {"show", "show the records", run_show},
        {"verify", "check that the chain is whole", run_verify},
        {NULL, NULL, NULL}};
    return pos_command_dispatch(commands, "posgate-keymgmt audit",
                                "Reads the audit chain of the key library.", options, argc, argv,
                                error);
}
