/*
 * posgatectl: asks a running gateway through its admin socket and prints the answer, for people or
 * as JSON. One line of JSON out, one back (gateway/admin.h).
 */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/exit_code.h"
#include "core/base/version.h"

enum {
    WORD_COUNT_MAX = 8,
    ANSWER_SIZE_MAX = 4 << 20,
    TIMEOUT_SECONDS = 15,
    LONG_TIMEOUT_SECONDS = 3600,
    PATH_SIZE_MAX = 4096,
};

struct arguments {
    const char *socket, *operator_name;
    const char *words[WORD_COUNT_MAX];
    size_t word_count;
    bool json, version;
    int verbose;
};

static const struct argp_option options[] = {
    {"socket", 's', "PATH", 0, "Admin socket of the gateway (/run/posgate/gateway.sock)", 0},
    {"operator", 'o', "NAME", 0, "Who does it, for the audit log (your login name)", 0},
    {"json", 'j', NULL, 0, "Print the answer as JSON", 0},
    {"verbose", 'v', NULL, 0, "Twice with --version: libraries and build", 0},
    {"version", 'V', NULL, 0, "Print the version", 0},
    {0}};

/* What may be asked: its words, then the names of its arguments. */
static const struct command {
    const char *words[2];
    const char *arguments[4];
    int timeout_seconds; /* 0: TIMEOUT_SECONDS */
} commands[] = {
    {{"status"}, {0}, 0},
    {{"terminal", "find"}, {"prefix"}, 0},
    {{"terminal", "show"}, {"smn"}, 0},
    {{"terminal", "bind"}, {"smn", "tid", "mid"}, 0},
    {{"terminal", "suspend"}, {"smn"}, 0},
    {{"terminal", "resume"}, {"smn"}, 0},
    {{"terminal", "revoke"}, {"smn"}, 0},
    {{"reload"}, {0}, 0},
    {{"log-level"}, {"level"}, 0},
    {{"backup"}, {"path"}, LONG_TIMEOUT_SECONDS},
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
    case 'v':
        arguments->verbose++;
        return 0;
    case 'V':
        arguments->version = true;
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

static size_t word_count(const char *const *words, size_t max)
{
    size_t count = 0;
    while (count < max && words[count] != NULL)
        count++;
    return count;
}

static bool begins_with(const struct arguments *arguments, const struct command *command)
{
    size_t count = word_count(command->words, 2);
    if (arguments->word_count < count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(arguments->words[i], command->words[i]) != 0)
            return false;
    return true;
}

static const char *login_name(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry == NULL ? "posgatectl" : entry->pw_name;
}

/* NULL with a sentence on stderr. */
static const struct command *find_command(const struct arguments *arguments)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        if (!begins_with(arguments, command))
            continue;
        size_t words = word_count(command->words, 2);
        size_t wanted = word_count(command->arguments, 4);
        if (arguments->word_count - words == wanted)
            return command;
        (void)fprintf(stderr, "posgatectl: '%s %s' takes %zu more words, not %zu; see --help\n",
                      command->words[0], words > 1 ? command->words[1] : "", wanted,
                      arguments->word_count - words);
        return NULL;
    }
    (void)fprintf(stderr, "posgatectl: no such command; see posgatectl --help\n");
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
    char name[64];
    size_t words = word_count(command->words, 2);
    (void)snprintf(name, sizeof name, "%s%s%s", command->words[0], words > 1 ? " " : "",
                   words > 1 ? command->words[1] : "");
    json_t *request =
        json_pack("{s:s, s:s}", "command", name, "operator",
                  arguments->operator_name != NULL ? arguments->operator_name : login_name());
    for (size_t k = 0; k < word_count(command->arguments, 4); k++)
        json_object_set_new(request, command->arguments[k],
                            argument_value(command->arguments[k], arguments->words[words + k]));
    return request;
}

static int open_socket(const char *path, int timeout_seconds)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -1;
    const struct timeval patience = {.tv_sec = timeout_seconds};
    (void)setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(file, (const struct sockaddr *)&address, sizeof address) == 0)
        return file;
    int number = errno;
    (void)close(file);
    errno = number;
    return -1;
}

static bool send_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(file, text, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* One line, without its end; NULL when none came in time. */
static char *receive_line(int file)
{
    char *line = malloc(ANSWER_SIZE_MAX);
    size_t size = 0;
    while (line != NULL && size < ANSWER_SIZE_MAX - 1) {
        ssize_t got = recv(file, line + size, ANSWER_SIZE_MAX - 1 - size, 0);
        if (got <= 0)
            break;
        char *end = memchr(line + size, '\n', (size_t)got);
        size += (size_t)got;
        if (end != NULL) {
            *end = '\0';
            return line;
        }
    }
    free(line);
    return NULL;
}

static json_t *ask(int file, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    json_t *answer = NULL;
    if (text != NULL && send_all(file, text, strlen(text)) && send_all(file, "\n", 1)) {
        char *line = receive_line(file);
        answer = line == NULL ? NULL : json_loads(line, 0, NULL);
        free(line);
    }
    free(text);
    return answer;
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
    json_t *request = make_request(arguments, command);
    int timeout_seconds =
        command->timeout_seconds == 0 ? TIMEOUT_SECONDS : command->timeout_seconds;
    int file = open_socket(arguments->socket, timeout_seconds);
    if (file < 0) {
        int number = errno;
        (void)fprintf(
            stderr,
            "posgatectl: no gateway answers at %s: %s. Is it running, and is --socket the "
            "one in its configuration (admin.socket)?\n",
            arguments->socket, strerror(number));
        json_decref(request);
        return number == EACCES ? POS_EXIT_DENIED : POS_EXIT_ABSENT;
    }
    json_t *answer = ask(file, request);
    (void)close(file);
    json_decref(request);
    if (answer == NULL) {
        (void)fprintf(stderr, "posgatectl: the gateway gave no answer within %d s\n",
                      timeout_seconds);
        return POS_EXIT_AGAIN;
    }
    int code = print_answer(arguments, answer);
    json_decref(answer);
    return code;
}

int main(int count, char **values)
{
    struct arguments arguments = {.socket = "/run/posgate/gateway.sock"};
    argp_err_exit_status = POS_EXIT_USAGE;
    (void)argp_parse(&parser, count, values, 0, NULL, &arguments);
    if (arguments.version) {
        (void)printf("%s\n", pos_version_line());
        if (arguments.verbose >= 2)
            (void)fputs(pos_version_details(), stdout);
        return POS_EXIT_DONE;
    }
    return run(&arguments);
}
