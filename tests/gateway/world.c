#include "tests/gateway/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto/key_block.h"
#include "gateway/session_inside.h"
#include "tests/gateway/slow_module.h"

const struct pos_sale world_sale = {
    .amount = 1234, .pan = "6225880000000001", .utc_time = "1123090000"};

const struct world_key world_keys[WORLD_KEY_COUNT] = {
    {POS_ALGORITHM_A256, POS_FORM_60}, {POS_ALGORITHM_A256, POS_FORM_60},
    {POS_ALGORITHM_T2, POS_FORM_60},   {POS_ALGORITHM_T2, POS_FORM_40},
    {POS_ALGORITHM_T2, POS_FORM_24},   {POS_ALGORITHM_T3, POS_FORM_60},
    {POS_ALGORITHM_T3, POS_FORM_40},   {POS_ALGORITHM_A128, POS_FORM_60},
    {POS_ALGORITHM_SM4, POS_FORM_60},  {POS_ALGORITHM_SM4, POS_FORM_40},
};

/* Stops the test, with Criterion or without. */
static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "world: not so: %s\n", what);
    abort();
}

/* ---- the table ---- */

struct world_row *world_row(struct world *world, const struct pos_smn *smn)
{
    for (size_t i = 0; i < world->row_count; i++)
        if (memcmp(&world->rows[i].smn, smn, sizeof *smn) == 0)
            return &world->rows[i];
    return NULL;
}

static void find(void *context, const struct pos_smn *smns, size_t count,
                 struct pos_terminal_hot *rows, enum pos_status *found)
{
    struct world *world = context;
    world->finds++;
    if (world->before_find != NULL)
        world->before_find(world);
    for (size_t i = 0; i < count; i++) {
        const struct world_row *row = world_row(world, &smns[i]);
        found[i] = row == NULL ? POS_ERR_NOT_FOUND : POS_OK;
        if (world->find_fails != POS_OK)
            found[i] = world->find_fails;
        if (world->on_disk)
            found[i] = POS_ERR_BUSY;
        else if (row != NULL)
            rows[i] = row->hot;
    }
    if (world->after_find != NULL)
        world->after_find(world);
}

static uint64_t changes(void *context, const struct pos_smn *smn)
{
    const struct world *world = context;
    (void)smn;
    return world->changes;
}

void world_set_state(struct world *world, const struct pos_smn *smn, enum pos_terminal_state state)
{
    world_row(world, smn)->hot.state = state;
    world->changes++;
}

static struct world_row *holder_of(struct world *world, uint32_t index)
{
    for (size_t i = 0; i < world->row_count; i++)
        if (pos_smn_key_index(&world->rows[i].smn) == index)
            return &world->rows[i];
    return NULL;
}

static enum pos_terminal_outcome apply_register(struct world *world,
                                                struct pos_terminal_write *write)
{
    struct world_row *holder = holder_of(world, pos_smn_key_index(&write->smn));
    if (holder == NULL) {
        must(world->row_count < WORLD_ROW_COUNT_MAX, "there is room for a row");
        holder = &world->rows[world->row_count++];
        *holder = (struct world_row){.smn = write->smn,
                                     .hot = {.state = POS_TERMINAL_ACTIVE,
                                             .algorithm = write->algorithm,
                                             .proved = write->proved,
                                             .ecb = write->ecb}};
        return POS_OUTCOME_CREATED;
    }
    if (memcmp(&holder->smn, &write->smn, sizeof write->smn) != 0) {
        write->other = holder->smn;
        return POS_OUTCOME_TAKEN;
    }
    if (holder->hot.proved && (!write->proved || (write->ecb && !holder->hot.ecb)))
        return POS_OUTCOME_WEAKER;
    if (holder->hot.state != POS_TERMINAL_ACTIVE)
        return POS_OUTCOME_STATE;
    if (holder->hot.proved == write->proved && holder->hot.ecb == write->ecb)
        return POS_OUTCOME_UNCHANGED;
    holder->hot.proved = write->proved;
    holder->hot.ecb = write->ecb;
    return POS_OUTCOME_RAISED;
}

static enum pos_terminal_outcome apply_sign_on(struct world_row *row,
                                               const struct pos_terminal_write *write)
{
    if (row->hot.state != POS_TERMINAL_ACTIVE)
        return POS_OUTCOME_STATE;
    if (row->hot.tak[1].size > 0)
        return POS_OUTCOME_UNCHANGED;
    row->hot.tak[1] = write->tak;
    row->hot.signed_off = false;
    row->detail.tpk[1] = write->tpk;
    row->detail.tdk[1] = write->tdk;
    row->detail.first_pair_given |= write->first_pair;
    return POS_OUTCOME_CHANGED;
}

static enum pos_terminal_outcome apply_bind(struct world_row *row,
                                            const struct pos_terminal_write *write)
{
    if (row->hot.state != POS_TERMINAL_ACTIVE)
        return POS_OUTCOME_STATE;
    if (row->hot.tid[0] != '\0')
        return strcmp(row->hot.tid, write->tid) == 0 && strcmp(row->hot.mid, write->mid) == 0
                   ? POS_OUTCOME_UNCHANGED
                   : POS_OUTCOME_TAKEN;
    memcpy(row->hot.tid, write->tid, sizeof write->tid);
    memcpy(row->hot.mid, write->mid, sizeof write->mid);
    return POS_OUTCOME_CHANGED;
}

static enum pos_terminal_outcome apply_sign_off(struct world_row *row)
{
    if (row->hot.state != POS_TERMINAL_ACTIVE)
        return POS_OUTCOME_STATE;
    row->hot.tak[0].size = row->hot.tak[1].size = 0;
    row->hot.signed_off = true;
    return POS_OUTCOME_CHANGED;
}

static void apply(struct world *world, struct pos_terminal_write *write)
{
    struct world_row *row = world_row(world, &write->smn);
    if (world->outcome_is != POS_OUTCOME_NONE)
        write->outcome = world->outcome_is;
    else if (write->operation == POS_TERMINAL_REGISTER)
        write->outcome = apply_register(world, write);
    else if (write->operation == POS_TERMINAL_AUDIT)
        write->outcome = POS_OUTCOME_NONE;
    else if (row == NULL)
        write->outcome = POS_OUTCOME_UNKNOWN;
    else if (write->operation == POS_TERMINAL_SIGN_ON)
        write->outcome = apply_sign_on(row, write);
    else if (write->operation == POS_TERMINAL_BIND)
        write->outcome = apply_bind(row, write);
    else
        write->outcome = apply_sign_off(row);
    world->changes += row != NULL;
    row = world_row(world, &write->smn);
    if (row != NULL) {
        write->hot = row->hot;
        write->detail = row->detail;
    }
    if (write->events[write->outcome] != NULL)
        world->records++;
}

/* ---- the rest of the world ---- */

static enum pos_status wait_for(struct world *world, struct pos_request *request,
                                enum world_waits_for what)
{
    if (world->wait_count == WORLD_WAIT_COUNT_MAX)
        return POS_ERR_BUSY;
    world->waits[world->wait_count++] = (struct world_wait){request, what};
    return POS_OK;
}

static enum pos_status read_row(void *context, struct pos_request *request)
{
    struct world *world = context;
    return world->read_fails != POS_OK ? world->read_fails : wait_for(world, request, WORLD_READ);
}

static enum pos_status fetch(void *context, struct pos_request *request)
{
    struct world *world = context;
    return world->fetch_fails != POS_OK ? world->fetch_fails
                                        : wait_for(world, request, WORLD_FETCH);
}

static bool may_write(void *context)
{
    const struct world *world = context;
    return !world->low_on_disk;
}

static enum pos_status commit(void *context, struct pos_request *request)
{
    struct world *world = context;
    world->commits++;
    return world->commit_fails != POS_OK ? world->commit_fails
                                         : wait_for(world, request, WORLD_COMMIT);
}

static void promote(void *context, const struct pos_smn *smn, const struct pos_key *tak)
{
    struct world *world = context;
    struct world_row *row = world_row(world, smn);
    world->promotions++;
    if (world->promotes_nothing)
        return;
    world->changes++;
    row->hot.tak[0] = *tak;
    row->hot.tak[1].size = 0;
    row->detail.tpk[0] = row->detail.tpk[1];
    row->detail.tdk[0] = row->detail.tdk[1];
}

static bool job_fails(struct world *world)
{
    world->job_count++;
    return world->job_fails != POS_OK &&
           (world->job_fails_at == 0 || world->job_fails_at == world->job_count);
}

/* With the session that may wait; the key that was fetched goes to the one that may not. */
static void do_job(struct world *world, struct pos_request *request)
{
    struct pos_strong_job *job = &request->job;
    bool fetch = job->work == POS_STRONG_FETCH;
    world->jobs[job->work]++;
    if (fetch)
        job->fetch.parcel = world->parcel;
    if (job_fails(world))
        job->status = world->job_fails;
    else
        pos_strong_do(world->hsm_session, job);
    if (fetch && job->status == POS_OK)
        job->status = pos_hsm_take_mac_key(world->local, world->parcel);
    if (world->forgets && world->waiting)
        slow_module_forget(world->local);
    pos_session_secured(request);
}

static enum pos_status secure(void *context, struct pos_request *request)
{
    struct world *world = context;
    if (world->secure_fails != POS_OK)
        return world->secure_fails;
    if (world->waiting)
        return wait_for(world, request, WORLD_SECURE);
    do_job(world, request);
    return POS_OK;
}

static enum pos_status choose_link(void *context, struct pos_host_link *link)
{
    struct world *world = context;
    if (world->link.pin_key.size == 0)
        return POS_ERR_NOT_FOUND;
    *link = world->link;
    return world->link_fails;
}

static enum pos_status forward(void *context, struct pos_request *request,
                               const struct pos_draft *message)
{
    struct world *world = context;
    if (world->forward_fails != POS_OK)
        return world->forward_fails;
    struct pos_buffer out = pos_buffer(world->host_message, sizeof world->host_message);
    struct pos_encoded encoded;
    struct pos_decode_error error;
    /* A listener's dialect may allow what the host's does not. */
    if (pos_iso8583_encode(&pos_dialect_iso87b, message, &out, &encoded, &error) != POS_OK)
        return POS_ERR_FORMAT;
    world->host_message_size = out.size;
    return wait_for(world, request, WORLD_HOST);
}

static enum pos_status take_rrn(void *context, uint32_t *rrn)
{
    struct world *world = context;
    *rrn = world->rrn++;
    return world->rrn_fails;
}

static void reply(void *context, uint64_t connection, struct pos_bytes frame)
{
    struct world *world = context;
    must(connection == world->peer.connection, "the reply is for the one who asked");
    must(world->reply_count < WORLD_REPLY_COUNT_MAX &&
             world->reply_size + frame.size <= sizeof world->reply_bytes,
         "there is room for a reply");
    uint8_t *at = world->reply_bytes + world->reply_size;
    if (frame.size > 0)
        memcpy(at, frame.data, frame.size);
    world->replies[world->reply_count++] = pos_bytes(at, frame.size);
    world->reply_size += frame.size;
    world->peer.unanswered--;
}

/* ---- making it ---- */

static void open_module(struct world *world)
{
    char folder[] = "/tmp/posgate-world-XXXXXX", path[64];
    must(mkdtemp(folder) != NULL, "a folder for the LMK");
    (void)snprintf(path, sizeof path, "%s/lmk", folder);
    struct pos_component parts[2] = {{.size = 32}, {.size = 32}};
    for (uint8_t i = 0; i < 32; i++) {
        parts[0].data[i] = (uint8_t)(i + 1);
        parts[1].data[i] = (uint8_t)(7 * i + 3);
    }
    struct pos_kcv kcv;
    struct pos_error error;
    struct pos_bytes secret = pos_bytes_text("a secret");
    must(pos_hsm_software_init(path, secret, parts, 2, &kcv, &error) == POS_OK, "an LMK");
    must(pos_hsm_software_open(path, secret, &world->hsm, &error) == POS_OK, "the module opens");
    (void)unlink(path);
    (void)rmdir(folder);
}

/* A TMK that the test knows gets under the module's LMK the way a mother POS takes one in: as a key
 * block under a KTK from components. */
static void make_tmk(struct world *world, const struct pos_key *ktk, const uint8_t *ktk_clear,
                     const uint8_t *tmk, struct pos_key_row *row)
{
    char text[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(text, sizeof text);
    struct pos_key_block_protector *protector;
    const struct pos_key_block_attributes attributes = {
        {'K', '1'}, pos_key_block_algorithm_letter(row->algorithm), 'B', {'0', '0'}, 'E'};
    const struct pos_key_block_optional optional = {0};
    struct pos_error error;
    must(pos_key_block_protector_create(POS_ALGORITHM_A256, ktk_clear, &protector) == POS_OK,
         "a protector");
    must(pos_key_block_wrap(protector, &attributes, &optional, row->algorithm, tmk, &block) ==
             POS_OK,
         "the TMK's block");
    pos_key_block_protector_destroy(protector);
    must(pos_hsm_import_tmk(world->hsm_session, pos_buffer_view(&block), ktk, row->algorithm,
                            &row->tmk, &row->tmk_kcv, &error) == POS_OK,
         "the TMK is taken in");
}

/* As a later pair is made, so of the lengths that the form says. */
static void make_working_keys(struct world *world, struct pos_key_row *row)
{
    struct pos_terminal_write write;
    struct pos_strong_job job = {
        .work = POS_STRONG_PAIR,
        .pair = {.tmk = row->algorithm, .form = row->form, .write = &write}};
    pos_strong_do(world->hsm_session, &job);
    must(job.status == POS_OK, "working keys");
    row->tpk = write.tpk;
    row->tpk_kcv = write.tpk_kcv;
    row->tak = write.tak;
    row->tak_kcv = write.tak_kcv;
    row->tdk = write.tdk;
    row->tdk_kcv = write.tdk_kcv;
}

static void make_keys(struct world *world)
{
    struct pos_component parts[2] = {{.size = 32, .data = {1}}, {.size = 32, .data = {0, 2}}};
    uint8_t ktk_clear[32] = {1, 2};
    struct pos_key ktk;
    struct pos_kcv kcv;
    struct pos_error error;
    must(pos_hsm_import_components(world->hsm_session, POS_USAGE_KTK, POS_ALGORITHM_A256, parts, 2,
                                   &ktk, &kcv, &error) == POS_OK,
         "the KTK is taken in");
    for (size_t i = 0; i < WORLD_KEY_COUNT; i++) {
        struct pos_key_row *row = &world->keys[i];
        *row = (struct pos_key_row){.index = WORLD_KEY_FIRST + (uint32_t)i,
                                    .state = POS_KEY_LOADED,
                                    .algorithm = world_keys[i].algorithm,
                                    .form = world_keys[i].form,
                                    .batch = 1};
        for (size_t k = 0; k < 32; k++)
            world->tmks[i][k] = (uint8_t)(17 * k + 31 * i + 5);
        make_tmk(world, &ktk, ktk_clear, world->tmks[i], row);
        make_working_keys(world, row);
    }
}

void world_share_pin_key(struct world *world, enum pos_algorithm algorithm,
                         enum pos_pin_format format, uint8_t clear[POS_KEY_SIZE_MAX])
{
    uint8_t size = (uint8_t)pos_algorithm_key_size(algorithm);
    struct pos_component parts[2] = {{.size = size}, {.size = size}};
    struct pos_kcv kcv;
    struct pos_error error;
    for (uint8_t i = 0; i < size; i++) {
        parts[0].data[i] = (uint8_t)(3 * i + 1);
        parts[1].data[i] = (uint8_t)(11 * i + 128);
        clear[i] = parts[0].data[i] ^ parts[1].data[i];
    }
    world->link =
        (struct pos_host_link){.number = 0, .dialect = &pos_dialect_iso87b, .pin_format = format};
    must(pos_hsm_import_components(world->hsm_session, POS_USAGE_ZPK, algorithm, parts, 2,
                                   &world->link.pin_key, &kcv, &error) == POS_OK,
         "the ZPK is taken in");
}

static void start_session(struct world *world, uint32_t pending_count_max,
                          uint32_t registrations_per_second, uint32_t requests_per_second)
{
    const struct pos_session_options options = {
        .world = {.context = world,
                  .find = find,
                  .changes = changes,
                  .read = read_row,
                  .fetch = fetch,
                  .may_write = may_write,
                  .secure = world->secure == NULL ? secure : world->secure,
                  .choose_link = choose_link,
                  .commit = commit,
                  .promote = promote,
                  .forward = forward,
                  .take_rrn = take_rrn,
                  .reply = reply},
        .hsm = world->local,
        .pin_limit = world->pin_limit,
        .counters = &world->counters,
        .pending_count_max = pending_count_max,
        .pipeline_count_max = 64,
        .remembered_count = world->remembered_count,
        .registrations_per_second = registrations_per_second,
        .requests_per_second = requests_per_second};
    must(pos_session_create(&options, &world->session) == POS_OK, "a session");
}

static void begin(struct world *world, const struct pos_policy *policy)
{
    world->policy = *policy;
    world->now_ns = 1000000000;
    world->utc_ms = 1795424400000; /* 2026-11-23T09:00:00Z */
    world->peer = (struct pos_peer){.connection = 77, .address = 1, .policy = &world->policy};
}

static struct world *create(const struct pos_policy *policy, uint32_t pending_count_max,
                            bool waiting)
{
    struct world *world = calloc(1, sizeof *world);
    must(world != NULL, "memory");
    begin(world, policy);
    open_module(world);
    if (waiting)
        world->hsm = slow_module_open(world->hsm);
    world->waiting = waiting;
    must(pos_hsm_session_open(world->hsm, &world->hsm_session) == POS_OK, "a module session");
    must(pos_hsm_session_open_local(world->hsm, &world->local) == POS_OK, "a local one");
    world->parcel = pos_mac_parcel_create();
    must(world->parcel != NULL, "a parcel");
    must(pos_pin_limit_create(WORLD_PIN_FAILURES, &world->pin_limit) == POS_OK, "a PIN limit");
    make_keys(world);
    start_session(world, pending_count_max, 0, 0);
    return world;
}

struct world *world_create(const struct pos_policy *policy, uint32_t pending_count_max)
{
    return create(policy, pending_count_max, false);
}

struct world *world_create_waiting(const struct pos_policy *policy, uint32_t pending_count_max)
{
    return create(policy, pending_count_max, true);
}

/* What takes its time to make. */
struct kept {
    struct pos_hsm *hsm;
    struct pos_hsm_session *hsm_session, *local;
    struct pos_mac_parcel *parcel;
    struct pos_pin_limit *pin_limit;
    bool waiting;
    struct pos_key_row keys[WORLD_KEY_COUNT];
    uint8_t tmks[WORLD_KEY_COUNT][POS_KEY_SIZE_MAX];
};

void world_renew(struct world *world, const struct pos_policy *policy, uint32_t pending_count_max)
{
    pos_session_destroy(world->session);
    struct kept kept = {.hsm = world->hsm,
                        .hsm_session = world->hsm_session,
                        .local = world->local,
                        .parcel = world->parcel,
                        .waiting = world->waiting};
    memcpy(kept.keys, world->keys, sizeof kept.keys);
    memcpy(kept.tmks, world->tmks, sizeof kept.tmks);
    pos_pin_limit_destroy(world->pin_limit);
    must(pos_pin_limit_create(WORLD_PIN_FAILURES, &kept.pin_limit) == POS_OK, "a PIN limit");
    memset(world, 0, offsetof(struct world, reply_bytes)); /* which are many, and not looked at */
    world->reply_size = 0;
    world->hsm = kept.hsm;
    world->hsm_session = kept.hsm_session;
    world->local = kept.local;
    world->parcel = kept.parcel;
    world->pin_limit = kept.pin_limit;
    world->waiting = kept.waiting;
    memcpy(world->keys, kept.keys, sizeof kept.keys);
    memcpy(world->tmks, kept.tmks, sizeof kept.tmks);
    begin(world, policy);
    start_session(world, pending_count_max, 0, 0);
}

void world_use_secure(struct world *world,
                      enum pos_status (*use)(void *context, struct pos_request *request))
{
    world->secure = use;
    world_limit(world, 0, 0);
}

void world_limit(struct world *world, uint32_t registrations_per_second,
                 uint32_t requests_per_second)
{
    pos_session_destroy(world->session);
    world->wait_count = 0;
    start_session(world, 16, registrations_per_second, requests_per_second);
}

void world_remember(struct world *world, uint32_t remembered_count)
{
    world->remembered_count = remembered_count;
    world_limit(world, 0, 0);
}

struct pos_log_limit *world_pin_log(struct world *world)
{
    return &world->session->pin_log;
}

void world_destroy(struct world *world)
{
    pos_session_destroy(world->session);
    pos_pin_limit_destroy(world->pin_limit);
    pos_mac_parcel_destroy(world->parcel);
    pos_hsm_session_close(world->local);
    pos_hsm_session_close(world->hsm_session);
    pos_hsm_close(world->hsm);
    free(world);
}

void world_terminal(struct world *world, size_t number, const char *serial,
                    struct pos_terminal *terminal)
{
    pos_terminal_init(terminal, world->policy.dialect, serial, "TERM0001", "MERCHANT0000001");
    must(pos_terminal_restore(terminal, POS_STAGE_CONFIRMED, WORLD_KEY_FIRST + (uint32_t)number,
                              world_keys[number].algorithm, world->tmks[number], NULL,
                              NULL) == POS_OK,
         "the terminal has its key");
    terminal->cup_ecb = world->policy.mac_ecb;
}

/* ---- driving it ---- */

enum pos_session_close world_send(struct world *world, struct pos_bytes bytes)
{
    enum pos_session_close close;
    const char *reason = "";
    world->now_ns += 1000;
    pos_session_set_time(world->session, world->now_ns, world->utc_ms);
    (void)pos_session_receive(world->session, &world->peer, bytes, &close, &reason);
    pos_session_turn(world->session);
    pos_session_turn_done(world->session, world->now_ns + 500);
    return close;
}

enum pos_session_close world_send_message(struct world *world, struct pos_bytes message,
                                          const struct pos_key *key, enum pos_mac_purpose purpose)
{
    static const uint8_t route[POS_TPDU_SIZE + POS_HEADER_SIZE] = {0x60};
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    const struct pos_frame model = {.tpdu = pos_bytes(route, POS_TPDU_SIZE),
                                    .header = pos_bytes(route + POS_TPDU_SIZE, POS_HEADER_SIZE)};
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    size_t start = pos_frame_begin(world->policy.dialect, &model, false, &out);
    size_t at = out.size;
    pos_buffer_put(&out, message);
    must(pos_frame_end(&out, start) == POS_OK, "the message fits a frame");
    struct pos_message view;
    struct pos_decode_error error;
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    if (key != NULL &&
        pos_iso8583_decode(world->policy.dialect, pos_bytes(memory + at, message.size), &view,
                           &error) == POS_OK &&
        pos_message_mac(&view, &covered, mac) == POS_OK) {
        must(pos_hsm_make_mac(world->hsm_session, key, purpose, covered, mac) == POS_OK, "a MAC");
        struct pos_encoded encoded = {.mac = memory + at + covered.size,
                                      .mac_form = world->policy.dialect->binary};
        pos_encoded_set_mac(&encoded, mac);
    }
    return world_send(world, pos_buffer_view(&out));
}

static void fetched(struct world *world, struct pos_request *request)
{
    uint32_t index = pos_smn_key_index(&request->smn);
    request->dossier = (struct pos_dossier){.status = POS_ERR_NOT_FOUND};
    if (world->dossier_fails != POS_OK) {
        request->dossier.status = world->dossier_fails;
    } else if (index >= WORLD_KEY_FIRST && index < WORLD_KEY_FIRST + WORLD_KEY_COUNT) {
        request->dossier.status = POS_OK;
        request->dossier.row = world->keys[index - WORLD_KEY_FIRST];
    }
    const struct world_row *row = world_row(world, &request->smn);
    if (row != NULL) {
        request->dossier.hot = row->hot;
        request->dossier.detail = row->detail;
    }
    pos_session_fetched(request);
}

/* Takes the first of those that wait for the host, or for anything but the host; NULL when none
 * does. */
static struct pos_request *take_waiting(struct world *world, bool host, enum world_waits_for *what)
{
    for (size_t i = 0; i < world->wait_count; i++) {
        struct world_wait *wait = &world->waits[i];
        if ((wait->what == WORLD_HOST) != host)
            continue;
        struct pos_request *request = wait->request;
        *what = wait->what;
        world->wait_count--;
        memmove(wait, wait + 1, (world->wait_count - i) * sizeof *wait);
        return request;
    }
    return NULL;
}

static void row_was_read(struct world *world, struct pos_request *request)
{
    const struct world_row *row = world_row(world, &request->smn);
    request->found = row == NULL ? POS_ERR_NOT_FOUND : POS_OK;
    if (row != NULL)
        request->hot = row->hot;
    pos_session_looked_up(request);
}

bool world_settle_one(struct world *world)
{
    enum world_waits_for what;
    struct pos_request *request = take_waiting(world, false, &what);
    if (request == NULL)
        return false;
    world->now_ns += 1000;
    pos_session_set_time(world->session, world->now_ns, world->utc_ms);
    if (what == WORLD_FETCH) {
        fetched(world, request);
        return true;
    }
    if (what == WORLD_SECURE) {
        do_job(world, request);
        return true;
    }
    if (what == WORLD_READ) {
        row_was_read(world, request);
        return true;
    }
    if (world->commit_result == POS_OK)
        apply(world, &request->write);
    pos_session_committed(request, world->commit_result);
    return true;
}

void world_settle(struct world *world)
{
    while (world_settle_one(world))
        continue;
}

bool world_waits_for(const struct world *world, enum world_waits_for what)
{
    for (size_t i = 0; i < world->wait_count; i++)
        if (world->waits[i].what == what)
            return true;
    return false;
}

void world_host_sends(struct world *world, enum pos_status status, const struct pos_message *answer)
{
    enum world_waits_for what;
    struct pos_request *request = take_waiting(world, true, &what);
    must(request != NULL, "a request waits for the host");
    pos_session_host_answered(request, status, answer);
}

void world_host_answers(struct world *world, const char *code)
{
    if (code == NULL) {
        world_host_sends(world, POS_ERR_TIMEOUT, NULL);
        return;
    }
    struct pos_message asked, answer;
    struct pos_decode_error error;
    struct pos_bytes sent = pos_bytes(world->host_message, world->host_message_size);
    must(pos_iso8583_decode(&pos_dialect_iso87b, sent, &asked, &error) == POS_OK,
         "the host can read what it was sent");
    struct pos_draft draft;
    uint8_t memory[POS_FRAME_BODY_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_encoded encoded;
    pos_draft_init(&draft, pos_reply_mti(asked.mti));
    const unsigned fields[] = {3, 4, 7, 11, 37, 41, 42};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        pos_draft_echo(&draft, fields[i], &asked);
    pos_draft_set(&draft, 38, pos_bytes_text("APP123"));
    pos_draft_set(&draft, 39, pos_bytes_text(code));
    must(pos_iso8583_encode(&pos_dialect_iso87b, &draft, &out, &encoded, &error) == POS_OK &&
             pos_iso8583_decode(&pos_dialect_iso87b, pos_buffer_view(&out), &answer, &error) ==
                 POS_OK,
         "the host can answer");
    world_host_sends(world, POS_OK, &answer);
}

static void exchange(struct world *world, struct pos_terminal *terminal, enum pos_kind kind,
                     const struct pos_sale *sale, struct pos_verdict *verdict)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    must(pos_terminal_request(terminal, kind, sale, &out, &state) == POS_OK,
         "the terminal can ask");
    size_t before = world->reply_count;
    must(world_send(world, pos_buffer_view(&out)) == POS_SESSION_OPEN, "the connection stays open");
    world_settle(world);
    if (world_waits_for(world, WORLD_HOST))
        world_host_answers(world, "00");
    world_settle(world);
    must(world->reply_count == before + 1, "one reply to one request");
    pos_terminal_reply(terminal, &state, world->replies[before], verdict);
}

void world_exchange(struct world *world, struct pos_terminal *terminal, enum pos_kind kind,
                    struct pos_verdict *verdict)
{
    bool financial = pos_kind_rule(kind)->link == POS_LINK_HOST;
    exchange(world, terminal, kind, financial ? &world_sale : NULL, verdict);
}

void world_sell(struct world *world, struct pos_terminal *terminal, const struct pos_sale *sale,
                struct pos_verdict *verdict)
{
    exchange(world, terminal, POS_KIND_SALE, sale, verdict);
}

bool world_last_reply_has_mac(const struct world *world)
{
    struct pos_frame frame;
    size_t consumed;
    const char *reason;
    struct pos_message message;
    struct pos_decode_error error;
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    must(pos_frame_next(world->policy.dialect, world->replies[world->reply_count - 1], &frame,
                        &consumed, &reason) == POS_FRAME_READY,
         "the reply is a frame");
    must(pos_iso8583_decode(world->policy.dialect, frame.message, &message, &error) == POS_OK,
         "the reply can be read");
    return pos_message_mac(&message, &covered, mac) == POS_OK;
}

void world_admit(struct world *world, struct pos_terminal *terminal)
{
    const enum pos_kind steps[] = {POS_KIND_REGISTER, POS_KIND_SIGN_ON, POS_KIND_AUTHENTICATE};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct pos_verdict verdict;
        world_exchange(world, terminal, steps[i], &verdict);
        must(verdict.status == POS_OK && strcmp(verdict.code, "00") == 0, verdict.explanation);
    }
}
