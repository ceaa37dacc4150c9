/* `limits`: what this machine allows. */
#include <stdio.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/denominators.h"
#include "bench/interrupt.h"
#include "bench/report.h"

static struct pos_measured servers[POS_DENOMINATOR_SERVER_COUNT_MAX];
static struct pos_denominators denominators;

/* All that are there, unless some were named. */
static void choose(struct pos_bench_options *options)
{
    if (options->against_count > 0)
        return;
    options->against[options->against_count++] = POS_DENOMINATOR_BARE;
    options->against[options->against_count++] = POS_DENOMINATOR_LIBUV;
    if (pos_redis_there())
        options->against[options->against_count++] = POS_DENOMINATOR_REDIS;
}

static int report(struct pos_bench_options *options, size_t count, struct pos_pinning pinning,
                  struct pos_error *error)
{
    struct pos_report report = {
        .command = "limits",
        .options = options,
        .servers = servers,
        .server_count = count,
        .pinning = pinning,
    };
    if (pos_report_print(&report, &options->outputs, error) != POS_OK)
        return pos_command_fail("limits", error);
    for (size_t i = 0; i < count; i++)
        if (!pos_measured_good(&servers[i], options)) {
            (void)fprintf(stderr, "posgate-bench limits: %s did not answer everything\n",
                          servers[i].name);
            return POS_EXIT_FAILED;
        }
    return POS_EXIT_DONE;
}

int pos_command_limits(int argc, char **argv)
{
    struct pos_bench_options options;
    struct pos_error error = {0};
    pos_bench_parse_limits(&options, argc, argv);
    choose(&options);
    pos_interrupt_catch();
    struct pos_pinning pinning = pos_pinning_choose();
    options.spins = pinning.load_core >= 0;
    pos_pin_self(pinning.load_core);
    enum pos_status status = pos_load_prepare(options.connections, &error);
    if (status == POS_OK)
        status =
            pos_denominators_start(&denominators, &options, pinning.server_core, servers, &error);
    size_t count = denominators.count;
    if (status == POS_OK && options.rate_percent > 0)
        status = pos_measure_capacity(&servers[0], &options, &error);
    if (status == POS_OK)
        status = pos_measure(servers, count, &options, &error);
    pos_denominators_end(&denominators);
    return status == POS_OK ? report(&options, count, pinning, &error)
                            : pos_command_fail("limits", &error);
}
