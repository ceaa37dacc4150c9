/* What the command lines of all programs have in common. */
#ifndef POS_BASE_PROGRAM_H
#define POS_BASE_PROGRAM_H

/*
 * Before main parses anything: from here on argp ends the process with POS_EXIT_USAGE for wrong
 * usage, and prints the version for --version and -V. When `-vv` is all there is on the command
 * line, prints the version with what it was built of, and ends.
 */
void pos_program_begin(int argc, char **argv);

#endif
