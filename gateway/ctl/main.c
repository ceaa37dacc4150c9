/*
 * posgatectl: asks a running gateway through its admin socket and prints the answer, for people or
 * as JSON. One line of JSON out, one back (gateway/admin.h).
 */
#include <argp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/admin_socket.h"
#include "core/base/exit_code.h"
#include "core/base/nearest.h"
#include "core/base/program.h"

enum {
    WORD_COUNT_MAX = 8,
    ANSWER_SIZE_MAX = 4 << 20,
    TIMEOUT_SECONDS = 15,
    LONG_TIMEOUT_SECONDS = 3600,
    PATH_SIZE_MAX = 4096,
    NAME_SIZE_MAX = 64,
};

struct arguments {
    const char *socket, *operator_name;
    const char *words[WORD_COUNT_MAX];
    size_t word_count;
    bool json;
};

static const struct argp_option options[] = {
    {"socket", 's', "PATH", 0, "Admin socket of the gateway (/run/posgate/gateway.sock)", 0},
    {"operator", 'o', "NAME", 0, "Who does it, for the audit log (your login name)", 0},
    {"json", 'j', NULL, 0, "Print the answer as JSON", 0},
    {0}};

/* What may be asked. */
static const struct command {
    const char *name;         /* one word or two */
    const char *arguments[4]; /* behind it; NULL ends */
    int timeout_seconds;
} commands[] = {
    {"status", {0}, TIMEOUT_SECONDS},
    {"terminal find", {"prefix"}, TIMEOUT_SECONDS},
    {"terminal show", {"smn"}, TIMEOUT_SECONDS},
    {"terminal bind", {"smn", "tid", "mid"}, TIMEOUT_SECONDS},
    {"terminal suspend", {"smn"}, TIMEOUT_SECONDS},
    {"terminal resume", {"smn"}, TIMEOUT_SECONDS},
    {"terminal revoke", {"smn"}, TIMEOUT_SECONDS},
    {"reload", {0}, TIMEOUT_SECONDS},
    {"log-level", {"level"}, TIMEOUT_SECONDS},
    {"backup", {"path"}, LONG_TIMEOUT_SECONDS},
};

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 's':
        arguments->socket = value;
        return 0;
    case 'o':
        arguments->operator_name = value;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->word_count == WORD_COUNT_MAX)
            argp_error(state, "too many words");
        else
            arguments->words[arguments->word_count++] = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = take_option,
    .args_doc = "COMMAND...",
    .doc =
        "Asks and commands a running posgate-gateway.\n\n"
        "  status\n"
        "  terminal find PREFIX\n"
        "  terminal show|suspend|resume|revoke SMN\n"
        "  terminal bind SMN TID MID\n"
        "  reload                       read the configuration again\n"
        "  backup DIR                   copy the terminal table into the new folder DIR, which "
        "must\n"
        "                               be on the same file system\n"
        "  log-level LEVEL              debug, info, warning or error, until the next reload\n\n"
        "Many terminals at once are revoked by 'posgate-keymgmt revoke', which asks two people.\v"
        "Exit codes: 0 done, 1 failed, 2 usage, 69 no gateway there, 75 try again, 77 not "
        "allowed."};

/* ---- asking ---- */

static size_t name_word_count(const struct command *command)
{
    return strchr(command->name, ' ') == NULL ? 1 : 2;
}

static size_t argument_count(const struct command *command)
{
    size_t count = 0;
    while (count < 4 && command->arguments[count] != NULL)
        count++;
    return count;
}

/* What was typed where a name of so many words stands. */
static void typed_name(const struct arguments *arguments, size_t count, char name[NAME_SIZE_MAX])
{
    const char *const *words = arguments->words;
    bool two = count == 2 && arguments->word_count >= 2;
    (void)snprintf(name, NAME_SIZE_MAX, "%s%s%s", words[0], two ? " " : "", two ? words[1] : "");
}

static const char *login_name(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry == NULL ? "posgatectl" : entry->pw_name;
}

static bool takes(const struct command *command, const struct arguments *arguments)
{
    size_t given = arguments->word_count - name_word_count(command);
    if (given == argument_count(command))
        return true;
    (void)fprintf(stderr, "posgatectl: '%s' takes %zu more words, not %zu; see --help\n",
                  command->name, argument_count(command), given);
    return false;
}

/* NULL with a sentence on stderr. */
static const struct command *find_command(const struct arguments *arguments)
{
    char one[NAME_SIZE_MAX], two[NAME_SIZE_MAX];
    typed_name(arguments, 1, one);
    typed_name(arguments, 2, two);
    struct pos_nearest nearest[] = {pos_nearest(one), pos_nearest(two)};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t words = name_word_count(&commands[i]);
        if (strcmp(words == 1 ? one : two, commands[i].name) == 0)
            return takes(&commands[i], arguments) ? &commands[i] : NULL;
        pos_nearest_offer(&nearest[words - 1], commands[i].name);
    }
    const char *meant = nearest[0].found != NULL ? nearest[0].found : nearest[1].found;
    (void)fprintf(stderr, "posgatectl: '%s' is not a command; %s%s%s\n", two,
                  meant == NULL ? "see " : "did you mean '",
                  meant == NULL ? "posgatectl --help" : meant, meant == NULL ? "" : "'?");
    return NULL;
}

/* A path means the same folder to the gateway as to whoever typed it. */
static json_t *argument_value(const char *name, const char *word)
{
    char folder[PATH_SIZE_MAX], path[2 * PATH_SIZE_MAX];
    if (strcmp(name, "path") != 0 || word[0] == '/' || getcwd(folder, sizeof folder) == NULL)
        return json_string(word);
    (void)snprintf(path, sizeof path, "%s/%s", folder, word);
    return json_string(path);
}

static json_t *make_request(const struct arguments *arguments, const struct command *command)
{
    json_t *request =
        json_pack("{s:s, s:s}", "command", command->name, "operator",
                  arguments->operator_name != NULL ? arguments->operator_name : login_name());
    for (size_t k = 0; k < argument_count(command); k++)
        json_object_set_new(
            request, command->arguments[k],
            argument_value(command->arguments[k], arguments->words[name_word_count(command) + k]));
    return request;
}

/* *answer is owned by the caller. */
static enum pos_status ask(const char *path, int timeout_seconds, const char *request,
                           json_t **answer, struct pos_error *error)
{
    struct pos_admin_socket admin;
    enum pos_status status = pos_admin_socket_open(path, &admin, error);
    if (status != POS_OK)
        return status;
    char *line = malloc(ANSWER_SIZE_MAX);
    if (line == NULL)
        status = pos_error_set(error, POS_ERR_MEMORY, "no memory for the answer");
    else
        status = pos_admin_socket_ask(&admin, pos_bytes_text(request), timeout_seconds, line,
                                      ANSWER_SIZE_MAX, error);
    pos_admin_socket_close(&admin);
    *answer = status == POS_OK ? json_loads(line, 0, NULL) : NULL;
    free(line);
    if (status == POS_OK && *answer == NULL)
        return pos_error_set(error, POS_ERR_FORMAT, "the gateway's answer cannot be read");
    return status;
}

/* ---- printing ---- */

static void print_value(const char *name, json_t *value, int depth);

static void print_object(json_t *object, int depth)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) print_value(name, value, depth);
}

static void print_value(const char *name, json_t *value, int depth)
{
    size_t i;
    json_t *element;
    if (json_is_object(value)) {
        (void)printf("%*s%s:\n", depth, "", name);
        print_object(value, depth + 2);
    } else if (json_is_array(value)) {
        (void)printf("%*s%s: %zu\n", depth, "", name, json_array_size(value));
        json_array_foreach(value, i, element)
        {
            if (json_is_string(element))
                (void)printf("%*s%s\n", depth + 2, "", json_string_value(element));
            else
                print_object(element, depth + 2), (void)printf("\n");
        }
    } else if (json_is_string(value)) {
        (void)printf("%*s%-20s %s\n", depth, "", name, json_string_value(value));
    } else if (json_is_integer(value)) {
        (void)printf("%*s%-20s %lld\n", depth, "", name, (long long)json_integer_value(value));
    } else {
        (void)printf("%*s%-20s %s\n", depth, "", name, json_is_true(value) ? "yes" : "no");
    }
}

static int exit_code_of(const char *status)
{
    if (strcmp(status, "ERR_USAGE") == 0)
        return POS_EXIT_USAGE;
    if (strcmp(status, "ERR_BUSY") == 0)
        return POS_EXIT_AGAIN;
    if (strcmp(status, "ERR_NOT_ALLOWED") == 0)
        return POS_EXIT_DENIED;
    return POS_EXIT_FAILED;
}

static int print_answer(const struct arguments *arguments, json_t *answer)
{
    bool good = json_is_true(json_object_get(answer, "ok"));
    const char *status = json_string_value(json_object_get(answer, "status"));
    const char *text = json_string_value(json_object_get(answer, "error"));
    if (arguments->json)
        (void)json_dumpf(answer, stdout, JSON_INDENT(2)), (void)printf("\n");
    else if (good) {
        (void)json_object_del(answer, "ok");
        print_object(answer, 0);
    }
    if (!good)
        (void)fprintf(stderr, "posgatectl: refused: %s\n", text == NULL ? "no reason" : text);
    return good ? POS_EXIT_DONE : exit_code_of(status == NULL ? "" : status);
}

static int run(const struct arguments *arguments)
{
    const struct command *command = find_command(arguments);
    if (command == NULL)
        return POS_EXIT_USAGE;
    json_t *request = make_request(arguments, command), *answer = NULL;
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    struct pos_error error = {.text = "no memory to ask the gateway"};
    enum pos_status status =
        text == NULL ? POS_ERR_MEMORY
                     : ask(arguments->socket, command->timeout_seconds, text, &answer, &error);
    free(text);
    if (status != POS_OK) {
        (void)fprintf(stderr, "posgatectl: %s\n", error.text);
        return pos_exit_code(status);
    }
    int code = print_answer(arguments, answer);
    json_decref(answer);
    return code;
}

int main(int count, char **values)
{
    struct arguments arguments = {.socket = "/run/posgate/gateway.sock"};
    pos_program_begin(count, values);
    (void)argp_parse(&parser, count, values, 0, NULL, &arguments);
    return run(&arguments);
}
