#include "keymgmt/life.h"

#include <stdio.h>
#include <string.h>

#include "keymgmt/approval.h"

enum { KEY_INDEX = 0x200, KEY_BATCH, KEY_LIST, KEY_GATEWAY, KEY_NO_GATEWAY, KEY_DRY_RUN };

/* ---- begun and done ---- */

struct pos_audit_head pos_life_head(const struct pos_home *home)
{
    return home->chain.kept;
}

struct look {
    struct pos_life *life;
    enum pos_status status;
};

static bool look_at(void *context, struct pos_bytes record)
{
    struct look *look = context;
    struct pos_life *life = look->life;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) != POS_OK ||
        !pos_bytes_equal_text(parts.what, life->action) ||
        !pos_bytes_equal_text(parts.on_what, life->subject))
        return true;
    if (pos_bytes_equal_text(parts.outcome, "begun")) {
        look->status = pos_audit_head_of(record, &life->begun);
        life->resumed = true;
    } else if (pos_bytes_equal_text(parts.outcome, "done")) {
        life->resumed = false;
    }
    return look->status == POS_OK; /* to the end: the newest counts */
}

enum pos_status pos_life_look_back(struct pos_life *life, struct pos_error *error)
{
    struct look look = {.life = life, .status = POS_OK};
    enum pos_status status = pos_key_library_walk_audit(life->home->library, 1, look_at, &look);
    if (status == POS_OK)
        status = look.status;
    return status == POS_OK ? POS_OK : pos_error_set(error, status, "cannot read the audit chain");
}

/* One that two people agreed to, and what it ends with. */
static enum pos_status record(struct pos_life *life, const char *outcome, struct pos_error *error)
{
    struct pos_audit_event event = pos_home_event(life->home, life->action, life->subject);
    event.outcome = outcome;
    enum pos_status status = pos_key_library_audit(life->home->library, &event);
    if (status == POS_OK)
        return POS_OK;
    return pos_error_set(error, status, "the audit record of it cannot be written: %s",
                         pos_status_text(status));
}

enum pos_status pos_life_begin(struct pos_life *life, bool approval, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (!life->resumed) {
        if (approval)
            status = pos_approval_require(life->home, life->action, life->subject, error);
        if (status == POS_OK)
            status = record(life, "begun", error);
        life->begun = pos_life_head(life->home);
    }
    return status == POS_OK ? pos_life_catch_up(life, error) : status;
}

enum pos_status pos_life_end(struct pos_life *life, struct pos_error *error)
{
    enum pos_status status = record(life, "done", error);
    /* So that its socket does nothing more in the name of this. A gateway that has just ended reads
     * it when it starts. */
    if (status == POS_OK && pos_life_catch_up(life, NULL) != POS_OK)
        (void)fprintf(stderr, "posgate-keymgmt: it is done; the gateway has not read that yet\n");
    return status;
}

/* ---- the gateway ---- */

enum pos_status pos_life_catch_up(struct pos_life *life, struct pos_error *error)
{
    struct pos_audit_head head = pos_life_head(life->home);
    return life->gateway == NULL ? POS_OK : pos_gateway_link_catch_up(life->gateway, &head, error);
}

enum pos_status pos_life_connect(struct pos_life *life, const char *socket, struct pos_error *error)
{
    if (socket == NULL)
        return POS_OK;
    enum pos_status status =
        pos_gateway_link_open(socket, life->home->options->operator_name, &life->gateway, error);
    return status == POS_OK ? pos_life_catch_up(life, error) : status;
}

void pos_life_close(struct pos_life *life)
{
    pos_gateway_link_close(life->gateway);
    life->gateway = NULL;
}

/* ---- options ---- */

static void take_range(struct argp_state *state, struct pos_life_options *options, const char *text)
{
    uint32_t first, last;
    if (pos_key_range_parse(pos_bytes_text(text), &first, &last) != POS_OK)
        argp_error(state, "--index is a key index or a range of them, as in 278 or 278-300");
    else if (pos_key_selection_add(&options->keys, first, last) != POS_OK)
        argp_error(state, "--index: at most %d keys at once", POS_KEY_SELECTION_COUNT_MAX);
}

static error_t parse_life(int key, char *argument, struct argp_state *state)
{
    struct pos_life_options *options = state->input;
    switch (key) {
    case KEY_INDEX:
        take_range(state, options, argument);
        return 0;
    case KEY_BATCH:
        options->batch =
            (uint32_t)pos_option_number(state, "--batch", argument, 1, POS_KEY_INDEX_MAX);
        return 0;
    case KEY_LIST:
        options->list = argument;
        return 0;
    case KEY_GATEWAY:
        options->gateway = argument;
        return 0;
    case KEY_NO_GATEWAY:
        options->no_gateway = true;
        return 0;
    case KEY_DRY_RUN:
        options->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option life_options[] = {
    {"index", KEY_INDEX, "A[-B]", 0, "A key, or the keys A to B; may be given more than once", 0},
    {"batch", KEY_BATCH, "B", 0, "All keys of batch B", 0},
    {"list", KEY_LIST, "FILE", 0, "What the file names, one a line", 0},
    {"gateway", KEY_GATEWAY, "SOCKET", 0, "The admin socket of the gateway that admits them", 0},
    {"no-gateway", KEY_NO_GATEWAY, NULL, 0,
     "Leave the gateway out; the answer says what that leaves", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Say what would be done", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

const struct argp pos_life_argp = {.options = life_options, .parser = parse_life};

enum pos_status pos_life_check_gateway(const struct pos_life_options *options,
                                       struct pos_error *error)
{
    if (options->gateway != NULL && options->no_gateway)
        return pos_error_set(error, POS_ERR_USAGE, "--gateway or --no-gateway, not both");
    if (options->gateway == NULL && !options->no_gateway && !options->dry_run)
        return pos_error_set(error, POS_ERR_USAGE,
                             "terminals may be admitted with these keys: name the gateway's admin "
                             "socket with --gateway, or say --no-gateway");
    return POS_OK;
}

static enum pos_status add_batch(struct pos_home *home, struct pos_life_options *options,
                                 struct pos_error *error)
{
    struct pos_batch_row batch;
    enum pos_status status = pos_key_library_find_batch(home->library, options->batch, &batch);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, status, "there is no batch %u", options->batch);
    if (status == POS_OK)
        status = pos_key_selection_add(&options->keys, batch.first, batch.first + batch.count - 1);
    if (status != POS_OK)
        return pos_error_set(error, status, "batch %u: %s", options->batch,
                             pos_status_text(status));
    return POS_OK;
}

static enum pos_status check_there(struct pos_home *home, const struct pos_key_selection *keys,
                                   struct pos_error *error)
{
    uint32_t next, batch;
    enum pos_status status = pos_key_library_next(home->library, &next, &batch);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    for (size_t i = 0; i < keys->count; i++) {
        struct pos_key_row row;
        status = keys->indexes[i] >= next
                     ? POS_ERR_NOT_FOUND
                     : pos_key_library_find(home->library, keys->indexes[i], &row);
        if (status == POS_ERR_NOT_FOUND)
            return pos_error_set(error, status, "there is no key %08u", keys->indexes[i]);
        if (status != POS_OK)
            return pos_error_set(error, status, "key %08u cannot be read: %s", keys->indexes[i],
                                 pos_status_text(status));
    }
    return POS_OK;
}

enum pos_status pos_life_select(struct pos_home *home, struct pos_life_options *options,
                                struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (options->batch != 0)
        status = add_batch(home, options, error);
    if (status == POS_OK && options->list != NULL)
        status = pos_key_selection_read(&options->keys, options->list, error);
    if (status != POS_OK)
        return status;
    pos_key_selection_settle(&options->keys);
    if (options->keys.count == 0)
        return pos_error_set(error, POS_ERR_USAGE,
                             "which keys? --index A[-B], --batch B or --list FILE");
    return check_there(home, &options->keys, error);
}
