#include "core/base/menu.h"
#include "keymgmt/command.h"

enum pos_status pos_command_dispatch(const struct pos_command *commands, const char *title,
                                     const char *doc, struct pos_options *options, int argc,
                                     char **argv, struct pos_error *error)
{
    struct pos_menu menu = {
        .title = title, .doc = doc, .options = &pos_options_argp, .input = options};
    for (size_t i = 0; commands[i].name != NULL; i++)
        pos_menu_add(&menu, commands[i].name, commands[i].summary);
    size_t chosen = pos_menu_choose(&menu, &argc, &argv);
    return commands[chosen].run(options, argc, argv, error);
}
