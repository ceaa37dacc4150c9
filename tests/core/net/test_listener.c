#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/core/net/support.h"

Test(listener, closes_connections_above_its_limit_and_takes_new_ones_later)
{
    struct server server = {.options.connection_count_max = 3};
    int fds[3];
    server_start(&server);
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(&server);
        cr_assert(client_echo(fds[i]));
    }
    int extra = client_connect(&server);
    cr_expect(client_ended(extra, PATIENCE_MS));
    const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
    cr_expect_eq(pos_counter_read(&stats->closed[POS_CLOSE_LIMIT]), 1);
    cr_expect_eq(pos_counter_read(&stats->open_now), 3);
    cr_expect(client_echo(fds[0]));
    close(fds[0]);
    cr_expect(counter_becomes(&stats->open_now, 2));
    int again = client_connect(&server);
    cr_expect(client_echo(again));
    server_stop(&server);
    cr_expect_eq(server.closed[POS_CLOSE_LIMIT], 0, "never opened, never closed");
    close(extra);
    close(again);
}

static double cpu_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void set_descriptors(int count)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)count;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int next_descriptor(void)
{
    int next = dup(0);
    close(next);
    return next;
}

Test(listener, turns_peers_away_when_descriptors_run_out)
{
    struct server server = {0};
    int made[3], away[3];
    server_start(&server);
    int first = client_connect(&server);
    cr_assert(client_echo(first));
    const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
    /* Room for three pairs, and then for three ends of ours alone. */
    int next = next_descriptor();
    set_descriptors(next + 6);
    for (int i = 0; i < 3; i++) {
        made[i] = client_connect(&server);
        cr_assert(client_echo(made[i]));
    }
    set_descriptors(next + 9);
    for (int i = 0; i < 3; i++)
        away[i] = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < 3; i++)
        client_connect_with(&server, away[i]);
    for (int i = 0; i < 3; i++)
        cr_expect(client_ended(away[i], PATIENCE_MS), "peer %d", i);
    cr_expect(pos_counter_read(&stats->accept_failures) >= 1);
    cr_expect(client_echo(first), "who is in goes on");
    for (int i = 0; i < 3; i++) {
        close(away[i]);
        close(made[i]);
    }
    cr_expect(counter_becomes(&stats->open_now, 1));
    int later = client_connect(&server);
    cr_expect(client_echo(later), "there is room again");
    server_stop(&server);
}

Test(listener, waits_without_spinning_when_not_even_the_reserve_helps)
{
    struct server server = {0};
    server_start(&server);
    int first = client_connect(&server);
    cr_assert(client_echo(first));
    const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    set_descriptors(3); /* fewer than are open, so closing one makes no room */
    uint64_t begin_ns = pos_clock_monotonic_ns();
    client_connect_with(&server, fd);
    double cpu = cpu_seconds(), seconds = 0;
    uint64_t failures = 0;
    while (failures < 5 && seconds < PATIENCE_MS / 1000) {
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        failures = pos_counter_read(&stats->accept_failures);
        seconds = (double)(pos_clock_monotonic_ns() - begin_ns) / 1e9; /* one, or more */
    }
    cpu = cpu_seconds() - cpu;
    cr_expect(failures >= 5 && (double)failures <= 2 + 10 * seconds, "%lu in %.3f s",
              (unsigned long)failures, seconds);
    cr_expect(cpu < 0.1 * seconds, "%.3f s of CPU in %.3f s", cpu, seconds);
    cr_expect(client_echo(first), "who is in goes on");
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_expect(client_echo(fd), "who waited is served");
    server_stop(&server);
}

static bool counter_reaches(const struct pos_counter *counter, uint64_t value)
{
    for (int i = 0; i < PATIENCE_MS && pos_counter_read(counter) < value; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return pos_counter_read(counter) >= value;
}

/* Another thread took it while it was given up. */
Test(listener, has_its_reserve_back_before_it_takes_anybody)
{
    struct server server = {0};
    server_start(&server);
    int first = client_connect(&server);
    cr_assert(client_echo(first));
    const struct pos_loop_stats *stats = pos_loop_stats(server.loop);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int next = next_descriptor(); /* all below are in use */
    set_descriptors(3);
    client_connect_with(&server, fd);
    cr_assert(counter_reaches(&stats->accept_failures, 2));
    set_descriptors(next); /* one is free, the reserve's */
    cr_expect(client_ended(fd, PATIENCE_MS), "turned away, neither served nor left waiting");
    cr_expect(client_echo(first), "who is in goes on");
    server_stop(&server);
}

Test(listener, local_socket_is_its_owners_and_replaces_a_dead_one)
{
    char path[64];
    struct stat status;
    struct pos_error error;
    snprintf(path, sizeof path, "/tmp/posgate-net-%d.sock", (int)getpid());
    struct server server = {.path = path}, second = {.path = path};
    struct pos_listener *listener;
    struct pos_loop *loop;
    server_start(&server);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    int fd = client_connect(&server);
    cr_expect(client_echo(fd));

    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    static const struct pos_connection_events none = {0};
    cr_expect_eq(pos_listener_open_local(loop, path, NULL, &none, NULL, &listener, &error),
                 POS_ERR_NETWORK, "somebody listens");
    cr_expect(strstr(error.text, path) != NULL, "%s", error.text);
    server_stop(&server);
    cr_expect_neq(access(path, F_OK), 0, "gone with its listener");

    /* A socket that a killed process left, and a file that is none. */
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    cr_assert_eq(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    server_start(&second);
    int again = client_connect(&second);
    cr_expect(client_echo(again));
    server_stop(&second);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    cr_expect_eq(pos_listener_open_local(loop, path, NULL, &none, NULL, &listener, &error),
                 POS_ERR_NETWORK, "not a socket");
    cr_expect_eq(access(path, F_OK), 0, "left alone");
    unlink(path);
    pos_loop_destroy(loop);
    close(fd);
    close(again);
}

Test(listener, several_loops_share_a_port_only_when_asked)
{
    struct server first = {.options.shared = true}, second = {.options.shared = true};
    struct pos_error error;
    struct pos_loop *loop;
    struct pos_listener *listener;
    static const struct pos_connection_events none = {0};
    server_start(&first);
    second.options.port = first.port;
    server_start(&second);
    int fds[64];
    for (int i = 0; i < 64; i++) {
        fds[i] = client_connect(&first);
        cr_expect(client_echo(fds[i]));
    }
    uint64_t a = pos_counter_read(&pos_loop_stats(first.loop)->opened);
    uint64_t b = pos_counter_read(&pos_loop_stats(second.loop)->opened);
    cr_expect_eq(a + b, 64);
    cr_expect(a > 0 && b > 0, "%lu and %lu", (unsigned long)a, (unsigned long)b);
    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    struct pos_listener_options alone = {.address = "127.0.0.1", .port = first.port};
    cr_expect_eq(pos_listener_open(loop, &alone, &none, NULL, &listener, &error), POS_ERR_NETWORK);
    alone.address = "nowhere";
    cr_expect_eq(pos_listener_open(loop, &alone, &none, NULL, &listener, &error), POS_ERR_NETWORK);
    cr_expect(strstr(error.text, "nowhere") != NULL, "%s", error.text);
    pos_loop_destroy(loop);
    server_stop(&first);
    server_stop(&second);
    for (int i = 0; i < 64; i++)
        close(fds[i]);
}

Test(listener, listens_on_ipv6)
{
    struct pos_loop *loop;
    struct pos_listener *listener;
    struct pos_error error;
    static const struct pos_connection_events none = {0};
    struct pos_listener_options options = {.address = "::1"};
    if (access("/proc/net/if_inet6", F_OK) != 0)
        cr_skip("no IPv6 here");
    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    enum pos_status status = pos_listener_open(loop, &options, &none, NULL, &listener, &error);
    if (status == POS_OK) {
        cr_expect(pos_listener_port(listener) > 0);
        pos_listener_close(listener);
    }
    pos_loop_destroy(loop);
    if (status != POS_OK)
        cr_skip("%s", error.text);
}

Test(listener, the_first_that_shares_a_port_finds_out_who_has_it)
{
    struct server server = {.options = {.shared = true}};
    struct pos_listener_options options = {
        .address = "127.0.0.1", .shared = true, .connection_count_max = 1};
    const struct pos_connection_events events = {0};
    struct pos_listener *listener;
    struct pos_loop *loop;
    struct pos_error error = {.text = ""};
    server_start(&server);
    options.port = server.port;
    cr_assert_eq(pos_loop_create(&loop), POS_OK);
    options.first = true;
    cr_expect_eq(pos_listener_open(loop, &options, &events, NULL, &listener, &error),
                 POS_ERR_NETWORK);
    cr_expect(strstr(error.text, "in use") != NULL, "%s", error.text);
    options.first = false;
    cr_expect_eq(pos_listener_open(loop, &options, &events, NULL, &listener, &error), POS_OK, "%s",
                 error.text);
    pos_loop_destroy(loop);
    server_stop(&server);
}
