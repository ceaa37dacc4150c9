/* `posgate-emulator host`. */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/option.h"
#include "core/base/secret.h"
#include "emulator/command.h"
#include "emulator/exit.h"
#include "emulator/host/serve.h"

struct host_arguments {
    struct pos_host_options options;
    const char *zpk_path, *zak_path, *told_path; /* NULL: none */
    bool json;
};

enum {
    KEY_DELAY = 256,
    KEY_DECLINE,
    KEY_SILENT,
    KEY_LEDGER,
    KEY_JSON,
    KEY_LOG_LEVEL,
    KEY_DIALECT,
    KEY_ZPK,
    KEY_ZAK,
    KEY_TELL_PIN,
    DELAY_MS_MAX = 600000
};

static const struct argp_option options[] = {
    {"listen", 'l', "ADDRESS:PORT", 0, "Where (default 127.0.0.1:6583; port 0: any)", 0},
    {"dialect", KEY_DIALECT, "NAME", 0,
     "How messages are encoded: iso87b (default), iso87a, iso87x or cup", 0},
    {"delay-ms", KEY_DELAY, "N", 0, "Answer so many milliseconds late (0 to 600000; default 0)", 0},
    {"decline", KEY_DECLINE, "CODE[:PERCENT]", 0,
     "Decline with this field 39, all financial requests or a share of them", 0},
    {"silent", KEY_SILENT, "PERCENT", 0, "Do not answer this share of the requests", 0},
    {"ledger", KEY_LEDGER, "FILE", 0, "Add a line for each request and each answer", 0},
    {"zpk-file", KEY_ZPK, "FILE", 0,
     "Open PIN blocks under this ZPK, and answer 99 when one does not open. The file has one line, "
     "algorithm and hex digits, and is readable by its owner alone",
     0},
    {"zak-file", KEY_ZAK, "FILE", 0,
     "Ask for a MAC under this ZAK, answer A0 without, and MAC the replies; a file of that kind",
     0},
    {"tell-pin", KEY_TELL_PIN, "FILE", 0,
     "FOR TESTS: add a line with the PIN, in clear, for each PIN block; needs --zpk-file", 0},
    {"json", KEY_JSON, 0, 0, "Print the summary as JSON", 0},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "debug, info (default), warning or error", 0},
    {0}};

static bool is_code(const char *value)
{
    return isalnum((unsigned char)value[0]) && isalnum((unsigned char)value[1]) &&
           (value[2] == '\0' || value[2] == ':');
}

static void parse_decline(struct argp_state *state, struct pos_host *host, const char *value)
{
    if (!is_code(value))
        argp_error(state, "--decline: '%s' does not begin with a code of two characters", value);
    memcpy(host->decline_code, value, 2);
    host->decline_code[2] = '\0';
    host->decline_percent = 100;
    if (value[2] == ':')
        host->decline_percent =
            (uint32_t)pos_option_number(state, "--decline CODE:", value + 3, 0, 100);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct host_arguments *a = state->input;
    struct pos_error error;
    switch (key) {
    case 'l':
        if (pos_endpoint_parse(value, &a->options.listen, &error) != POS_OK)
            argp_error(state, "--listen: %s", error.text);
        return 0;
    case KEY_DIALECT:
        if (pos_dialect_parse(value, &a->options.host.dialect, &error) != POS_OK)
            argp_error(state, "--dialect: %s", error.text);
        return 0;
    case KEY_DELAY:
        a->options.delay_ms =
            (uint32_t)pos_option_number(state, "--delay-ms", value, 0, DELAY_MS_MAX);
        return 0;
    case KEY_DECLINE:
        parse_decline(state, &a->options.host, value);
        return 0;
    case KEY_SILENT:
        a->options.host.silent_percent =
            (uint32_t)pos_option_number(state, "--silent", value, 0, 100);
        return 0;
    case KEY_LEDGER:
        a->options.ledger_path = value;
        return 0;
    case KEY_ZPK:
        a->zpk_path = value;
        return 0;
    case KEY_ZAK:
        a->zak_path = value;
        return 0;
    case KEY_TELL_PIN:
        a->told_path = value;
        return 0;
    case ARGP_KEY_END:
        if (a->told_path != NULL && a->zpk_path == NULL)
            argp_error(state, "--tell-pin needs --zpk-file: without it no PIN block opens");
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case KEY_LOG_LEVEL:
        pos_log_set_level(pos_option_log_level(state, "--log-level", value));
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not an option", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum pos_status open_told(const char *path, FILE **told, struct pos_error *error)
{
    if (path == NULL)
        return POS_OK;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    *told = file < 0 ? NULL : fdopen(file, "a");
    if (*told == NULL) {
        enum pos_status status =
            pos_error_set(error, POS_ERR_IO, "cannot open %s: %s", path, strerror(errno));
        if (file >= 0)
            (void)close(file);
        return status;
    }
    (void)fprintf(stderr,
                  "posgate-emulator host: --tell-pin: the PINs of all cards go into %s IN CLEAR. "
                  "For tests with made-up cards; never where a person's card may come\n",
                  path);
    return POS_OK;
}

static enum pos_status work(struct host_arguments *a, struct pos_ledger *ledger,
                            struct pos_error *error)
{
    struct pos_host_keys *keys = NULL;
    enum pos_status status = pos_ledger_open(ledger, a->options.ledger_path, error);
    if (status != POS_OK)
        return status;
    if (a->zpk_path != NULL || a->zak_path != NULL)
        status = pos_host_keys_open(a->zpk_path, a->zak_path, &keys, error);
    a->options.host.keys = keys;
    if (status == POS_OK)
        status = open_told(a->told_path, &a->options.told_pins, error);
    bool served = status == POS_OK;
    if (served)
        status = pos_host_serve(&a->options, ledger, error);
    if (a->options.told_pins != NULL && fclose(a->options.told_pins) != 0 && status == POS_OK)
        status = pos_error_set(error, POS_ERR_IO, "%s is not complete: disk full?", a->told_path);
    pos_host_keys_close(keys);
    if (!pos_ledger_close(ledger) && status == POS_OK)
        status = pos_error_set(error, POS_ERR_IO, "the ledger is not complete: disk full?");
    if (served && (status == POS_OK || status == POS_ERR_IO))
        pos_ledger_print(ledger, a->json, stdout);
    return status;
}

int pos_command_host(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "An acquirer's host: approves what the gateway sends it, and keeps account of it.\v"
               "SIGTERM ends it; then it prints what it was asked and what it answered."};
    struct host_arguments arguments = {.options = {.listen = {.host = "127.0.0.1", .port = 6583},
                                                   .host = {.dialect = &pos_dialect_iso87b}}};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    static struct pos_ledger ledger;
    struct pos_error error = {.text = ""};
    enum pos_status status = POS_OK;
    if (arguments.zpk_path != NULL || arguments.zak_path != NULL)
        status = pos_secret_protect_process();
    if (status != POS_OK)
        (void)pos_error_set(&error, status, "this process cannot be kept out of core dumps");
    else
        status = work(&arguments, &ledger, &error);
    return pos_exit_report("host", status, &error);
}
