/*
 * `posgate-keymgmt load`: a key file into its mother POS, line by line. What the mother POS holds
 * it holds across restarts of both, so a load that broke off goes on; when it said yes to the
 * trailer the batch is marked loaded, with its audit record.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/failpoint.h"
#include "keymgmt/command.h"
#include "keymgmt/home.h"
#include "keymgmt/key_file_scan.h"
#include "keymgmt/load_plan.h"
#include "keymgmt/progress.h"
#include "keymgmt/report.h"

enum {
    KEY_TO = 0x200,
    KEY_TIMEOUT,
    KEY_DRY_RUN,
    TIMEOUT_S_DEFAULT = 10,
    TIMEOUT_S_MAX = 3600,
    /* the trailer makes the mother POS verify and store every key before it answers */
    TRAILER_KEYS_PER_MS = 1,
    RECONNECT_PAUSE_S = 1,
    ON_WHAT_SIZE_MAX = 160,
};

struct load {
    /* asked for */
    const char *to;
    const char *path;
    int timeout_ms;
    bool dry_run;
    /* under way */
    struct pos_home *home;
    struct pos_error *error;
    struct pos_key_file_header header;
    struct pos_batch_row batch;
    struct pos_key_file_reader reader;
    struct pos_mother_link link;
    struct pos_load_plan plan;
    struct pos_load_status before, after; /* as the mother POS says */
    bool after_known;
    struct pos_progress progress;
};

static error_t parse_load(int key, char *argument, struct argp_state *state)
{
    struct load *load = state->input;
    switch (key) {
    case KEY_TO:
        load->to = argument;
        return 0;
    case KEY_TIMEOUT:
        load->timeout_ms =
            1000 * (int)pos_option_number(state, "--timeout-s", argument, 1, TIMEOUT_S_MAX);
        return 0;
    case KEY_DRY_RUN:
        load->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        if (load->path != NULL)
            argp_error(state, "one key file at a time");
        load->path = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- does the file belong to this library ---- */

static enum pos_status check_batch(struct load *load)
{
    const struct pos_key_file_header *header = &load->header;
    struct pos_batch_row *batch = &load->batch;
    enum pos_status status = pos_key_library_find_batch(load->home->library, header->batch, batch);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(load->error, status, "%s is of batch %u, which this library has not",
                             load->path, header->batch);
    if (status != POS_OK)
        return pos_error_set(load->error, status, "cannot read the key library");
    if (batch->state == POS_BATCH_LOADED)
        return pos_error_set(load->error, POS_ERR_STATE, "batch %u is loaded into %s already",
                             batch->number, batch->mother);
    if (batch->state != POS_BATCH_EXPORTED)
        return pos_error_set(load->error, POS_ERR_STATE,
                             "batch %u was not exported by this library", batch->number);
    if (strcmp(batch->mother, header->destination) != 0 || batch->first != header->first ||
        batch->count != header->count || batch->algorithm != header->algorithm)
        return pos_error_set(load->error, POS_ERR_MISMATCH,
                             "%s says batch %u for %s, keys %08u to %08u; the library knows it for "
                             "%s, keys %08u to %08u",
                             load->path, header->batch, header->destination, header->first,
                             header->last, batch->mother, batch->first,
                             batch->first + batch->count - 1);
    return POS_OK;
}

static enum pos_status check_mother(struct load *load)
{
    struct pos_mother_row mother;
    enum pos_status status =
        pos_key_library_find_mother(load->home->library, load->header.destination, &mother);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(load->error, status, "the file is for %s, which is no mother POS here",
                             load->header.destination);
    if (status != POS_OK)
        return pos_error_set(load->error, status, "cannot read the key library");
    if (mother.compromised)
        return pos_error_set(load->error, POS_ERR_NOT_ALLOWED,
                             "the KTK of %s is compromised: nothing is loaded into it any more",
                             mother.name);
    if (!pos_kcv_equal(&mother.ktk_kcv, &load->header.ktk_kcv))
        return pos_error_set(load->error, POS_ERR_MISMATCH,
                             "%s is under another KTK than %s has: its check value differs",
                             load->path, mother.name);
    return POS_OK;
}

/* ---- sending ---- */

static enum pos_status connect_mother(struct load *load)
{
    load->link.socket = -1;
    return pos_mother_link_open(&load->link, load->to, load->timeout_ms, load->error);
}

static enum pos_status send_line(struct load *load)
{
    struct pos_bytes line;
    struct pos_mother_reply reply;
    struct pos_load_plan *plan = &load->plan;
    enum pos_status status = pos_key_file_reader_seek(&load->reader, plan->line, load->error);
    if (status == POS_OK)
        status = pos_key_file_reader_next(&load->reader, &line, load->error);
    if (status == POS_ERR_CLOSED)
        return pos_error_set(load->error, POS_ERR_IO, "%s became shorter while it was read",
                             load->path);
    if (status != POS_OK)
        return status;
    int timeout_ms = load->timeout_ms;
    if (plan->line == plan->line_count)
        timeout_ms += (int)(load->header.count / TRAILER_KEYS_PER_MS);
    POS_FAILPOINT("load-line");
    status = pos_mother_link_ask(&load->link, POS_KIND_LOAD, line, timeout_ms, &reply, load->error);
    POS_FAILPOINT("load-line-answered");
    return status == POS_OK ? pos_load_plan_reply(plan, &reply, load->error) : status;
}

static bool is_broken_link(const struct load *load, enum pos_status status)
{
    return load->link.socket >= 0 &&
           (status == POS_ERR_CLOSED || status == POS_ERR_NETWORK || status == POS_ERR_TIMEOUT);
}

/* The same load over a new connection. */
static enum pos_status reconnect(struct load *load, enum pos_status status)
{
    pos_mother_link_close(&load->link);
    while (pos_load_plan_broken(&load->plan) && !pos_interrupted()) {
        (void)sleep(RECONNECT_PAUSE_S);
        status = connect_mother(load);
        if (status != POS_ERR_UNREACHABLE)
            return status;
    }
    return status;
}

static enum pos_status send_lines(struct load *load)
{
    struct pos_load_plan *plan = &load->plan;
    pos_progress_start(&load->progress, "lines loaded", plan->line_count);
    enum pos_status status = POS_OK;
    while (status == POS_OK && !plan->done) {
        if (pos_interrupted()) {
            status =
                pos_error_set(load->error, POS_ERR_BUSY,
                              "interrupted at line %u of %u: run the command again, it goes on "
                              "where it stopped",
                              plan->line, plan->line_count);
            break;
        }
        status = send_line(load);
        if (is_broken_link(load, status))
            status = reconnect(load, status);
        pos_progress_show(&load->progress, plan->line - 1);
    }
    pos_progress_end(&load->progress);
    return status;
}

static enum pos_status ask_status(struct load *load, struct pos_load_status *answer)
{
    struct pos_mother_reply reply;
    enum pos_status status =
        pos_mother_link_ask(&load->link, POS_KIND_LOAD_STATUS, pos_bytes(NULL, 0), load->timeout_ms,
                            &reply, load->error);
    if (status != POS_OK)
        return status;
    if (strcmp(reply.code, "00") != 0 || pos_load_status_parse(reply.text, answer) != POS_OK)
        return pos_error_set(load->error, POS_ERR_MISMATCH,
                             "%s does not answer like a mother POS (load status: %.2s)", load->to,
                             reply.code);
    return POS_OK;
}

/* Somebody else's load would be dropped by ours. */
static enum pos_status check_free(struct load *load)
{
    const struct pos_load_status *now = &load->before;
    if (now->batch == 0 || now->batch == load->header.batch)
        return POS_OK;
    return pos_error_set(load->error, POS_ERR_STATE,
                         "the mother POS is in the middle of batch %u (%u lines held): finish that "
                         "load first",
                         now->batch, now->lines);
}

static enum pos_status mark_loaded(struct load *load)
{
    char on_what[ON_WHAT_SIZE_MAX];
    (void)snprintf(on_what, sizeof on_what, "batch=%08u dest=%s at=%.64s count=%u",
                   load->batch.number, load->batch.mother, load->to, load->batch.count);
    struct pos_audit_event event = pos_home_event(load->home, "load", on_what);
    POS_FAILPOINT("load-taken");
    enum pos_status status =
        pos_key_library_move_batch(load->home->library, load->batch.number, POS_KEY_LOADED,
                                   load->batch.mother, event.utc_ms, &event);
    POS_FAILPOINT("load-marked");
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(load->error, status,
                         "the mother POS has the keys, but batch %u cannot be marked loaded: %s",
                         load->batch.number, pos_status_text(status));
}

static enum pos_status transfer(struct load *load)
{
    pos_load_plan_init(&load->plan, load->header.count);
    pos_interrupt_catch();
    enum pos_status status = connect_mother(load);
    if (status == POS_OK)
        status = ask_status(load, &load->before);
    if (status == POS_OK)
        status = check_free(load);
    if (status == POS_OK && load->dry_run) {
        pos_mother_link_close(&load->link);
        return POS_OK;
    }
    if (status == POS_OK)
        status = send_lines(load);
    if (status == POS_OK)
        status = mark_loaded(load);
    /* The keys are in and marked: no answer to this is no failure any more. */
    load->after_known = status == POS_OK && ask_status(load, &load->after) == POS_OK;
    pos_mother_link_close(&load->link);
    return status;
}

static void report(const struct load *load)
{
    struct pos_report *answer = pos_report_create(stdout, load->home->options->json, NULL, 0);
    if (load->dry_run)
        pos_report_text(answer, "dry_run", "nothing was changed");
    pos_report_number(answer, "batch", load->batch.number);
    pos_report_text(answer, "mother", load->batch.mother);
    pos_report_number(answer, "count", load->batch.count);
    if (load->plan.resumed_at != 0)
        pos_report_number(answer, "resumed_at_line", load->plan.resumed_at);
    if (load->after_known) {
        pos_report_number(answer, "mother_free", load->after.free);
        pos_report_number(answer, "mother_issued", load->after.issued);
        pos_report_number(answer, "mother_burned", load->after.burned);
    }
    pos_report_destroy(answer);
}

static enum pos_status load_file(struct load *load)
{
    enum pos_status status = pos_key_file_scan(load->path, &load->header, load->error);
    if (status == POS_OK)
        status = pos_home_begin(load->home, POS_ROLE_OPERATOR, "load", load->error);
    if (status == POS_OK)
        status = check_batch(load);
    if (status == POS_OK)
        status = check_mother(load);
    if (status == POS_OK)
        status = pos_key_file_reader_open(&load->reader, load->path, load->error);
    if (status != POS_OK)
        return status;
    status = transfer(load);
    pos_key_file_reader_close(&load->reader);
    if (status == POS_OK)
        report(load);
    return status;
}

enum pos_status pos_command_load(struct pos_options *options, int argc, char **argv,
                                 struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"to", KEY_TO, "HOST:PORT", 0, "Where the mother POS listens (its port is usually 7583)",
         0},
        {"timeout-s", KEY_TIMEOUT, "SECONDS", 0, "How long to wait for an answer (default 10)", 0},
        {"dry-run", KEY_DRY_RUN, NULL, 0,
         "Check the file and ask the mother POS for its status, but send no line", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_load,
        .args_doc = "FILE",
        .doc = "Loads a key file into the mother POS that it is for. A load that broke off goes on "
               "where it stopped."};
    struct pos_home home;
    struct load load = {.home = &home, .error = error, .timeout_ms = 1000 * TIMEOUT_S_DEFAULT};
    pos_options_parse(options, &argp, &load, argc, argv);
    if (load.to == NULL || load.path == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "load needs --to HOST:PORT and a key file");
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = load_file(&load);
    pos_home_fini(&home);
    return status;
}
