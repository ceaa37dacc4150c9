#include "gateway/reader.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/condition.h"
#include "core/base/log.h"

enum { MEASURE_INTERVAL_NS = 1000000000 };

struct pos_readers {
    struct pos_terminal_table *table;
    pthread_t threads[POS_READER_THREAD_COUNT_MAX];
    uint32_t thread_count;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct pos_read_job *first, **last; /* the queue, oldest first */
    uint64_t queue_length;
    bool stopping;
    bool held; /* the cache held the table when it was measured last */
    uint64_t measure_due_ns;
};

/* Waits for a job or for the time to measure. NULL with *stopping: nothing is left to do; without
 * it: this thread is the one to measure. */
static struct pos_read_job *take_job(struct pos_readers *readers, bool *stopping)
{
    struct pos_read_job *job = NULL;
    (void)pthread_mutex_lock(&readers->lock);
    for (;;) {
        uint64_t due_ns = readers->measure_due_ns;
        job = readers->first;
        if (job != NULL || readers->stopping || pos_clock_monotonic_ns() >= due_ns)
            break;
        (void)pos_condition_wait_until(&readers->wake, &readers->lock, due_ns);
    }
    *stopping = job == NULL && readers->stopping;
    if (job != NULL) {
        readers->first = job->next;
        if (readers->first == NULL)
            readers->last = &readers->first;
        readers->queue_length--;
    } else {
        readers->measure_due_ns = pos_clock_monotonic_ns() + MEASURE_INTERVAL_NS;
    }
    (void)pthread_mutex_unlock(&readers->lock);
    return job;
}

/* Is the table still held, or again? */
static void measure(struct pos_readers *readers)
{
    struct pos_terminal_room room;
    pos_terminal_table_settle(readers->table);
    pos_terminal_table_measure(readers->table, &room);
    (void)pthread_mutex_lock(&readers->lock);
    bool changed = room.holds != readers->held;
    readers->held = room.holds;
    (void)pthread_mutex_unlock(&readers->lock);
    if (changed)
        pos_log(room.holds ? POS_LOG_INFO : POS_LOG_WARNING, "look-ups",
                "mode=%s hot_table_bytes=%llu cache_bytes=%llu", room.holds ? "batched" : "tiered",
                (unsigned long long)room.hot_size, (unsigned long long)room.cache_size);
}

static void *work(void *context)
{
    struct pos_readers *readers = context;
    for (bool stopping = false; !stopping;) {
        struct pos_read_job *job = take_job(readers, &stopping);
        if (job != NULL) {
            pos_terminal_table_find(readers->table, &job->smn, 1, job->row, job->found);
            job->done(job);
        } else if (!stopping) {
            measure(readers);
        }
    }
    return NULL;
}

enum pos_status pos_readers_start(struct pos_terminal_table *table, uint32_t thread_count,
                                  struct pos_readers **readers)
{
    assert(thread_count >= 1 && thread_count <= POS_READER_THREAD_COUNT_MAX);
    struct pos_readers *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    struct pos_terminal_room room;
    pos_terminal_table_measure(table, &room);
    made->table = table;
    made->held = room.holds;
    made->last = &made->first;
    made->measure_due_ns = pos_clock_monotonic_ns() + MEASURE_INTERVAL_NS;
    pos_condition_init(&made->wake);
    (void)pthread_mutex_init(&made->lock, NULL);
    enum pos_status status = POS_OK;
    while (status == POS_OK && made->thread_count < thread_count) {
        if (pthread_create(&made->threads[made->thread_count], NULL, work, made) == 0)
            made->thread_count++;
        else
            status = POS_ERR_LIMIT;
    }
    if (status != POS_OK) {
        pos_readers_stop(made);
        return status;
    }
    *readers = made;
    return POS_OK;
}

void pos_readers_stop(struct pos_readers *readers)
{
    if (readers == NULL)
        return;
    (void)pthread_mutex_lock(&readers->lock);
    readers->stopping = true;
    (void)pthread_cond_broadcast(&readers->wake);
    (void)pthread_mutex_unlock(&readers->lock);
    for (uint32_t i = 0; i < readers->thread_count; i++)
        (void)pthread_join(readers->threads[i], NULL);
    (void)pthread_cond_destroy(&readers->wake);
    (void)pthread_mutex_destroy(&readers->lock);
    free(readers);
}

enum pos_status pos_readers_submit(struct pos_readers *readers, struct pos_read_job *job)
{
    (void)pthread_mutex_lock(&readers->lock);
    bool full = readers->queue_length >= POS_READER_QUEUE_COUNT_MAX;
    if (!full) {
        job->next = NULL;
        *readers->last = job;
        readers->last = &job->next;
        readers->queue_length++;
        (void)pthread_cond_signal(&readers->wake);
    }
    (void)pthread_mutex_unlock(&readers->lock);
    return full ? POS_ERR_BUSY : POS_OK;
}

uint64_t pos_readers_queue_length(struct pos_readers *readers)
{
    (void)pthread_mutex_lock(&readers->lock);
    uint64_t length = readers->queue_length;
    (void)pthread_mutex_unlock(&readers->lock);
    return length;
}
