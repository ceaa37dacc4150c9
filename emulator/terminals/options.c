/* The command line of `posgate-emulator terminals`. */
#include <argp.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/option.h"
#include "emulator/terminals/options.h"

enum {
    KEY_MOTHER = 256,
    KEY_GATEWAY,
    KEY_STORE,
    KEY_COUNT,
    KEY_PREFIX,
    KEY_FIRST,
    KEY_SERIAL,
    KEY_STEPS,
    KEY_SALES,
    KEY_CONNECTIONS,
    KEY_RATE,
    KEY_TIMEOUT,
    KEY_AMOUNT,
    KEY_MAC,
    KEY_REKEY,
    KEY_CORRUPT,
    KEY_AS,
    KEY_TID,
    KEY_MID,
    KEY_EXPECT,
    KEY_JSON,
    KEY_DIALECT,
    KEY_TPDU,
    KEY_HEADER,
    KEY_BATCH,
    KEY_SIGN_ON_MAC,
    KEY_CUP_ECB,
    KEY_ALGORITHM,
    KEY_PIN,
    KEY_PIN_FORMAT,
    KEY_PIN_PAN,
    KEY_CORRUPT_PIN,
};

static const struct argp_option options[] = {
    {"mother", KEY_MOTHER, "ADDRESS:PORT", 0, "The mother POS (default 127.0.0.1:7583)", 0},
    {"gateway", KEY_GATEWAY, "ADDRESS:PORT", 0, "The gateway (default 127.0.0.1:8583)", 0},
    {"store", KEY_STORE, "DIR", 0,
     "Where the terminals keep their keys, in clear as in their chips (required)", 0},
    {0, 0, 0, 0, "Who", 1},
    {"count", KEY_COUNT, "N", 0, "So many terminals (default 1)", 1},
    {"serial-prefix", KEY_PREFIX, "TEXT", 0, "Serials are this and a number (default EMU)", 1},
    {"first-serial", KEY_FIRST, "N", 0, "The first one's number (default 1)", 1},
    {"serial", KEY_SERIAL, "SERIAL", 0, "One terminal with this serial", 1},
    {"tid", KEY_TID, "TID", 0, "Field 41 (default: the serial)", 1},
    {"mid", KEY_MID, "MID", 0, "Field 42 (default POSGATE00000001)", 1},
    {0, 0, 0, 0, "What", 2},
    {"steps", KEY_STEPS, "LIST", 0,
     "In order, with commas (default key,register,sign-on,authenticate,sale; without sign-on when "
     "MACs are off); a stored key is not fetched again",
     2},
    {"sales", KEY_SALES, "N", 0, "So many sales in a `sale` step (default 1)", 2},
    {"amount", KEY_AMOUNT, "N", 0,
     "Of a sale, in minor units (default 1000; 0 to 99 are added, by terminal)", 2},
    {"mac", KEY_MAC, "on|off", 0, "off: no MACs to the gateway, as the patent has it", 2},
    {"sign-on-mac", KEY_SIGN_ON_MAC, "on|off", 0,
     "off: a sign-on has no MAC, as installed terminals of the dialect cup send it", 2},
    {"pin", KEY_PIN, "DIGITS", 0,
     "The card holder's PIN in sales, 4 to 12 digits (default: none). A test's, never a person's",
     2},
    {"pin-format", KEY_PIN_FORMAT, "N", 0,
     "ISO 9564 format of the PIN block: 0, 1 or 3 under a TDES key, 4 under one of AES or SM4 "
     "(default: 0 or 4, by the key)",
     2},
    {"rekey", KEY_REKEY, 0, 0, "Ask for a key even when one is stored", 2},
    {0, 0, 0, 0, "How", 3},
    {"dialect", KEY_DIALECT, "NAME", 0,
     "How messages to the gateway are encoded: iso87b (default), iso87a, iso87x or cup; the mother "
     "POS speaks iso87b",
     3},
    {"tpdu", KEY_TPDU, "HEX", 0, "TPDU of the dialect cup, 10 digits (default 6000010000)", 3},
    {"header", KEY_HEADER, "HEX", 0, "Header of the dialect cup, 12 digits (default 603100000000)",
     3},
    {"batch", KEY_BATCH, "N", 0, "Batch number in field 60 of the dialect cup (default 1)", 3},
    {"cup-ecb", KEY_CUP_ECB, 0, 0,
     "Of the dialect cup: MACs under a TDES key are UnionPay's ECB ones, as installed terminals "
     "make them",
     3},
    {"connections", KEY_CONNECTIONS, "N", 0, "Terminals at work at once (default 32)", 3},
    {"rate", KEY_RATE, "N", 0, "Requests a second in all (default: as fast as answers come)", 3},
    {"timeout-ms", KEY_TIMEOUT, "N", 0, "For one answer (default 10000)", 3},
    {"json", KEY_JSON, 0, 0, "Print the summary as JSON", 3},
    {0, 0, 0, 0, "Misbehaviour", 4},
    {"expect", KEY_EXPECT, "CODE", 0, "Field 39 that the last step must see (default 00)", 4},
    {"expect-alg", KEY_ALGORITHM, "ALG", 0,
     "Every terminal's TMK must be T2, T3, A128, A256 or SM4 (default: any)", 4},
    {"corrupt-mac", KEY_CORRUPT, 0, 0, "The last step's MAC is wrong by one bit", 4},
    {"corrupt-pin", KEY_CORRUPT_PIN, 0, 0,
     "The last step's PIN block is wrong by one bit, under a right MAC", 4},
    {"pin-pan", KEY_PIN_PAN, "PAN", 0, "The PIN blocks are made for this card, not for field 2's",
     4},
    {"as-serial", KEY_AS, "SERIAL", 0,
     "A clone: says it is SERIAL, with the key and index of the stored terminal", 4},
    {0}};

static void address(struct argp_state *state, const char *option, const char *value,
                    struct pos_endpoint *parsed)
{
    struct pos_error error;
    if (pos_endpoint_parse(value, parsed, &error) != POS_OK)
        argp_error(state, "%s: %s", option, error.text);
}

static const char *serial(struct argp_state *state, const char *option, const char *value)
{
    if (!pos_serial_valid(pos_bytes_text(value)))
        argp_error(state, "%s: '%s' does not have exactly 8 characters of A-Z and 0-9", option,
                   value);
    return value;
}

/* Characters that fields 41 and 42 may have. */
static const char *identity(struct argp_state *state, const char *option, const char *value,
                            size_t size_max)
{
    bool good = value[0] != '\0' && strlen(value) <= size_max;
    for (const char *c = value; *c != '\0'; c++)
        good = good && *c >= 0x20 && *c <= 0x7e;
    if (!good)
        argp_error(state, "%s: expected 1 to %zu printable characters", option, size_max);
    return value;
}

static bool parse_who(int key, char *value, struct argp_state *state)
{
    struct pos_run_options *run = &((struct pos_terminals_options *)state->input)->run;
    switch (key) {
    case KEY_COUNT:
        run->count = (uint32_t)pos_option_number(state, "--count", value, 1, 10000000);
        return true;
    case KEY_PREFIX:
        run->serial_prefix = value;
        return true;
    case KEY_FIRST:
        run->first = (uint32_t)pos_option_number(state, "--first-serial", value, 0, 99999999);
        return true;
    case KEY_SERIAL:
        run->serial = serial(state, "--serial", value);
        return true;
    case KEY_AS:
        run->as_serial = serial(state, "--as-serial", value);
        return true;
    case KEY_TID:
        run->tid = identity(state, "--tid", value, 8);
        return true;
    case KEY_MID:
        run->mid = identity(state, "--mid", value, 15);
        return true;
    default:
        return false;
    }
}

static bool parse_how(int key, char *value, struct argp_state *state)
{
    struct pos_terminals_options *a = state->input;
    switch (key) {
    case KEY_MOTHER:
        address(state, "--mother", value, &a->run.mother);
        return true;
    case KEY_GATEWAY:
        address(state, "--gateway", value, &a->run.gateway);
        return true;
    case KEY_STORE:
        a->store = value;
        return true;
    case KEY_CONNECTIONS:
        a->run.connections =
            (uint32_t)pos_option_number(state, "--connections", value, 1, POS_LANE_COUNT_MAX);
        return true;
    case KEY_RATE:
        a->run.rate = (uint32_t)pos_option_number(state, "--rate", value, 1, 10000000);
        return true;
    case KEY_TIMEOUT:
        a->run.timeout_ms = (uint32_t)pos_option_number(state, "--timeout-ms", value, 1, 3600000);
        return true;
    case KEY_JSON:
        a->json = true;
        return true;
    default:
        return false;
    }
}

/* The wire, and what only the dialect cup has on it. */
static bool parse_wire(int key, char *value, struct argp_state *state)
{
    struct pos_terminals_options *a = state->input;
    struct pos_route *route = &a->run.route;
    struct pos_error error;
    switch (key) {
    case KEY_DIALECT:
        if (pos_dialect_parse(value, &a->run.dialect, &error) != POS_OK)
            argp_error(state, "--dialect: %s", error.text);
        return true;
    case KEY_TPDU:
        a->cup_option = "--tpdu";
        if (pos_bytes_parse(value, sizeof route->tpdu, route->tpdu, &error) != POS_OK)
            argp_error(state, "--tpdu: %s", error.text);
        return true;
    case KEY_HEADER:
        a->cup_option = "--header";
        if (pos_bytes_parse(value, sizeof route->header, route->header, &error) != POS_OK)
            argp_error(state, "--header: %s", error.text);
        return true;
    case KEY_BATCH:
        a->cup_option = "--batch";
        a->run.batch = (uint32_t)pos_option_number(state, "--batch", value, 0, 999999);
        return true;
    case KEY_CUP_ECB:
        a->cup_option = "--cup-ecb";
        a->run.cup_ecb = true;
        return true;
    case KEY_SIGN_ON_MAC:
        a->cup_option = "--sign-on-mac";
        a->run.sign_on_mac = pos_option_on(state, "--sign-on-mac", value);
        return true;
    default:
        return false;
    }
}

static void parse_pin(struct argp_state *state, const char *value, struct pos_pin *pin)
{
    size_t size = strlen(value);
    if (size < POS_PIN_SIZE_MIN || size > POS_PIN_SIZE_MAX || strspn(value, "0123456789") != size)
        argp_error(state, "--pin: expected %d to %d digits", POS_PIN_SIZE_MIN, POS_PIN_SIZE_MAX);
    pin->size = (uint8_t)size;
    memcpy(pin->digits, value, size);
}

static bool parse_card(int key, char *value, struct argp_state *state)
{
    struct pos_run_options *run = &((struct pos_terminals_options *)state->input)->run;
    switch (key) {
    case KEY_PIN:
        parse_pin(state, value, &run->pin);
        return true;
    case KEY_PIN_FORMAT:
        if (strlen(value) != 1 || strchr("0134", value[0]) == NULL)
            argp_error(state, "--pin-format: '%s' is not 0, 1, 3 or 4", value);
        run->pin_format = (enum pos_pin_format)(value[0] - '0');
        return true;
    case KEY_PIN_PAN:
        if (strlen(value) < 8 || strlen(value) > POS_PAN_SIZE_MAX ||
            strspn(value, "0123456789") != strlen(value))
            argp_error(state, "--pin-pan: expected 8 to %d digits", POS_PAN_SIZE_MAX);
        run->pin_pan = value;
        return true;
    case KEY_CORRUPT_PIN:
        run->corrupt_pin = true;
        return true;
    default:
        return false;
    }
}

static bool parse_what(int key, char *value, struct argp_state *state)
{
    struct pos_terminals_options *a = state->input;
    switch (key) {
    case KEY_STEPS:
        a->steps = value;
        return true;
    case KEY_SALES:
        a->sales = (uint32_t)pos_option_number(state, "--sales", value, 1, 1000000);
        return true;
    case KEY_AMOUNT:
        a->run.amount = pos_option_number(state, "--amount", value, 0, 999999999900);
        return true;
    case KEY_MAC:
        a->run.mac = pos_option_on(state, "--mac", value);
        return true;
    case KEY_REKEY:
        a->run.rekey = true;
        return true;
    case KEY_ALGORITHM:
        a->run.algorithm = pos_option_algorithm(state, "--expect-alg", value);
        return true;
    case KEY_CORRUPT:
        a->run.corrupt_mac = true;
        return true;
    case KEY_EXPECT:
        if (strlen(value) != 2 || !isalnum((unsigned char)value[0]) ||
            !isalnum((unsigned char)value[1]))
            argp_error(state, "--expect: '%s' is not a code of two characters", value);
        a->run.expect = value;
        return true;
    default:
        return false;
    }
}

static bool has_step(const struct pos_plan *plan, enum pos_kind kind)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->steps[i].kind == kind)
            return true;
    return false;
}

static void check_serials(const struct pos_run_options *run, struct argp_state *state)
{
    char last[POS_SERIAL_SIZE + 1];
    size_t prefix = strlen(run->serial_prefix);
    if (run->serial != NULL && run->count != 1)
        argp_error(state, "--serial is one terminal; --count is for --serial-prefix");
    if (prefix < 1 || prefix >= POS_SERIAL_SIZE)
        argp_error(state, "--serial-prefix: expected 1 to 7 characters of A-Z and 0-9");
    else if (!pos_run_serial(run, run->first + run->count - 1, last) ||
             !pos_serial_valid(pos_bytes_text(last)))
        argp_error(state,
                   "--serial-prefix %s and number %u do not make a serial of 8 characters "
                   "A-Z and 0-9",
                   run->serial_prefix, run->first + run->count - 1);
}

static void check(struct pos_terminals_options *a, struct argp_state *state)
{
    struct pos_error error;
    if (a->store == NULL)
        argp_error(state, "--store is missing");
    if (a->steps == NULL) /* a sign-on is nothing without its MAC */
        a->steps = a->run.mac ? "key,register,sign-on,authenticate,sale"
                              : "key,register,authenticate,sale";
    if (pos_plan_parse(a->steps, a->sales, &a->run.plan, &error) != POS_OK)
        argp_error(state, "--steps: %s", error.text);
    if (a->cup_option != NULL && !a->run.dialect->routed)
        argp_error(state, "%s is for --dialect cup", a->cup_option);
    check_serials(&a->run, state);
    if (a->run.pin.size == 0 &&
        (a->run.corrupt_pin || a->run.pin_pan != NULL || a->run.pin_format != POS_PIN_FORMAT_COUNT))
        argp_error(state, "--pin-format, --pin-pan and --corrupt-pin are about a --pin");
    if (a->run.as_serial != NULL && a->run.count != 1)
        argp_error(state, "--as-serial is one clone of one terminal");
    if (a->run.as_serial != NULL && has_step(&a->run.plan, POS_KIND_KEY_REQUEST))
        argp_error(state, "--as-serial uses a stored key: leave the key step out");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG)
        argp_error(state, "'%s' is not an option", value);
    if (key == ARGP_KEY_END)
        check(state->input, state);
    bool known = key == ARGP_KEY_ARG || key == ARGP_KEY_END || parse_who(key, value, state) ||
                 parse_what(key, value, state) || parse_how(key, value, state) ||
                 parse_wire(key, value, state) || parse_card(key, value, state);
    return known ? 0 : ARGP_ERR_UNKNOWN;
}

void pos_terminals_options_parse(int argc, char **argv, struct pos_terminals_options *parsed)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Terminals that get a key from a mother POS, keep it, register with a gateway, sign "
               "on, authenticate and transact, and check every field and MAC of every reply.\v"
               "Ends with 0 when all was as expected, 1 when anything was not, 69 when a "
               "connection could not be made, 75 when it was interrupted. Run again it goes on "
               "with the stored keys."};
    *parsed = (struct pos_terminals_options){.run = {.mother = {.host = "127.0.0.1", .port = 7583},
                                                     .gateway = {.host = "127.0.0.1", .port = 8583},
                                                     .count = 1,
                                                     .first = 1,
                                                     .serial_prefix = "EMU",
                                                     .dialect = &pos_dialect_iso87b,
                                                     .route = pos_route_usual,
                                                     .batch = 1,
                                                     .sign_on_mac = true,
                                                     .connections = 32,
                                                     .timeout_ms = 10000,
                                                     .amount = 1000,
                                                     .mac = true,
                                                     .pin_format = POS_PIN_FORMAT_COUNT,
                                                     .expect = "00"},
                                             .sales = 1};
    (void)argp_parse(&argp, argc, argv, 0, NULL, parsed);
}
