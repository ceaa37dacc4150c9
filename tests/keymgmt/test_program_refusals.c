/* What the real program refuses, with which exit code, and that a refusal changes nothing. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/keymgmt/fake_mother.h"
#include "tests/keymgmt/program_steps.h"

TestSuite(program_refusals, .init = enter_folder, .fini = leave_folder, .timeout = 290);

static struct outcome outcome;

static void expect_said(const char *words)
{
    cr_expect_not_null(strstr(outcome.err, words), "not said: '%s' in: %s", words, outcome.err);
}

static long long record_count(void)
{
    EXPECT(&outcome, 0, "audit", "verify", "--json");
    json_t *verdict = parse(&outcome);
    long long count = number_of(verdict, "records");
    json_decref(verdict);
    return count;
}

Test(program_refusals, words_that_are_no_commands)
{
    EXPECT(&outcome, 2, "genrate", "--count", "1");
    expect_said("did you mean 'posgate-keymgmt generate'?");
    EXPECT(&outcome, 2, "ceremony", "ltk");
    expect_said("did you mean 'posgate-keymgmt ceremony lmk'?");
    EXPECT(&outcome, 2, "audit", "verfiy");
    expect_said("did you mean 'posgate-keymgmt audit verify'?");
    EXPECT(&outcome, 2, "annihilate");
    expect_said("'annihilate' is not a command");
    EXPECT(&outcome, 2, "list", "--jsno");
    RUN(&outcome, NULL);
    cr_expect_eq(outcome.code, 2);
}

Test(program_refusals, help_is_for_everybody)
{
    static const char *const commands[] = {"init",          "generate", "export", "load",
                                           "import-return", "list",     "show",   "stock"};
    EXPECT(&outcome, 0, "--help");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        cr_expect_not_null(strstr(outcome.out, commands[i]), "%s", commands[i]);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        EXPECT(&outcome, 0, commands[i], "--help");
        cr_expect_not_null(strstr(outcome.out, "--home"), "%s", commands[i]);
    }
    EXPECT(&outcome, 0, "ceremony", "lmk", "--help");
    cr_expect_not_null(strstr(outcome.out, "--custodian"));
    EXPECT(&outcome, 0, "--version");
    cr_expect_eq(strncmp(outcome.out, "posgate ", 8), 0);
    EXPECT(&outcome, 0, "-vv");
    cr_expect_not_null(strstr(outcome.out, "OpenSSL"));
}

Test(program_refusals, no_home_no_library)
{
    EXPECT(&outcome, 69, "list");
    expect_said("posgate-keymgmt init");
    EXPECT(&outcome, 69, "generate", "--count", "1");
    cr_assert_eq(unsetenv("POSGATE_KEYMGMT_HOME"), 0);
    EXPECT(&outcome, 78, "list");
    expect_said("--home");
    EXPECT(&outcome, 0, "--home", in_folder("home"), "init", "--single-operator");
    EXPECT(&outcome, 1, "init", "--single-operator", "--home", in_folder("home"));
    expect_said("has a key library already");
}

Test(program_refusals, a_second_ceremony)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    long long before = record_count();
    EXPECT(&outcome, 1, "ceremony", "lmk", "--component", in_folder("MPOS0001/component-1.hex"),
           "--component", in_folder("MPOS0001/component-2.hex"), "--custodian", "a", "--custodian",
           "b");
    expect_said("holds an LMK already");
    EXPECT(&outcome, 1, "ceremony", "ktk", "--name", "MPOS0001", "--component",
           in_folder("lmk/component-1.hex"), "--component", in_folder("lmk/component-2.hex"),
           "--custodian", "a", "--custodian", "b");
    expect_said("has its KTK already");
    cr_expect_eq(record_count(), before);
}

Test(program_refusals, ceremonies_that_are_none)
{
    EXPECT(&outcome, 0, "init", "--single-operator", "--make-credential");
    EXPECT(&outcome, 0, "ceremony", "components", "--count", "3", "--out", in_folder("c"));
    char *one = strdup(in_folder("c/component-1.hex"));
    char *two = strdup(in_folder("c/component-2.hex"));
    EXPECT(&outcome, 2, "ceremony", "lmk", "--component", one, "--custodian", "a");
    expect_said("2 to 9 components");
    EXPECT(&outcome, 2, "ceremony", "lmk", "--component", one, "--component", two);
    expect_said("--custodian");
    EXPECT(&outcome, 2, "ceremony", "lmk", "--component", one, "--component", two, "--custodian",
           "Ada", "--custodian", "ADA");
    expect_said("one custodian, one component");
    EXPECT(&outcome, 2, "ceremony", "lmk", "--component", one, "--component", one, "--custodian",
           "a", "--custodian", "b");
    expect_said("cancel each other");
    EXPECT(&outcome, 2, "ceremony", "lmk", "--components", "3", "--component", one, "--component",
           two, "--custodian", "a", "--custodian", "b");
    EXPECT(&outcome, 2, "ceremony", "lmk");
    expect_said("no terminal");
    cr_assert_eq(chmod(two, 0644), 0);
    EXPECT(&outcome, 77, "ceremony", "lmk", "--component", one, "--component", two, "--custodian",
           "a", "--custodian", "b");
    expect_said("chmod 600");
    EXPECT(&outcome, 2, "ceremony", "ktk", "--component", one, "--component", one);
    expect_said("--name");
    EXPECT(&outcome, 2, "ceremony", "ktk", "--name", "mpos", "--component", one);
    EXPECT(&outcome, 2, "ceremony", "ktk", "--name", "M", "--alg", "SM4");
    EXPECT(&outcome, 2, "ceremony", "zpk", "--component", one, "--component", one);
    expect_said("--name");
    EXPECT(&outcome, 69, "ceremony", "ktk", "--name", "M", "--component", one, "--component", two,
           "--custodian", "a", "--custodian", "b");
    expect_said("ceremony lmk");
    cr_expect_neq(access(in_folder("home/lmk.sealed"), F_OK), 0);
    EXPECT(&outcome, 1, "ceremony", "components", "--out", in_folder("c"));
    expect_said("there already");
    free(one);
    free(two);
}

Test(program_refusals, credentials_that_do_not_open)
{
    step_lmk(&outcome);
    long long before = record_count();
    shell("echo 0123456789abcdef > %s && chmod 600 %s", in_folder("other"), in_folder("other"));
    EXPECT(&outcome, 77, "generate", "--count", "1", "--credential", in_folder("other"));
    expect_said("does not open");
    shell("echo short > %s", in_folder("other"));
    EXPECT(&outcome, 78, "generate", "--count", "1", "--credential", in_folder("other"));
    EXPECT(&outcome, 69, "generate", "--count", "1", "--credential", in_folder("missing"));
    expect_said("no credential file");
    cr_assert_eq(chmod(in_folder("home/credential"), 0640), 0);
    EXPECT(&outcome, 77, "generate", "--count", "1");
    expect_said("chmod 600");
    cr_assert_eq(chmod(in_folder("home/credential"), 0600), 0);
    cr_expect_eq(record_count(), before);
    EXPECT(&outcome, 0, "generate", "--count", "1");
    cr_expect_eq(record_count(), before + 1);
}

Test(program_refusals, generations_that_make_no_sense)
{
    step_lmk(&outcome);
    EXPECT(&outcome, 2, "generate");
    EXPECT(&outcome, 2, "generate", "--count", "0");
    EXPECT(&outcome, 2, "generate", "--count", "-1");
    EXPECT(&outcome, 2, "generate", "--count", "10000001");
    EXPECT(&outcome, 2, "generate", "--count", "1x");
    EXPECT(&outcome, 2, "generate", "--count", "1", "--alg", "T4");
    EXPECT(&outcome, 2, "generate", "--count", "1", "--form", "50");
    EXPECT(&outcome, 2, "generate", "--count", "1", "--form", "40");
    expect_said("no A256 keys of form 40");
    EXPECT(&outcome, 2, "generate", "--count", "1", "--alg", "SM4", "--form", "24");
    EXPECT(&outcome, 1, "generate", "--count", "1", "--batch", "1");
    expect_said("no batch 1");
    (void)step_generate(&outcome, "2");
    EXPECT(&outcome, 1, "generate", "--count", "1", "--batch", "1", "--alg", "A128");
    expect_said("--alg A256");
    EXPECT(&outcome, 0, "generate", "--count", "1", "--batch", "1");
    (void)step_generate(&outcome, "2");
    EXPECT(&outcome, 1, "generate", "--count", "1", "--batch", "1");
    expect_said("not the last one");
    EXPECT(&outcome, 0, "list", "--json");
    json_t *rows = parse(&outcome);
    cr_expect_eq(json_array_size(rows), 5);
    json_decref(rows);
}

Test(program_refusals, exports)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    step_mother(&outcome, "WEAK", "A128");
    (void)step_generate(&outcome, "4");
    char *out = strdup(in_folder("keys.txt"));
    EXPECT(&outcome, 2, "export", "--batch", "1", "--dest", "MPOS0001");
    EXPECT(&outcome, 2, "export", "--batch", "1", "--count", "4", "--dest", "MPOS0001", "--out",
           out);
    EXPECT(&outcome, 1, "export", "--batch", "9", "--dest", "MPOS0001", "--out", out);
    expect_said("no batch 9");
    EXPECT(&outcome, 1, "export", "--count", "5", "--dest", "MPOS0001", "--out", out);
    expect_said("exactly 5 keys");
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0009", "--out", out);
    expect_said("no mother POS 'MPOS0009'");
    EXPECT(&outcome, 77, "export", "--batch", "1", "--dest", "WEAK", "--out", out);
    expect_said("may not protect stronger");
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out",
           in_folder("nowhere/keys.txt"));
    cr_expect_neq(access(out, F_OK), 0);
    EXPECT(&outcome, 0, "export", "--count", "4", "--dest", "MPOS0001", "--out", out);
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "MPOS0001", "--out",
           in_folder("2.txt"));
    expect_said("a batch is exported once");
    EXPECT(&outcome, 1, "generate", "--count", "1", "--batch", "1");
    expect_said("is exported");
    cr_expect_neq(access(in_folder("2.txt"), F_OK), 0);
    free(out);
}

/* Waits until the library has a batch, so that the interrupt meets the work and not the start. */
static void wait_for_a_batch(void)
{
    static struct outcome look;
    for (int i = 0; i < 600; i++) {
        (void)usleep(50000);
        const char *home = getenv("POSGATE_KEYMGMT_HOME");
        char line[512];
        (void)snprintf(line, sizeof line,
                       POSGATE_BINARY_DIR "/bin/posgate-keymgmt --home %s list --batches --json "
                                          "2>/dev/null",
                       home);
        FILE *pipe = popen(line, "r");
        cr_assert_not_null(pipe);
        size_t size = fread(look.out, 1, sizeof look.out - 1, pipe);
        look.out[size] = '\0';
        (void)pclose(pipe);
        if (strstr(look.out, "\"batch\"") != NULL)
            return;
    }
    cr_assert_fail("no batch came");
}

/* More than a test waits for. */
#define MANY "10000000"

/* How many keys there are, and the number of the last batch. */
static long long made_so_far(char batch[16])
{
    long long count = 0, number = 0;
    EXPECT(&outcome, 0, "list", "--batches", "--json");
    json_t *rows = parse(&outcome);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        count += number_of(json_array_get(rows, i), "count");
        number = number_of(json_array_get(rows, i), "batch");
    }
    json_decref(rows);
    (void)snprintf(batch, 16, "%lld", number);
    return count;
}

Test(program_refusals, an_interrupted_generation_goes_on)
{
    step_lmk(&outcome);
    pid_t pid = start_list((const char *const[]){"generate", "--count", MANY, NULL});
    wait_for_a_batch();
    cr_assert_eq(kill(pid, SIGINT), 0);
    wait_for(pid, &outcome);
    cr_assert_eq(outcome.code, 75, "%d %s", outcome.code, outcome.err);
    cr_expect_not_null(strstr(outcome.out, "batch"), "what was made is said: %s", outcome.out);
    static struct outcome ended;
    ended = outcome;
    char batch[16], to_go_on[32];
    long long made = made_so_far(batch);
    (void)snprintf(to_go_on, sizeof to_go_on, "--batch %s ", batch);
    cr_expect_not_null(strstr(ended.err, to_go_on), "%s", ended.err);
    EXPECT(&outcome, 0, "generate", "--count", "10", "--batch", batch);
    EXPECT(&outcome, 0, "stock", "--json");
    json_t *stock = parse(&outcome);
    cr_expect_eq(number_of(stock, "indexes_used"), made + 10);
    cr_expect_eq(number_of(json_array_get(json_object_get(stock, "keys"), 0), "generated"),
                 made + 10);
    json_decref(stock);
    (void)record_count();
}

Test(program_refusals, one_writer_at_a_time_and_readers_meanwhile)
{
    step_lmk(&outcome);
    pid_t pid = start_list((const char *const[]){"generate", "--count", MANY, NULL});
    wait_for_a_batch();
    char line[512];
    (void)snprintf(line, sizeof line,
                   POSGATE_BINARY_DIR "/bin/posgate-keymgmt generate --count 1 >/dev/null 2>&1");
    int status = system(line);
    cr_expect_eq(WEXITSTATUS(status), 75, "%d", status);
    cr_assert_eq(kill(pid, SIGTERM), 0);
    wait_for(pid, &outcome);
    cr_expect_eq(outcome.code, 75);
}

Test(program_refusals, a_dry_run_changes_nothing)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    long long before = record_count();
    EXPECT(&outcome, 0, "generate", "--count", "2500000", "--dry-run", "--json");
    json_t *answer = parse(&outcome);
    cr_expect_eq(number_of(answer, "batch"), 1);
    cr_expect_eq(number_of(answer, "last_batch"), 3);
    cr_expect_str_eq(text_of(answer, "last"), "02500000");
    json_decref(answer);
    EXPECT(&outcome, 0, "list", "--json");
    cr_expect_str_eq(outcome.out, "[]\n");
    (void)step_generate(&outcome, "3");
    char *out = strdup(in_folder("keys.txt"));
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out, "--dry-run");
    EXPECT(&outcome, 1, "export", "--batch", "1", "--dest", "OTHER", "--out", out, "--dry-run");
    cr_expect_neq(access(out, F_OK), 0);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out", out);
    struct fake_mother mother = {.refuse_line = 1, .refuse_code = "63"};
    fake_mother_start(&mother);
    EXPECT(&outcome, 0, "load", "--to", mother.address, "--dry-run", out);
    fake_mother_stop(&mother);
    cr_expect_eq(record_count(), before + 2);
    free(out);
}

/* ---- loading ---- */

static void export_one(const char *count)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    (void)step_generate(&outcome, count);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out",
           in_folder("keys.txt"));
}

/* Who answers has all the time that a busy machine takes. */
static int load_into(struct fake_mother *mother)
{
    fake_mother_start(mother);
    RUN(&outcome, "load", "--to", mother->address, "--timeout-s", mother->silent ? "1" : "60",
        in_folder("keys.txt"), "--json");
    fake_mother_stop(mother);
    return outcome.code;
}

static void expect_batch_state(const char *state)
{
    static struct outcome look;
    EXPECT(&look, 0, "list", "--batches", "--json");
    json_t *rows = parse(&look);
    cr_expect_str_eq(text_of(json_array_get(rows, 0), "state"), state);
    json_decref(rows);
}

/* An address that nobody listens at, and that nobody else is given. */
static int take_address(char text[32])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(file >= 0 && bind(file, (struct sockaddr *)&address, size) == 0);
    cr_assert_eq(getsockname(file, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(text, 32, "127.0.0.1:%u", ntohs(address.sin_port));
    return file;
}

Test(program_refusals, loads_that_are_refused_leave_the_batch_exported)
{
    export_one("5");
    struct {
        const char *name;
        struct fake_mother mother;
        int code;
        const char *words;
    } rows[] = {
        {"header", {.refuse_line = 1, .refuse_code = "63"}, 1, "refuses the file (63)"},
        {"key", {.refuse_line = 3, .refuse_code = "30"}, 1, "refuses line 3 of 7 with 30"},
        {"trailer", {.refuse_line = 7, .refuse_code = "63"}, 1, "at line 7 of 7 (63)"},
        {"full disk there", {.refuse_line = 4, .refuse_code = "96"}, 75, "run the command again"},
        {"another load there", {.other_batch = 9}, 1, "in the middle of batch 9"},
        {"silent", {.silent = true}, 75, "no answer in time"},
        {"answers something else", {.wrong_stan = true}, 1, "mother POS at"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(load_into(&rows[i].mother), rows[i].code, "%s: %d %s", rows[i].name,
                     outcome.code, outcome.err);
        expect_said(rows[i].words);
        expect_batch_state("exported");
    }
    char nobody[32];
    int file = take_address(nobody);
    EXPECT(&outcome, 69, "load", "--to", nobody, in_folder("keys.txt"));
    expect_said("cannot reach");
    (void)close(file);
    EXPECT(&outcome, 2, "load", "--to", "localhost", in_folder("keys.txt"));
    EXPECT(&outcome, 2, "load", in_folder("keys.txt"));
    expect_batch_state("exported");
    struct fake_mother good = {0};
    cr_expect_eq(load_into(&good), 0, "%s", outcome.err);
    expect_batch_state("loaded");
    cr_expect_eq(load_into(&good), 1);
    expect_said("loaded into MPOS0001 already");
}

Test(program_refusals, files_that_are_not_the_librarys)
{
    export_one("3");
    struct fake_mother mother = {0};
    fake_mother_start(&mother);
    static const struct {
        const char *change;
        int code;
    } rows[] = {{"s/batch=00000001/batch=00000002/", 1},
                {"s/dest=MPOS0001/dest=MPOS0002/", 1},
                {"s/ktkkcv=CMAC:[0-9A-F]*/ktkkcv=CMAC:0011223344/", 1},
                {"s/alg=A256/alg=A128/", 1},
                {"/^K|00000002/d", 1},
                {"$d", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        shell("sed '%s' %s > %s", rows[i].change, in_folder("keys.txt"), in_folder("bad.txt"));
        RUN(&outcome, "load", "--to", mother.address, in_folder("bad.txt"));
        cr_expect_eq(outcome.code, rows[i].code, "%s: %d %s", rows[i].change, outcome.code,
                     outcome.err);
    }
    EXPECT(&outcome, 1, "load", "--to", mother.address, in_folder("missing.txt"));
    fake_mother_stop(&mother);
    expect_batch_state("exported");
}

Test(program_refusals, broken_loads_go_on)
{
    export_one("9");
    shell("cp -rp %s %s", in_folder("home"), in_folder("kept"));
    struct {
        const char *name;
        struct fake_mother mother;
        const char *words;
    } rows[] = {
        {"from the beginning", {0}, "\"count\": 9"},
        {"at line 6", {.held = 5}, "\"resumed_at_line\": 6"},
        {"at the trailer", {.held = 10}, "\"resumed_at_line\": 11"},
        {"connection lost at a key", {.drop_before = 5}, "\"resumed_at_line\": 5"},
        {"answer to a key lost", {.drop_after = 5}, "\"resumed_at_line\": 6"},
        {"connection lost at the trailer", {.drop_before = 11}, "\"resumed_at_line\": 11"},
        {"answer to the trailer lost", {.drop_after = 11}, "\"mother_free\": 9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(load_into(&rows[i].mother), 0, "%s: %d %s", rows[i].name, outcome.code,
                     outcome.err);
        cr_expect_not_null(strstr(outcome.out, rows[i].words), "%s: %s", rows[i].name, outcome.out);
        expect_batch_state("loaded");
        shell("rm -rf %s && cp -rp %s %s", in_folder("home"), in_folder("kept"), in_folder("home"));
    }
}

/* Until the program has its own hand on SIGINT, as it has before the first line is sent. */
static void wait_until_it_catches(pid_t pid)
{
    char path[64], line[128];
    unsigned long long caught = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    for (int i = 0; i < 3000 && (caught >> (SIGINT - 1) & 1) == 0; i++) {
        (void)usleep(10000);
        FILE *status = fopen(path, "r");
        cr_assert_not_null(status, "it ended before it was interrupted");
        while (fgets(line, sizeof line, status) != NULL)
            (void)sscanf(line, "SigCgt: %llx", &caught);
        (void)fclose(status);
    }
}

Test(program_refusals, an_interrupted_load_says_where_it_stood)
{
    export_one("2000");
    struct fake_mother mother = {.slow_us = 50000}; /* 100 s for all of it */
    fake_mother_start(&mother);
    pid_t pid = start_list(
        (const char *const[]){"load", "--to", mother.address, in_folder("keys.txt"), NULL});
    wait_until_it_catches(pid);
    (void)usleep(300000);
    cr_assert_eq(kill(pid, SIGINT), 0);
    wait_for(pid, &outcome);
    fake_mother_stop(&mother);
    cr_expect_eq(outcome.code, 75, "%d %s", outcome.code, outcome.err);
    expect_said("of 2002: run the command again");
    expect_batch_state("exported");
}

/* ---- the audit chain ---- */

/* Does something to the stored record number 3 of a copy of the library. */
static void tamper(const char *folder, bool remove)
{
    static const char *const names[] = {"default", "keys",  "batches", "mothers",  "audit",
                                        "meta",    "links", "people",  "approvals"};
    enum { FAMILIES = sizeof names / sizeof names[0], AUDIT = 4 };
    const rocksdb_options_t *each[FAMILIES];
    rocksdb_column_family_handle_t *handles[FAMILIES];
    rocksdb_options_t *options = rocksdb_options_create();
    for (int i = 0; i < FAMILIES; i++)
        each[i] = options;
    char *error = NULL;
    rocksdb_t *db =
        rocksdb_open_column_families(options, folder, FAMILIES, names, each, handles, &error);
    cr_assert_null(error, "%s", error);
    rocksdb_readoptions_t *reading = rocksdb_readoptions_create();
    rocksdb_writeoptions_t *writing = rocksdb_writeoptions_create();
    const char key[8] = {0, 0, 0, 0, 0, 0, 0, 3};
    size_t size;
    char *record = rocksdb_get_cf(db, reading, handles[AUDIT], key, sizeof key, &size, &error);
    cr_assert_not_null(record);
    char *who = memmem(record, size, "Grace", 5);
    cr_assert_not_null(who);
    memcpy(who, "Grave", 5);
    if (remove)
        rocksdb_delete_cf(db, writing, handles[AUDIT], key, sizeof key, &error);
    else
        rocksdb_put_cf(db, writing, handles[AUDIT], key, sizeof key, record, size, &error);
    cr_assert_null(error, "%s", error);
    free(record);
    for (int i = 0; i < FAMILIES; i++)
        rocksdb_column_family_handle_destroy(handles[i]);
    rocksdb_readoptions_destroy(reading);
    rocksdb_writeoptions_destroy(writing);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
}

Test(program_refusals, a_chain_that_was_touched)
{
    step_lmk(&outcome);
    (void)step_generate(&outcome, "1");
    cr_expect_eq(record_count(), 5);
    for (int remove = 0; remove < 2; remove++) {
        shell("rm -rf %s && cp -rp %s %s", in_folder("copy"), in_folder("home"), in_folder("copy"));
        tamper(in_folder("copy/library"), remove == 1);
        EXPECT(&outcome, 1, "audit", "verify", "--home", in_folder("copy"));
        expect_said("the audit chain is broken");
        /* A changed record is told by the one behind it, a missing one by its number. */
        expect_said(remove == 1 ? "3" : "4");
    }
    cr_expect_eq(record_count(), 5, "the original is whole");
}

Test(program_refusals, shows_records_from_where_it_is_asked)
{
    step_lmk(&outcome);
    EXPECT(&outcome, 0, "audit", "show", "--from", "3", "--json", "--operator", "somebody");
    json_t *records = parse(&outcome);
    cr_assert_eq(json_array_size(records), 2);
    cr_expect_eq(number_of(json_array_get(records, 0), "sequence"), 3);
    json_decref(records);
    EXPECT(&outcome, 0, "generate", "--count", "1", "--operator", "Night Shift|2");
    EXPECT(&outcome, 0, "audit", "show", "--from", "5", "--json");
    records = parse(&outcome);
    cr_expect_str_eq(text_of(json_array_get(records, 0), "who"), "Night Shift|2");
    json_decref(records);
}
