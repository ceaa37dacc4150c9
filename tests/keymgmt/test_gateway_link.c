/* keymgmt's side of the gateway's admin socket, against one that answers what a test says. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keymgmt/gateway_link.h"

enum { REQUEST_COUNT_MAX = 16, LINE_SIZE_MAX = 4000 };

/* Answers each request with the next of `answers`, the last one again and again; NULL: hangs up. */
static struct fake {
    char path[64];
    int listening;
    pthread_t thread;
    const char *const *answers;
    json_t *requests[REQUEST_COUNT_MAX];
    size_t request_count, longest;
} fake;

static struct pos_gateway_link *link_;
static struct pos_error error;
static const struct pos_audit_head begun = {.sequence = 7, .hash = {0xAB, 0xCD}};

static bool serve_line(FILE *in, int out)
{
    char line[64 * 1024];
    if (fgets(line, sizeof line, in) == NULL)
        return false;
    if (strlen(line) > fake.longest)
        fake.longest = strlen(line);
    if (fake.request_count < REQUEST_COUNT_MAX)
        fake.requests[fake.request_count++] = json_loads(line, 0, NULL);
    const char *answer = *fake.answers;
    if (answer != NULL && fake.answers[1] != NULL)
        fake.answers++;
    if (answer == NULL)
        return false;
    /* in two pieces, as a stream may */
    size_t size = strlen(answer);
    return write(out, answer, size / 2) == (ssize_t)(size / 2) &&
           write(out, answer + size / 2, size - size / 2) == (ssize_t)(size - size / 2);
}

static void *serve(void *context)
{
    int client = accept(fake.listening, NULL, NULL);
    FILE *in = fdopen(client, "r");
    (void)context;
    while (in != NULL && serve_line(in, client))
        ;
    if (in != NULL)
        (void)fclose(in);
    return NULL;
}

static void start(const char *const *answers)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fake = (struct fake){.answers = answers};
    (void)snprintf(fake.path, sizeof fake.path, "/tmp/posgate-test-link-%ld", (long)getpid());
    (void)unlink(fake.path);
    memcpy(address.sun_path, fake.path, strlen(fake.path) + 1);
    fake.listening = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fake.listening, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fake.listening, 1), 0);
    cr_assert_eq(pthread_create(&fake.thread, NULL, serve, NULL), 0);
    cr_assert_eq(pos_gateway_link_open(fake.path, "alice", &link_, &error), POS_OK, "%s",
                 error.text);
}

static void stop(void)
{
    pos_gateway_link_close(link_);
    (void)pthread_join(fake.thread, NULL);
    (void)close(fake.listening);
    (void)unlink(fake.path);
    for (size_t i = 0; i < fake.request_count; i++)
        json_decref(fake.requests[i]);
}

#define CHANGED "{\"ok\":true,\"changed\":2,\"unknown\":1,\"terminals\":[{},{},{}]}\n"

Test(gateway_link, asks_in_pieces_that_the_gateway_takes)
{
    static const char *const answers[] = {CHANGED, NULL};
    uint32_t indexes[600];
    struct pos_gateway_tally tally = {0};
    for (uint32_t i = 0; i < 600; i++)
        indexes[i] = 99990000 + i;
    start(answers);
    cr_expect_eq(
        pos_gateway_link_change(link_, POS_GATEWAY_SUSPEND, &begun, indexes, 600, &tally, &error),
        POS_OK, "%s", error.text);
    struct pos_smn smns[300];
    for (size_t i = 0; i < 300; i++)
        cr_assert_eq(pos_smn_form(pos_bytes_text("ZZZZZZZZ"), i + 1, &smns[i], NULL), POS_OK);
    cr_expect_eq(
        pos_gateway_link_change_smns(link_, POS_GATEWAY_REVOKE, &begun, smns, 300, &tally, &error),
        POS_OK);
    stop();
    cr_assert_eq(fake.request_count, 6); /* 256 + 256 + 88 indexes, 128 + 128 + 44 SMNs */
    cr_expect_leq(fake.longest, LINE_SIZE_MAX);
    cr_expect_eq(tally.changed, 12);
    cr_expect_eq(tally.unknown, 6);
    cr_expect_eq(tally.terminals, 18);
}

Test(gateway_link, says_what_it_is_part_of)
{
    static const char *const answers[] = {CHANGED, NULL};
    const uint32_t index = 278;
    struct pos_gateway_tally tally = {0};
    start(answers);
    cr_expect_eq(
        pos_gateway_link_change(link_, POS_GATEWAY_ERASE, &begun, &index, 1, &tally, &error),
        POS_OK);
    json_t *request = fake.requests[0], *record = json_object_get(request, "begun");
    cr_expect_str_eq(json_string_value(json_object_get(request, "command")), "terminals erase");
    cr_expect_str_eq(json_string_value(json_object_get(request, "operator")), "alice");
    cr_expect_eq(json_integer_value(json_object_get(record, "sequence")), 7);
    cr_expect_eq(strncmp(json_string_value(json_object_get(record, "hash")), "ABCD00", 6), 0);
    cr_expect_eq(json_integer_value(json_array_get(json_object_get(request, "terminals"), 0)), 278);
    stop();
}

Test(gateway_link, brings_a_refusal_back_as_it_is)
{
    static const char *const refusals[] = {
        "{\"ok\":false,\"status\":\"ERR_NOT_ALLOWED\",\"error\":\"it has ended\"}\n", NULL};
    start(refusals);
    cr_expect_eq(pos_gateway_link_catch_up(link_, &begun, &error), POS_ERR_NOT_ALLOWED);
    cr_expect(strstr(error.text, "it has ended") != NULL, "%s", error.text);
    stop();
}

Test(gateway_link, an_answer_that_is_none_is_no_success)
{
    static const struct row {
        const char *name, *answer;
        enum pos_status status;
    } rows[] = {
        {"done", "{\"ok\":true}\n", POS_OK},
        {"not JSON", "yes\n", POS_ERR_MISMATCH},
        {"no object", "[true]\n", POS_ERR_MISMATCH},
        {"ok is no truth", "{\"ok\":1}\n", POS_ERR_MISMATCH},
        {"empty", "\n", POS_ERR_MISMATCH},
        {"unknown status", "{\"ok\":false,\"status\":\"ERR_X\"}\n", POS_ERR_MISMATCH},
        {"a refusal called OK", "{\"ok\":false,\"status\":\"OK\"}\n", POS_ERR_MISMATCH},
        {"hangs up", NULL, POS_ERR_CLOSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const answers[] = {rows[i].answer, NULL};
        start(answers);
        cr_expect_eq(pos_gateway_link_scrub(link_, &error), rows[i].status, "%s: %s", rows[i].name,
                     error.text);
        stop();
    }
}

Test(gateway_link, nobody_there_is_said)
{
    cr_expect_eq(pos_gateway_link_open("/tmp/posgate-no-such-socket", "alice", &link_, &error),
                 POS_ERR_UNREACHABLE);
    cr_expect_eq(pos_gateway_link_open("", "alice", &link_, &error), POS_ERR_USAGE);
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    cr_expect_eq(pos_gateway_link_open(path, "alice", &link_, &error), POS_ERR_USAGE);
}
