/*
 * The strongroom with its threads: a slow module keeps nobody whose keys are there, the queue has a
 * bound and a patience, and it stops however busy it is. How slow the module is a test decides, by
 * its door, and how late it is too. Plain main(), because threads meet here.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "gateway/strongroom.h"
#include "tests/gateway/slow_module.h"
#include "tests/gateway/world.h"

enum { HOUR_MS = 3600000, PATIENCE_MS = 30000 };

/* The linker puts this clock in front of the real one (--wrap). */
static atomic_ullong ahead_ns;

uint64_t __real_pos_clock_monotonic_ns(void);
uint64_t __wrap_pos_clock_monotonic_ns(void);
uint64_t __wrap_pos_clock_monotonic_ns(void)
{
    return __real_pos_clock_monotonic_ns() + atomic_load(&ahead_ns);
}

static unsigned passed, failed;

static void expect(bool good, const char *what)
{
    if (good)
        passed++;
    else
        failed++;
    if (!good)
        printf("FAILED: %s\n", what);
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    printf("FAILED: %s\n0 passed, 1 failed\n", what);
    exit(1);
}

static struct pos_strongroom *start_room(struct pos_hsm *hsm, uint32_t threads,
                                         uint32_t patience_ms)
{
    struct pos_strongroom *room;
    struct pos_error error;
    const struct pos_strongroom_options options = {
        .hsm = hsm, .thread_count = threads, .patience_ms = patience_ms};
    must(pos_strongroom_start(&options, &room, &error) == POS_OK, "the strongroom starts");
    return room;
}

/* Until so many threads are in the module; false: they do not come. */
static bool become_busy(struct pos_strongroom *room, uint32_t count)
{
    struct pos_strongroom_stats stats = {0};
    for (int i = 0; i < PATIENCE_MS && stats.busy != count; i++) {
        (void)usleep(1000);
        pos_strongroom_stats(room, &stats);
    }
    return stats.busy == count;
}

static void stop_room(struct pos_strongroom *room)
{
    must(pos_strongroom_stop(room, PATIENCE_MS), "the strongroom stops");
    pos_strongroom_destroy(room);
}

/* ---- a loop of our own: what is done comes back to this thread ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pos_strong_job *back, **back_end = &back;
static sem_t came;

static void job_done(struct pos_strong_job *job)
{
    (void)pthread_mutex_lock(&lock);
    job->next = NULL;
    *back_end = job;
    back_end = &job->next;
    (void)pthread_mutex_unlock(&lock);
    (void)sem_post(&came);
}

static struct pos_strong_job *take_back(bool wait)
{
    if (wait)
        (void)sem_wait(&came);
    else if (sem_trywait(&came) != 0)
        return NULL;
    (void)pthread_mutex_lock(&lock);
    struct pos_strong_job *job = back;
    back = job->next;
    if (back == NULL)
        back_end = &back;
    (void)pthread_mutex_unlock(&lock);
    return job;
}

/* ---- a front end over it ---- */

static const struct pos_policy strict = {
    .dialect = &pos_dialect_iso87b, .proof_to_register = true, .mac_required = true};
static struct world *world;
static struct pos_strongroom *room;

static enum pos_status secure(void *context, struct pos_request *request)
{
    (void)context;
    request->job.done = job_done;
    return pos_strongroom_submit(room, &request->job);
}

static bool come_back(bool wait)
{
    struct pos_strong_job *job = take_back(wait);
    if (job == NULL)
        return false;
    if (job->work == POS_STRONG_FETCH)
        pos_strongroom_hand_over(room, job, world->local);
    pos_session_secured(pos_request_of_job(job));
    return true;
}

/* One exchange to its end, however long it takes. */
static void exchange(struct pos_terminal *terminal, enum pos_kind kind)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    struct pos_verdict verdict;
    size_t before = world->reply_count;
    must(pos_terminal_request(terminal, kind, NULL, &out, &state) == POS_OK, "a request");
    (void)world_send(world, pos_buffer_view(&out));
    while (world->reply_count == before) {
        world_settle(world);
        if (world->reply_count == before)
            (void)come_back(true);
    }
    pos_terminal_reply(terminal, &state, world->replies[before], &verdict);
    must(strcmp(verdict.code, "00") == 0, verdict.explanation);
}

static void admit(struct pos_terminal *terminal)
{
    exchange(terminal, POS_KIND_REGISTER);
    exchange(terminal, POS_KIND_SIGN_ON);
    exchange(terminal, POS_KIND_AUTHENTICATE);
}

static void send(struct pos_terminal *terminal, enum pos_kind kind,
                 struct pos_exchange_state *state)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    must(pos_terminal_request(terminal, kind, NULL, &out, state) == POS_OK, "a request");
    (void)world_send(world, pos_buffer_view(&out));
}

/* While four terminals wait for the module, a fifth is answered at once. */
static void a_slow_module_keeps_nobody_whose_keys_are_there(void)
{
    enum { ANSWERED = 100 };
    struct pos_terminal quick, slow[4];
    struct pos_exchange_state state, states[4];
    struct pos_strongroom_stats stats;
    world = world_create_waiting(&strict, 64);
    room = start_room(world->hsm, 2, HOUR_MS);
    world_use_secure(world, secure);
    world_terminal(world, 0, "QUICK001", &quick);
    admit(&quick);
    for (size_t i = 0; i < 4; i++) {
        char serial[9];
        (void)snprintf(serial, sizeof serial, "SLOW%04zu", i);
        world_terminal(world, i + 2, serial, &slow[i]);
        admit(&slow[i]);
    }
    slow_module_forget(world->local);
    exchange(&quick, POS_KIND_AUTHENTICATE);
    slow_module_shut(world->hsm);
    for (size_t i = 0; i < 4; i++)
        send(&slow[i], POS_KIND_AUTHENTICATE, &states[i]);
    expect(become_busy(room, 2), "two threads are in the module");
    size_t before = world->reply_count;
    for (size_t i = 0; i < ANSWERED; i++) {
        send(&quick, POS_KIND_AUTHENTICATE, &state);
        must(world->reply_count == before + i + 1, "it is answered before anything else happens");
    }
    pos_strongroom_stats(room, &stats);
    expect(stats.busy == 2 && stats.queue_length == 2, "four keys take two threads' time twice");
    expect(!come_back(false), "and nothing came out of the module meanwhile");
    slow_module_let_in(world->hsm);
    while (world->reply_count < before + ANSWERED + 4)
        (void)come_back(true);
    expect(world->reply_count == before + ANSWERED + 4, "then they are answered too");
    stop_room(room);
    for (size_t i = 0; i < 4; i++)
        pos_terminal_fini(&slow[i]);
    pos_terminal_fini(&quick);
    world_destroy(world);
}

/* ---- the room alone ---- */

enum { MANY = POS_STRONGROOM_QUEUE_COUNT_MAX + 50 };
static struct pos_strong_job jobs[MANY];
static struct pos_terminal_write writes[MANY];

static enum pos_status submit(struct pos_strongroom *to, size_t i)
{
    jobs[i] = (struct pos_strong_job){
        .work = POS_STRONG_PAIR,
        .pair = {.tmk = POS_ALGORITHM_A128, .form = POS_FORM_60, .write = &writes[i]},
        .done = job_done};
    return pos_strongroom_submit(to, &jobs[i]);
}

static unsigned count_back(size_t count, enum pos_status status)
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++)
        found += take_back(true)->status == status;
    return found;
}

static void the_queue_has_a_bound_and_a_patience(void)
{
    struct pos_strongroom_stats stats;
    world = world_create_waiting(&strict, 4);
    room = start_room(world->hsm, 1, HOUR_MS);
    slow_module_shut(world->hsm);
    must(submit(room, 0) == POS_OK && become_busy(room, 1), "one is begun");
    size_t taken = 1, refused = 0;
    for (size_t i = 1; i < MANY; i++) {
        enum pos_status status = submit(room, i);
        taken += status == POS_OK;
        refused += status == POS_ERR_BUSY;
    }
    pos_strongroom_stats(room, &stats);
    expect(taken == POS_STRONGROOM_QUEUE_COUNT_MAX + 1, "it takes what it may hold");
    expect(taken + refused == MANY, "and refuses the rest");
    expect(stats.queue_length == taken - 1 && stats.busy == 1, "and says how many wait");
    pos_strongroom_expire(room);
    pos_strongroom_stats(room, &stats);
    expect(stats.expired == 0, "nobody is given up before its time");
    atomic_store(&ahead_ns, HOUR_MS * 1000000ull);
    pos_strongroom_expire(room);
    unsigned late = count_back(taken - 1, POS_ERR_TIMEOUT);
    expect(late == taken - 1, "what waited too long is given up while the module is busy");
    slow_module_let_in(world->hsm);
    expect(count_back(1, POS_OK) == 1, "and what was begun is done");
    pos_strongroom_stats(room, &stats);
    expect(stats.expired == late && stats.queue_length == 0, "counted");
    expect(submit(room, 0) == POS_OK && count_back(1, POS_OK) == 1, "and it goes on");
    stop_room(room);
    world_destroy(world);
    atomic_store(&ahead_ns, 0);
}

static void it_stops_however_busy_it_is(void)
{
    world = world_create_waiting(&strict, 4);
    room = start_room(world->hsm, 2, HOUR_MS);
    slow_module_shut(world->hsm);
    for (size_t i = 0; i < 20; i++)
        must(submit(room, i) == POS_OK, "a job");
    must(become_busy(room, 2), "two are begun");
    expect(!pos_strongroom_stop(room, 50),
           "threads in the module are waited for, but not for ever");
    expect(submit(room, 20) == POS_ERR_BUSY, "nothing begins any more");
    expect(count_back(18, POS_ERR_TIMEOUT) == 18, "what was not begun is given up");
    slow_module_let_in(world->hsm);
    expect(pos_strongroom_stop(room, PATIENCE_MS), "they came back");
    expect(count_back(2, POS_OK) == 2, "with what they had begun");
    pos_strongroom_destroy(room);
    world_destroy(world);
}

/* More keys are fetched than there are parcels: each waits for one to come back. */
static void keys_wait_for_parcels(void)
{
    enum { KEYS = 40, PARCELS = 8 };
    world = world_create_waiting(&strict, 4);
    room = start_room(world->hsm, 1, HOUR_MS);
    for (size_t i = 0; i < KEYS; i++) {
        jobs[i] = (struct pos_strong_job){
            .work = POS_STRONG_FETCH,
            .fetch = {.key = &world->keys[i % WORLD_KEY_COUNT].tak, .purpose = POS_MAC_WORKING},
            .done = job_done};
        must(pos_strongroom_submit(room, &jobs[i]) == POS_OK, "a job");
    }
    int arrived = 0;
    for (int i = 0; i < PATIENCE_MS && arrived < PARCELS; i++) {
        (void)usleep(1000);
        (void)sem_getvalue(&came, &arrived);
    }
    struct pos_strongroom_stats stats;
    pos_strongroom_stats(room, &stats);
    expect(arrived == PARCELS && stats.queue_length == KEYS - PARCELS && stats.busy == 0,
           "there are not parcels for all");
    for (size_t i = 0; i < KEYS; i++) {
        struct pos_strong_job *job = take_back(true);
        pos_strongroom_hand_over(room, job, world->local);
        expect(job->status == POS_OK, "a key arrived");
    }
    uint8_t mac[POS_MAC_SIZE];
    for (size_t i = 0; i < WORLD_KEY_COUNT; i++)
        expect(pos_hsm_make_mac(world->local, &world->keys[i].tak, POS_MAC_WORKING,
                                pos_bytes_text("a message"), mac) == POS_OK,
               "and is there");
    stop_room(room);
    world_destroy(world);
}

int main(void)
{
    (void)sem_init(&came, 0, 0);
    a_slow_module_keeps_nobody_whose_keys_are_there();
    the_queue_has_a_bound_and_a_patience();
    it_stops_however_busy_it_is();
    keys_wait_for_parcels();
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
