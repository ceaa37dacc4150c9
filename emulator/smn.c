/* `posgate-emulator smn SERIAL INDEX`: prints the SMN, or says why there is none. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/exit_code.h"
#include "core/base/smn.h"
#include "emulator/command.h"

struct smn_arguments {
    const char *serial, *index;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct smn_arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            arguments->serial = value;
        else if (state->arg_num == 1)
            arguments->index = value;
        else
            argp_error(state, "expected SERIAL and INDEX, got one more: %s", value);
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2)
            argp_error(state, "expected SERIAL and INDEX");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Digits only, and few enough not to wrap: a sign, a space or `0x` is a typing mistake here. */
static enum pos_status parse_index(const char *text, uint64_t *index, struct pos_error *error)
{
    *index = 0;
    if (text[0] == '\0' || strlen(text) > 18)
        return pos_error_set(error, POS_ERR_FORMAT, "key index must have 1 to 8 digits");
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return pos_error_set(error, POS_ERR_FORMAT,
                                 "key index has a character that is not a digit");
        *index = *index * 10 + (uint64_t)(*text - '0');
    }
    return POS_OK;
}

int pos_command_smn(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "SERIAL INDEX",
        .doc =
            "Prints the security module number: the 8 characters of SERIAL (A-Z and 0-9) and the "
            "key INDEX (1 to 99999999) with 8 digits.\v"
            "Example: posgate-emulator smn 123L013K 278 prints 123L013K00000278."};
    struct smn_arguments arguments = {0};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct pos_smn smn;
    struct pos_error error;
    uint64_t index;
    enum pos_status status = parse_index(arguments.index, &index, &error);
    if (status == POS_OK)
        status = pos_smn_form(pos_bytes_text(arguments.serial), index, &smn, &error);
    if (status != POS_OK) {
        (void)fprintf(stderr, "posgate-emulator smn: %s\n", error.text);
        return POS_EXIT_USAGE;
    }
    (void)printf("%s\n", smn.text);
    return POS_EXIT_DONE;
}
