/*
 * posgate-bench: how fast it is, in ratios that travel. Each command makes what it needs, measures
 * it beside a bare epoll server in turn, and removes it again.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/bare.h"
#include "bench/command.h"
#include "bench/progress.h"
#include "core/base/menu.h"
#include "core/base/program.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"limits", pos_command_limits, "what this machine allows: servers that only answer, and redis"},
    {"auth", pos_command_auth, "authentications on the real gateway, and their ratio to that"},
    {"connections", pos_command_connections,
     "memory of idle ones, also after churn; how loops share them"},
    {"codec", pos_command_codec, "messages taken apart and built, in all dialects"},
    {"crypto", pos_command_crypto, "MACs, key blocks and PINs beside OpenSSL's ciphers"},
    {"lookup", pos_command_lookup, "the terminal table alone, beside a hash table in memory"},
    {"register", pos_command_register, "durable registrations, beside single synced puts"},
    {"sign-on", pos_command_sign_on, "first sign-ons, beside the same verbs alone"},
    {"generate", pos_command_generate, "terminals' keys made and stored, beside the crypto alone"},
    {"mixed", pos_command_mixed, "latency of authentications beside registrations"},
    {"flood", pos_command_flood, "latency of good requests beside a flood of strangers"},
    {"stall", pos_command_stall, "whether a gateway that stands still for a second is seen"},
    {"compare", pos_command_compare, "what changed between two reports beyond the noise"},
};

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
    struct pos_menu menu = {
        .title = "posgate-bench",
        .doc = "Measures posgate beside servers that only answer, in turn. Each command makes what "
               "it needs and removes it again."};
    pos_program_begin(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "bare-server") == 0) /* what the other commands start */
        return pos_bare_serve();
    if (argc == 2 && strcmp(argv[1], "libuv-server") == 0)
        return pos_bare_serve_libuv();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        pos_menu_add(&menu, commands[i].name, commands[i].summary);
    return commands[pos_menu_choose(&menu, &argc, &argv)].run(argc, argv);
}
