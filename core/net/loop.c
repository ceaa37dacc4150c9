/*
 * The loop and its turn. libuv calls prepare before it waits and check after it has handed out
 * what became ready; both end a turn: the turn function, then one pass over the due list. What the
 * pass itself makes due (a `closed` that writes to another connection) waits for the next pass, so
 * no call-back can keep a turn from ending.
 */
#include "core/net/internal.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"

struct pos_timer {
    uv_timer_t uv;
    struct pos_loop *loop;
    struct pos_link link;
    void (*fired)(void *context);
    void *context;
};

struct pos_signal {
    uv_signal_t uv;
    struct pos_loop *loop;
    struct pos_link link;
    void (*caught)(void *context, int signal);
    void *context;
};

void pos_loop_wake(struct pos_loop *loop)
{
    if (loop->awake)
        return;
    loop->awake = true;
    loop->now_ns = pos_clock_monotonic_ns();
}

uint64_t pos_loop_now_ns(const struct pos_loop *loop)
{
    return loop->now_ns;
}

const struct pos_loop_stats *pos_loop_stats(const struct pos_loop *loop)
{
    return &loop->stats;
}

void pos_loop_on_turn(struct pos_loop *loop, void (*turn)(void *context), void *context)
{
    loop->turn = turn;
    loop->turn_context = context;
}

/* ---- the end of a turn ---- */

static void pass_due(struct pos_loop *loop)
{
    if (loop->due.next == &loop->due)
        return;
    pos_link_move(&loop->due, &loop->passing);
    for (struct pos_link *link; (link = pos_link_take(&loop->passing)) != NULL;)
        pos_connection_end_turn(POS_CONTAINER(link, struct pos_connection, due_link));
    if (loop->due.next == &loop->due)
        pos_output_reset(loop);
}

static void stop_now(struct pos_loop *loop);

static void end_turn(struct pos_loop *loop)
{
    pos_loop_wake(loop);
    if (loop->turn != NULL)
        loop->turn(loop->turn_context);
    pass_due(loop);
    if (atomic_load(&loop->stop_asked) && !loop->stopped)
        stop_now(loop);
}

static void on_again(uv_idle_t *handle)
{
    (void)handle; /* it is there so that the loop does not wait */
}

static void on_prepare(uv_prepare_t *handle)
{
    struct pos_loop *loop = handle->data;
    end_turn(loop);
    loop->awake = false;
    if (loop->stopped)
        return;
    if (loop->due.next != &loop->due)
        uv_idle_start(&loop->again, on_again);
    else
        uv_idle_stop(&loop->again);
}

static void on_check(uv_check_t *handle)
{
    struct pos_loop *loop = handle->data;
    pos_counter_add(&loop->stats.turns, 1);
    end_turn(loop);
}

/* ---- posts ---- */

/* Newest first becomes oldest first. */
static struct pos_post *take_posts(struct pos_loop *loop)
{
    struct pos_post *newest = atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire);
    struct pos_post *oldest = NULL;
    while (newest != NULL) {
        struct pos_post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void run_posts(struct pos_loop *loop)
{
    for (struct pos_post *post = take_posts(loop), *next; post != NULL; post = next) {
        next = post->next;
        post->run(post);
    }
}

static void on_wake(uv_async_t *handle)
{
    struct pos_loop *loop = handle->data;
    pos_loop_wake(loop);
    run_posts(loop);
}

void pos_loop_post(struct pos_loop *loop, struct pos_post *post)
{
    struct pos_post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    do
        post->next = head;
    while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, post, memory_order_release,
                                                  memory_order_relaxed));
    if (head == NULL)
        uv_async_send(&loop->wake);
}

void pos_loop_stop(struct pos_loop *loop)
{
    atomic_store(&loop->stop_asked, true);
    uv_async_send(&loop->wake);
}

/* ---- life ---- */

static void init_handles(struct pos_loop *loop)
{
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->again);
    loop->prepare.data = loop->check.data = loop->wake.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    pos_wheel_init(loop);
    pos_link_init(&loop->due);
    pos_link_init(&loop->passing);
    pos_link_init(&loop->listeners);
    pos_link_init(&loop->timers);
    pos_link_init(&loop->signals);
}

enum pos_status pos_loop_create(struct pos_loop **out)
{
    struct pos_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return POS_ERR_MEMORY;
    loop->reserve_fd = -1;
    loop->read_buffer = malloc(POS_FRAME_SIZE_MAX + POS_READ_BUFFER_SIZE);
    if (loop->read_buffer == NULL || pos_output_init(&loop->output) != POS_OK)
        goto no_memory;
    if (uv_loop_init(&loop->uv) != 0)
        goto no_memory;
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        uv_loop_close(&loop->uv);
        goto no_memory;
    }
    init_handles(loop);
    loop->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    loop->now_ns = pos_clock_monotonic_ns();
    *out = loop;
    return POS_OK;
no_memory:
    pos_output_fini(&loop->output);
    free(loop->read_buffer);
    free(loop);
    return POS_ERR_LIMIT;
}

void pos_loop_run(struct pos_loop *loop)
{
    /* A write to a peer that is gone is an error to handle, not a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop_connections(struct pos_loop *loop)
{
    for (uint32_t i = 0; i < loop->slot_count; i++)
        if (loop->slots[i].connection != NULL)
            pos_connection_close(loop->slots[i].connection, POS_CLOSE_STOP);
    /* A `closed` may not open anything any more, so this ends. */
    while (loop->due.next != &loop->due)
        pass_due(loop);
    pos_wheel_release_draining(loop);
}

static void stop_now(struct pos_loop *loop)
{
    loop->stopped = true;
    pos_listener_close_all(loop);
    stop_connections(loop);
    for (struct pos_link *link = loop->timers.next; link != &loop->timers; link = link->next)
        close_handle((uv_handle_t *)&POS_CONTAINER(link, struct pos_timer, link)->uv);
    for (struct pos_link *link = loop->signals.next; link != &loop->signals; link = link->next)
        close_handle((uv_handle_t *)&POS_CONTAINER(link, struct pos_signal, link)->uv);
    close_handle((uv_handle_t *)&loop->wheel.timer);
    close_handle((uv_handle_t *)&loop->again);
    close_handle((uv_handle_t *)&loop->prepare);
    close_handle((uv_handle_t *)&loop->check);
    /* The wake-up stays open, but keeps nothing running: others may still post. */
    uv_unref((uv_handle_t *)&loop->wake);
}

void pos_loop_destroy(struct pos_loop *loop)
{
    if (loop == NULL)
        return;
    if (!loop->stopped)
        stop_now(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    /* What was posted too late still runs, so that its owner gets its memory back. */
    run_posts(loop);
    close_handle((uv_handle_t *)&loop->wake);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&loop->uv);
    assert(busy == 0);
    pos_listener_destroy_all(loop);
    for (struct pos_link *link; (link = pos_link_take(&loop->timers)) != NULL;)
        free(POS_CONTAINER(link, struct pos_timer, link));
    for (struct pos_link *link; (link = pos_link_take(&loop->signals)) != NULL;)
        free(POS_CONTAINER(link, struct pos_signal, link));
    while (loop->held_small.count > 0)
        free(loop->held_small.blocks[--loop->held_small.count]);
    while (loop->held_large.count > 0)
        free(loop->held_large.blocks[--loop->held_large.count]);
    if (loop->reserve_fd >= 0)
        close(loop->reserve_fd);
    pos_output_fini(&loop->output);
    free(loop->slots);
    free(loop->read_buffer);
    free(loop);
}

/* ---- timers and signals ---- */

static void on_timer(uv_timer_t *handle)
{
    struct pos_timer *timer = handle->data;
    pos_loop_wake(timer->loop);
    timer->fired(timer->context);
}

enum pos_status pos_timer_open(struct pos_loop *loop, uint32_t interval_ms,
                               void (*fired)(void *context), void *context, struct pos_timer **out)
{
    if (loop->stopped)
        return POS_ERR_STATE;
    struct pos_timer *timer = calloc(1, sizeof *timer);
    if (timer == NULL)
        return POS_ERR_MEMORY;
    *timer = (struct pos_timer){.loop = loop, .fired = fired, .context = context};
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    pos_link_append(&loop->timers, &timer->link);
    uv_update_time(&loop->uv);
    uv_timer_start(&timer->uv, on_timer, interval_ms, interval_ms);
    *out = timer;
    return POS_OK;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle->data);
}

void pos_timer_close(struct pos_timer *timer)
{
    /* Once the loop has stopped it closed the timer itself and frees it when it is destroyed. */
    if (timer == NULL || timer->loop->stopped)
        return;
    pos_link_remove(&timer->link);
    uv_close((uv_handle_t *)&timer->uv, free_timer);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct pos_signal *signal = handle->data;
    pos_loop_wake(signal->loop);
    signal->caught(signal->context, number);
}

enum pos_status pos_loop_on_signal(struct pos_loop *loop, int number,
                                   void (*caught)(void *context, int signal), void *context)
{
    struct pos_signal *signal = calloc(1, sizeof *signal);
    if (signal == NULL)
        return POS_ERR_MEMORY;
    *signal = (struct pos_signal){.loop = loop, .caught = caught, .context = context};
    if (uv_signal_init(&loop->uv, &signal->uv) != 0) {
        free(signal);
        return POS_ERR_LIMIT;
    }
    signal->uv.data = signal;
    pos_link_append(&loop->signals, &signal->link);
    return uv_signal_start(&signal->uv, on_signal, number) == 0 ? POS_OK : POS_ERR_USAGE;
}
