#include "keymgmt/options.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_HOME = 0x100,
    KEY_CREDENTIAL,
    KEY_ANCHOR,
    KEY_OPERATOR,
    KEY_OPERATOR_CREDENTIAL,
    KEY_APPROVAL,
    KEY_JSON
};

static const struct argp_option common_options[] = {
    {NULL, 0, NULL, 0, "Every command:", 50},
    {"home", KEY_HOME, "DIR", 0,
     "Folder with the sealed LMK and the key library (default: $POSGATE_KEYMGMT_HOME)", 51},
    {"credential", KEY_CREDENTIAL, "FILE", 0,
     "What opens the LMK, mode 0600 (default: HOME/credential; when that is missing a passphrase "
     "is asked for on a terminal)",
     51},
    {"anchor", KEY_ANCHOR, "FILE", 0,
     "The key library's anchor (default: as HOME/keymgmt.conf says, else HOME/anchor)", 51},
    {"operator", KEY_OPERATOR, "NAME", 0,
     "Who this is, by the name in the key library (default: login name)", 51},
    {"operator-credential", KEY_OPERATOR_CREDENTIAL, "FILE", 0,
     "Who this is, proved: a file with that person's password, mode 0600 (default: it is asked for "
     "on a terminal)",
     51},
    {"approval", KEY_APPROVAL, "N", 0,
     "Use approval N for what needs a second person (default: the one that fits)", 51},
    {"json", KEY_JSON, NULL, 0, "Answer in JSON", 51},
    {NULL, 0, NULL, 0, NULL, 0}};

static void copy_text(struct argp_state *state, const char *name, const char *text, char *copy,
                      size_t capacity)
{
    if (text[0] == '\0' || strlen(text) >= capacity)
        argp_error(state, "--%s needs 1 to %zu characters", name, capacity - 1);
    (void)snprintf(copy, capacity, "%s", text);
}

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
    struct pos_options *options = state->input;
    switch (key) {
    case KEY_HOME:
        copy_text(state, "home", argument, options->home, sizeof options->home);
        return 0;
    case KEY_CREDENTIAL:
        copy_text(state, "credential", argument, options->credential, sizeof options->credential);
        return 0;
    case KEY_ANCHOR:
        copy_text(state, "anchor", argument, options->anchor, sizeof options->anchor);
        return 0;
    case KEY_OPERATOR:
        copy_text(state, "operator", argument, options->operator_name,
                  sizeof options->operator_name);
        options->operator_given = true;
        return 0;
    case KEY_OPERATOR_CREDENTIAL:
        copy_text(state, "operator-credential", argument, options->operator_credential,
                  sizeof options->operator_credential);
        return 0;
    case KEY_APPROVAL:
        options->approval =
            (uint32_t)pos_option_number(state, "--approval", argument, 1, UINT32_MAX);
        return 0;
    case KEY_JSON:
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp pos_options_argp = {.options = common_options, .parser = parse_common};

void pos_options_init(struct pos_options *options)
{
    *options = (struct pos_options){0};
    const char *home = getenv("POSGATE_KEYMGMT_HOME");
    if (home != NULL && strlen(home) < sizeof options->home)
        (void)snprintf(options->home, sizeof options->home, "%s", home);
    const struct passwd *user = getpwuid(getuid());
    if (user != NULL)
        (void)snprintf(options->operator_name, sizeof options->operator_name, "%s", user->pw_name);
    else
        (void)snprintf(options->operator_name, sizeof options->operator_name, "uid %u", getuid());
}

enum pos_status pos_options_finish(struct pos_options *options, struct pos_error *error)
{
    if (options->home[0] == '\0')
        return pos_error_set(error, POS_ERR_CONFIG,
                             "no home folder is named: give --home DIR or set "
                             "POSGATE_KEYMGMT_HOME (up to %zu characters)",
                             sizeof options->home - 1);
    if (options->credential[0] != '\0')
        return POS_OK;
    int size =
        snprintf(options->credential, sizeof options->credential, "%s/credential", options->home);
    if (size < 0 || (size_t)size >= sizeof options->credential)
        return pos_error_set(error, POS_ERR_CONFIG, "the home folder's path is too long");
    return POS_OK;
}

struct both_inputs {
    struct pos_options *options;
    void *input;
};

static error_t parse_both(int key, char *argument, struct argp_state *state)
{
    const struct both_inputs *inputs = state->input;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = inputs->input;
        state->child_inputs[1] = inputs->options;
        return 0;
    }
    /* Words that are no options belong to the command; argp's own children come after us. */
    (void)argument;
    return ARGP_ERR_UNKNOWN;
}

void pos_options_parse(struct pos_options *options, const struct argp *own, void *input, int argc,
                       char **argv)
{
    struct both_inputs inputs = {.options = options, .input = input};
    const struct argp_child children[] = {
        {own, 0, NULL, 0}, {&pos_options_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    /* What own says of its words (args_doc) is added by argp; said here too it would stand twice.
     */
    const struct argp both = {.parser = parse_both, .doc = own->doc, .children = children};
    (void)argp_parse(&both, argc, argv, 0, NULL, &inputs);
}
