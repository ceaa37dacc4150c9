/* What a worker's session asks for: completions of other threads come back to the loop by post. */
#include "core/base/clock.h"
#include "gateway/worker_inside.h"

/* ---- table, key library, committer and security module ---- */

static void find(void *context, const struct pos_smn *smns, size_t count,
                 struct pos_terminal_hot *rows, enum pos_status *found)
{
    struct pos_worker *worker = context;
    uint64_t start_ns = pos_clock_monotonic_ns();
    size_t read = pos_terminal_table_find_now(worker->options.table, smns, count, rows, found);
    if (read > 0)
        pos_counter_add(&worker->counters.blocks_read, read);
    pos_histogram_record(&worker->counters.lookup_time, pos_clock_monotonic_ns() - start_ns);
}

static uint64_t changes(void *context, const struct pos_smn *smn)
{
    const struct pos_worker *worker = context;
    return pos_terminal_table_changes(worker->options.table, smn);
}

static struct carrier *carrier_of_post(struct pos_post *post)
{
    return (struct carrier *)(void *)((char *)post - offsetof(struct carrier, post));
}

/* Once a turn is enough. */
void pos_worker_set_time(struct pos_worker *worker)
{
    uint64_t now_ns = pos_loop_now_ns(worker->loop);
    if (worker->time_set_ns == now_ns)
        return;
    worker->time_set_ns = now_ns;
    pos_session_set_time(worker->session, now_ns, pos_clock_utc_ms());
}

static void row_is_back(struct pos_post *post)
{
    struct carrier *carrier = carrier_of_post(post);
    pos_worker_set_time(carrier->worker);
    pos_session_looked_up(carrier->request);
}

static void read_done(struct pos_read_job *job)
{
    struct carrier *carrier =
        (struct carrier *)(void *)((char *)job - offsetof(struct carrier, read));
    carrier->post.run = row_is_back;
    pos_loop_post(carrier->worker->loop, &carrier->post);
}

static enum pos_status read_row(void *context, struct pos_request *request)
{
    struct pos_worker *worker = context;
    struct carrier *carrier = &worker->carriers[request->slot];
    carrier->worker = worker;
    carrier->request = request;
    carrier->read = (struct pos_read_job){
        .done = read_done, .smn = request->smn, .row = &request->hot, .found = &request->found};
    return worker->closing ? POS_ERR_BUSY
                           : pos_readers_submit(worker->options.readers, &carrier->read);
}

static void dossier_is_back(struct pos_post *post)
{
    struct carrier *carrier = carrier_of_post(post);
    pos_worker_set_time(carrier->worker);
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
    pos_worker_set_time(carrier->worker);
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
    pos_worker_set_time(worker);
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

void pos_worker_host_answered(void *context, void *request, enum pos_status status,
                              const struct pos_message *reply)
{
    pos_worker_set_time(context);
    pos_session_host_answered(request, status, reply);
}

/* ---- RRNs: blocks reserved on disk before they are needed ---- */

static void rrn_block_is_here(struct pos_post *post)
{
    struct pos_worker *worker =
        (struct pos_worker *)(void *)((char *)post - offsetof(struct pos_worker, rrn_post));
    worker->rrn_asked = false;
    worker->rrn_spare = (uint32_t)(worker->rrn_job.first % POS_WORKER_RRN_COUNT);
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
        .work = POS_CLERK_RESERVE, .done = rrn_job_done, .count = POS_WORKER_RRN_BLOCK_SIZE};
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
    if (worker->rrn_left < POS_WORKER_RRN_BLOCK_SIZE / 2)
        ask_for_rrns(worker);
    if (worker->rrn_left == 0)
        return POS_ERR_BUSY;
    *rrn = worker->rrn_next;
    worker->rrn_next = (worker->rrn_next + 1) % POS_WORKER_RRN_COUNT;
    worker->rrn_left--;
    return POS_OK;
}

/* ---- replies ---- */

uint64_t pos_worker_pack(struct pos_connection_handle handle)
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

struct pos_world pos_worker_world(struct pos_worker *worker)
{
    return (struct pos_world){.context = worker,
                              .find = find,
                              .changes = changes,
                              .read = read_row,
                              .fetch = fetch,
                              .may_write = may_write,
                              .secure = secure,
                              .choose_link = choose_link,
                              .commit = commit,
                              .promote = promote,
                              .forward = forward,
                              .take_rrn = take_rrn,
                              .reply = reply};
}
