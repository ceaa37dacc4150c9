/*
 * `flood`: good requests at a steady rate, quiet and beside a flood of requests from SMNs that
 * nobody registered. The flood may cost the good ones time; it may never cause a write, and what it
 * leaves behind in memory is nothing.
 */
#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/beside.h"
#include "bench/command.h"

enum {
    KEY_ROWS = 0x900,
    KEY_TABLE,
    KEY_RATE,
    KEY_FLOOD,
    KEY_GROWTH,
    FLOOD_CONNECTIONS = 50,
    FLOOD_OUTSTANDING = 64,
};
#define P99_RATIO 2.0 /* the target */

struct state {
    uint64_t commits, syncs, memory;
};

static struct flood {
    struct pos_micro micro;
    struct pos_beside beside;
    struct pos_terminals *strangers;
    struct state before, settled; /* settled: after the first round with the flood */
    uint64_t growth, rounds;
    uint64_t growth_kib_max; /* what the rounds may leave: an allocator's page or two */
} all = {.growth_kib_max = 1024,
         .micro = {.command = "flood", .options = {.duration_s = 2}},
         .beside = {.micro = &all.micro,
                    .options = {.connections = 100,
                                .outstanding = 16,
                                .outstanding_open = FLOOD_OUTSTANDING,
                                .vs_connections = 100 + FLOOD_CONNECTIONS,
                                .rows = 100000,
                                .mac = true,
                                .dialect = &pos_dialect_iso87b},
                    .good_rate = 2000,
                    .other_rate = 50000,
                    .other_may_lag = true}};

/* ---- what the gateway says of itself ---- */

static json_t *ask_status(void)
{
    static const char question[] = "{\"command\": \"status\"}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[8192];
    size_t size = 0;
    ssize_t got = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int needed =
        snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", all.beside.folder);
    if (needed >= (int)sizeof address.sun_path ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        write(fd, question, sizeof question - 1) != (ssize_t)sizeof question - 1)
        got = -1;
    while (got >= 0 && size < sizeof answer && (size == 0 || answer[size - 1] != '\n') &&
           (got = read(fd, answer + size, sizeof answer - size)) > 0)
        size += (size_t)got;
    close(fd);
    return got > 0 ? json_loadb(answer, size, 0, NULL) : NULL;
}

static enum pos_status read_state(struct state *state)
{
    json_int_t commits, syncs;
    json_t *answer = ask_status();
    int result = answer == NULL
                     ? -1
                     : json_unpack(answer, "{s:I, s:I}", "commits", &commits, "syncs", &syncs);
    json_decref(answer);
    if (result != 0)
        return POS_ERR_IO;
    *state = (struct state){(uint64_t)commits, (uint64_t)syncs,
                            pos_process_memory(all.beside.gateway.pid)};
    return POS_OK;
}

static enum pos_status watch(void *context, bool after)
{
    struct state now;
    (void)context;
    enum pos_status status = read_state(&now);
    if (status != POS_OK || !after) {
        all.before = now;
        return status;
    }
    if (now.commits != all.before.commits || now.syncs != all.before.syncs) {
        (void)fprintf(stderr, "posgate-bench flood: the gateway wrote: %llu commits, %llu syncs\n",
                      (unsigned long long)(now.commits - all.before.commits),
                      (unsigned long long)(now.syncs - all.before.syncs));
        return POS_ERR_STATE;
    }
    if (all.rounds++ == 0)
        all.settled = now;
    all.growth = now.memory > all.settled.memory ? now.memory - all.settled.memory : 0;
    return POS_OK;
}

/* ---- the command ---- */

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_beside *beside = &all.beside;
    switch (key) {
    case KEY_ROWS:
        beside->options.rows = pos_option_number(state, "--rows", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_TABLE:
        beside->options.table = argument;
        return 0;
    case KEY_RATE:
        beside->good_rate = pos_option_number(state, "--rate", argument, 1, 1000000);
        return 0;
    case KEY_FLOOD:
        beside->other_rate = pos_option_number(state, "--flood", argument, 1, 1000000);
        return 0;
    case KEY_GROWTH:
        all.growth_kib_max = pos_option_number(state, "--growth", argument, 0, 1 << 30);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status prepare(struct pos_error *error)
{
    struct pos_beside *beside = &all.beside;
    const struct pos_terminals_options strangers = {
        .rows = beside->options.rows, .unregistered = 100, .dialect = beside->options.dialect};
    beside->watch = watch;
    enum pos_status status = pos_beside_make(beside, error);
    if (status == POS_OK)
        status = pos_terminals_assume(&strangers, &all.strangers, error);
    if (status == POS_OK)
        status = pos_beside_start(beside, error);
    if (status == POS_OK)
        status = pos_beside_connect(beside, FLOOD_CONNECTIONS, FLOOD_OUTSTANDING,
                                    pos_terminals_source(all.strangers), error);
    pos_beside_add_subjects(beside, "flooded", P99_RATIO);
    return status;
}

static int finish(enum pos_status status, struct pos_error *error)
{
    if (status == POS_OK) {
        pos_beside_add_facts(&all.beside, "strangers");
        pos_micro_fact(&all.micro, "commits and syncs while flooded", 0, "");
        pos_micro_fact(&all.micro, "memory of the gateway", (double)all.settled.memory / 1048576,
                       "MiB");
        pos_micro_fact(&all.micro, "memory more after the last flood", (double)all.growth / 1024,
                       "KiB");
    }
    int code = pos_micro_finish(&all.micro, status, error);
    if (status != POS_OK || all.growth <= all.growth_kib_max * 1024)
        return code;
    (void)fprintf(stderr, "posgate-bench flood: the gateway's memory grew by %llu KiB\n",
                  (unsigned long long)all.growth / 1024);
    return POS_EXIT_FAILED;
}

int pos_command_flood(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"rows", KEY_ROWS, "N", 0, "Registered terminals; default 100000", 0},
        {"table", KEY_TABLE, "FOLDER", 0,
         "On a copy of a table that auth or lookup --keep left, of as many rows", 0},
        {"rate", KEY_RATE, "N", 0, "Good requests a second; default 2000", 0},
        {"flood", KEY_FLOOD, "N", 0, "Requests a second that name strangers; default 50000", 0},
        {"growth", KEY_GROWTH, "KIB", 0,
         "Fail when the gateway's memory grows by more from flood to flood; default 1024", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {.options = own, .parser = parse};
    struct pos_error error = {0};
    pos_micro_begin(&all.micro,
                    "Measures the latency of good requests with MACs, from when they should have "
                    "been sent, quiet and beside a flood of requests from unregistered SMNs. Fails "
                    "when the flood makes the gateway write or grow.",
                    &argp, NULL, argc, argv);
    pos_micro_number(&all.micro, "rate", all.beside.good_rate);
    pos_micro_number(&all.micro, "flood", all.beside.other_rate);
    enum pos_status status = prepare(&error);
    if (status == POS_OK)
        status = pos_micro_measure(&all.micro, &error);
    int code = finish(status, &error);
    pos_beside_end(&all.beside);
    pos_terminals_destroy(all.strangers);
    return code;
}
