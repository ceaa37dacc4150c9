/* What a command is, and every command there is. */
#ifndef POS_KEYMGMT_COMMAND_H
#define POS_KEYMGMT_COMMAND_H

#include "keymgmt/options.h"

/*
 * argv[0] is the command's full name ("posgate-keymgmt generate"), for argp. A command says what it
 * did on stdout; when it fails it returns the status with *error filled, which the caller prints.
 */
struct pos_command {
    const char *name;
    const char *summary;
    enum pos_status (*run)(struct pos_options *options, int argc, char **argv,
                           struct pos_error *error);
};

enum pos_status pos_command_init(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error);
enum pos_status pos_command_ceremony(struct pos_options *options, int argc, char **argv,
                                     struct pos_error *error);
enum pos_status pos_command_generate(struct pos_options *options, int argc, char **argv,
                                     struct pos_error *error);
enum pos_status pos_command_export(struct pos_options *options, int argc, char **argv,
                                   struct pos_error *error);
enum pos_status pos_command_load(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error);
enum pos_status pos_command_import_return(struct pos_options *options, int argc, char **argv,
                                          struct pos_error *error);
enum pos_status pos_command_list(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error);
enum pos_status pos_command_show(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error);
enum pos_status pos_command_check(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error);
enum pos_status pos_command_stock(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error);
enum pos_status pos_command_backup(struct pos_options *options, int argc, char **argv,
                                   struct pos_error *error);
enum pos_status pos_command_restore(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error);
enum pos_status pos_command_operator(struct pos_options *options, int argc, char **argv,
                                     struct pos_error *error);
enum pos_status pos_command_approve(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error);
enum pos_status pos_command_approvals(struct pos_options *options, int argc, char **argv,
                                      struct pos_error *error);
enum pos_status pos_command_lmk(struct pos_options *options, int argc, char **argv,
                                struct pos_error *error);
enum pos_status pos_command_destroy(struct pos_options *options, int argc, char **argv,
                                    struct pos_error *error);
enum pos_status pos_command_compromise(struct pos_options *options, int argc, char **argv,
                                       struct pos_error *error);
enum pos_status pos_command_revoke(struct pos_options *options, int argc, char **argv,
                                   struct pos_error *error);
enum pos_status pos_command_audit(struct pos_options *options, int argc, char **argv,
                                  struct pos_error *error);

/*
 * Reads options up to the first word, which names one of `commands` (ended by a NULL name), and
 * runs that. `title` and `doc` as in core/base/menu.h: "posgate-keymgmt", "posgate-keymgmt
 * ceremony".
 */
POS_MUST_USE enum pos_status pos_command_dispatch(const struct pos_command *commands,
                                                  const char *title, const char *doc,
                                                  struct pos_options *options, int argc,
                                                  char **argv, struct pos_error *error);

#endif
