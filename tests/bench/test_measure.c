/* When a run says of itself that the load was too slow. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bench/measure.h"

Test(measure, says_when_the_load_set_the_pace)
{
    static const struct {
        const char *name;
        uint64_t rate;
        double server_busy, load_busy, late_us, p99_us;
        pid_t pid;
        bool load_bound;
    } rows[] = {
        {"closed: a busy server", 0, 99, 97, 0, 100, 5, false},
        {"closed: a busy load alone", 0, 60, 99, 0, 100, 5, true},
        {"closed: few connections, nobody is busy", 0, 60, 60, 0, 100, 5, false},
        {"closed: a server elsewhere, of which nothing is known", 0, 0, 99, 0, 100, 0, false},
        {"at a rate: sent in time", 1000, 30, 100, 5, 100, 5, false},
        {"at a rate: most of the latency is the load's", 1000, 30, 100, 60, 100, 5, true},
    };
    struct pos_measured *server = calloc(1, sizeof *server);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct pos_bench_options options = {.rate = rows[i].rate};
        server->pid = rows[i].pid;
        server->rounds = (struct pos_rounds){.count = 1,
                                             .server_busy = {rows[i].server_busy},
                                             .load_busy = {rows[i].load_busy},
                                             .late_p99_us = {rows[i].late_us},
                                             .p99_us = {rows[i].p99_us}};
        cr_expect_eq(pos_measured_load_bound(server, &options), rows[i].load_bound, "%s",
                     rows[i].name);
    }
    server->rounds.count = 0;
    cr_expect_not(pos_measured_load_bound(server, &(struct pos_bench_options){0}), "no rounds");
    free(server);
}
