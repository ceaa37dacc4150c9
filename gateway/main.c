/* posgate-gateway: reads its configuration, opens what it names, and serves. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/exit_code.h"
#include "core/base/program.h"
#include "core/base/secret.h"
#include "gateway/descriptors.h"
#include "gateway/gateway.h"

enum { OPTION_CHECK = 256, OPTION_DUMP, OPTION_ACCEPT };
enum { REPORT_SIZE_MAX = 65536 };

struct arguments {
    const char *config;
    bool check, dump, verbose, accept_old_table;
};

static const char *const default_config = "/etc/posgate/gateway.conf";

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "Read the configuration from FILE (/etc/posgate/gateway.conf)", 0},
    {"check", OPTION_CHECK, NULL, 0,
     "Read the configuration, report every mistake, open what it names, and end", 0},
    {"dump-defaults", OPTION_DUMP, NULL, 0, "Print a configuration file with every default", 0},
    {"accept-old-table", OPTION_ACCEPT, NULL, 0,
     "Serve once from a terminal table that is older than its anchor: a restored backup. What "
     "happened since is lost; that it was accepted is recorded",
     0},
    {"verbose", 'v', NULL, 0, "Log debug events", 0},
    {0}};

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->config = value;
        return 0;
    case 'v':
        arguments->verbose = true;
        return 0;
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case OPTION_DUMP:
        arguments->dump = true;
        return 0;
    case OPTION_ACCEPT:
        arguments->accept_old_table = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->check && arguments->accept_old_table)
            argp_error(state, "--check accepts nothing");
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = take_option,
    .doc = "Admits the terminals that hold a key and passes their transactions on to the "
           "acquirer host.\vExit codes: 0 done, 1 failed, 2 usage, 69 something needed is not "
           "there, 75 try again, 77 not allowed, 78 configuration."};

/* What the configuration names and is not there is something needed. */
static enum pos_exit_code exit_code(enum pos_status status)
{
    if (status == POS_ERR_MAC)
        return POS_EXIT_DENIED;
    return status == POS_ERR_NOT_FOUND ? POS_EXIT_ABSENT : pos_exit_code(status);
}

static int fail(const struct pos_error *error)
{
    (void)fprintf(stderr, "posgate-gateway: %s\n", error->text);
    return exit_code(error->status);
}

static int dump_defaults(void)
{
    static struct pos_gateway_settings settings;
    static char text[POS_SETTINGS_DUMP_SIZE_MAX];
    struct pos_buffer out = pos_buffer(text, sizeof text);
    pos_gateway_settings_defaults(&settings);
    pos_gateway_settings_dump(&settings, &out);
    return fwrite(text, 1, out.size, stdout) == out.size ? POS_EXIT_DONE : POS_EXIT_FAILED;
}

static enum pos_status read_settings(const char *path, struct pos_gateway_settings *settings)
{
    static struct pos_config_report report;
    static char text[REPORT_SIZE_MAX];
    enum pos_status status = pos_gateway_settings_read(path, settings, &report);
    if (status != POS_OK) {
        struct pos_buffer out = pos_buffer(text, sizeof text);
        pos_config_report_format(&report, &out);
        (void)fwrite(text, 1, out.size, stderr);
    }
    return status;
}

/* The limit is that of whoever checks, and the gateway may be started with another. */
static void remark_on_descriptors(const struct pos_gateway_settings *settings)
{
    uint32_t connections;
    struct pos_error error;
    if (pos_descriptors_take(settings->limits.connections, &connections, &error) != POS_OK)
        (void)fprintf(stderr, "posgate-gateway: as started from here: %s\n", error.text);
}

static int check(struct pos_gateway_settings *settings, const struct arguments *arguments)
{
    static struct pos_gateway gateway;
    struct pos_error error;
    pos_log_set_level(POS_LOG_ERROR);
    enum pos_status status = pos_gateway_open(&gateway, settings, arguments->config, false, &error);
    if (status == POS_ERR_BUSY) /* the table comes last: all else could be opened */
        (void)fprintf(stderr, "posgate-gateway: not opened, a gateway is running on it: %s\n",
                      settings->database.path);
    else if (status != POS_OK)
        return fail(&error);
    else
        pos_gateway_close(&gateway);
    remark_on_descriptors(settings);
    (void)printf("%s: good; what it names can be opened\n", arguments->config);
    return POS_EXIT_DONE;
}

static int serve(struct pos_gateway_settings *settings, const struct arguments *arguments)
{
    static struct pos_gateway gateway;
    struct pos_error error = {.status = POS_OK};
    pos_log_set_level(arguments->verbose ? POS_LOG_DEBUG : settings->log.level);
    pos_log_set_json(settings->log.format == POS_LOG_FORMAT_JSON);
    if (pos_secret_protect_process() != POS_OK)
        pos_log(POS_LOG_WARNING, "core-dumps", "reason=\"cannot be switched off\"");
    enum pos_status status = pos_gateway_open(&gateway, settings, arguments->config,
                                              arguments->accept_old_table, &error);
    if (status != POS_OK)
        return fail(&error);
    status = pos_gateway_serve(&gateway, &error);
    pos_gateway_close(&gateway);
    pos_log(POS_LOG_INFO, "stopped", "status=%s", pos_status_name(status));
    return status == POS_OK ? POS_EXIT_DONE : fail(&error);
}

int main(int count, char **values)
{
    static struct pos_gateway_settings settings;
    struct arguments arguments = {.config = default_config};
    pos_program_begin(count, values);
    (void)argp_parse(&parser, count, values, 0, NULL, &arguments);
    if (arguments.dump)
        return dump_defaults();
    if (read_settings(arguments.config, &settings) != POS_OK)
        return POS_EXIT_CONFIG;
    return arguments.check ? check(&settings, &arguments) : serve(&settings, &arguments);
}
