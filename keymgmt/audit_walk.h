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

/* The records from `first` on, in order, until `each` returns false: the library's, or, when
 * `table` is not NULL, those of the gateway whose terminal table is in that folder. */
POS_MUST_USE enum pos_status pos_audit_command_walk(struct pos_home *home, const char *table,
                                                    uint64_t first, pos_each_record *each,
                                                    void *context, struct pos_error *error);

/* audit_verify.c, audit_export.c */
enum pos_status pos_command_audit_verify(struct pos_options *options, int argc, char **argv,
                                         struct pos_error *error);
enum pos_status pos_command_audit_export(struct pos_options *options, int argc, char **argv,
                                         struct pos_error *error);

#endif
