/*
 * posgate-emulator: the parties around posgate for those who test it: terminals, the mother POS
 * that gives them their keys, and the acquirer's host. This file knows their names only.
 */
#include "core/base/menu.h"
#include "core/base/program.h"
#include "emulator/command.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"smn", "form a security module number from a serial and a key index", pos_command_smn},
    {"mother", "run a mother POS: take key files, hand keys to terminals", pos_command_mother},
    {"terminals", "run terminals: key, register, sign on, transact", pos_command_terminals},
    {"host", "run an acquirer's host: approve, decline, delay, stay silent", pos_command_host},
    {"trace", "decode messages: from hexadecimal, a capture or a port", pos_command_trace},
};

int main(int argc, char **argv)
{
    struct pos_menu menu = {.title = "posgate-emulator",
                            .doc = "The parties around posgate, for those who test it."};
    pos_program_begin(argc, argv);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        pos_menu_add(&menu, commands[i].name, commands[i].summary);
    return commands[pos_menu_choose(&menu, &argc, &argv)].run(argc, argv);
}
