#include "bench/subject.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bench/folder.h"
#include "bench/process.h"
#include "core/base/clock.h"

static struct pos_terminals_options terminals_options(const struct pos_subject *subject,
                                                      const struct pos_bench_options *options)
{
    return (struct pos_terminals_options){.folder = subject->folder,
                                          .rows = options->rows,
                                          .working_set = options->working_set,
                                          .unregistered = options->unregistered,
                                          .mac = options->mac,
                                          .dialect = options->dialect};
}

/* "127.0.0.1:8583" */
static enum pos_status use_target(struct pos_subject *subject,
                                  const struct pos_bench_options *options,
                                  struct pos_measured *server, struct pos_error *error)
{
    struct in_addr address;
    unsigned port = 0;
    int used = 0;
    if (sscanf(options->target, "%63[0-9.]:%5u%n", subject->address, &port, &used) != 2 ||
        options->target[used] != '\0' || port == 0 || port > UINT16_MAX ||
        inet_pton(AF_INET, subject->address, &address) != 1)
        return pos_error_set(error, POS_ERR_USAGE,
                             "--target takes an IPv4 address and a port, as 127.0.0.1:8583, not "
                             "'%s'",
                             options->target);
    struct pos_terminals_options terminals = terminals_options(subject, options);
    server->address = subject->address;
    server->port = (uint16_t)port;
    server->pid = options->target_pid;
    return pos_terminals_assume(&terminals, &subject->terminals, error);
}

static enum pos_status open_terminals(struct pos_subject *subject,
                                      const struct pos_bench_options *options,
                                      struct pos_error *error)
{
    struct pos_terminals_options terminals = terminals_options(subject, options);
    return pos_terminals_open(&terminals, &subject->terminals, error);
}

static enum pos_status use_table(struct pos_subject *subject,
                                 const struct pos_bench_options *options, struct pos_error *error)
{
    struct pos_table table;
    enum pos_status status = pos_table_borrow(options->table, subject->folder, &table, error);
    if (status == POS_OK)
        return open_terminals(subject, options, error);
    subject->folder[0] = '\0'; /* not there */
    return status;
}

static enum pos_status make_table(struct pos_subject *subject,
                                  const struct pos_bench_options *options, struct pos_error *error)
{
    enum pos_status status = pos_folder_make(options->keep, subject->folder, error);
    if (status != POS_OK) {
        subject->folder[0] = '\0'; /* not ours to remove */
        return status;
    }
    subject->keeps_folder = options->keep != NULL;
    status = pos_table_make(subject->folder, options->rows, &subject->made, error);
    return status == POS_OK ? open_terminals(subject, options, error) : status;
}

static enum pos_status start_gateway(struct pos_subject *subject,
                                     const struct pos_bench_options *options, int core,
                                     struct pos_measured *server, struct pos_error *error)
{
    char path[POS_PATH_SIZE_MAX + 16];
    uint64_t start_ns = pos_clock_monotonic_ns();
    (void)snprintf(path, sizeof path, "%s/terminals", subject->folder);
    subject->table_bytes = pos_folder_size(path);
    enum pos_status status =
        pos_gateway_run_start(subject->folder, options, core, &subject->gateway, error);
    if (status != POS_OK) {
        subject->gateway.pid = 0;
        pos_folder_show_log(subject->gateway.log_path);
        return status;
    }
    subject->open_seconds = (double)(pos_clock_monotonic_ns() - start_ns) / 1e9;
    server->address = "127.0.0.1";
    server->port = subject->gateway.port;
    server->pid = subject->gateway.pid;
    return POS_OK;
}

enum pos_status pos_subject_start(struct pos_subject *subject,
                                  const struct pos_bench_options *options, int core,
                                  struct pos_measured *server, struct pos_error *error)
{
    enum pos_status status;
    if (options->target != NULL)
        status = use_target(subject, options, server, error);
    else if (options->table != NULL)
        status = use_table(subject, options, error);
    else
        status = make_table(subject, options, error);
    if (status == POS_OK && options->target == NULL)
        status = start_gateway(subject, options, core, server, error);
    if (status == POS_OK)
        server->source = pos_terminals_source(subject->terminals);
    return status;
}

bool pos_subject_end(struct pos_subject *subject)
{
    if (subject->gateway.pid == 0 || pos_gateway_run_end(&subject->gateway))
        return true;
    (void)fprintf(stderr, "posgate-bench auth: the gateway did not end as it should\n");
    pos_folder_show_log(subject->gateway.log_path);
    return false;
}

void pos_subject_clean_up(struct pos_subject *subject)
{
    if (subject->folder[0] != '\0' && !subject->keeps_folder)
        pos_folder_remove(subject->folder);
    pos_terminals_destroy(subject->terminals);
}
