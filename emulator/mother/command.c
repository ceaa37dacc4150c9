/* `posgate-emulator mother`: sets up a mother POS, runs it, closes its session, lists its keys. */
#include <argp.h>
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/option.h"
#include "core/base/secret.h"
#include "emulator/command.h"
#include "emulator/exit.h"
#include "emulator/mother/home.h"
#include "emulator/mother/return_file.h"
#include "emulator/mother/serve.h"

enum mode { MODE_SERVE, MODE_INIT, MODE_CLOSE_SESSION, MODE_LIST, MODE_RETURN };

struct mother_options {
    enum mode mode;
    struct pos_mother_setup setup;
    struct pos_endpoint listen;
    bool allow_rekey;
    struct pos_mother_access access; /* home and credential are the setup's */
    const char *return_file;         /* NULL: none */
};

enum {
    KEY_INIT = 256,
    KEY_CLOSE,
    KEY_LIST,
    KEY_RETURN,
    KEY_NAME,
    KEY_KTK_NAME,
    KEY_COMPONENT,
    KEY_ALGORITHM,
    KEY_CREDENTIAL,
    KEY_REKEY,
    KEY_ANCHOR,
    KEY_ACCEPT,
    KEY_HIGH_WATER,
    KEY_LOG_LEVEL
};

static const struct argp_option options[] = {
    {"home", 'H', "DIR", 0, "The mother POS's own folder (required)", 0},
    {"credential", KEY_CREDENTIAL, "FILE", 0,
     "What opens its LMK (default: DIR/credential, made by --init)", 0},
    {"anchor", KEY_ANCHOR, "FILE", 0,
     "What tells an old copy of its journal; best on another disk (default: DIR/journal.anchor)",
     0},
    {"accept-old", KEY_ACCEPT, 0, 0,
     "Go on with a journal that is older than its anchor: burns every key that may have left since",
     0},
    {"high-water", KEY_HIGH_WATER, "INDEX", 0,
     "With --accept-old, where the anchor is lost: the highest index that was ever loaded", 0},
    {0, 0, 0, 0, "What to do; without one of these: serve", 1},
    {"init", KEY_INIT, 0, 0, "Make the folder: an LMK of its own, the KTK from its components", 1},
    {"close-session", KEY_CLOSE, 0, 0, "Burn every key that was handed out and not confirmed", 1},
    {"list", KEY_LIST, 0, 0, "Print index, state, serial, batch and KCV of every key", 1},
    {"return-file", KEY_RETURN, "FILE", 0,
     "Write what became of every key, for posgate-keymgmt import-return; with --close-session "
     "after that",
     1},
    {0, 0, 0, 0, "With --init", 2},
    {"name", KEY_NAME, "NAME", 0, "1 to 16 of A-Z and 0-9; key files must be for it", 2},
    {"ktk-component", KEY_COMPONENT, "FILE", 0,
     "A custodian's component in hex, readable by its owner alone; 2 to 9 of them", 2},
    {"ktk-name", KEY_KTK_NAME, "NAME", 0, "The KTK's name (default: that of the mother POS)", 2},
    {"ktk-algorithm", KEY_ALGORITHM, "ALG", 0, "T2, T3, A128 or A256 (default A256)", 2},
    {0, 0, 0, 0, "When serving", 3},
    {"listen", 'l', "ADDRESS:PORT", 0, "Where (default 127.0.0.1:7583; port 0: any)", 3},
    {"allow-rekey", KEY_REKEY, 0, 0, "A terminal that has a confirmed key may get another one", 3},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "debug, info (default), warning or error", 3},
    {0}};

static void parse_with_value(int key, char *value, struct argp_state *state)
{
    struct mother_options *o = state->input;
    struct pos_error error;
    switch (key) {
    case 'l':
        if (pos_endpoint_parse(value, &o->listen, &error) != POS_OK)
            argp_error(state, "--listen: %s", error.text);
        break;
    case KEY_NAME:
    case KEY_KTK_NAME:
        if (!pos_key_name_valid(pos_bytes_text(value)))
            argp_error(state, "'%s' is not a name of 1 to 16 characters A-Z and 0-9", value);
        *(key == KEY_NAME ? &o->setup.name : &o->setup.ktk_name) = value;
        break;
    case KEY_COMPONENT:
        if (o->setup.component_count == POS_COMPONENT_COUNT_MAX)
            argp_error(state, "more than %d components", POS_COMPONENT_COUNT_MAX);
        o->setup.component_paths[o->setup.component_count++] = value;
        break;
    case KEY_ALGORITHM:
        o->setup.ktk_algorithm = pos_option_algorithm(state, "--ktk-algorithm", value);
        break;
    case KEY_ANCHOR:
        o->access.anchor = value;
        break;
    case KEY_HIGH_WATER:
        o->access.high_water = (uint32_t)pos_option_number(state, "--high-water", value,
                                                           POS_KEY_INDEX_MIN, POS_KEY_INDEX_MAX);
        break;
    case KEY_LOG_LEVEL:
        pos_log_set_level(pos_option_log_level(state, "--log-level", value));
        break;
    default:
        break;
    }
}

static void check(const struct mother_options *o, struct argp_state *state)
{
    bool init = o->mode == MODE_INIT;
    if (o->setup.home == NULL)
        argp_error(state, "--home is missing");
    if (init && o->setup.name == NULL)
        argp_error(state, "--init needs --name");
    if (init && o->setup.component_count < POS_COMPONENT_COUNT_MIN)
        argp_error(state, "--init needs at least %d times --ktk-component",
                   POS_COMPONENT_COUNT_MIN);
    if (init && (o->access.anchor != NULL || o->access.accept_old))
        argp_error(state, "--init makes no journal: name its anchor when serving");
    if (o->access.high_water > 0 && !o->access.accept_old)
        argp_error(state, "--high-water goes with --accept-old");
    if (o->return_file != NULL && o->mode != MODE_RETURN && o->mode != MODE_CLOSE_SESSION)
        argp_error(state, "--return-file goes with --close-session or alone");
    if (!init &&
        (o->setup.name != NULL || o->setup.ktk_name != NULL || o->setup.component_count > 0))
        argp_error(state, "name and KTK are settled by --init");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct mother_options *o = state->input;
    switch (key) {
    case 'H':
        o->setup.home = value;
        return 0;
    case KEY_CREDENTIAL:
        o->setup.credential = value;
        return 0;
    case KEY_INIT:
        o->mode = MODE_INIT;
        return 0;
    case KEY_CLOSE:
        o->mode = MODE_CLOSE_SESSION;
        return 0;
    case KEY_LIST:
        o->mode = MODE_LIST;
        return 0;
    case KEY_RETURN:
        o->return_file = value;
        return 0;
    case KEY_REKEY:
        o->allow_rekey = true;
        return 0;
    case KEY_ACCEPT:
        o->access.accept_old = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not an option", value);
        return 0;
    case ARGP_KEY_END:
        if (o->return_file != NULL && o->mode == MODE_SERVE)
            o->mode = MODE_RETURN;
        check(o, state);
        return 0;
    default:
        parse_with_value(key, value, state);
        return value == NULL ? ARGP_ERR_UNKNOWN : 0;
    }
}

static enum pos_status init(struct mother_options *o, struct pos_error *error)
{
    struct pos_kcv kcv;
    char text[POS_KCV_TEXT_SIZE];
    if (o->setup.ktk_name == NULL)
        o->setup.ktk_name = o->setup.name;
    enum pos_status status = pos_mother_home_make(&o->setup, &kcv, error);
    if (status != POS_OK)
        return status;
    pos_kcv_text(&kcv, text);
    (void)printf("mother POS %s, KTK %s %s\n", o->setup.name, o->setup.ktk_name, text);
    return POS_OK;
}

static bool print_row(void *context, const struct pos_journal_row *row)
{
    char kcv[POS_KCV_TEXT_SIZE];
    (void)context;
    pos_kcv_text(&row->kcv, kcv);
    (void)printf("%08u|%s|%s|%08u|%s\n", row->index, pos_journal_state_name(row->state),
                 row->serial[0] == '\0' ? "-" : row->serial, row->batch, kcv);
    return true;
}

static enum pos_status close_session(struct pos_journal *journal, struct pos_error *error)
{
    struct pos_journal_write write = {.operation = POS_JOURNAL_CLOSE, .utc_ms = pos_clock_utc_ms()};
    POS_FAILPOINT("burn-begin");
    enum pos_status status = pos_journal_run(journal, &write);
    POS_FAILPOINT("burn-synced");
    if (status != POS_OK)
        return pos_error_set(error, status, "the journal cannot be written: %s",
                             pos_status_text(status));
    (void)printf("burned %u\n", write.burned);
    return POS_OK;
}

static enum pos_status write_return_file(struct pos_mother *mother, const char *path,
                                         struct pos_error *error)
{
    struct pos_journal_counts counts;
    enum pos_status status = pos_mother_write_return_file(mother, path, pos_clock_utc_ms(), error);
    POS_FAILPOINT("return-file-named");
    if (status != POS_OK)
        return status;
    pos_journal_counts(mother->journal, &counts);
    (void)printf("returned free=%u reserved=%u issued=%u burned=%u in %s\n", counts.free,
                 counts.reserved, counts.issued, counts.burned, path);
    if (counts.reserved > 0)
        (void)fprintf(stderr,
                      "posgate-emulator mother: %u keys were handed out and not confirmed; "
                      "--close-session burns them\n",
                      counts.reserved);
    return POS_OK;
}

static enum pos_status work(struct mother_options *o, struct pos_error *error)
{
    struct pos_mother_home home;
    o->access.home = o->setup.home;
    o->access.credential = o->setup.credential;
    enum pos_status status = pos_mother_home_open(&o->access, &home, error);
    if (status != POS_OK)
        return status;
    home.mother.allow_rekey = o->allow_rekey;
    if (o->mode == MODE_LIST &&
        (status = pos_journal_walk(home.journal, print_row, NULL)) != POS_OK)
        (void)pos_error_set(error, status, "the journal cannot be read");
    else if (o->mode == MODE_CLOSE_SESSION)
        status = close_session(home.journal, error);
    else if (o->mode == MODE_SERVE) {
        pos_log(POS_LOG_INFO, "security-module", "module=\"%s\"", pos_hsm_describe(home.hsm));
        status = pos_mother_serve(&home.mother, &o->listen, error);
    }
    if (status == POS_OK && o->return_file != NULL)
        status = write_return_file(&home.mother, o->return_file, error);
    pos_mother_home_close(&home);
    return status;
}

int pos_command_mother(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc =
            "A mother POS: takes key files from posgate-keymgmt and gives each terminal that asks "
            "one key of them, once.\v"
            "Set it up once with --init, then run it; SIGTERM ends it. At the end of the day "
            "`--close-session --return-file FILE` says what became of its keys. Its LMK is a "
            "software one: this is an emulator, not a certified device."};
    struct mother_options o = {.listen = {.host = "127.0.0.1", .port = 7583}};
    o.setup.ktk_algorithm = POS_ALGORITHM_A256;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &o);
    struct pos_error error = {.text = ""};
    enum pos_status status = pos_secret_protect_process();
    if (status != POS_OK)
        (void)pos_error_set(&error, status, "this process cannot be kept out of core dumps");
    else
        status = o.mode == MODE_INIT ? init(&o, &error) : work(&o, &error);
    return pos_exit_report("mother", status, &error);
}
