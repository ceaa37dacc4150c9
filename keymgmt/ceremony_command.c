/* `posgate-keymgmt ceremony lmk|ktk|zpk|zak|components`: the command lines. */
#include <string.h>

#include "keymgmt/ceremony.h"
#include "keymgmt/command.h"

enum {
    KEY_COMPONENTS = 0x200,
    KEY_COMPONENT,
    KEY_CUSTODIAN,
    KEY_CUSTODIAN_CREDENTIAL,
    KEY_NAME,
    KEY_ALG,
    KEY_OUT
};

#define TEXT_ALG "Algorithm of the key: T2, T3, A128 or A256"

#define GATHER_OPTIONS                                                                             \
    {"components", KEY_COMPONENTS, "N", 0, "How many components there are (default 2)", 0},        \
        {"component",                                                                              \
         KEY_COMPONENT,                                                                            \
         "FILE",                                                                                   \
         0,                                                                                        \
         "Read a component from FILE (one line of hex, mode 0600) instead of the terminal; once "  \
         "for each",                                                                               \
         0},                                                                                       \
        {"custodian",                                                                              \
         KEY_CUSTODIAN,                                                                            \
         "NAME",                                                                                   \
         0,                                                                                        \
         "Who holds it, in the same order; once for each",                                         \
         0},                                                                                       \
    {                                                                                              \
        "custodian-credential", KEY_CUSTODIAN_CREDENTIAL, "FILE", 0,                               \
            "That custodian's password, mode 0600, in the same order (default: typed)", 0          \
    }

static const struct argp_option lmk_options[] = {GATHER_OPTIONS, {NULL, 0, NULL, 0, NULL, 0}};

static const struct argp_option ktk_options[] = {
    {"name", KEY_NAME, "NAME", 0, "The mother POS: 1 to 16 characters of A-Z and 0-9", 0},
    {"alg", KEY_ALG, "ALG", 0, TEXT_ALG " (default A256)", 0},
    GATHER_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0}};

static const struct argp_option link_options[] = {
    {"name", KEY_NAME, "LINK", 0, "The host link: 1 to 16 characters of A-Z and 0-9", 0},
    {"alg", KEY_ALG, "ALG", 0, TEXT_ALG " (default A256)", 0},
    GATHER_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0}};

static const struct argp_option components_options[] = {
    {"count", KEY_COMPONENTS, "N", 0, "How many files to make (default 2)", 0},
    {"alg", KEY_ALG, "ALG", 0, TEXT_ALG " (default A256)", 0},
    {"out", KEY_OUT, "DIR", 0, "Folder for component-1.hex and so on; made when missing", 0},
    {NULL, 0, NULL, 0, NULL, 0}};

static void add_text(struct argp_state *state, const char *name, const char **list, size_t *count,
                     const char *text)
{
    if (*count == POS_COMPONENT_COUNT_MAX)
        argp_error(state, "%s is given more than %d times", name, POS_COMPONENT_COUNT_MAX);
    list[(*count)++] = text;
}

static error_t parse_ceremony(int key, char *argument, struct argp_state *state)
{
    struct pos_ceremony *ceremony = state->input;
    switch (key) {
    case KEY_COMPONENTS:
        ceremony->component_count = pos_option_number(state, "the count of components", argument, 1,
                                                      POS_COMPONENT_COUNT_MAX);
        return 0;
    case KEY_COMPONENT:
        add_text(state, "--component", ceremony->files, &ceremony->file_count, argument);
        return 0;
    case KEY_CUSTODIAN:
        add_text(state, "--custodian", ceremony->custodians, &ceremony->custodian_count, argument);
        return 0;
    case KEY_CUSTODIAN_CREDENTIAL:
        add_text(state, "--custodian-credential", ceremony->credentials,
                 &ceremony->credential_count, argument);
        return 0;
    case KEY_NAME:
        if (!pos_key_name_valid(pos_bytes_text(argument)))
            argp_error(state, "--name takes 1 to %d characters of A-Z and 0-9",
                       POS_KEY_NAME_SIZE_MAX);
        ceremony->name = argument;
        return 0;
    case KEY_ALG:
        ceremony->algorithm = pos_option_algorithm(state, "--alg", argument);
        if (ceremony->algorithm == POS_ALGORITHM_SM4)
            argp_error(state, "no key of a ceremony is SM4: T2, T3, A128 or A256");
        return 0;
    case KEY_OUT:
        ceremony->out = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp pos_ceremony_lmk_argp = {.options = lmk_options, .parser = parse_ceremony};

void pos_ceremony_settle(struct pos_ceremony *ceremony)
{
    if (ceremony->component_count == 0)
        ceremony->component_count =
            ceremony->file_count > 0 ? ceremony->file_count : POS_COMPONENT_COUNT_MIN;
    if (ceremony->algorithm == POS_ALGORITHM_NONE)
        ceremony->algorithm = POS_ALGORITHM_A256;
}

/* Opens the library and runs one of those that need a home. An operator leads it. */
static enum pos_status run_in_home(struct pos_options *options, struct pos_ceremony *ceremony,
                                   enum pos_status (*run)(struct pos_home *,
                                                          const struct pos_ceremony *,
                                                          struct pos_error *),
                                   struct pos_error *error)
{
    pos_ceremony_settle(ceremony);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = pos_home_begin(&home, POS_ROLE_OPERATOR, "ceremony", error);
    if (status == POS_OK)
        status = run(&home, ceremony, error);
    pos_home_fini(&home);
    return status;
}

static enum pos_status run_lmk(struct pos_options *options, int argc, char **argv,
                               struct pos_error *error)
{
    static const struct argp argp = {
        .options = lmk_options,
        .parser = parse_ceremony,
        .doc = "Makes the local master key (AES-256) from components and seals it under the "
               "credential. Each custodian types one component, which is not shown; only check "
               "values are. Where keymgmt.conf names a token it is made inside that, and there "
               "are no components."};
    struct pos_ceremony ceremony = {0};
    pos_options_parse(options, &argp, &ceremony, argc, argv);
    return run_in_home(options, &ceremony, pos_ceremony_lmk, error);
}

static enum pos_status run_ktk(struct pos_options *options, int argc, char **argv,
                               struct pos_error *error)
{
    static const struct argp argp = {
        .options = ktk_options,
        .parser = parse_ceremony,
        .doc = "Makes the key-transport key of one mother POS from components and stores it under "
               "the LMK. The same components go into that mother POS."};
    struct pos_ceremony ceremony = {0};
    pos_options_parse(options, &argp, &ceremony, argc, argv);
    if (ceremony.name == NULL)
        return pos_error_set(error, POS_ERR_USAGE,
                             "ceremony ktk needs --name NAME, the mother POS");
    return run_in_home(options, &ceremony, pos_ceremony_ktk, error);
}

/* A ZPK or ZAK: both are named by the link that they are for. */
static enum pos_status
run_link(struct pos_options *options, int argc, char **argv,
         enum pos_status (*run)(struct pos_home *, const struct pos_ceremony *, struct pos_error *),
         struct pos_error *error)
{
    static const struct argp argp = {
        .options = link_options,
        .parser = parse_ceremony,
        .doc = "Makes the key that a host link shares with its host from components and stores it "
               "under the LMK: zpk for PIN blocks, zak for MACs. The same components go to the "
               "host."};
    struct pos_ceremony ceremony = {0};
    pos_options_parse(options, &argp, &ceremony, argc, argv);
    if (ceremony.name == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "the ceremony needs --name LINK, the host link");
    return run_in_home(options, &ceremony, run, error);
}

static enum pos_status run_zpk(struct pos_options *options, int argc, char **argv,
                               struct pos_error *error)
{
    return run_link(options, argc, argv, pos_ceremony_zpk, error);
}

static enum pos_status run_zak(struct pos_options *options, int argc, char **argv,
                               struct pos_error *error)
{
    return run_link(options, argc, argv, pos_ceremony_zak, error);
}

static enum pos_status run_components(struct pos_options *options, int argc, char **argv,
                                      struct pos_error *error)
{
    static const struct argp argp = {
        .options = components_options,
        .parser = parse_ceremony,
        .doc = "Makes files with random components, for demonstrations and tests: whoever has all "
               "of them has the key."};
    struct pos_ceremony ceremony = {0};
    pos_options_parse(options, &argp, &ceremony, argc, argv);
    if (ceremony.out == NULL)
        return pos_error_set(error, POS_ERR_USAGE, "ceremony components needs --out DIR");
    pos_ceremony_settle(&ceremony);
    return pos_ceremony_components(options, &ceremony, error);
}

enum pos_status pos_command_ceremony(struct pos_options *options, int argc, char **argv,
                                     struct pos_error *error)
{
    static const struct pos_command commands[] = {
        {"lmk", "the local master key of this library", run_lmk},
        {"ktk", "the key-transport key of one mother POS", run_ktk},
        {"zpk", "the PIN key that a host link shares with its host", run_zpk},
        {"zak", "the MAC key that a host link shares with its host", run_zak},
        {"components", "random component files, for demonstrations", run_components},
        {NULL, NULL, NULL}};
    return pos_command_dispatch(commands, "posgate-keymgmt ceremony",
                                "Makes a key from components, one custodian each.", options, argc,
                                argv, error);
}
