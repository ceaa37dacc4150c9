#include "keymgmt/audit_walk.h"

static enum pos_status cannot_read(enum pos_status status, struct pos_error *error)
{
    return pos_error_set(error, status, "the audit records cannot be read: %s",
                         pos_status_text(status));
}

enum pos_status pos_audit_command_begin(struct pos_home *home, const char *command,
                                        struct pos_error *error)
{
    return pos_home_begin_reader(home, POS_ROLE_AUDITOR | POS_ROLE_OPERATOR, command, error);
}

static enum pos_status walk_table(const char *path, uint64_t first, pos_each_record *each,
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

enum pos_status pos_audit_command_walk(struct pos_home *home, const struct pos_audit_range *range,
                                       pos_each_record *each, void *context,
                                       struct pos_error *error)
{
    if (range->table != NULL)
        return walk_table(range->table, range->first, each, context, error);
    enum pos_status status = pos_key_library_walk_audit(home->library, range->first, each, context);
    return status == POS_OK ? POS_OK : cannot_read(status, error);
}

/* ---- a command ---- */

enum { KEY_FROM = 0x200, KEY_TABLE };

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_audit_range *range = state->input;
    switch (key) {
    case KEY_FROM:
        range->first = pos_option_number(state, "--from", argument, 1, INT64_MAX);
        return 0;
    case KEY_TABLE:
        range->table = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

enum pos_status pos_audit_command_run(const struct pos_audit_command *command,
                                      struct pos_options *options, int argc, char **argv,
                                      struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"from", KEY_FROM, "N", 0, "Begin with record N (default 1)", 0},
        {"since", 0, NULL, OPTION_ALIAS, NULL, 0},
        {"gateway-table", KEY_TABLE, "DIR", 0,
         "The records of the gateway whose terminal table is in DIR instead; it may be running", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    const struct argp argp = {.options = own, .parser = parse, .doc = command->doc};
    struct pos_audit_range range = {.first = 1};
    pos_options_parse(options, &argp, &range, argc, argv);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_audit_command_begin(&home, command->name, error);
    if (status == POS_OK)
        status = command->work(&home, &range, error);
    pos_home_fini(&home);
    return status;
}
