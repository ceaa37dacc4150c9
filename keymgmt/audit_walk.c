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

enum pos_status pos_audit_command_walk(struct pos_home *home, const char *table, uint64_t first,
                                       pos_each_record *each, void *context,
                                       struct pos_error *error)
{
    if (table != NULL)
        return walk_table(table, first, each, context, error);
    enum pos_status status = pos_key_library_walk_audit(home->library, first, each, context);
    return status == POS_OK ? POS_OK : cannot_read(status, error);
}
