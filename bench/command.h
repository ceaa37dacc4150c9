/* The commands of posgate-bench; each takes what follows its name and returns an exit code. */
#ifndef POS_BENCH_COMMAND_H
#define POS_BENCH_COMMAND_H

#include "bench/options.h"
#include "core/base/error.h"

int pos_command_limits(int argc, char **argv);
int pos_command_auth(int argc, char **argv);
int pos_command_connections(int argc, char **argv);
int pos_command_codec(int argc, char **argv);
int pos_command_crypto(int argc, char **argv);
int pos_command_lookup(int argc, char **argv);
int pos_command_register(int argc, char **argv);
int pos_command_sign_on(int argc, char **argv);
int pos_command_generate(int argc, char **argv);
int pos_command_mixed(int argc, char **argv);
int pos_command_flood(int argc, char **argv);
int pos_command_stall(int argc, char **argv);
int pos_command_compare(int argc, char **argv);

/* Says the error on standard error; the exit code that belongs to it. */
int pos_command_fail(const char *command, const struct pos_error *error);

#endif
