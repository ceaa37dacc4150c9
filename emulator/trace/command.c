/* `posgate-emulator trace`. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/exit_code.h"
#include "core/base/option.h"
#include "emulator/command.h"
#include "emulator/exit.h"
#include "emulator/trace/flows.h"
#include "emulator/trace/hex_text.h"
#include "emulator/trace/proxy.h"
#include "emulator/trace/show.h"

struct trace_arguments {
    const char *path; /* NULL: standard input */
    const struct pos_dialect *dialect;
    bool guess, bare, listens;
    uint16_t port;
    struct pos_proxy_options proxy;
    struct pos_show show;
};

enum {
    KEY_GUESS = 256,
    KEY_BARE,
    KEY_BRIEF,
    KEY_JSON,
    KEY_KEEP_ALIVES,
    KEY_PORT,
    KEY_LISTEN,
    KEY_TO,
};

static const struct argp_option options[] = {
    {"dialect", 'd', "NAME", 0, "How messages are encoded (default iso87b)", 0},
    {"guess", KEY_GUESS, 0, 0, "Find the dialect from the bytes, and say how sure and why", 0},
    {"bare", KEY_BARE, 0, 0, "Hexadecimal: a message a block, without the length in front", 0},
    {"port", KEY_PORT, "N", 0, "Capture: only connections of this port", 0},
    {"listen", KEY_LISTEN, "ADDRESS:PORT", 0,
     "Take connections here and pass them on, traced (port 0: any)", 1},
    {"to", KEY_TO, "ADDRESS:PORT", 0, "Where to pass them on", 1},
    {"brief", KEY_BRIEF, 0, 0, "A line a message, without its fields", 2},
    {"json", KEY_JSON, 0, 0, "An object a line", 2},
    {"keep-alives", KEY_KEEP_ALIVES, 0, 0, "Show those too", 2},
    {0}};

/* ---- arguments ---- */

static void parse_dialect(struct argp_state *state, struct trace_arguments *a, const char *name)
{
    struct pos_error error;
    if (pos_dialect_parse(name, &a->dialect, &error) != POS_OK)
        argp_error(state, "--dialect: %s", error.text);
}

static void parse_endpoint(struct argp_state *state, const char *option, const char *value,
                           struct pos_endpoint *endpoint)
{
    struct pos_error error;
    if (pos_endpoint_parse(value, endpoint, &error) != POS_OK)
        argp_error(state, "%s: %s", option, error.text);
}

static void check(const struct trace_arguments *a, struct argp_state *state)
{
    bool to = a->proxy.to.host[0] != '\0';
    if (a->guess && a->dialect != NULL)
        argp_error(state, "--guess finds the dialect that --dialect would say: one of them");
    if (a->listens != to)
        argp_error(state, "--listen and --to belong together");
    if (a->listens && (a->path != NULL || a->bare || a->port != 0))
        argp_error(state, "--listen takes neither a file nor --bare nor --port");
    if (to && a->proxy.to.port == 0)
        argp_error(state, "--to needs a port");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct trace_arguments *a = state->input;
    switch (key) {
    case 'd':
        parse_dialect(state, a, value);
        return 0;
    case KEY_GUESS:
        a->guess = true;
        return 0;
    case KEY_BARE:
        a->bare = true;
        return 0;
    case KEY_BRIEF:
        a->show.form = POS_SHOW_BRIEF;
        return 0;
    case KEY_JSON:
        a->show.form = POS_SHOW_JSON;
        return 0;
    case KEY_KEEP_ALIVES:
        a->show.keep_alives = true;
        return 0;
    case KEY_PORT:
        a->port = (uint16_t)pos_option_number(state, "--port", value, 1, UINT16_MAX);
        return 0;
    case KEY_LISTEN:
        parse_endpoint(state, "--listen", value, &a->proxy.listen);
        a->listens = true;
        return 0;
    case KEY_TO:
        parse_endpoint(state, "--to", value, &a->proxy.to);
        return 0;
    case ARGP_KEY_ARG:
        if (a->path != NULL)
            argp_error(state, "one file at a time");
        a->path = value;
        return 0;
    case ARGP_KEY_END:
        check(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- work ---- */

static void tell(void *context, const struct pos_event *event)
{
    pos_show(context, event);
}

static enum pos_status read_packets(struct pos_capture *capture, struct pos_flows *flows,
                                    struct pos_error *error)
{
    struct pos_packet packet;
    struct pos_segment segment;
    enum pos_status status;
    while ((status = pos_capture_next(capture, &packet, error)) == POS_OK) {
        if (pos_segment_parse(&packet, &segment))
            status = pos_flows_take(flows, &segment, packet.time_ns);
        if (status != POS_OK)
            return pos_error_set(error, status, "no memory for a connection");
    }
    return status == POS_ERR_NOT_FOUND ? POS_OK : status;
}

static enum pos_status read_capture(const struct trace_arguments *a, struct pos_trace *trace,
                                    FILE *file, const uint8_t *magic, struct pos_error *error)
{
    struct pos_capture *capture = NULL;
    struct pos_flows *flows = NULL;
    if (a->bare)
        return pos_error_set(error, POS_ERR_USAGE, "--bare is for hexadecimal; this is a capture");
    enum pos_status status = pos_capture_create(file, magic, &capture, error);
    if (status == POS_OK && (status = pos_flows_create(trace, a->port, &flows)) != POS_OK)
        (void)pos_error_set(error, status, "no memory for connections");
    if (status == POS_OK)
        status = read_packets(capture, flows, error);
    if (flows != NULL)
        pos_flows_destroy(flows);
    pos_capture_destroy(capture);
    return status;
}

static enum pos_status read_input(const struct trace_arguments *a, struct pos_trace *trace,
                                  FILE *file, struct pos_error *error)
{
    uint8_t head[POS_CAPTURE_MAGIC_SIZE];
    size_t size = fread(head, 1, sizeof head, file);
    if (size == sizeof head && pos_capture_is_one(head))
        return read_capture(a, trace, file, head, error);
    if (a->port != 0)
        return pos_error_set(error, POS_ERR_USAGE, "--port is for captures; this is none");
    return pos_hex_text_read(trace, pos_bytes(head, size), file, error);
}

static enum pos_status read_file(const struct trace_arguments *a, struct pos_trace *trace,
                                 struct pos_error *error)
{
    bool standard = a->path == NULL || strcmp(a->path, "-") == 0;
    FILE *file = standard ? stdin : fopen(a->path, "re");
    if (file == NULL)
        return pos_error_set(error, errno == ENOENT ? POS_ERR_NOT_FOUND : POS_ERR_IO,
                             "cannot open %.256s: %s", a->path, strerror(errno));
    enum pos_status status = read_input(a, trace, file, error);
    if (!standard)
        (void)fclose(file);
    return status;
}

static void print_summary(const struct pos_trace *trace)
{
    (void)fprintf(stderr,
                  "posgate-emulator trace: %llu messages, %llu wrong, %llu keep-alives, %llu gaps, "
                  "%llu bytes passed over, %llu requests without reply",
                  (unsigned long long)trace->messages, (unsigned long long)trace->wrong,
                  (unsigned long long)trace->keep_alives, (unsigned long long)trace->gaps,
                  (unsigned long long)trace->skipped, (unsigned long long)trace->unanswered);
    if (pos_histogram_count(&trace->latency) > 0)
        (void)fprintf(stderr, "; replies after %.3f ms (p50), %.3f (p99), %.3f (max)",
                      (double)pos_histogram_quantile(&trace->latency, 0.5) / 1e6,
                      (double)pos_histogram_quantile(&trace->latency, 0.99) / 1e6,
                      (double)trace->latency.max / 1e6);
    (void)fputc('\n', stderr);
}

int pos_command_trace(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[FILE]",
        .doc = "Decodes messages and says what is wrong with those that are: field, offset from "
               "the MTI, reason. FILE (default: standard input) is hexadecimal, with an empty line "
               "between what does not belong together, or a capture of tcpdump (pcap, pcapng). "
               "With --listen it stands between a client and its server instead.\v"
               "PANs are masked; PIN blocks, tracks, chip data, private fields and keys are not "
               "shown. Ends with 1 when anything was wrong."};
    struct trace_arguments a = {.show = {.to = stdout}};
    static struct pos_trace trace;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &a);
    a.show.flush = a.listens || a.path == NULL || strcmp(a.path, "-") == 0;
    if (a.dialect == NULL && !a.guess)
        a.dialect = &pos_dialect_iso87b;
    trace.options = (struct pos_trace_options){
        .dialect = a.dialect, .bare = a.bare, .tell = tell, .context = &a.show};
    struct pos_error error = {.text = ""};
    enum pos_status status =
        a.listens ? pos_proxy_serve(&a.proxy, &trace, &error) : read_file(&a, &trace, &error);
    if (status != POS_ERR_USAGE)
        print_summary(&trace);
    if (status == POS_OK && (fflush(stdout) != 0 || ferror(stdout) != 0))
        status = pos_error_set(&error, POS_ERR_IO, "not everything could be written: %s",
                               strerror(errno));
    int code = pos_exit_report("trace", status, &error);
    return code == POS_EXIT_DONE && trace.wrong > 0 ? POS_EXIT_FAILED : code;
}
