/* The bare server on libuv: what the event loop costs that the gateway is built on. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "bench/bare.h"

struct uv_client {
    uv_tcp_t tcp;
    struct pos_bare_client bytes;
};

/* One of each for the loop: a read is answered before the next one begins. */
static uint8_t in[POS_BARE_IN_SIZE], out[POS_BARE_OUT_SIZE];

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop(struct uv_client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->tcp))
        uv_close((uv_handle_t *)&client->tcp, on_closed);
}

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    const struct uv_client *client = handle->data;
    (void)size;
    *buffer = uv_buf_init((char *)in + client->bytes.held_size, POS_BARE_READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct uv_client *client = stream->data;
    (void)buffer;
    if (got == 0)
        return;
    if (got < 0) {
        drop(client);
        return;
    }
    size_t size = pos_bare_answer(&client->bytes, in, (size_t)got, out);
    uv_buf_t reply = uv_buf_init((char *)out, (unsigned)size);
    /* Its one client reads what it asked for, so a short write means that it is gone. */
    if (size > 0 && uv_try_write(stream, &reply, 1) != (int)size)
        drop(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct uv_client *client = status == 0 ? calloc(1, sizeof *client) : NULL;
    if (client == NULL)
        return;
    if (uv_tcp_init(listener->loop, &client->tcp) != 0) {
        free(client);
        return;
    }
    client->tcp.data = client;
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0 ||
        uv_tcp_nodelay(&client->tcp, 1) != 0 ||
        uv_read_start((uv_stream_t *)&client->tcp, give_room, on_read) != 0)
        drop(client);
}

int pos_bare_serve_libuv(void)
{
    uv_tcp_t listener;
    uv_loop_t *loop = uv_default_loop();
    signal(SIGPIPE, SIG_IGN);
    int fd = pos_bare_listen();
    if (fd < 0 || loop == NULL || uv_tcp_init(loop, &listener) != 0 ||
        uv_tcp_open(&listener, fd) != 0 ||
        uv_listen((uv_stream_t *)&listener, 4096, on_connection) != 0) {
        perror("libuv server");
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
