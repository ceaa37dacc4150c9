#include "bench/redis.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/process.h"
#include "bench/terminals.h"

static const char program[] = "/usr/bin/redis-server";

enum {
    VALUE_SIZE = 64,
    /* "$64\r\n", the value, "\r\n" */
    REPLY_SIZE = 5 + VALUE_SIZE + 2,
    REQUEST_SIZE_MAX = 64,
    LOAD_BATCH = 500,
    LOAD_SIZE_MAX = 160, /* of a SET */
    OK_SIZE = 5,         /* "+OK\r\n" */
};

bool pos_redis_there(void)
{
    return access(program, X_OK) == 0;
}

void pos_redis_version(char text[POS_REDIS_VERSION_SIZE])
{
    char *const argv[] = {(char[]){"/usr/bin/redis-server"}, (char[]){"--version"}, NULL};
    char said[256] = "";
    struct pos_error error;
    int output;
    pid_t pid;
    text[0] = '\0';
    if (pos_process_start(argv, -1, "/dev/null", &output, &pid, &error) != POS_OK)
        return;
    ssize_t size = read(output, said, sizeof said - 1);
    const char *version = size > 0 ? strstr(said, " v=") : NULL;
    if (version != NULL)
        (void)snprintf(text, POS_REDIS_VERSION_SIZE, "%.*s", (int)strcspn(version + 3, " \n"),
                       version + 3);
    close(output);
    (void)pos_process_end(pid);
}

/* ---- the rows ---- */

/* The value begins with the SMN, so that a reply tells what it is the answer to. */
static size_t form_set(uint64_t row, char *out)
{
    struct pos_smn smn = pos_terminals_smn(row);
    int size = snprintf(out, LOAD_SIZE_MAX, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%-*s\r\n",
                        POS_SMN_SIZE, smn.text, VALUE_SIZE, VALUE_SIZE, smn.text);
    return (size_t)size;
}

static bool send_all(int fd, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, data + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static bool load_batch(int fd, uint64_t first, uint64_t count)
{
    char out[LOAD_BATCH * LOAD_SIZE_MAX], in[LOAD_BATCH * OK_SIZE];
    size_t size = 0, wanted = count * OK_SIZE;
    for (uint64_t i = 0; i < count; i++)
        size += form_set(first + i, out + size);
    if (!send_all(fd, out, size) || recv(fd, in, wanted, MSG_WAITALL) != (ssize_t)wanted)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (memcmp(in + i * OK_SIZE, "+OK\r\n", OK_SIZE) != 0)
            return false;
    return true;
}

static enum pos_status load_rows(const struct pos_redis *redis, struct pos_error *error)
{
    int fd = pos_process_connect(redis->port);
    bool good = fd >= 0;
    for (uint64_t row = 0; good && row < redis->rows; row += LOAD_BATCH)
        good = load_batch(fd, row, redis->rows - row < LOAD_BATCH ? redis->rows - row : LOAD_BATCH);
    if (fd >= 0)
        close(fd);
    return good ? POS_OK
                : pos_error_set(error, POS_ERR_NETWORK, "redis-server did not take the rows");
}

/* ---- life ---- */

/* redis->port is its own: nobody else has it. */
static enum pos_status start_there(struct pos_redis *redis, uint32_t connections, int core,
                                   struct pos_error *error)
{
    char path[sizeof program], port[16], clients[16];
    memcpy(path, program, sizeof path);
    (void)snprintf(port, sizeof port, "%u", redis->port);
    (void)snprintf(clients, sizeof clients, "%u", connections + 100);
    char *const argv[] = {path,
                          (char[]){"--port"},
                          port,
                          (char[]){"--bind"},
                          (char[]){"127.0.0.1"},
                          (char[]){"--save"},
                          (char[]){""},
                          (char[]){"--appendonly"},
                          (char[]){"no"},
                          (char[]){"--maxclients"},
                          clients,
                          (char[]){"--tcp-backlog"},
                          (char[]){"4096"},
                          NULL};
    enum pos_status status = pos_process_start(argv, core, "/dev/null", NULL, &redis->pid, error);
    if (status != POS_OK)
        return status;
    status = pos_process_wait_port(redis->pid, redis->port, "redis-server", error);
    if (status == POS_OK)
        status = load_rows(redis, error);
    if (status != POS_OK)
        (void)pos_process_end(redis->pid);
    return status;
}

enum pos_status pos_redis_start(struct pos_redis *redis, uint64_t rows, uint32_t connections,
                                int core, struct pos_error *error)
{
    *redis = (struct pos_redis){.rows = rows < POS_REDIS_ROWS_MAX ? rows : POS_REDIS_ROWS_MAX,
                                .random = 0x9e3779b97f4a7c15u};
    int held = pos_process_hold_port(&redis->port);
    if (held < 0)
        return pos_error_set(error, POS_ERR_NETWORK, "no port: %s", strerror(errno));
    enum pos_status status = start_there(redis, connections, core, error);
    close(held);
    return status;
}

/* ---- asking ---- */

static uint64_t draw(struct pos_redis *redis)
{
    redis->random ^= redis->random >> 12;
    redis->random ^= redis->random << 25;
    redis->random ^= redis->random >> 27;
    uint64_t value = redis->random * 2685821657736338717u;
    return (uint64_t)(((unsigned __int128)value * redis->rows) >> 64);
}

static size_t make_request(void *context, uint8_t *out, uint32_t *mark)
{
    static const char head[] = "*2\r\n$3\r\nGET\r\n$16\r\n";
    static const uint8_t end[] = {'\r', '\n'};
    uint64_t row = draw(context);
    struct pos_smn smn = pos_terminals_smn(row);
    *mark = pos_smn_key_index(&smn);
    memcpy(out, head, sizeof head - 1);
    memcpy(out + sizeof head - 1, smn.text, POS_SMN_SIZE);
    memcpy(out + sizeof head - 1 + POS_SMN_SIZE, end, sizeof end);
    return sizeof head - 1 + POS_SMN_SIZE + sizeof end;
}

static ssize_t read_reply(void *context, struct pos_bytes stream, struct pos_load_reply *reply)
{
    struct pos_smn smn;
    (void)context;
    if (stream.size < REPLY_SIZE)
        return stream.size >= 3 && memcmp(stream.data, "$64", 3) != 0 ? -1 : 0;
    if (memcmp(stream.data, "$64\r\n", 5) != 0 ||
        pos_smn_parse(pos_bytes(stream.data + 5, POS_SMN_SIZE), &smn) != POS_OK)
        return -1;
    reply->mark = pos_smn_key_index(&smn);
    memcpy(reply->code, "00", 3);
    reply->good = true;
    return REPLY_SIZE;
}

struct pos_load_source pos_redis_source(struct pos_redis *redis)
{
    return (struct pos_load_source){.request = make_request,
                                    .request_size_max = REQUEST_SIZE_MAX,
                                    .reply = read_reply,
                                    .context = redis};
}
