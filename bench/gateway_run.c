#include "bench/gateway_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/machine.h"
#include "bench/process.h"
#include "bench/table.h"
#include "core/base/file.h"

enum {
    CACHE_MB_MIN = 64,
    CONFIGURATION_SIZE = 4096,
    SPARE_CONNECTIONS = 100,
};

/* Enough for all rows, but not more than two thirds of what there is: then the disk is in play. */
static void choose_cache(struct pos_gateway_run *run, const struct pos_bench_options *options)
{
    uint64_t wanted = options->rows * POS_TABLE_ROW_CACHE_SIZE / 1048576 + CACHE_MB_MIN;
    uint64_t most = pos_machine_available() / 1048576 * 2 / 3;
    run->cache_mb = wanted;
    if (options->cache_mb > 0)
        run->cache_mb = options->cache_mb;
    else if (most > CACHE_MB_MIN && wanted > most)
        run->cache_mb = most;
    run->cache_holds_all = run->cache_mb >= wanted;
}

/* A terminal that hangs up and calls again may come before the gateway knows that it had gone: so
 * there is room for all of them twice. */
static uint32_t connection_limit(const struct pos_bench_options *options)
{
    uint32_t most = options->connections > options->vs_connections ? options->connections
                                                                   : options->vs_connections;
    uint32_t limit = 2 * most + SPARE_CONNECTIONS;
    return limit < POS_CONNECTION_COUNT_MAX ? limit : POS_CONNECTION_COUNT_MAX;
}

static enum pos_status write_configuration(const char *folder, const char *path,
                                           const struct pos_bench_options *options,
                                           const struct pos_gateway_run *run,
                                           struct pos_error *error)
{
    char memory[CONFIGURATION_SIZE];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    pos_buffer_format(&text,
                      "listeners = ( { address = \"127.0.0.1\"; port = %u;\n"
                      "    dialect = \"%s\"; registration = \"%s\"; authentication = \"%s\"; } );\n"
                      "loops = %u;\n"
                      "%s"
                      "database = { path = \"%s/terminals\"; cache_mb = %llu; };\n"
                      "key_library = { path = \"%s/keys\"; };\n"
                      "security_module = { lmk_file = \"%s/lmk\";\n"
                      "    credential_file = \"%s/credential\"; };\n"
                      "limits = { connections = %u; idle_timeout_ms = 0;\n"
                      "    pipelined_requests = %u; };\n"
                      "admin = { socket = \"%s/admin.sock\"; metrics_port = 0; };\n"
                      "log = { level = \"warning\"; };\n",
                      run->port, options->dialect->name, options->mac ? "proof" : "open",
                      options->mac ? "mac" : "smn", options->loops > 0 ? options->loops : 1,
                      options->remembered ? "lookup = \"remembered\";\n" : "", folder,
                      (unsigned long long)run->cache_mb, folder, folder, folder,
                      connection_limit(options),
                      options->outstanding > options->outstanding_open ? options->outstanding
                                                                       : options->outstanding_open,
                      folder);
    if (text.overflow)
        return pos_error_set(error, POS_ERR_LENGTH, "the folder's name is too long: %s", folder);
    return pos_file_write(path, pos_buffer_view(&text), 0600, error);
}

/* ./posgate-gateway beside this program. */
static enum pos_status find_gateway(char path[POS_PATH_SIZE_MAX], struct pos_error *error)
{
    static const char name[] = "posgate-gateway";
    ssize_t size = readlink("/proc/self/exe", path, POS_PATH_SIZE_MAX - sizeof name);
    if (size < 0)
        return pos_error_set(error, POS_ERR_IO, "cannot find this program: %s", strerror(errno));
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    memcpy(slash != NULL ? slash + 1 : path, name, sizeof name);
    return POS_OK;
}

/* run->port is the gateway's: nobody else has it. */
static enum pos_status start_there(const char *folder, const struct pos_bench_options *options,
                                   int core, struct pos_gateway_run *run, struct pos_error *error)
{
    char program[POS_PATH_SIZE_MAX], path[POS_PATH_SIZE_MAX + 16], flag[] = "-c";
    char *const argv[] = {program, flag, path, NULL};
    (void)snprintf(path, sizeof path, "%s/gateway.conf", folder);
    (void)snprintf(run->log_path, sizeof run->log_path, "%.490s/gateway.log", folder);
    choose_cache(run, options);
    enum pos_status status = find_gateway(program, error);
    if (status == POS_OK)
        status = write_configuration(folder, path, options, run, error);
    if (status == POS_OK)
        status = pos_process_start(argv, core, run->log_path, NULL, &run->pid, error);
    if (status != POS_OK)
        return status;
    status = pos_process_wait_port(run->pid, run->port, "the gateway", error);
    if (status != POS_OK)
        (void)pos_process_end(run->pid);
    return status;
}

enum pos_status pos_gateway_run_start(const char *folder, const struct pos_bench_options *options,
                                      int core, struct pos_gateway_run *run,
                                      struct pos_error *error)
{
    int held = pos_process_hold_port(&run->port);
    if (held < 0)
        return pos_error_set(error, POS_ERR_NETWORK, "no port: %s", strerror(errno));
    enum pos_status status = start_there(folder, options, core, run, error);
    close(held);
    return status;
}

bool pos_gateway_run_end(const struct pos_gateway_run *run)
{
    return pos_process_end(run->pid) == 0;
}
