/* `limits`: what this machine allows. */
#include <stdio.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/command.h"
#include "bench/process.h"
#include "bench/report.h"

static int report(const struct pos_bench_options *options, struct pos_measured *bare,
                  struct pos_pinning pinning)
{
    struct pos_report report = {
        .command = "limits",
        .options = options,
        .servers = bare,
        .server_count = 1,
        .server_core = pinning.server_core,
        .load_core = pinning.load_core,
    };
    if (pos_report_print(&report) != POS_OK)
        return POS_EXIT_FAILED;
    return pos_measured_good(bare, options) ? POS_EXIT_DONE : POS_EXIT_FAILED;
}

int pos_command_limits(int argc, char **argv)
{
    static struct pos_measured bare = {.name = "bare epoll", .address = "127.0.0.1"};
    struct pos_bench_options options;
    struct pos_error error = {0};
    uint32_t counter = 0;
    pos_bench_parse_limits(&options, argc, argv);
    struct pos_pinning pinning = pos_pinning_choose();
    pos_pin_self(pinning.load_core);
    bare.source = pos_bare_source(&counter);
    if (pos_load_prepare(options.connections, &error) != POS_OK ||
        pos_bare_start(pinning.server_core, "/dev/null", &bare.pid, &bare.port, &error) != POS_OK)
        return pos_command_fail("limits", &error);
    enum pos_status status = pos_measure(&bare, 1, &options, &error);
    (void)pos_process_end(bare.pid);
    return status == POS_OK ? report(&options, &bare, pinning) : pos_command_fail("limits", &error);
}
