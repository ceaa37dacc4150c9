#include <stdio.h>
#include <string.h>

#include "core/base/nearest.h"
#include "keymgmt/command.h"

enum { TITLE_SIZE_MAX = 96, HELP_SIZE_MAX = 4096 };

struct first_word {
    struct pos_options *options;
    int at; /* where in argv the command's name stands; 0: nowhere */
};

static error_t parse_first_word(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    struct first_word *word = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = word->options;
        return 0;
    case ARGP_KEY_ARG:
        word->at = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void put_commands(const struct pos_command *commands, const char *doc,
                         struct pos_buffer *help)
{
    pos_buffer_format(help, "%s\v", doc);
    pos_buffer_put_text(help, "Commands:\n");
    for (size_t i = 0; commands[i].name != NULL; i++)
        pos_buffer_format(help, "  %-13s %s\n", commands[i].name, commands[i].summary);
    pos_buffer_put_text(help, "\nEach command takes --help.");
    pos_buffer_put_u8(help, '\0');
}

static enum pos_status unknown(const struct pos_command *commands, const char *title,
                               const char *word, struct pos_error *error)
{
    struct pos_nearest nearest = pos_nearest(word);
    for (; commands->name != NULL; commands++)
        pos_nearest_offer(&nearest, commands->name);
    if (nearest.found != NULL)
        return pos_error_set(error, POS_ERR_USAGE,
                             "'%.32s' is not a command; did you mean '%s %s'?", word, title,
                             nearest.found);
    return pos_error_set(error, POS_ERR_USAGE, "'%.32s' is not a command; see '%s --help'", word,
                         title);
}

enum pos_status pos_command_dispatch(const struct pos_command *commands, const char *title,
                                     const char *doc, struct pos_options *options, int argc,
                                     char **argv, struct pos_error *error)
{
    char help[HELP_SIZE_MAX];
    struct pos_buffer text = pos_buffer(help, sizeof help);
    put_commands(commands, doc, &text);
    const struct argp_child children[] = {{&pos_options_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    const struct argp argp = {.parser = parse_first_word,
                              .args_doc = "COMMAND [OPTION...]",
                              .doc = text.overflow ? doc : help,
                              .children = children};
    struct first_word word = {.options = options};
    char own_title[TITLE_SIZE_MAX];
    (void)snprintf(own_title, sizeof own_title, "%s", title);
    argv[0] = own_title;
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &word);
    for (size_t i = 0; commands[i].name != NULL; i++) {
        if (strcmp(commands[i].name, argv[word.at]) != 0)
            continue;
        char command_title[TITLE_SIZE_MAX];
        (void)snprintf(command_title, sizeof command_title, "%s %s", title, commands[i].name);
        argv[word.at] = command_title;
        return commands[i].run(options, argc - word.at, argv + word.at, error);
    }
    return unknown(commands, title, argv[word.at], error);
}
