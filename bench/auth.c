/* `auth`: authentications on the real gateway with a table of its own, beside bare epoll. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/command.h"
#include "bench/folder.h"
#include "bench/gateway_run.h"
#include "bench/interrupt.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/terminals.h"

enum { BARE, GATEWAY, SERVERS };

struct auth {
    struct pos_bench_options options;
    struct pos_pinning pinning;
    char folder[POS_PATH_SIZE_MAX]; /* "": none */
    struct pos_terminals *terminals;
    struct pos_gateway_run gateway;
    char address[POS_ADDRESS_SIZE_MAX];
    uint32_t bare_counter;
    struct pos_measured servers[SERVERS];
};

static struct auth auth;

/* "127.0.0.1:8583" */
static enum pos_status use_target(struct pos_error *error)
{
    struct pos_measured *server = &auth.servers[GATEWAY];
    struct in_addr address;
    unsigned port = 0;
    int used = 0;
    if (sscanf(auth.options.target, "%63[0-9.]:%5u%n", auth.address, &port, &used) != 2 ||
        auth.options.target[used] != '\0' || port == 0 || port > UINT16_MAX ||
        inet_pton(AF_INET, auth.address, &address) != 1)
        return pos_error_set(error, POS_ERR_USAGE,
                             "--target takes an IPv4 address and a port, as 127.0.0.1:8583, not "
                             "'%s'",
                             auth.options.target);
    server->address = auth.address;
    server->port = (uint16_t)port;
    server->pid = auth.options.target_pid;
    return pos_terminals_assume(auth.options.rows, auth.options.dialect, &auth.terminals, error);
}

static enum pos_status start_gateway(struct pos_error *error)
{
    struct pos_measured *server = &auth.servers[GATEWAY];
    struct pos_terminals_options options = {.folder = auth.folder,
                                            .rows = auth.options.rows,
                                            .mac = auth.options.mac,
                                            .dialect = auth.options.dialect};
    enum pos_status status = pos_terminals_create(&options, &auth.terminals, error);
    if (status != POS_OK)
        return status;
    status = pos_gateway_run_start(auth.folder, &auth.options, auth.pinning.server_core,
                                   &auth.gateway, error);
    if (status != POS_OK) {
        auth.gateway.pid = 0;
        pos_folder_show_log(auth.gateway.log_path);
        return status;
    }
    server->address = "127.0.0.1";
    server->port = auth.gateway.port;
    server->pid = auth.gateway.pid;
    return POS_OK;
}

static enum pos_status start_servers(struct pos_error *error)
{
    struct pos_measured *bare = &auth.servers[BARE];
    enum pos_status status = pos_load_prepare(auth.options.connections, error);
    if (status == POS_OK && auth.options.target == NULL)
        status = pos_folder_make(auth.options.keep, auth.folder, error);
    if (status == POS_OK)
        status = auth.options.target != NULL ? use_target(error) : start_gateway(error);
    if (status == POS_OK)
        status =
            pos_bare_start(auth.pinning.server_core, "/dev/null", &bare->pid, &bare->port, error);
    return status;
}

static bool end_servers(void)
{
    bool good = true;
    if (auth.servers[BARE].pid != 0)
        (void)pos_process_end(auth.servers[BARE].pid);
    if (auth.gateway.pid != 0)
        good = pos_gateway_run_end(&auth.gateway);
    if (!good) {
        (void)fprintf(stderr, "posgate-bench auth: the gateway did not end as it should\n");
        pos_folder_show_log(auth.gateway.log_path);
    }
    return good;
}

static void clean_up(void)
{
    if (auth.folder[0] != '\0' && auth.options.keep == NULL)
        pos_folder_remove(auth.folder);
    pos_terminals_destroy(auth.terminals);
}

static int judge(const struct pos_report *report)
{
    const struct pos_bench_options *options = report->options;
    struct pos_summary ratio;
    for (size_t i = 0; i < SERVERS; i++)
        if (!pos_measured_good(&auth.servers[i], options)) {
            (void)fprintf(stderr, "posgate-bench auth: %s did not answer everything with 00\n",
                          auth.servers[i].name);
            return POS_EXIT_FAILED;
        }
    if (options->ratio_max <= 0)
        return POS_EXIT_DONE;
    if (pos_report_ratio(report, &ratio) && ratio.median <= options->ratio_max)
        return POS_EXIT_DONE;
    (void)fprintf(stderr, "posgate-bench auth: the ratio is above %g\n", options->ratio_max);
    return POS_EXIT_MISSED;
}

static int report(bool ended_well)
{
    struct pos_report report = {
        .command = "auth",
        .options = &auth.options,
        .servers = auth.servers,
        .server_count = SERVERS,
        .request_count = pos_terminals_request_count(auth.terminals),
        .missing_macs = pos_terminals_missing_macs(auth.terminals),
        .server_core = auth.pinning.server_core,
        .load_core = auth.pinning.load_core,
    };
    if (pos_report_print(&report) != POS_OK)
        return POS_EXIT_FAILED;
    int code = judge(&report);
    return code == POS_EXIT_DONE && !ended_well ? POS_EXIT_FAILED : code;
}

static enum pos_status measure(struct pos_error *error)
{
    auth.servers[BARE].source = pos_bare_source(&auth.bare_counter);
    auth.servers[GATEWAY].source = pos_terminals_source(auth.terminals);
    return pos_measure(auth.servers, SERVERS, &auth.options, error);
}

int pos_command_auth(int argc, char **argv)
{
    struct pos_error error = {0};
    auth.servers[BARE] = (struct pos_measured){.name = "bare epoll", .address = "127.0.0.1"};
    auth.servers[GATEWAY].name = "posgate-gateway";
    pos_bench_parse_auth(&auth.options, argc, argv);
    pos_interrupt_catch();
    auth.pinning = pos_pinning_choose();
    enum pos_status status = start_servers(&error);
    if (status == POS_OK) {
        pos_pin_self(auth.pinning.load_core);
        status = measure(&error);
    }
    bool ended_well = end_servers();
    int code = status == POS_OK ? report(ended_well) : pos_command_fail("auth", &error);
    clean_up();
    return code;
}
