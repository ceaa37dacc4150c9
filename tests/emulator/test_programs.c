/* The real programs on loopback: a mother POS, terminals, a host. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/emulator/program.h"
#include "tests/emulator/room.h"

static struct room room;
static struct program mother, host;
static struct outcome outcome;
/* Nobody listens on port 1 until one of them does. */
static char mother_at[32] = "127.0.0.1:1", host_at[32] = "127.0.0.1:1", home[160], store[160];

static void run_mother(const char *option)
{
    PROGRAM_START(&mother, &room.folder, "mother", "mother", "--home", home, "--listen",
                  "127.0.0.1:0", option);
    program_await_port(&mother);
    (void)snprintf(mother_at, sizeof mother_at, "127.0.0.1:%d", mother.port);
}

static void run_host(const char *option, const char *value)
{
    PROGRAM_START(&host, &room.folder, "host", "host", "--json", "--listen", "127.0.0.1:0",
                  "--ledger", folder_file(&room.folder, "ledger"), option, value);
    program_await_port(&host);
    (void)snprintf(host_at, sizeof host_at, "127.0.0.1:%d", host.port);
}

/* A room whose mother POS holds `count` keys, closed so that the program can open it. */
static void setup(void)
{
    struct key_file file;
    room_open(&room);
    room_make_file(&room, 1, 1, 20, &file);
    cr_assert_str_eq(room_load(&room, &file), "00");
    pos_mother_home_close(&room.home);
    (void)snprintf(home, sizeof home, "%s", folder_file(&room.folder, "mother"));
    (void)snprintf(store, sizeof store, "%s", folder_file(&room.folder, "store"));
}

static void teardown(void)
{
    program_end_all();
    room_close(&room);
}

TestSuite(programs, .init = setup, .fini = teardown, .timeout = 290);

/* Until a program has written this. */
static void await_text(const char *name, const char *text)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < 3000; i++) {
        if (access(folder_file(&room.folder, name), R_OK) == 0) {
            char *content = folder_read(&room.folder, name);
            bool there = strstr(content, text) != NULL;
            free(content);
            if (there)
                return;
        }
        (void)nanosleep(&pause, NULL);
    }
    cr_assert(false, "%s never holds %s", name, text);
}

#define TERMINALS(...)                                                                             \
    PROGRAM_RUN(&outcome, &room.folder, "terminals", "--json", "--store", store, "--mother",       \
                mother_at, "--gateway", host_at, __VA_ARGS__)

Test(programs, terminals_get_keys_each_index_once_and_keep_them)
{
    run_mother(NULL);
    TERMINALS("--steps", "key", "--count", "15", "--connections", "7");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    cr_expect_eq(program_number(&outcome, "steps/key-request/codes/00"), 15);
    cr_expect_eq(program_number(&outcome, "steps/key-confirm/codes/00"), 15);
    cr_expect_eq(program_number(&outcome, "completed"), 15);
    cr_expect_eq(program_number(&outcome, "keys_stored"), 15);
    cr_expect_eq(program_number(&outcome, "duplicate_indexes"), 0);
    TERMINALS("--steps", "key", "--count", "15");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    cr_expect_eq(program_number(&outcome, "completed"), 15);
    cr_expect_eq(program_number(&outcome, "steps/key-request/sent"), -1, "the keys were stored");
    TERMINALS("--steps", "key", "--rekey", "--expect", "94");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    TERMINALS("--steps", "key", "--serial-prefix", "NEW", "--count", "6", "--connections", "1");
    cr_expect_eq(outcome.code, 1, "20 keys for 21 terminals");
    cr_expect_eq(program_number(&outcome, "steps/key-request/codes/00"), 5);
    cr_expect_eq(program_number(&outcome, "steps/key-request/codes/51"), 1);
    cr_expect(strstr(outcome.err,
                     "terminal NEW00006, key-request: field 39: expected 00, got 51") != NULL,
              "%s", outcome.err);
    program_end(&mother, SIGTERM, &outcome);
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.err, "answers message=key-request code=51 count=1\n") != NULL, "%s",
              outcome.err);
    cr_expect(strstr(outcome.err, "answers message=key-request code=94 count=1\n") != NULL);
}

Test(programs, a_killed_mother_pos_gives_no_index_twice)
{
    for (int round = 0; round < 4; round++) {
        char prefix[8];
        (void)snprintf(prefix, sizeof prefix, "R%d", round);
        struct program terminals;
        run_mother(NULL);
        PROGRAM_START(&terminals, &room.folder, "terminals", "terminals", "--json", "--store",
                      store, "--mother", mother_at, "--steps", "key", "--serial-prefix", prefix,
                      "--count", "5", "--connections", "1", "--rate", "40");
        const struct timespec pause = {.tv_nsec = 40000000 + 37000000 * round};
        (void)nanosleep(&pause, NULL);
        program_end(&mother, SIGKILL, &outcome);
        program_wait(&terminals, &outcome);
        cr_expect_eq(program_number(&outcome, "duplicate_indexes"), 0, "round %d", round);
    }
    run_mother(NULL);
    TERMINALS("--steps", "key", "--serial-prefix", "LAST", "--count", "1");
    cr_expect_eq(program_number(&outcome, "duplicate_indexes"), 0);
    program_end(&mother, SIGTERM, &outcome);
    /* What the terminals hold is marked given in the journal. */
    PROGRAM_RUN(&outcome, &room.folder, "mother", "--home", home, "--list");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    char *text = folder_read(&room.folder, "store/terminals.keys");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char row[64];
        if (strncmp(line, "key|", 4) != 0)
            continue;
        (void)snprintf(row, sizeof row, "%.8s|free|", line + 13);
        cr_expect(strstr(outcome.out, row) == NULL, "%s", line);
    }
    free(text);
}

Test(programs, a_rekeying_mother_pos_gives_another_key)
{
    run_mother("--allow-rekey");
    TERMINALS("--steps", "key");
    TERMINALS("--steps", "key", "--rekey");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    program_end(&mother, SIGTERM, &outcome);
    PROGRAM_RUN(&outcome, &room.folder, "mother", "--home", home, "--list");
    cr_expect(strstr(outcome.out, "00000001|issued|EMU00001|00000001|CMAC:") != NULL, "%s",
              outcome.out);
    cr_expect(strstr(outcome.out, "00000002|issued|EMU00001|") != NULL);
    cr_expect(strstr(outcome.out, "00000003|free|-|") != NULL);
}

Test(programs, a_session_is_closed_by_its_operator)
{
    PROGRAM_RUN(&outcome, &room.folder, "mother", "--home", home, "--close-session");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    cr_expect_str_eq(outcome.out, "burned 0\n");
}

Test(programs, a_home_is_made_once_from_private_components)
{
    char one[160], two[160], second[160];
    (void)snprintf(one, sizeof one, "%s", folder_file(&room.folder, "component-1"));
    (void)snprintf(two, sizeof two, "%s", folder_file(&room.folder, "component-2"));
    (void)snprintf(second, sizeof second, "%s", folder_file(&room.folder, "second"));
#define INIT(where)                                                                                \
    PROGRAM_RUN(&outcome, &room.folder, "mother", "--home", where, "--init", "--name", "MPOS0002", \
                "--ktk-component", one, "--ktk-component", two)
    INIT(second);
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    char kcv[POS_KCV_TEXT_SIZE], expected[80];
    pos_kcv_text(&room.ktk_kcv, kcv);
    (void)snprintf(expected, sizeof expected, "mother POS MPOS0002, KTK MPOS0002 %s\n", kcv);
    cr_expect_str_eq(outcome.out, expected);
    INIT(second);
    cr_expect_eq(outcome.code, 77, "a home is not made again: %s", outcome.err);
    folder_write(&room.folder, "component-2", "00\n", 0600);
    INIT(folder_file(&room.folder, "third"));
    cr_expect_eq(outcome.code, 2, "%s", outcome.err);
    cr_expect(strstr(outcome.err, "64") != NULL, "says how many digits: %s", outcome.err);
    (void)remove(two);
    folder_write(&room.folder, "component-2",
                 "0000000000000000000000000000000000000000000000000000000000000001", 0644);
    INIT(folder_file(&room.folder, "fourth"));
    cr_expect_eq(outcome.code, 77, "others can read it: %s", outcome.err);
    PROGRAM_RUN(&outcome, &room.folder, "mother", "--home", folder_file(&room.folder, "none"));
    cr_expect_eq(outcome.code, 69, "%s", outcome.err);
}

/* The host stands where the gateway should: what it leaves out is told field by field. */
Test(programs, every_mismatch_is_explained)
{
    run_mother(NULL);
    run_host(NULL, NULL);
    TERMINALS("--steps", "key,echo", "--mac", "off");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    cr_expect_eq(program_number(&outcome, "steps/echo/codes/00"), 1);
    TERMINALS("--steps", "sale", "--mac", "off");
    cr_expect_eq(outcome.code, 1);
    cr_expect(strstr(outcome.err, "terminal EMU00001, sale: field 37 is missing in the reply") !=
                  NULL,
              "%s", outcome.err);
    TERMINALS("--steps", "register");
    cr_expect(strstr(outcome.err, "terminal EMU00001, register: field 39: expected 00, got 40") !=
                  NULL,
              "%s", outcome.err);
    TERMINALS("--steps", "sale");
    cr_expect(strstr(outcome.err, "a step before it is missing") != NULL, "%s", outcome.err);
    program_end(&host, SIGTERM, &outcome);
    cr_expect_eq(outcome.code, 0);
    cr_expect_eq(program_number(&outcome, "requests"), 3);
    cr_expect_eq(program_number(&outcome, "answers"), 3);
    TERMINALS("--steps", "echo");
    cr_expect_eq(outcome.code, 69, "nobody listens: %s", outcome.err);
    cr_expect(strstr(outcome.err, "cannot connect to the gateway at 127.0.0.1") != NULL, "%s",
              outcome.err);
    char *ledger = folder_read(&room.folder, "ledger");
    cr_expect(strstr(ledger, "kind=sale pan=999901******") != NULL, "%s", ledger);
    cr_expect(strstr(ledger, "mti=0200 kind=sale") != NULL);
    free(ledger);
    program_end(&mother, SIGTERM, &outcome);
}

Test(programs, a_host_that_declines_delays_or_is_silent)
{
    run_mother(NULL);
    run_host("--decline", "05");
    TERMINALS("--steps", "key,sale", "--mac", "off", "--expect", "05");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    program_end(&host, SIGTERM, &outcome);
    run_host("--delay-ms", "300");
    TERMINALS("--steps", "echo", "--timeout-ms", "60000");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    json_t *root = program_json(&outcome);
    json_t *step = json_object_get(json_object_get(root, "steps"), "echo");
    cr_expect_geq(json_real_value(json_object_get(step, "p50_ms")), 290.0);
    json_decref(root);
    program_end(&host, SIGTERM, &outcome);
    run_host("--delay-ms", "600000");
    TERMINALS("--steps", "echo", "--timeout-ms", "50");
    cr_expect_eq(outcome.code, 1);
    cr_expect(strstr(outcome.err, "echo: no answer to STAN") != NULL, "%s", outcome.err);
    cr_expect_eq(program_number(&outcome, "timeouts"), 1);
    program_end(&host, SIGTERM, &outcome);
    run_host("--silent", "100");
    TERMINALS("--steps", "sale", "--mac", "off", "--timeout-ms", "200");
    cr_expect_eq(program_number(&outcome, "timeouts"), 1);
    await_text("ledger", "code=none"); /* it was read, however late */
    program_end(&host, SIGTERM, &outcome);
    cr_expect_eq(program_number(&outcome, "requests"), 1);
    cr_expect_eq(program_number(&outcome, "answers"), 0);
    program_end(&mother, SIGTERM, &outcome);
}

Test(programs, terminals_that_are_interrupted_say_so_and_go_on_later)
{
    struct program terminals;
    run_mother(NULL);
    PROGRAM_START(&terminals, &room.folder, "terminals", "terminals", "--json", "--store", store,
                  "--mother", mother_at, "--steps", "key", "--count", "20", "--connections", "1",
                  "--rate", "1"); /* it takes 40 s, and is not given them */
    await_text("store/terminals.keys", "confirmed|");
    program_end(&terminals, SIGTERM, &outcome);
    cr_expect_eq(outcome.code, 75, "%s", outcome.err);
    cr_expect_lt(program_number(&outcome, "completed"), 20);
    TERMINALS("--steps", "key", "--count", "20");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    cr_expect_eq(program_number(&outcome, "keys_stored"), 20);
    program_end(&mother, SIGTERM, &outcome);
}

Test(programs, a_clone_needs_a_stored_terminal_and_leaves_the_store_alone)
{
    run_mother(NULL);
    run_host(NULL, NULL);
    TERMINALS("--steps", "key");
    char *before = folder_read(&room.folder, "store/terminals.keys");
    TERMINALS("--as-serial", "CLONE001", "--steps", "register", "--expect", "40");
    cr_expect_eq(outcome.code, 0, "%s", outcome.err);
    char *after = folder_read(&room.folder, "store/terminals.keys");
    cr_expect_str_eq(before, after);
    free(before);
    free(after);
    TERMINALS("--as-serial", "CLONE001", "--steps", "key,register");
    cr_expect_eq(outcome.code, 2);
    program_end(&host, SIGTERM, &outcome);
    program_end(&mother, SIGTERM, &outcome);
}

/* Whoever gives an option that the dialect has no place for is told, not obeyed in silence. */
Test(programs, options_of_one_dialect_are_refused_in_the_others)
{
    static const struct {
        const char *dialect, *option, *value;
        int code; /* 2: wrong usage; 69: understood, and nobody listens */
        const char *said;
    } rows[] = {
        {"cup", "--tpdu", "6000020000", 69, "cannot connect"},
        {"cup", "--tpdu", "60000200", 2, "--tpdu: '60000200' is not 10 hexadecimal digits"},
        {"iso87b", "--tpdu", "6000020000", 2, "--tpdu is for --dialect cup"},
        {"cup", "--header", "603100311312", 69, "cannot connect"},
        {"cup", "--header", "60310031131x", 2, "is not 12 hexadecimal digits"},
        {"iso87a", "--header", "603100311312", 2, "--header is for --dialect cup"},
        {"cup", "--batch", "999999", 69, "cannot connect"},
        {"cup", "--batch", "1000000", 2, "--batch"},
        {"iso87x", "--batch", "7", 2, "--batch is for --dialect cup"},
        {"cup", "--sign-on-mac", "off", 69, "cannot connect"},
        {"cup", "--sign-on-mac", "maybe", 2, "takes on or off"},
        {"iso87b", "--sign-on-mac", "off", 2, "--sign-on-mac is for --dialect cup"},
        {"iso88", "--mac", "on", 2, "no dialect 'iso88'; there are iso87b, iso87a, iso87x, cup"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TERMINALS("--steps", "echo", rows[i].option, rows[i].value, "--dialect", rows[i].dialect);
        cr_expect_eq(outcome.code, rows[i].code, "%s %s: %d", rows[i].dialect, rows[i].option,
                     outcome.code);
        cr_expect(strstr(outcome.err, rows[i].said) != NULL, "%s %s: %s", rows[i].dialect,
                  rows[i].option, outcome.err);
    }
    PROGRAM_RUN(&outcome, &room.folder, "host", "--dialect", "iso88");
    cr_expect_eq(outcome.code, 2, "%s", outcome.err);
}
