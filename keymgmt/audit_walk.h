/* What the commands over audit chains share: a home whose person may read them, and the records of
 * the library's chain or of a gateway's. */
#ifndef POS_KEYMGMT_AUDIT_WALK_H
#define POS_KEYMGMT_AUDIT_WALK_H

#include "keymgmt/home.h"

typedef bool pos_each_record(void *context, struct pos_bytes record);

/* Behind pos_home_init: opens the library for reading and lets an auditor or operator log in; as
 * pos_home_begin_reader. */
POS_MUST_USE enum pos_status pos_audit_command_begin(struct pos_home *home, const char *command,
                                                     struct pos_error *error);

/* Whose records, and from which on. */
struct pos_audit_range {
    const char *table; /* folder of a gateway's terminal table; NULL: the library's own records */
    uint64_t first;    /* sequence; they begin with 1 */
};

/* Those records, in order, until `each` returns false. */
POS_MUST_USE enum pos_status pos_audit_command_walk(struct pos_home *home,
                                                    const struct pos_audit_range *range,
                                                    pos_each_record *each, void *context,
                                                    struct pos_error *error);

/* A whole command over a range that its options name, --gateway-table and --from or --since. `name`
 * is "audit show", `work` what is done in the home when the person may. */
struct pos_audit_command {
    const char *name, *doc;
    enum pos_status (*work)(struct pos_home *home, const struct pos_audit_range *range,
                            struct pos_error *error);
};
POS_MUST_USE enum pos_status pos_audit_command_run(const struct pos_audit_command *command,
                                                   struct pos_options *options, int argc,
                                                   char **argv, struct pos_error *error);

/* audit_verify.c, audit_export.c */
enum pos_status pos_command_audit_verify(struct pos_options *options, int argc, char **argv,
                                         struct pos_error *error);
enum pos_status pos_command_audit_export(struct pos_options *options, int argc, char **argv,
                                         struct pos_error *error);

#endif
