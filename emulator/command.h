/* The emulator's subcommands: each gets the arguments from its own name on and returns the exit
 * code of the program. */
#ifndef POS_EMULATOR_COMMAND_H
#define POS_EMULATOR_COMMAND_H

int pos_command_smn(int argc, char **argv);
int pos_command_mother(int argc, char **argv);
int pos_command_terminals(int argc, char **argv);
int pos_command_host(int argc, char **argv);
int pos_command_trace(int argc, char **argv);

#endif
