#include "core/base/program.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/exit_code.h"
#include "core/base/version.h"

static void print_version(FILE *to, struct argp_state *state)
{
    (void)state;
    (void)fprintf(to, "%s\n", pos_version_line());
}

void pos_program_begin(int argc, char **argv)
{
    argp_err_exit_status = POS_EXIT_USAGE;
    argp_program_version_hook = print_version;
    if (argc != 2 || strcmp(argv[1], "-vv") != 0)
        return;
    print_version(stdout, NULL);
    (void)fputs(pos_version_details(), stdout);
    exit(fflush(stdout) == 0 ? POS_EXIT_DONE : POS_EXIT_FAILED);
}
