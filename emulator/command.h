/* The emulator's subcommands: each gets the arguments from its own name on and returns the exit
 * code of the program. */
#ifndef POS_EMULATOR_COMMAND_H
#define POS_EMULATOR_COMMAND_H

/* As the programs of posgate use them. */
enum pos_exit {
    POS_EXIT_DONE = 0,
    POS_EXIT_FAILED = 1,
    POS_EXIT_USAGE = 2,
    POS_EXIT_MISSING = 69,     /* something needed is not there: host, module, database */
    POS_EXIT_AGAIN = 75,       /* busy, interrupted: the same command goes on */
    POS_EXIT_NOT_ALLOWED = 77, /* a file that must be private is not, an old file is in the way */
};

int pos_command_smn(int argc, char **argv);
int pos_command_mother(int argc, char **argv);
int pos_command_terminals(int argc, char **argv);
int pos_command_host(int argc, char **argv);
int pos_command_trace(int argc, char **argv);

#endif
