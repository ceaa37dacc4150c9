#include "gateway/worker.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "gateway/session.h"
#include "gateway/upstream.h"

enum {
    RRN_BLOCK_SIZE = 10000,
    RRN_COUNT = 1000000, /* six digits */
    DRAIN_TICK_MS = 20,
    WATCH_TICK_MS = 200, /* jobs that wait too long, host keys that changed */
    NS_PER_MS = 1000000,
    BAD_PEER_LINES_A_SECOND = 10,
};

/* What carries a request's completion from another thread back to this loop: one a pool slot. */
struct carrier {
    struct pos_worker *worker;
    struct pos_request *request;
    struct pos_post post;
    struct pos_clerk_job job;
    enum pos_status status;
};

/* A promotion that nobody waits for. */
struct promotion {
    struct pos_worker *worker;
    struct pos_post post;
    struct pos_terminal_write write;
    struct promotion *next_free;
};

enum { PROMOTION_COUNT_MAX = 1024 };

/* A connection's own: what the front end knows of it. */
struct front_peer {
    struct pos_peer front;
    bool ended; /* it sends no more, and is closed once everything is answered */
};

struct front_listener {
    struct pos_worker *worker;
    struct pos_policy policy;
    struct pos_listener *listener;
};

struct pos_worker {
    struct pos_worker_options options;
    pthread_t thread;
    bool started;
    struct pos_loop *loop;
    struct pos_session *session;
    struct pos_hsm_session *hsm; /* local: it never waits */
    struct pos_gateway_counters counters;
    struct front_listener listeners[POS_LISTENER_COUNT_MAX];
    struct pos_upstream *upstreams[POS_UPSTREAM_COUNT_MAX];
    struct pos_host_keys host_keys[POS_UPSTREAM_COUNT_MAX];
    struct pos_timer *watch_timer;
    uint64_t looked_ns;
    bool closing; /* what else there was is gone: nothing new may begin */
    uint32_t upstream_next;
    uint64_t time_set_ns;     /* the turn whose time the session has */
    struct carrier *carriers; /* by request slot */
    struct promotion *promotions, *promotion_free;

    /* RRNs: a block in use and the next one */
    uint32_t rrn_next, rrn_left;
    uint32_t rrn_spare, rrn_spare_left;
    bool rrn_asked;
    struct pos_clerk_job rrn_job;
    struct pos_post rrn_post;

    /* draining */
    struct pos_post drain_post;
    uint32_t drain_limit_ms;
    uint64_t drain_since_ns;
    struct pos_timer *drain_timer;

    struct pos_log_limit bad_peers;
};

/* ---- the world: completions come back by post ---- */

static void find(void *context, const struct pos_smn *smns, size_t count,
                 struct pos_terminal_hot *rows, enum pos_status *found)
{
    struct pos_worker *worker = context;
    uint64_t start_ns = pos_clock_monotonic_ns();
    pos_terminal_table_find(worker->options.table, smns, count, rows, found);
    pos_histogram_record(&worker->counters.lookup_time, pos_clock_monotonic_ns() - start_ns);
}

static struct carrier *carrier_of_post(struct pos_post *post)
{
    return (struct carrier *)(void *)((char *)post - offsetof(struct carrier, post));
}

/* Once a turn is enough. */
static void set_time(struct pos_worker *worker)
{
    uint64_t now_ns = pos_loop_now_ns(worker->loop);
    if (worker->time_set_ns == now_ns)
        return;
    worker->time_set_ns = now_ns;
    pos_session_set_time(worker->session, now_ns, pos_clock_utc_ms());
}

static void dossier_is_back(struct pos_post *post)
{
    struct carrier *carrier = carrier_of_post(post);
    set_time(carrier->worker);
    pos_session_fetched(carrier->request);
}

static void dossier_done(struct pos_clerk_job *job)
{
    struct carrier *carrier =
        (struct carrier *)(void *)((char *)job - offsetof(struct carrier, job));
    carrier->post.run = dossier_is_back;
    pos_loop_post(carrier->worker->loop, &carrier->post);
}

static enum pos_status fetch(void *context, struct pos_request *request)
{
    struct pos_worker *worker = context;
    struct carrier *carrier = &worker->carriers[request->slot];
    carrier->worker = worker;
    carrier->request = request;
    enum pos_kind kind = request->rule->kind;
    carrier->job =
        (struct pos_clerk_job){.work = POS_CLERK_DOSSIER,
                               .done = dossier_done,
                               .smn = request->smn,
                               .with_key = kind == POS_KIND_REGISTER || kind == POS_KIND_SIGN_ON,
                               .with_detail = kind != POS_KIND_REGISTER,
                               .dossier = &request->dossier};
    return worker->closing ? POS_ERR_BUSY : pos_clerk_submit(worker->options.clerk, &carrier->job);
}

static void write_is_back(struct pos_post *post)
{
    struct carrier *carrier = carrier_of_post(post);
    set_time(carrier->worker);
    pos_session_committed(carrier->request, carrier->status);
}

static void write_done(struct pos_commit *commit, enum pos_status status)
{
    struct pos_request *request = pos_request_of_write(pos_terminal_write_of(commit));
    struct carrier *carrier = request->carrier;
    carrier->status = status;
    carrier->post.run = write_is_back;
    pos_loop_post(carrier->worker->loop, &carrier->post);
}

static enum pos_status commit(void *context, struct pos_request *request)
{
    struct pos_worker *worker = context;
    struct carrier *carrier = &worker->carriers[request->slot];
    carrier->worker = worker;
    carrier->request = request;
    request->carrier = carrier;
    request->write.commit.done = write_done;
    return worker->closing ? POS_ERR_BUSY
                           : pos_terminal_table_submit(worker->options.table, &request->write);
}

static void promotion_is_back(struct pos_post *post)
{
    struct promotion *promotion =
        (struct promotion *)(void *)((char *)post - offsetof(struct promotion, post));
    promotion->next_free = promotion->worker->promotion_free;
    promotion->worker->promotion_free = promotion;
}

static void promotion_done(struct pos_commit *commit, enum pos_status status)
{
    struct pos_terminal_write *write = pos_terminal_write_of(commit);
    struct promotion *promotion =
        (struct promotion *)(void *)((char *)write - offsetof(struct promotion, write));
    (void)status; /* the next message under that TAK promotes it again */
    promotion->post.run = promotion_is_back;
    pos_loop_post(promotion->worker->loop, &promotion->post);
}

static void promote(void *context, const struct pos_smn *smn, const struct pos_key *tak)
{
    struct pos_worker *worker = context;
    struct promotion *promotion = worker->promotion_free;
    if (promotion == NULL || worker->closing || pos_disk_low(worker->options.disk))
        return;
    worker->promotion_free = promotion->next_free;
    promotion->worker = worker;
    promotion->write = (struct pos_terminal_write){
        .operation = POS_TERMINAL_PROMOTE, .smn = *smn, .tak = *tak, .utc_ms = pos_clock_utc_ms()};
    promotion->write.commit.done = promotion_done;
    if (pos_terminal_table_submit(worker->options.table, &promotion->write) != POS_OK)
        promotion_is_back(&promotion->post);
}

static void job_is_back(struct pos_post *post)
{
    struct carrier *carrier = carrier_of_post(post);
    struct pos_worker *worker = carrier->worker;
    struct pos_strong_job *job = &carrier->request->job;
    if (job->work == POS_STRONG_FETCH)
        pos_strongroom_hand_over(worker->options.room, job, worker->hsm);
    set_time(worker);
    pos_session_secured(carrier->request);
}

static void job_done(struct pos_strong_job *job)
{
    struct carrier *carrier = pos_request_of_job(job)->carrier;
    carrier->post.run = job_is_back;
    pos_loop_post(carrier->worker->loop, &carrier->post);
}

/* In the strongroom where the module waits; else here and now. */
static enum pos_status secure(void *context, struct pos_request *request)
{
    struct pos_worker *worker = context;
    if (worker->options.room == NULL) {
        pos_strong_do(worker->hsm, &request->job);
        pos_session_secured(request);
        return POS_OK;
    }
    struct carrier *carrier = &worker->carriers[request->slot];
    carrier->worker = worker;
    carrier->request = request;
    request->carrier = carrier;
    request->job.done = job_done;
    return pos_strongroom_submit(worker->options.room, &request->job);
}

/* ---- hosts ---- */

static enum pos_status choose_link(void *context, struct pos_host_link *link)
{
    struct pos_worker *worker = context;
    uint32_t count = worker->options.settings->upstream_count;
    enum pos_status status = POS_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = (worker->upstream_next + i) % count;
        const struct pos_host_keys *keys = &worker->host_keys[number];
        if (!keys->pin_usable)
            continue;
        status = POS_ERR_UNREACHABLE;
        if (!pos_upstream_connected(worker->upstreams[number]))
            continue;
        *link =
            (struct pos_host_link){.number = number,
                                   .dialect = worker->options.settings->upstreams[number].dialect,
                                   .pin_key = keys->pin.row.key,
                                   .pin_format = keys->pin_format};
        return POS_OK;
    }
    return status;
}

static enum pos_status forward_over(struct pos_worker *worker, uint32_t number,
                                    struct pos_request *request, const struct pos_draft *message)
{
    enum pos_status status = pos_upstream_send(worker->upstreams[number], message,
                                               pos_loop_now_ns(worker->loop), request);
    if (status == POS_OK || status == POS_ERR_EXISTS)
        worker->upstream_next = (number + 1) % worker->options.settings->upstream_count;
    return status;
}

/* The first host, from the next in turn on, that can take the request. A PIN is for one alone. */
static enum pos_status forward(void *context, struct pos_request *request,
                               const struct pos_draft *message)
{
    struct pos_worker *worker = context;
    uint32_t count = worker->options.settings->upstream_count, first = worker->upstream_next;
    enum pos_status status = POS_ERR_UNREACHABLE;
    if (request->link.number != POS_LINK_ANY)
        return forward_over(worker, request->link.number, request, message);
    for (uint32_t i = 0; i < count; i++) {
        enum pos_status this = forward_over(worker, (first + i) % count, request, message);
        if (this == POS_OK || this == POS_ERR_EXISTS)
            return this;
        if (this != POS_ERR_UNREACHABLE)
            status = this;
    }
    return status;
}

static bool may_write(void *context)
{
    const struct pos_worker *worker = context;
    return !worker->closing && !pos_disk_low(worker->options.disk);
}

static void host_answered(void *context, void *request, enum pos_status status,
                          const struct pos_message *reply)
{
    set_time(context);
    pos_session_host_answered(request, status, reply);
}

/* ---- RRNs: blocks reserved on disk before they are needed ---- */

static void rrn_block_is_here(struct pos_post *post)
{
    struct pos_worker *worker =
        (struct pos_worker *)(void *)((char *)post - offsetof(struct pos_worker, rrn_post));
    worker->rrn_asked = false;
    worker->rrn_spare = (uint32_t)(worker->rrn_job.first % RRN_COUNT);
    worker->rrn_spare_left = worker->rrn_job.count;
}

static void rrn_job_done(struct pos_clerk_job *job)
{
    struct pos_worker *worker =
        (struct pos_worker *)(void *)((char *)job - offsetof(struct pos_worker, rrn_job));
    worker->rrn_post.run = rrn_block_is_here;
    pos_loop_post(worker->loop, &worker->rrn_post);
}

static void ask_for_rrns(struct pos_worker *worker)
{
    if (worker->rrn_asked || worker->rrn_spare_left > 0)
        return;
    worker->rrn_job = (struct pos_clerk_job){
        .work = POS_CLERK_RESERVE, .done = rrn_job_done, .count = RRN_BLOCK_SIZE};
    worker->rrn_asked = pos_clerk_submit(worker->options.clerk, &worker->rrn_job) == POS_OK;
}

static enum pos_status take_rrn(void *context, uint32_t *rrn)
{
    struct pos_worker *worker = context;
    if (worker->rrn_left == 0) {
        worker->rrn_next = worker->rrn_spare;
        worker->rrn_left = worker->rrn_spare_left;
        worker->rrn_spare_left = 0;
    }
    if (worker->rrn_left < RRN_BLOCK_SIZE / 2)
        ask_for_rrns(worker);
    if (worker->rrn_left == 0)
        return POS_ERR_BUSY;
    *rrn = worker->rrn_next;
    worker->rrn_next = (worker->rrn_next + 1) % RRN_COUNT;
    worker->rrn_left--;
    return POS_OK;
}

/* ---- connections ---- */

static uint64_t pack(struct pos_connection_handle handle)
{
    return (uint64_t)handle.slot << 32 | handle.generation;
}

static struct pos_connection_handle unpack(uint64_t packed)
{
    return (struct pos_connection_handle){.slot = (uint32_t)(packed >> 32),
                                          .generation = (uint32_t)packed};
}

static void reply(void *context, uint64_t packed, struct pos_bytes frame)
{
    struct pos_worker *worker = context;
    struct pos_connection *connection = pos_connection_find(worker->loop, unpack(packed));
    if (connection == NULL)
        return;
    struct front_peer *peer = pos_connection_user(connection);
    pos_connection_write(connection, frame);
    peer->front.unanswered--;
    if (peer->ended && peer->front.unanswered == 0)
        pos_connection_close(connection, POS_CLOSE_PEER);
}

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
    peer->front = (struct pos_peer){.connection = pack(pos_connection_handle(connection)),
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
    set_time(worker);
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
    const struct pos_upstream_events events = {.answered = host_answered, .context = worker};
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
        .world = {.context = worker,
                  .find = find,
                  .fetch = fetch,
                  .may_write = may_write,
                  .secure = secure,
                  .choose_link = choose_link,
                  .commit = commit,
                  .promote = promote,
                  .forward = forward,
                  .take_rrn = take_rrn,
                  .reply = reply},
        .hsm = worker->hsm,
        .pin_limit = worker->options.pin_limit,
        .counters = &worker->counters,
        .pending_count_max = POS_PENDING_COUNT_MAX,
        .pipeline_count_max = settings->limits.pipelined_requests,
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
    uint64_t first = pos_rrn_blocks_take(worker->options.rrns, RRN_BLOCK_SIZE,
                                         !pos_disk_low(worker->options.disk));
    worker->rrn_next = (uint32_t)(first % RRN_COUNT);
    worker->rrn_left = RRN_BLOCK_SIZE;
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
