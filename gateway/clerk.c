#include "gateway/clerk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/condition.h"
#include "core/base/log.h"

enum {
    CATCH_UPS_A_SECOND_MAX = 5,
    NS_PER_SECOND = 1000000000,
    NS_PER_MS = 1000000,
    CATCH_UP_GAP_NS = NS_PER_SECOND / CATCH_UPS_A_SECOND_MAX,
    READS_MAX = 8,
    BEHIND_COUNT_MAX = 256,
};

struct pos_clerk {
    struct pos_clerk_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct pos_clerk_job *first, **last; /* the queue, oldest first */
    bool stopping;
    struct pos_clerk_stats stats;
    /* the clerk's thread alone */
    uint64_t caught_up_ns;
    bool failing;
    struct pos_clerk_job *behind; /* missed too soon after a catch-up: they wait for the next */
    size_t behind_count;
};

static void answer_behind(struct pos_clerk *clerk);

static enum pos_status catch_up(struct pos_clerk *clerk)
{
    enum pos_status status = pos_key_library_catch_up(clerk->options.library);
    clerk->caught_up_ns = pos_clock_monotonic_ns();
    (void)pthread_mutex_lock(&clerk->lock);
    clerk->stats.catch_ups++;
    if (status != POS_OK)
        clerk->stats.catch_up_failures++;
    (void)pthread_mutex_unlock(&clerk->lock);
    if (status != POS_OK && !clerk->failing)
        pos_log(POS_LOG_ERROR, "key-library-behind", "reason=\"%s\"", pos_status_text(status));
    if (status == POS_OK && clerk->failing)
        pos_log(POS_LOG_INFO, "key-library-followed", "again=yes");
    clerk->failing = status != POS_OK;
    answer_behind(clerk);
    pos_disk_check(clerk->options.disk); /* here, or who misses at will would put it off */
    return status;
}

/* An index that is not there yet, or that keymgmt may have moved on since. */
static bool may_be_behind(const struct pos_dossier *dossier)
{
    return dossier->status == POS_ERR_NOT_FOUND ||
           (dossier->status == POS_OK && dossier->row.state == POS_KEY_GENERATED);
}

static void read_row(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    struct pos_dossier *dossier = job->dossier;
    dossier->status =
        pos_key_library_find(clerk->options.library, pos_smn_key_index(&job->smn), &dossier->row);
}

/* The same for good: a terminal that is refused asks once more and then gives up, so nobody is
 * refused because of a library that cannot be followed just now. */
static void judge_row(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    read_row(clerk, job);
    if (clerk->failing && may_be_behind(job->dossier))
        job->dossier->status = POS_ERR_DATABASE;
}

static bool may_catch_up(const struct pos_clerk *clerk)
{
    return pos_clock_monotonic_ns() - clerk->caught_up_ns >= CATCH_UP_GAP_NS;
}

/* False: put aside until the next catch-up. A key that was exported a moment ago must not be
 * refused because somebody else has just missed one; nor may strangers, who can miss at will, make
 * many wait: what is more than the list holds is judged by what is known. */
static bool find_row(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    read_row(clerk, job);
    if (!may_be_behind(job->dossier))
        return true;
    (void)pthread_mutex_lock(&clerk->lock);
    clerk->stats.misses++;
    (void)pthread_mutex_unlock(&clerk->lock);
    if (may_catch_up(clerk)) {
        (void)catch_up(clerk);
        judge_row(clerk, job);
        return true;
    }
    if (clerk->behind_count == BEHIND_COUNT_MAX) {
        judge_row(clerk, job);
        return true;
    }
    job->next = clerk->behind;
    clerk->behind = job;
    clerk->behind_count++;
    return false;
}

static enum pos_status find_link(struct pos_clerk *clerk, struct pos_link_row *link)
{
    char name[sizeof link->name];
    memcpy(name, link->name, sizeof name);
    return pos_key_library_find_link(clerk->options.library, name, link->key.usage, link);
}

/* Both rows of the terminal, as they were together: they are written in one batch, and the counter
 * in the hot one moves with each. */
static enum pos_status find_terminal(struct pos_clerk *clerk, const struct pos_smn *smn,
                                     struct pos_dossier *dossier)
{
    struct pos_terminal_table *table = clerk->options.table;
    struct pos_terminal_hot before;
    enum pos_status status;
    pos_terminal_table_find(table, smn, 1, &dossier->hot, &status);
    for (int i = 0; status == POS_OK && i < READS_MAX; i++) {
        before = dossier->hot;
        status = pos_terminal_table_find_detail(table, smn, &dossier->detail);
        if (status == POS_OK)
            pos_terminal_table_find(table, smn, 1, &dossier->hot, &status);
        if (status == POS_OK && before.version == dossier->hot.version)
            return POS_OK;
    }
    dossier->hot = (struct pos_terminal_hot){0};
    return status == POS_OK ? POS_ERR_BUSY : status;
}

/* What the terminal table says, where the key's row did not end it. */
static void finish_dossier(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    struct pos_dossier *dossier = job->dossier;
    dossier->hot = (struct pos_terminal_hot){0};
    dossier->detail = (struct pos_terminal_detail){0};
    if (dossier->status != POS_OK || !job->with_detail)
        return;
    enum pos_status status = find_terminal(clerk, &job->smn, dossier);
    if (status != POS_OK && status != POS_ERR_NOT_FOUND)
        dossier->status = status;
}

static void do_dossier(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    job->dossier->status = POS_OK;
    if (job->with_key && !find_row(clerk, job))
        return;
    finish_dossier(clerk, job);
    job->done(job);
}

static void answer_behind(struct pos_clerk *clerk)
{
    struct pos_clerk_job *jobs = clerk->behind;
    clerk->behind = NULL;
    clerk->behind_count = 0;
    while (jobs != NULL) {
        struct pos_clerk_job *job = jobs;
        jobs = job->next;
        judge_row(clerk, job);
        finish_dossier(clerk, job);
        job->done(job);
    }
}

/* Behind it, nothing that the writer has taken out of its files can be read through this process.
 */
static enum pos_status catch_up_now(struct pos_clerk *clerk)
{
    enum pos_status status = catch_up(clerk);
    return status == POS_OK ? pos_key_library_let_go(clerk->options.library) : status;
}

static void do_job(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    switch (job->work) {
    case POS_CLERK_DOSSIER:
        do_dossier(clerk, job);
        return;
    case POS_CLERK_RESERVE:
        job->first = pos_rrn_blocks_take(clerk->options.rrns, job->count,
                                         !pos_disk_low(clerk->options.disk));
        break;
    case POS_CLERK_CATCH_UP:
        job->status = catch_up_now(clerk);
        break;
    case POS_CLERK_LINK:
        job->status = find_link(clerk, job->link);
        break;
    }
    job->done(job);
}

/* From one catch-up to the next. */
static uint64_t wait_ns(const struct pos_clerk *clerk)
{
    uint64_t follow_ns = (uint64_t)clerk->options.follow_interval_ms * NS_PER_MS;
    return clerk->behind != NULL && follow_ns > CATCH_UP_GAP_NS ? CATCH_UP_GAP_NS : follow_ns;
}

/* Waits for jobs until the next time to catch up; takes all there are. */
static struct pos_clerk_job *take_jobs(struct pos_clerk *clerk, bool *stopping)
{
    uint64_t due_ns = clerk->caught_up_ns + wait_ns(clerk);
    (void)pthread_mutex_lock(&clerk->lock);
    while (clerk->first == NULL && !clerk->stopping &&
           pos_condition_wait_until(&clerk->wake, &clerk->lock, due_ns))
        ;
    struct pos_clerk_job *jobs = clerk->first;
    clerk->first = NULL;
    clerk->last = &clerk->first;
    clerk->stats.jobs += clerk->stats.queue_length;
    clerk->stats.queue_length = 0;
    *stopping = clerk->stopping && jobs == NULL;
    (void)pthread_mutex_unlock(&clerk->lock);
    return jobs;
}

static bool time_to_catch_up(const struct pos_clerk *clerk)
{
    return pos_clock_monotonic_ns() - clerk->caught_up_ns >= wait_ns(clerk);
}

static void *work(void *context)
{
    struct pos_clerk *clerk = context;
    for (bool stopping = false; !stopping;) {
        struct pos_clerk_job *jobs = take_jobs(clerk, &stopping);
        while (jobs != NULL) {
            struct pos_clerk_job *job = jobs;
            jobs = job->next;
            do_job(clerk, job);
        }
        if (stopping || !time_to_catch_up(clerk))
            continue;
        (void)catch_up(clerk);
    }
    if (clerk->behind != NULL)
        (void)catch_up(clerk);
    return NULL;
}

enum pos_status pos_clerk_start(const struct pos_clerk_options *options, struct pos_clerk **clerk)
{
    struct pos_clerk *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    made->options = *options;
    made->last = &made->first;
    pos_condition_init(&made->wake);
    (void)pthread_mutex_init(&made->lock, NULL);
    if (pthread_create(&made->thread, NULL, work, made) != 0) {
        (void)pthread_cond_destroy(&made->wake);
        (void)pthread_mutex_destroy(&made->lock);
        free(made);
        return POS_ERR_LIMIT;
    }
    *clerk = made;
    return POS_OK;
}

void pos_clerk_stop(struct pos_clerk *clerk)
{
    if (clerk == NULL)
        return;
    (void)pthread_mutex_lock(&clerk->lock);
    clerk->stopping = true;
    (void)pthread_cond_signal(&clerk->wake);
    (void)pthread_mutex_unlock(&clerk->lock);
    (void)pthread_join(clerk->thread, NULL);
    (void)pthread_cond_destroy(&clerk->wake);
    (void)pthread_mutex_destroy(&clerk->lock);
    free(clerk);
}

enum pos_status pos_clerk_submit(struct pos_clerk *clerk, struct pos_clerk_job *job)
{
    enum pos_status status = POS_OK;
    (void)pthread_mutex_lock(&clerk->lock);
    if (clerk->stats.queue_length >= POS_CLERK_QUEUE_COUNT_MAX) {
        status = POS_ERR_BUSY;
    } else {
        job->next = NULL;
        *clerk->last = job;
        clerk->last = &job->next;
        if (clerk->stats.queue_length++ == 0)
            (void)pthread_cond_signal(&clerk->wake);
    }
    (void)pthread_mutex_unlock(&clerk->lock);
    return status;
}

void pos_clerk_stats(struct pos_clerk *clerk, struct pos_clerk_stats *stats)
{
    (void)pthread_mutex_lock(&clerk->lock);
    *stats = clerk->stats;
    (void)pthread_mutex_unlock(&clerk->lock);
}
