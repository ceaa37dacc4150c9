#include "gateway/strongroom.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/condition.h"

enum {
    NS_PER_MS = 1000000,
    PARCELS_A_THREAD = 8, /* keys under way to the loops; a page of locked memory each */
};

struct keeper {
    struct pos_strongroom *room;
    pthread_t thread;
    struct pos_hsm_session *session;
    bool started;
};

struct pos_strongroom {
    struct pos_strongroom_options options;
    pthread_mutex_t lock;
    pthread_cond_t wake;                  /* a job or a parcel is there, or it is time to stop */
    pthread_cond_t ended;                 /* a thread has ended */
    struct pos_strong_job *first, **last; /* the queue, oldest first */
    uint32_t queue_length, busy, running;
    uint64_t expired;
    bool stopping;
    struct pos_mac_parcel **parcels; /* a stack of those that are free */
    uint32_t parcel_count, parcels_free;
    struct keeper keepers[POS_STRONGROOM_THREAD_COUNT_MAX];
};

/* ---- the queue ---- */

/* With the lock. */
static struct pos_strong_job *take_first(struct pos_strongroom *room)
{
    struct pos_strong_job *job = room->first;
    room->first = job->next;
    if (room->first == NULL)
        room->last = &room->first;
    room->queue_length--;
    return job;
}

/* With the lock: those that have waited since before `since_ns`, which are the oldest. */
static struct pos_strong_job *take_older(struct pos_strongroom *room, uint64_t since_ns)
{
    struct pos_strong_job *taken = NULL, **end = &taken;
    while (room->first != NULL && room->first->since_ns <= since_ns) {
        *end = take_first(room);
        end = &(*end)->next;
    }
    *end = NULL;
    return taken;
}

static uint32_t give_up(struct pos_strong_job *job)
{
    uint32_t count = 0;
    while (job != NULL) {
        struct pos_strong_job *next = job->next;
        job->status = POS_ERR_TIMEOUT;
        job->done(job);
        job = next;
        count++;
    }
    return count;
}

void pos_strongroom_expire(struct pos_strongroom *room)
{
    uint64_t patience_ns = (uint64_t)room->options.patience_ms * NS_PER_MS;
    uint64_t now_ns = pos_clock_monotonic_ns();
    if (now_ns < patience_ns)
        return;
    (void)pthread_mutex_lock(&room->lock);
    struct pos_strong_job *old = take_older(room, now_ns - patience_ns);
    (void)pthread_mutex_unlock(&room->lock);
    uint32_t count = give_up(old);
    if (count == 0)
        return;
    (void)pthread_mutex_lock(&room->lock);
    room->expired += count;
    (void)pthread_mutex_unlock(&room->lock);
}

enum pos_status pos_strongroom_submit(struct pos_strongroom *room, struct pos_strong_job *job)
{
    enum pos_status status = POS_OK;
    job->since_ns = pos_clock_monotonic_ns();
    job->next = NULL;
    if (job->work == POS_STRONG_FETCH)
        job->fetch.parcel = NULL;
    (void)pthread_mutex_lock(&room->lock);
    if (room->stopping || room->queue_length >= POS_STRONGROOM_QUEUE_COUNT_MAX) {
        status = POS_ERR_BUSY;
    } else {
        *room->last = job;
        room->last = &job->next;
        room->queue_length++;
        (void)pthread_cond_signal(&room->wake);
    }
    (void)pthread_mutex_unlock(&room->lock);
    return status;
}

/* ---- the threads ---- */

static bool can_begin(const struct pos_strongroom *room)
{
    return room->first != NULL && (room->first->work != POS_STRONG_FETCH || room->parcels_free > 0);
}

/* The next job, with a parcel where it needs one; NULL: it is time to stop. */
static struct pos_strong_job *next_job(struct pos_strongroom *room)
{
    struct pos_strong_job *job = NULL;
    (void)pthread_mutex_lock(&room->lock);
    while (!room->stopping && !can_begin(room))
        (void)pthread_cond_wait(&room->wake, &room->lock);
    if (!room->stopping) {
        job = take_first(room);
        if (job->work == POS_STRONG_FETCH)
            job->fetch.parcel = room->parcels[--room->parcels_free];
        room->busy++;
    }
    (void)pthread_mutex_unlock(&room->lock);
    return job;
}

static void *keep(void *context)
{
    struct keeper *keeper = context;
    struct pos_strongroom *room = keeper->room;
    struct pos_strong_job *job;
    while ((job = next_job(room)) != NULL) {
        pos_strong_do(keeper->session, job);
        (void)pthread_mutex_lock(&room->lock);
        room->busy--;
        (void)pthread_mutex_unlock(&room->lock);
        job->done(job);
    }
    (void)pthread_mutex_lock(&room->lock);
    room->running--;
    (void)pthread_cond_signal(&room->ended);
    (void)pthread_mutex_unlock(&room->lock);
    return NULL;
}

static void give_back(struct pos_strongroom *room, struct pos_mac_parcel *parcel)
{
    (void)pthread_mutex_lock(&room->lock);
    assert(room->parcels_free < room->parcel_count);
    room->parcels[room->parcels_free++] = parcel;
    (void)pthread_cond_signal(&room->wake);
    (void)pthread_mutex_unlock(&room->lock);
}

void pos_strongroom_hand_over(struct pos_strongroom *room, struct pos_strong_job *job,
                              struct pos_hsm_session *local)
{
    if (job->fetch.parcel == NULL)
        return; /* given up before it was begun */
    if (job->status == POS_OK)
        job->status = pos_hsm_take_mac_key(local, job->fetch.parcel);
    give_back(room, job->fetch.parcel);
    job->fetch.parcel = NULL;
}

/* ---- life ---- */

static enum pos_status make_parcels(struct pos_strongroom *room)
{
    uint32_t count = room->options.thread_count * PARCELS_A_THREAD;
    room->parcels = calloc(count, sizeof(struct pos_mac_parcel *));
    if (room->parcels == NULL)
        return POS_ERR_MEMORY;
    for (; room->parcel_count < count; room->parcel_count++) {
        room->parcels[room->parcel_count] = pos_mac_parcel_create();
        if (room->parcels[room->parcel_count] == NULL)
            return POS_ERR_MEMORY;
    }
    room->parcels_free = count;
    return POS_OK;
}

static enum pos_status start_keepers(struct pos_strongroom *room)
{
    enum pos_status status = POS_OK;
    for (uint32_t i = 0; i < room->options.thread_count && status == POS_OK; i++) {
        struct keeper *keeper = &room->keepers[i];
        keeper->room = room;
        status = pos_hsm_session_open(room->options.hsm, &keeper->session);
        if (status != POS_OK)
            break;
        (void)pthread_mutex_lock(&room->lock);
        keeper->started = pthread_create(&keeper->thread, NULL, keep, keeper) == 0;
        room->running += keeper->started;
        (void)pthread_mutex_unlock(&room->lock);
        if (!keeper->started)
            status = POS_ERR_LIMIT;
    }
    return status;
}

enum pos_status pos_strongroom_start(const struct pos_strongroom_options *options,
                                     struct pos_strongroom **room, struct pos_error *error)
{
    assert(options->thread_count > 0 && options->thread_count <= POS_STRONGROOM_THREAD_COUNT_MAX);
    struct pos_strongroom *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the strongroom");
    made->options = *options;
    made->last = &made->first;
    pos_condition_init(&made->wake);
    pos_condition_init(&made->ended);
    (void)pthread_mutex_init(&made->lock, NULL);
    enum pos_status status = make_parcels(made);
    if (status == POS_OK)
        status = start_keepers(made);
    if (status != POS_OK) {
        if (pos_strongroom_stop(made, options->patience_ms))
            pos_strongroom_destroy(made);
        return pos_error_set(error, status, "%u sessions of the security module: %s",
                             options->thread_count, pos_status_text(status));
    }
    *room = made;
    return POS_OK;
}

/* With the lock; false when some are still there after that time. */
static bool wait_for_keepers(struct pos_strongroom *room, uint32_t patience_ms)
{
    uint64_t until_ns = pos_clock_monotonic_ns() + (uint64_t)patience_ms * NS_PER_MS;
    while (room->running > 0 && pos_condition_wait_until(&room->ended, &room->lock, until_ns))
        ;
    return room->running == 0;
}

void pos_strongroom_destroy(struct pos_strongroom *room)
{
    if (room == NULL)
        return;
    for (uint32_t i = 0; i < POS_STRONGROOM_THREAD_COUNT_MAX; i++) {
        if (room->keepers[i].started)
            (void)pthread_join(room->keepers[i].thread, NULL);
        pos_hsm_session_close(room->keepers[i].session);
    }
    for (uint32_t i = 0; i < room->parcel_count; i++)
        pos_mac_parcel_destroy(room->parcels[i]);
    free(room->parcels);
    (void)pthread_cond_destroy(&room->wake);
    (void)pthread_cond_destroy(&room->ended);
    (void)pthread_mutex_destroy(&room->lock);
    free(room);
}

bool pos_strongroom_stop(struct pos_strongroom *room, uint32_t patience_ms)
{
    if (room == NULL)
        return true;
    (void)pthread_mutex_lock(&room->lock);
    room->stopping = true;
    struct pos_strong_job *queued = take_older(room, UINT64_MAX);
    (void)pthread_cond_broadcast(&room->wake);
    bool all = wait_for_keepers(room, patience_ms);
    (void)pthread_mutex_unlock(&room->lock);
    (void)give_up(queued);
    return all;
}

void pos_strongroom_stats(struct pos_strongroom *room, struct pos_strongroom_stats *stats)
{
    (void)pthread_mutex_lock(&room->lock);
    *stats = (struct pos_strongroom_stats){.threads = room->options.thread_count,
                                           .busy = room->busy,
                                           .queue_length = room->queue_length,
                                           .expired = room->expired};
    (void)pthread_mutex_unlock(&room->lock);
}
