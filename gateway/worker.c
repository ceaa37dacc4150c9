#include "gateway/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "gateway/worker_inside.h"

enum {
    DRAIN_TICK_MS = 20,
    WATCH_TICK_MS = 200, /* jobs that wait too long, host keys that changed */
    NS_PER_MS = 1000000,
    BAD_PEER_LINES_A_SECOND = 10,
};

/* ---- connections ---- */

static void opened(void *context, struct pos_connection *connection)
{
    struct front_listener *listener = context;
    struct pos_worker *worker = listener->worker;
    char text[POS_ADDRESS_SIZE_MAX];
    pos_connection_peer(connection, text);
    uint64_t address = pos_admission_address(text);
    struct front_peer *peer = NULL;
    if (pos_admission_enter(worker->options.admission, address)) {
        peer = calloc(1, sizeof *peer);
        if (peer == NULL)
            pos_admission_leave(worker->options.admission, address);
    }
    pos_connection_set_user(connection, peer);
    if (peer == NULL) {
        pos_connection_close(connection, POS_CLOSE_LIMIT);
        return;
    }
    peer->front =
        (struct pos_peer){.connection = pos_worker_pack(pos_connection_handle(connection)),
                          .address = address,
                          .policy = &listener->policy};
}

static void end_peer(struct pos_worker *worker, struct pos_connection *connection,
                     enum pos_session_close verdict, const char *reason)
{
    static const enum pos_close closes[] = {[POS_SESSION_BAD_FRAME] = POS_CLOSE_FRAME,
                                            [POS_SESSION_NO_REQUEST] = POS_CLOSE_FORMAT,
                                            [POS_SESSION_PIPELINE] = POS_CLOSE_PIPELINE};
    uint32_t suppressed;
    if (pos_log_allow(&worker->bad_peers, BAD_PEER_LINES_A_SECOND, pos_clock_utc_ms(),
                      &suppressed)) {
        char text[POS_ADDRESS_SIZE_MAX];
        pos_connection_peer(connection, text);
        pos_log(POS_LOG_WARNING, "connection-refused",
                "connection=%llu peer=%s close=%s reason=\"%s\" suppressed=%u",
                (unsigned long long)pos_connection_id(connection), text,
                pos_close_text(closes[verdict]), reason, suppressed);
    }
    pos_connection_close(connection, closes[verdict]);
}

static size_t bytes_arrived(void *context, struct pos_connection *connection,
                            struct pos_bytes bytes)
{
    struct front_listener *listener = context;
    struct pos_worker *worker = listener->worker;
    struct front_peer *peer = pos_connection_user(connection);
    if (peer == NULL)
        return bytes.size;
    enum pos_session_close verdict;
    const char *reason = "";
    pos_worker_set_time(worker);
    size_t used = pos_session_receive(worker->session, &peer->front, bytes, &verdict, &reason);
    if (verdict != POS_SESSION_OPEN)
        end_peer(worker, connection, verdict, reason);
    return used;
}

static bool ended(void *context, struct pos_connection *connection)
{
    struct front_peer *peer = pos_connection_user(connection);
    (void)context;
    if (peer == NULL || peer->front.unanswered == 0)
        return false;
    peer->ended = true;
    return true;
}

static void closed(void *context, struct pos_connection *connection, enum pos_close reason)
{
    struct front_listener *listener = context;
    struct front_peer *peer = pos_connection_user(connection);
    (void)reason; /* counted by the loop */
    if (peer == NULL)
        return;
    pos_admission_leave(listener->worker->options.admission, peer->front.address);
    free(peer);
}

static const struct pos_connection_events connection_events = {
    .opened = opened, .bytes = bytes_arrived, .ended = ended, .closed = closed};

static void turn(void *context)
{
    struct pos_worker *worker = context;
    pos_session_turn(worker->session);
    pos_session_turn_done(worker->session, pos_clock_monotonic_ns());
}

/* ---- life ---- */

static enum pos_status open_listener(struct pos_worker *worker, uint32_t number,
                                     struct pos_error *error)
{
    const struct pos_gateway_settings *settings = worker->options.settings;
    const struct pos_listener_settings *own = &settings->listeners[number];
    struct front_listener *listener = &worker->listeners[number];
    listener->worker = worker;
    listener->policy =
        (struct pos_policy){.dialect = own->dialect,
                            .proof_to_register = own->registration == POS_REGISTRATION_PROOF,
                            .mac_required = own->authentication == POS_AUTHENTICATION_MAC,
                            .provisioned = settings->binding == POS_BINDING_PROVISIONED,
                            .sign_on_without_mac = own->sign_on_mac == POS_SIGN_ON_MAC_ABSENT,
                            .mac_ecb = own->mac == POS_MAC_MODE_CUP_ECB};
    const struct pos_listener_options options = {
        .address = own->address,
        .port = worker->options.ports[number],
        .shared = worker->options.worker_count > 1,
        .first = worker->options.number == 0,
        .connection_count_max = settings->limits.connections,
        .connection = {.idle_timeout_ms = settings->limits.idle_timeout_ms,
                       .message_timeout_ms = settings->limits.message_timeout_ms,
                       .write_queue_size_max = settings->limits.write_queue_bytes}};
    enum pos_status status = pos_listener_open(worker->loop, &options, &connection_events, listener,
                                               &listener->listener, error);
    if (status == POS_OK)
        worker->options.ports[number] = pos_listener_port(listener->listener);
    return status;
}

static enum pos_status open_host_keys(struct pos_worker *worker, struct pos_error *error)
{
    const struct pos_gateway_settings *settings = worker->options.settings;
    enum pos_status status = POS_OK;
    for (uint32_t i = 0; i < settings->upstream_count && status == POS_OK; i++) {
        const struct pos_host_keys_options options = {.loop = worker->loop,
                                                      .settings = &settings->upstreams[i],
                                                      .library = worker->options.library,
                                                      .clerk = worker->options.clerk,
                                                      .hsm = worker->options.hsm,
                                                      .room = worker->options.room};
        status = pos_host_keys_open(&options, &worker->host_keys[i], error);
    }
    return status;
}

static void watch(void *context)
{
    struct pos_worker *worker = context;
    const struct pos_gateway_settings *settings = worker->options.settings;
    uint64_t interval_ns = (uint64_t)settings->key_library.follow_interval_ms * NS_PER_MS;
    uint64_t now_ns = pos_loop_now_ns(worker->loop);
    if (worker->options.room != NULL)
        pos_strongroom_expire(worker->options.room);
    if (now_ns - worker->looked_ns < interval_ns)
        return;
    worker->looked_ns = now_ns;
    for (uint32_t i = 0; i < settings->upstream_count; i++)
        pos_host_keys_look(&worker->host_keys[i]);
}

static enum pos_status open_upstreams(struct pos_worker *worker)
{
    const struct pos_gateway_settings *settings = worker->options.settings;
    const struct pos_upstream_events events = {.answered = pos_worker_host_answered,
                                               .context = worker};
    enum pos_status status = POS_OK;
    for (uint32_t i = 0; i < settings->upstream_count && status == POS_OK; i++)
        status = pos_upstream_create(worker->loop, &settings->upstreams[i], &worker->host_keys[i],
                                     &worker->counters, &events, &worker->upstreams[i]);
    return status;
}

static enum pos_status create_session(struct pos_worker *worker)
{
    const struct pos_gateway_settings *settings = worker->options.settings;
    const struct pos_session_options options = {
        .world = pos_worker_world(worker),
        .hsm = worker->hsm,
        .pin_limit = worker->options.pin_limit,
        .counters = &worker->counters,
        .pending_count_max = POS_PENDING_COUNT_MAX,
        .pipeline_count_max = settings->limits.pipelined_requests,
        .remembered_count =
            settings->lookup == POS_LOOKUP_REMEMBERED ? settings->remembered_rows : 0,
        .registrations_per_second = settings->limits.registrations_per_second,
        .requests_per_second = settings->limits.requests_per_second};
    return pos_session_create(&options, &worker->session);
}

static enum pos_status create_memory(struct pos_worker *worker)
{
    worker->carriers = calloc(POS_PENDING_COUNT_MAX, sizeof *worker->carriers);
    worker->promotions = calloc(PROMOTION_COUNT_MAX, sizeof *worker->promotions);
    if (worker->carriers == NULL || worker->promotions == NULL)
        return POS_ERR_MEMORY;
    for (size_t i = 0; i < PROMOTION_COUNT_MAX; i++) {
        worker->promotions[i].next_free = worker->promotion_free;
        worker->promotion_free = &worker->promotions[i];
    }
    return POS_OK;
}

static void first_rrns(struct pos_worker *worker)
{
    uint64_t first = pos_rrn_blocks_take(worker->options.rrns, POS_WORKER_RRN_BLOCK_SIZE,
                                         !pos_disk_low(worker->options.disk));
    worker->rrn_next = (uint32_t)(first % POS_WORKER_RRN_COUNT);
    worker->rrn_left = POS_WORKER_RRN_BLOCK_SIZE;
}

static enum pos_status open_all(struct pos_worker *worker, struct pos_error *error)
{
    enum pos_status status = create_memory(worker);
    if (status == POS_OK)
        status = pos_loop_create(&worker->loop);
    if (status == POS_OK)
        status = pos_hsm_session_open_local(worker->options.hsm, &worker->hsm);
    if (status == POS_OK)
        status = create_session(worker);
    if (status != POS_OK)
        return pos_error_set(error, status, "worker %u: %s", worker->options.number,
                             pos_status_text(status));
    status = open_host_keys(worker, error);
    if (status != POS_OK)
        return status;
    status = open_upstreams(worker);
    if (status == POS_OK)
        status = pos_timer_open(worker->loop, WATCH_TICK_MS, watch, worker, &worker->watch_timer);
    if (status != POS_OK)
        return pos_error_set(error, status, "worker %u: %s", worker->options.number,
                             pos_status_text(status));
    first_rrns(worker);
    pos_loop_on_turn(worker->loop, turn, worker);
    for (uint32_t i = 0; i < worker->options.settings->listener_count && status == POS_OK; i++)
        status = open_listener(worker, i, error);
    return status;
}

enum pos_status pos_worker_create(const struct pos_worker_options *options,
                                  struct pos_worker **worker, struct pos_error *error)
{
    struct pos_worker *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for worker %u", options->number);
    made->options = *options;
    enum pos_status status = open_all(made, error);
    if (status != POS_OK) {
        pos_worker_destroy(made);
        return status;
    }
    *worker = made;
    return POS_OK;
}

static void *run(void *context)
{
    struct pos_worker *worker = context;
    pos_loop_run(worker->loop);
    return NULL;
}

enum pos_status pos_worker_start(struct pos_worker *worker)
{
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        return POS_ERR_LIMIT;
    worker->started = true;
    return POS_OK;
}

/* ---- draining ---- */

static void drain_tick(void *context)
{
    struct pos_worker *worker = context;
    uint64_t waited_ms = (pos_loop_now_ns(worker->loop) - worker->drain_since_ns) / NS_PER_MS;
    uint32_t pending = pos_session_pending(worker->session);
    if (pending > 0 && waited_ms < worker->drain_limit_ms)
        return;
    if (pending > 0)
        pos_log(POS_LOG_WARNING, "drain-limit", "worker=%u unanswered=%u", worker->options.number,
                pending);
    pos_loop_stop(worker->loop);
}

static void start_draining(struct pos_post *post)
{
    struct pos_worker *worker =
        (struct pos_worker *)(void *)((char *)post - offsetof(struct pos_worker, drain_post));
    worker->drain_since_ns = pos_loop_now_ns(worker->loop);
    for (uint32_t i = 0; i < worker->options.settings->listener_count; i++)
        pos_listener_close(worker->listeners[i].listener);
    if (pos_timer_open(worker->loop, DRAIN_TICK_MS, drain_tick, worker, &worker->drain_timer) !=
        POS_OK)
        pos_loop_stop(worker->loop);
}

void pos_worker_drain(struct pos_worker *worker, uint32_t limit_ms)
{
    if (!worker->started)
        return;
    worker->drain_limit_ms = limit_ms;
    worker->drain_post.run = start_draining;
    pos_loop_post(worker->loop, &worker->drain_post);
}

void pos_worker_join(struct pos_worker *worker)
{
    if (worker->started)
        (void)pthread_join(worker->thread, NULL);
    worker->started = false;
}

void pos_worker_destroy(struct pos_worker *worker)
{
    if (worker == NULL)
        return;
    assert(!worker->started);
    worker->closing = true;
    if (worker->loop != NULL)
        pos_loop_destroy(worker->loop);
    pos_session_destroy(worker->session);
    for (uint32_t i = 0; i < worker->options.settings->upstream_count; i++)
        pos_upstream_destroy(worker->upstreams[i]);
    for (uint32_t i = 0; i < worker->options.settings->upstream_count; i++)
        pos_host_keys_close(&worker->host_keys[i]);
    pos_hsm_session_close(worker->hsm);
    free(worker->carriers);
    free(worker->promotions);
    free(worker);
}

const struct pos_gateway_counters *pos_worker_counters(const struct pos_worker *worker)
{
    return &worker->counters;
}

const struct pos_loop_stats *pos_worker_loop_stats(const struct pos_worker *worker)
{
    return pos_loop_stats(worker->loop);
}
