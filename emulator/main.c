/*
 * posgate-emulator: the parties around posgate for those who test it: terminals, the mother POS
 * that gives them their keys, and the acquirer's host. This file knows their names only.
 */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/exit_code.h"
#include "core/base/version.h"
#include "emulator/command.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"smn", pos_command_smn, "form a security module number from a serial and a key index"},
    {"mother", pos_command_mother, "run a mother POS: take key files, hand keys to terminals"},
    {"terminals", pos_command_terminals, "run terminals: key, register, sign on, transact"},
    {"host", pos_command_host, "run an acquirer's host: approve, decline, delay, stay silent"},
    {"trace", pos_command_trace, "decode messages: from hexadecimal, a capture or a port"},
};

static void print_help(FILE *to)
{
    (void)fprintf(to, "Usage: posgate-emulator COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(to, "\n`posgate-emulator COMMAND --help` lists a command's options; "
                      "`posgate-emulator --version` says the version.\n");
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = POS_EXIT_USAGE;
    if (argc < 2) {
        print_help(stderr);
        return POS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return POS_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        (void)printf("posgate-emulator, %s\n", pos_version_line());
        return POS_EXIT_DONE;
    }
    if (strcmp(argv[1], "-vv") == 0) {
        (void)printf("posgate-emulator, %s\n%s", pos_version_line(), pos_version_details());
        return POS_EXIT_DONE;
    }
    const struct command *command = find(argv[1]);
    if (command == NULL) {
        (void)fprintf(stderr, "posgate-emulator: there is no command '%s'\n", argv[1]);
        print_help(stderr);
        return POS_EXIT_USAGE;
    }
    static char name[64]; /* what argp calls the program in its messages */
    (void)snprintf(name, sizeof name, "posgate-emulator %s", command->name);
    argv[1] = name;
    return command->run(argc - 1, argv + 1);
}
