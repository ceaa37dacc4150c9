#include "bench/outputs.h"

#include <errno.h>
#include <jansson.h>

#include "bench/page.h"
#include "core/base/exit_code.h"

enum { KEY_JSON = 0xa00, KEY_HTML };

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "Answer in JSON", 0},
    {"html", KEY_HTML, "FILE", 0,
     "Draw the report as well: a page that needs nothing else, for any browser", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

/* Before the run, so that a wrong name does not cost one; what was in the file is gone. */
static void open_page(struct pos_outputs *outputs, const struct argp_state *state)
{
    if (outputs->html == NULL)
        return;
    outputs->page = fopen(outputs->html, "we");
    if (outputs->page == NULL)
        argp_failure(state, POS_EXIT_FAILED, errno, "--html: cannot write %s", outputs->html);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pos_outputs *outputs = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        outputs->argc = state->argc;
        outputs->argv = state->argv;
        outputs->started = time(NULL);
        return 0;
    case KEY_JSON:
        outputs->json = true;
        return 0;
    case KEY_HTML:
        outputs->html = argument;
        return 0;
    case ARGP_KEY_SUCCESS:
        open_page(outputs, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp pos_outputs_argp = {.options = options, .parser = parse};

bool pos_outputs_wanted(const struct pos_outputs *outputs)
{
    return outputs->json || outputs->page != NULL;
}

static enum pos_status print(const json_t *report, struct pos_error *error)
{
    if (json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0)
        return pos_error_set(error, POS_ERR_IO, "the report could not be written");
    printf("\n");
    return POS_OK;
}

/* A full disk shows at the latest when the file is closed. */
static enum pos_status draw(struct pos_outputs *outputs, json_t *report, struct pos_error *error)
{
    pos_page_write(report, outputs->page);
    bool failed = ferror(outputs->page) != 0;
    failed = fclose(outputs->page) != 0 || failed;
    outputs->page = NULL;
    if (failed)
        return pos_error_set(error, POS_ERR_IO, "%s is not whole: it could not be written",
                             outputs->html);
    return POS_OK;
}

enum pos_status pos_outputs_give(struct pos_outputs *outputs, json_t *report,
                                 struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (report == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the report");
    if (outputs->json)
        status = print(report, error);
    if (status == POS_OK && outputs->page != NULL)
        status = draw(outputs, report, error);
    json_decref(report);
    return status;
}
