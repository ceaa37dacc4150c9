#include "bench/denominators.h"

#include "bench/bare.h"

static enum pos_status start_bare(struct pos_denominators *denominators, const char *command,
                                  int core, struct pos_measured *server, struct pos_error *error)
{
    server->source = pos_bare_source(&denominators->counters[denominators->count]);
    return pos_bare_start(command, core, "/dev/null", &server->pid, &server->port, error);
}

static enum pos_status start_redis(struct pos_denominators *denominators,
                                   const struct pos_bench_options *options, int core,
                                   struct pos_measured *server, struct pos_error *error)
{
    struct pos_redis *redis = &denominators->redis[denominators->count];
    uint32_t connections = options->connections > options->vs_connections ? options->connections
                                                                          : options->vs_connections;
    enum pos_status status = pos_redis_start(redis, options->rows, connections, core, error);
    server->pid = redis->pid;
    server->port = redis->port;
    server->source = pos_redis_source(redis);
    return status;
}

static enum pos_status start_one(struct pos_denominators *denominators,
                                 const struct pos_bench_options *options, bool again, int core,
                                 struct pos_measured *server, struct pos_error *error)
{
    static const char *const names[][2] = {{"bare epoll", "bare epoll again"},
                                           {"bare libuv", "bare libuv again"},
                                           {"redis GET", "redis GET again"}};
    enum pos_denominator which = options->against[again ? 0 : denominators->count];
    enum pos_status status;
    *server = (struct pos_measured){.name = names[which][again], .address = "127.0.0.1"};
    if (which == POS_DENOMINATOR_REDIS)
        status = start_redis(denominators, options, core, server, error);
    else
        status =
            start_bare(denominators, which == POS_DENOMINATOR_BARE ? "bare-server" : "libuv-server",
                       core, server, error);
    if (status == POS_OK)
        denominators->pids[denominators->count++] = server->pid;
    return status;
}

enum pos_status pos_denominators_start(struct pos_denominators *denominators,
                                       const struct pos_bench_options *options, int core,
                                       struct pos_measured *servers, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < options->against_count && status == POS_OK; i++)
        status = start_one(denominators, options, false, core, &servers[i], error);
    if (status == POS_OK && options->aa)
        status =
            start_one(denominators, options, true, core, &servers[options->against_count], error);
    return status;
}

void pos_denominators_end(struct pos_denominators *denominators)
{
    for (size_t i = 0; i < denominators->count; i++)
        (void)pos_process_end(denominators->pids[i]);
    denominators->count = 0;
}
