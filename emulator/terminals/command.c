/* `posgate-emulator terminals`. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/exit_code.h"
#include "core/base/secret.h"
#include "emulator/command.h"
#include "emulator/exit.h"
#include "emulator/terminals/options.h"

static enum pos_status work(const struct pos_terminals_options *a, struct pos_report *report,
                            struct pos_error *error)
{
    struct pos_terminal_store *store;
    enum pos_status status =
        pos_terminal_store_open(a->store, a->run.as_serial == NULL, &store, error);
    if (status != POS_OK)
        return status;
    status = pos_run(&a->run, store, report, error);
    pos_terminal_store_close(store);
    pos_report_print(report, a->json, stdout);
    return status;
}

int pos_command_terminals(int argc, char **argv)
{
    struct pos_terminals_options a;
    pos_terminals_options_parse(argc, argv, &a);
    struct pos_error error = {.text = ""};
    struct pos_report *report = calloc(1, sizeof *report);
    enum pos_status status = report == NULL ? POS_ERR_MEMORY : pos_secret_protect_process();
    if (status == POS_OK)
        status = work(&a, report, &error);
    int code = pos_exit_report("terminals", status, &error);
    if (code == POS_EXIT_DONE && !pos_report_is_clean(report))
        code = POS_EXIT_FAILED;
    free(report);
    return code;
}
