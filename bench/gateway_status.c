#include "bench/gateway_status.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_SIZE_MAX = 32768 };

/* The answer is a line. */
static json_t *ask(int fd)
{
    static const char question[] = "{\"command\": \"status\"}\n";
    char answer[ANSWER_SIZE_MAX];
    size_t size = 0;
    if (write(fd, question, sizeof question - 1) != (ssize_t)sizeof question - 1)
        return NULL;
    while (size < sizeof answer && (size == 0 || answer[size - 1] != '\n')) {
        ssize_t got = read(fd, answer + size, sizeof answer - size);
        if (got <= 0)
            return NULL;
        size += (size_t)got;
    }
    return json_loadb(answer, size, 0, NULL);
}

static bool connect_to(int fd, const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int needed = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", folder);
    return needed < (int)sizeof address.sun_path &&
           connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static int read_loops(json_t *loops, struct pos_gateway_status *status)
{
    size_t i;
    json_t *loop;
    json_array_foreach(loops, i, loop)
    {
        json_int_t connections, replies;
        if (i == POS_LOOP_COUNT_MAX ||
            json_unpack(loop, "{s:I, s:I}", "connections", &connections, "replies", &replies) != 0)
            return -1;
        status->loops[i] = (struct pos_gateway_loop){(uint64_t)connections, (uint64_t)replies};
        status->loop_count = (uint32_t)i + 1;
    }
    return 0;
}

enum pos_status pos_gateway_status(const char *folder, struct pos_gateway_status *status,
                                   struct pos_error *error)
{
    json_int_t commits, syncs;
    json_t *loops, *answer = NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), result = -1;
    if (connect_to(fd, folder))
        answer = ask(fd);
    close(fd);
    *status = (struct pos_gateway_status){0};
    if (answer != NULL && json_unpack(answer, "{s:I, s:I, s:o}", "commits", &commits, "syncs",
                                      &syncs, "by_loop", &loops) == 0) {
        status->commits = (uint64_t)commits;
        status->syncs = (uint64_t)syncs;
        result = read_loops(loops, status);
    }
    json_decref(answer);
    return result == 0 ? POS_OK
                       : pos_error_set(error, POS_ERR_IO, "the gateway does not say how it is");
}
