#include "core/base/menu.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/nearest.h"

enum { HELP_SIZE_MAX = 4096 };

struct choosing {
    const struct pos_menu *menu;
    size_t command;
    int at; /* where in argv its name stands */
};

void pos_menu_add(struct pos_menu *menu, const char *name, const char *summary)
{
    assert(menu->count < POS_MENU_COUNT_MAX);
    menu->commands[menu->count].name = name;
    menu->commands[menu->count].summary = summary;
    menu->count++;
}

static void choose(struct choosing *choosing, const char *word, struct argp_state *state)
{
    const struct pos_menu *menu = choosing->menu;
    struct pos_nearest nearest = pos_nearest(word);
    for (size_t i = 0; i < menu->count; i++) {
        choosing->command = i;
        if (strcmp(menu->commands[i].name, word) == 0)
            return;
        pos_nearest_offer(&nearest, menu->commands[i].name);
    }
    if (nearest.found != NULL)
        argp_error(state, "'%.32s' is not a command; did you mean '%s %s'?", word, menu->title,
                   nearest.found);
    argp_error(state, "'%.32s' is not a command", word);
}

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct choosing *choosing = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = choosing->menu->input;
        return 0;
    case ARGP_KEY_ARG:
        choose(choosing, word, state);
        choosing->at = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_state_help(state, state->err_stream,
                        ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_STD_ERR);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void put_help(const struct pos_menu *menu, struct pos_buffer *help)
{
    size_t width = 0;
    for (size_t i = 0; i < menu->count; i++)
        if (strlen(menu->commands[i].name) > width)
            width = strlen(menu->commands[i].name);
    pos_buffer_format(help, "%s\n\n", menu->doc);
    for (size_t i = 0; i < menu->count; i++)
        pos_buffer_format(help, "  %-*s  %s\n", (int)width, menu->commands[i].name,
                          menu->commands[i].summary);
    pos_buffer_put_text(help, "\vEach command takes --help.");
    pos_buffer_put_u8(help, '\0');
    assert(!help->overflow);
}

size_t pos_menu_choose(struct pos_menu *menu, int *argc, char ***argv)
{
    char text[HELP_SIZE_MAX];
    struct pos_buffer help = pos_buffer(text, sizeof text);
    put_help(menu, &help);
    const struct argp_child children[] = {{menu->options, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    const struct argp argp = {
        .parser = parse, .args_doc = "COMMAND [OPTION...]", .doc = text, .children = children};
    struct choosing choosing = {.menu = menu};
    (void)snprintf(menu->chosen, sizeof menu->chosen, "%s", menu->title);
    (*argv)[0] = menu->chosen;
    (void)argp_parse(&argp, *argc, *argv, ARGP_IN_ORDER, NULL, &choosing);
    (void)snprintf(menu->chosen, sizeof menu->chosen, "%s %s", menu->title,
                   menu->commands[choosing.command].name);
    *argc -= choosing.at;
    *argv += choosing.at;
    (*argv)[0] = menu->chosen;
    return choosing.command;
}
