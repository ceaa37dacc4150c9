/* `posgate-emulator smn SERIAL INDEX`: prints the SMN, or says why there is none. */
#include <argp.h>
#include <stdio.h>

#include "core/base/exit_code.h"
#include "core/base/option.h"
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
    enum pos_status status;
    if (!pos_number_parse(arguments.index, &index))
        status = pos_error_set(&error, POS_ERR_FORMAT, "key index '%.32s' is not 1 to %d digits",
                               arguments.index, POS_KEY_INDEX_DIGITS);
    else
        status = pos_smn_form(pos_bytes_text(arguments.serial), index, &smn, &error);
    if (status != POS_OK) {
        (void)fprintf(stderr, "posgate-emulator smn: %s\n", error.text);
        return POS_EXIT_USAGE;
    }
    (void)printf("%s\n", smn.text);
    return POS_EXIT_DONE;
}
