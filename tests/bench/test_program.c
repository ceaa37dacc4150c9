/* posgate-bench itself, on real servers: short runs, whole reports, exit codes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/folder.h"
#include "tests/bench/program.h"

#define SHORT " --rounds 2 --duration 0.1 --warm-up 0.02 --json "

/* What holds for every server of a good run. */
static void expect_good(json_t *server, int connections)
{
    double replies = number_at(server, "replies", NULL);
    cr_expect(replies > 0);
    cr_expect_eq(number_at(server, "good", NULL), replies);
    cr_expect_eq(number_at(server, "codes", "00"), replies);
    cr_expect_eq(json_object_size(json_object_get(server, "codes")), 1);
    cr_expect_eq(number_at(server, "answered_connections", NULL), connections);
    cr_expect_eq(number_at(server, "unanswered", NULL), 0);
    cr_expect_eq(number_at(server, "lost_connections", NULL), 0);
    cr_expect(number_at(server, "cpu_us_per_request", "median") > 0);
    cr_expect(number_at(server, "requests_per_second", "median") > 0);
    double p50 = number_at(server, "latency_p50_us", "median");
    cr_expect(p50 > 0 && p50 <= number_at(server, "latency_p999_us", "median"));
    json_t *rounds = json_object_get(json_object_get(server, "latency_p50_us"), "rounds");
    cr_expect_eq(json_array_size(rounds), 2, "the first round does not count");
}

/* Whether `count` of `all` that were drawn evenly may be this share: all but once in a million. */
static bool is_share(double count, double all, double share)
{
    return fabs(count - share * all) <= 5 * sqrt(all * share * (1 - share));
}

static double ratio_of(json_t *report, const char *of, const char *to)
{
    json_t *ratios = json_object_get(report, "cpu_ratios"), *ratio;
    size_t i;
    json_array_foreach(ratios, i, ratio)
    {
        if (strcmp(json_string_value(json_object_get(ratio, "of")), of) == 0 &&
            strcmp(json_string_value(json_object_get(ratio, "to")), to) == 0)
            return number_at(ratio, "median", NULL);
    }
    cr_assert_fail("no ratio of %s to %s", of, to);
    return 0;
}

Test(program, limits_measures_servers_that_only_answer)
{
    int code;
    json_t *report =
        run_report(PROGRAM " limits --against bare,libuv -c 20 -o 4 --aa" SHORT, &code);
    json_t *servers = json_object_get(report, "servers");
    cr_expect_eq(code, 0);
    cr_expect_eq(json_array_size(servers), 3);
    for (size_t i = 0; i < 3; i++)
        expect_good(json_array_get(servers, i), 20);
    cr_expect(ratio_of(report, "bare libuv", "bare epoll") > 0.2);
    double noise = ratio_of(report, "bare epoll again", "bare epoll");
    cr_expect(noise > 0.2 && noise < 5, "%g", noise);
    cr_expect_eq(number_at(report, "connections", NULL), 20);
    cr_expect(json_string_length(json_object_get(report, "machine")) > 0);
    cr_expect(json_string_length(json_object_get(report, "commit")) > 0);
    json_decref(report);
}

Test(program, limits_measures_redis_when_it_is_there)
{
    int code;
    if (access("/usr/bin/redis-server", X_OK) != 0)
        cr_skip_test("redis-server is not installed");
    json_t *report =
        run_report(PROGRAM " limits --against redis,bare --rows 5000 -c 20 -o 16" SHORT, &code);
    json_t *servers = json_object_get(report, "servers");
    cr_expect_eq(code, 0);
    cr_assert_eq(json_array_size(servers), 2);
    expect_good(json_array_get(servers, 0), 20);
    cr_expect(ratio_of(report, "bare epoll", "redis GET") > 0);
    json_decref(report);
}

/* Half of the terminals asked for are not in the table: 97 is what they must get. */
Test(program, strangers_get_97_and_the_run_is_good)
{
    int code;
    json_t *report =
        run_report(PROGRAM " auth -c 20 --rows 500 --unregistered 50 --mac on" SHORT, &code);
    json_t *server = json_array_get(json_object_get(report, "servers"), 1);
    double replies = number_at(server, "replies", NULL), refused = number_at(server, "codes", "97");
    cr_expect_eq(code, 0);
    cr_expect_eq(number_at(server, "good", NULL), replies);
    cr_expect(is_share(refused, replies, 0.5), "%g of %g", refused, replies);
    cr_expect_eq(number_at(server, "codes", "00") + refused, replies);
    cr_expect_eq(number_at(report, "missing_macs", NULL), 0);
    json_decref(report);
}

/* Every request that was due in a round has its latency, however late the machine made it. */
Test(program, a_rate_is_kept_and_its_latency_reported)
{
    int code;
    json_t *report =
        run_report(PROGRAM " auth -c 50 --rows 500 --rate 1000 --reconnect 3" SHORT, &code);
    json_t *servers = json_object_get(report, "servers");
    cr_expect_eq(code, 0);
    cr_expect_eq(number_at(report, "rate", NULL), 1000);
    for (size_t i = 0; i < 2; i++) {
        json_t *server = json_array_get(servers, i);
        cr_expect_eq(number_at(server, "latency", "count"), 2 * 100);
        cr_expect(number_at(server, "latency_p9999_us", "median") >=
                  number_at(server, "latency_p50_us", "median"));
    }
    json_decref(report);
}

Test(program, the_gateway_is_measured_twice_with_one_thing_different)
{
    int code;
    json_t *report = run_report(PROGRAM " auth -c 10 --rows 500 --vs mac=on" SHORT, &code);
    cr_expect_eq(code, 0);
    cr_expect(ratio_of(report, "gateway, mac=on", "posgate-gateway") > 0);
    json_decref(report);
    report = run_report(PROGRAM " auth -c 10 --rows 500 --vs connections=40" SHORT, &code);
    cr_expect_eq(code, 0);
    json_t *server = json_array_get(json_object_get(report, "servers"), 2);
    cr_expect_eq(number_at(server, "answered_connections", NULL), 40);
    json_decref(report);
}

Test(program, a_sweep_goes_from_quiet_to_nearly_full)
{
    int code;
    json_t *report = run_report(PROGRAM " auth -c 10 --rows 500 --sweep --rounds 1 "
                                        "--duration 0.05 --warm-up 0 --json 2>/dev/null",
                                &code);
    json_t *points = json_object_get(json_array_get(json_object_get(report, "sweep"), 1), "points");
    double capacity = number_at(report, "closed_loop_per_second", NULL);
    cr_assert_eq(json_array_size(points), 10);
    for (size_t i = 0; i < 10; i++) {
        double percent = i < 9 ? 10 * ((double)i + 1) : 95;
        double rate = number_at(json_array_get(points, i), "rate", NULL);
        cr_expect(rate > capacity * percent / 100 - 2 && rate < capacity * percent / 100 + 2,
                  "%g %%: %g of %g", percent, rate, capacity);
    }
    json_decref(report);
}

Test(program, an_idle_connection_takes_some_memory_and_not_much)
{
    int code;
    json_t *report = run_report(
        PROGRAM " connections --count 1000 --rounds 1 --loops 2 --churn 1 --json", &code);
    json_t *servers = json_object_get(report, "servers"), *gateway = json_array_get(servers, 1);
    cr_expect_eq(code, 0);
    cr_assert_eq(json_array_size(servers), 2);
    for (size_t i = 0; i < 2; i++) {
        double fresh = number_at(json_array_get(servers, i), "bytes_connected", "median");
        double used = number_at(json_array_get(servers, i), "bytes_used", "median");
        cr_expect(fresh > 50 && fresh < 20000, "%g", fresh);
        cr_expect(used >= fresh && used < 20000, "%g", used);
    }
    /* Made once each, twice on the average while they come and go, and once more at the end. */
    double made = number_at(gateway, "churn", "made_anew");
    json_t *after = json_object_get(json_object_get(gateway, "churn"), "bytes_used");
    cr_expect(made >= 4000 && made < 5000, "%g", made);
    cr_assert_eq(json_array_size(after), 2);
    cr_expect(json_number_value(json_array_get(after, 1)) < 20000);
    json_decref(report);
}

Test(program, two_loops_share_the_connections)
{
    int code;
    json_t *report =
        run_report(PROGRAM " connections --count 400 --rounds 1 --loops 2 --json", &code);
    json_t *loops = json_object_get(report, "by_loop");
    double connections = 0, replies = 0;
    cr_expect_eq(code, 0);
    cr_assert_eq(json_array_size(loops), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *loop = json_array_get(loops, i);
        double share = number_at(loop, "connections", NULL);
        /* 400 fair coins are within 150 to 250 but for once in a million. */
        cr_expect(share >= 150 && share <= 250, "%g", share);
        cr_expect_eq(number_at(loop, "replies", NULL), share, "one on each");
        connections += share;
        replies += number_at(loop, "replies", NULL);
    }
    cr_expect(connections == 400 && replies == 400, "%g, %g", connections, replies);
    json_decref(report);
}

static void auth(const char *options, const char *dialect, bool mac)
{
    int code;
    char line[512];
    snprintf(line, sizeof line, PROGRAM " auth -c 50 --rows 2000 %s" SHORT, options);
    json_t *report = run_report(line, &code);
    json_t *servers = json_object_get(report, "servers");
    cr_expect_eq(code, 0, "%s", options);
    cr_assert_eq(json_array_size(servers), 2);
    expect_good(json_array_get(servers, 0), 50);
    expect_good(json_array_get(servers, 1), 50);
    cr_expect_eq(json_is_true(json_object_get(report, "mac")), mac);
    cr_expect_str_eq(json_string_value(json_object_get(report, "dialect")), dialect);
    cr_expect_eq(number_at(report, "missing_macs", NULL), 0);
    cr_expect_eq(number_at(report, "rows", NULL), 2000);
    /* Looking a terminal up is not free, and the bench would be wrong if it said so. */
    cr_expect(ratio_of(report, "posgate-gateway", "bare epoll") > 1.0);
    json_decref(report);
}

Test(program, auth_measures_the_gateway_without_macs)
{
    auth("", "iso87b", false);
}

Test(program, auth_measures_another_dialect_with_macs_and_pipelining)
{
    auth("--dialect cup --mac on --outstanding 8", "cup", true);
}

Test(program, exit_codes_say_what_happened)
{
    static const struct {
        const char *name, *options;
        int code;
    } rows[] = {
        {"no command", "", 2},
        {"no such command", "fly", 2},
        {"not a number", "limits --rounds many", 2},
        {"out of range", "limits --connections 0", 2},
        {"a word too many", "limits now", 2},
        {"MACs of unknown terminals", "auth --target 127.0.0.1:1 --mac on", 2},
        {"not an address", "auth --target here", 2},
        {"no such denominator", "limits --against nothing", 2},
        {"a denominator twice", "limits --against bare,bare", 2},
        {"not a rate", "auth --rate fast", 2},
        {"not a share", "auth --rate %", 2},
        {"a sweep at a rate", "auth --sweep --rate 5", 2},
        {"a working set larger than the table", "auth --rows 5 --working-set 6", 2},
        {"more than all unregistered", "auth --unregistered 101", 2},
        {"no such look-up", "auth --lookup twice", 2},
        {"a target's own cache", "auth --target 127.0.0.1:1 --cache-mb 64", 2},
        {"no such difference", "auth --vs colour=red", 2},
        {"no difference", "auth --mac on --vs mac=on", 2},
        {"two tables", "auth --table a --keep b", 2},
        {"two tables for look-ups", "lookup --table a --keep b", 2},
        {"no table to look up in", "lookup --table /nowhere", 69},
        {"no table for a mix", "mixed --table /nowhere", 69},
        {"no table for a flood", "flood --table /nowhere", 69},
        {"no table there", "auth --table /nowhere --rows 5", 69},
        {"no such dialect", "auth --dialect iso88", 2},
        {"help", "auth --help", 0},
        {"version", "--version", 0},
        {"nobody there", "auth -c 1 --rounds 1 -d 0.1 --target 127.0.0.1:1", 1},
        {"a folder that is there", "auth --keep /tmp", 1},
        {"limit kept", "auth -c 5 --rows 50 --rounds 1 -d 0.05 --warm-up 0 --ratio-max 1000", 0},
        {"limit missed", "auth -c 5 --rows 50 --rounds 1 -d 0.05 --warm-up 0 --ratio-max 0.01", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        char line[512];
        snprintf(line, sizeof line, PROGRAM " %s 2>&1", rows[i].options);
        char *text = run(line, &code);
        cr_expect_eq(code, rows[i].code, "%s: %d\n%s", rows[i].name, code, text);
        free(text);
    }
}

Test(program, says_so_when_there_is_no_gateway_beside_it)
{
    int code;
    char folder[POS_PATH_SIZE_MAX], line[3 * POS_PATH_SIZE_MAX];
    struct pos_error error;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK);
    snprintf(line, sizeof line, "cp " PROGRAM " %s/ && %s/posgate-bench auth --rows 10 2>&1",
             folder, folder);
    char *text = run(line, &code);
    cr_expect_eq(code, 69, "%d: %s", code, text);
    cr_expect(strstr(text, "posgate-gateway") != NULL, "%s", text);
    free(text);
    pos_folder_remove(folder);
}

/* A gateway that holds ten of the hundred terminals asked for: 97 for the others, counted by code,
 * and a run that failed. The gateway is started on a table that --keep left. */
Test(program, refusals_are_counted_by_code_and_fail_the_run)
{
    static const char script[] =
        "set -e; cd %s; " PROGRAM
        " auth --keep kept --rows 10 -c 1 --rounds 1 -d 0.05 --warm-up 0 >/dev/null; "
        "port=$(sed -n 's/.*port = \\([0-9]*\\);$/\\1/p' kept/gateway.conf | head "
        "-1); " POSGATE_BINARY_DIR "/bin/posgate-gateway -c kept/gateway.conf 2>log & gateway=$!; "
        "for i in $(seq 600); do (: <>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.1; "
        "done; code=0; " PROGRAM
        " auth --target 127.0.0.1:$port --pid $gateway --rows 100 -c 5" SHORT "|| code=$?; "
        "kill $gateway; wait $gateway; exit $code";
    char folder[POS_PATH_SIZE_MAX], path[POS_PATH_SIZE_MAX + 16], line[3 * POS_PATH_SIZE_MAX];
    struct pos_error error;
    int code;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK);
    snprintf(path, sizeof path, "%s/script", folder);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fprintf(file, script, folder);
    fclose(file);
    snprintf(line, sizeof line, "bash %s", path);
    json_t *report = run_json(line, &code);
    cr_expect_eq(code, 1);
    json_t *server = json_array_get(json_object_get(report, "servers"), 1);
    double good = number_at(server, "good", NULL), replies = number_at(server, "replies", NULL);
    cr_expect(is_share(good, replies, 0.1), "%g of %g", good, replies);
    cr_expect_eq(number_at(server, "codes", "00"), good);
    /* Refusals while warming up count as well. */
    cr_expect(number_at(server, "codes", "97") >= replies - good);
    json_decref(report);
    pos_folder_remove(folder);
}
