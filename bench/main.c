/*
 * posgate-bench: how fast it is, in ratios that travel. Each command makes what it needs, measures
 * it beside a bare epoll server in turn, and removes it again.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/bare.h"
#include "bench/command.h"
#include "bench/progress.h"
#include "core/base/version.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"limits", pos_command_limits, "what this machine allows: servers that only answer, and redis"},
    {"auth", pos_command_auth, "authentications on the real gateway, and their ratio to that"},
    {"connections", pos_command_connections, "memory of the gateway that an idle one takes"},
    {"codec", pos_command_codec, "messages taken apart and built, in all dialects"},
    {"crypto", pos_command_crypto, "MACs, key blocks and PINs beside OpenSSL's ciphers"},
    {"lookup", pos_command_lookup, "the terminal table alone, beside a hash table in memory"},
    {"register", pos_command_register, "durable registrations, beside single synced puts"},
    {"sign-on", pos_command_sign_on, "first sign-ons, beside the same verbs alone"},
    {"generate", pos_command_generate, "terminals' keys made and stored, beside the crypto alone"},
    {"mixed", pos_command_mixed, "latency of authentications beside registrations"},
    {"flood", pos_command_flood, "latency of good requests beside a flood of strangers"},
    {"compare", pos_command_compare, "what changed between two reports beyond the noise"},
};

static void print_help(FILE *to)
{
    (void)fprintf(to, "Usage: posgate-bench COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(to, "\n`posgate-bench COMMAND --help` lists a command's options; "
                      "`posgate-bench --version` says the version.\n");
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int pos_command_fail(const char *command, const struct pos_error *error)
{
    pos_progress_wipe();
    (void)fprintf(stderr, "posgate-bench %s: %s\n", command, error->text);
    if (error->status == POS_ERR_NOT_FOUND || error->status == POS_ERR_LIMIT)
        return POS_EXIT_ABSENT;
    return error->status == POS_ERR_USAGE ? POS_EXIT_USAGE : POS_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = POS_EXIT_USAGE;
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return POS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return POS_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        (void)printf("posgate-bench, %s\n", pos_version_line());
        return POS_EXIT_DONE;
    }
    if (strcmp(argv[1], "-vv") == 0) {
        (void)printf("posgate-bench, %s\n%s", pos_version_line(), pos_version_details());
        return POS_EXIT_DONE;
    }
    if (strcmp(argv[1], "bare-server") == 0) /* what the other commands start */
        return pos_bare_serve();
    if (strcmp(argv[1], "libuv-server") == 0)
        return pos_bare_serve_libuv();
    const struct command *command = find(argv[1]);
    if (command == NULL) {
        (void)fprintf(stderr, "posgate-bench: there is no command '%s'\n", argv[1]);
        print_help(stderr);
        return POS_EXIT_USAGE;
    }
    static char name[64]; /* what argp calls the program in its messages */
    (void)snprintf(name, sizeof name, "posgate-bench %s", command->name);
    argv[1] = name;
    return command->run(argc - 1, argv + 1);
}
