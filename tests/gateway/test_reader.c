/*
 * The readers with a real table: everybody is answered with the right row, in order, once; what the
 * queue cannot hold is refused; stopping answers what is queued; and they notice when nothing has
 * to be fetched any more. Time stands still until the test lets it go on, so a busy machine makes
 * no second pass early. Plain main(), because threads meet here.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/condition.h"
#include "core/store/terminal_bulk.h"
#include "gateway/reader.h"
#include "tests/gateway/plain.h"

enum {
    ROWS = 8000,
    QUEUE = POS_READER_QUEUE_COUNT_MAX,
    ASKERS = 3,
    ASKED = 500, /* by each of them */
    PATIENCE_S = 30,
    NS_PER_MS = 1000000,
};

/* ---- time; the linker puts these in front of the real ones (--wrap) ---- */

static atomic_ullong now_ms = 1000000;

uint64_t __real_pos_clock_monotonic_ns(void);
uint64_t __wrap_pos_clock_monotonic_ns(void);
uint64_t __wrap_pos_clock_monotonic_ns(void)
{
    return atomic_load(&now_ms) * NS_PER_MS;
}

bool __real_pos_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                     uint64_t until_ns);
bool __wrap_pos_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                     uint64_t until_ns);
bool __wrap_pos_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                     uint64_t until_ns)
{
    if (pos_clock_monotonic_ns() >= until_ns)
        return false;
    (void)__real_pos_condition_wait_until(condition, mutex,
                                          __real_pos_clock_monotonic_ns() + NS_PER_MS);
    return true;
}

/* And gives the readers some time to notice. */
static void let_a_second_pass(unsigned pause_ms)
{
    (void)atomic_fetch_add(&now_ms, 1000);
    (void)usleep(1000 * pause_ms);
}

/* ---- the table ---- */

static struct pos_terminal_table *table;

static struct pos_smn smn_of(uint32_t index)
{
    struct pos_smn smn;
    must(pos_smn_form(pos_bytes_text("123L013K"), index, &smn, NULL), "form an SMN");
    return smn;
}

/* Row N has the index and the version N. */
static void open_table(const char *folder)
{
    const struct pos_terminal_table_options options = {
        .path = folder, .create_if_missing = true, .cache_size = 8u << 20, .audit = plain_audit};
    struct pos_error error;
    must(pos_terminal_table_open(&options, &table, &error), "open the table");
    static struct pos_smn smns[ROWS];
    static struct pos_terminal_hot rows[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        smns[i] = smn_of(i + 1);
        rows[i] = (struct pos_terminal_hot){
            .state = POS_TERMINAL_ACTIVE, .algorithm = POS_ALGORITHM_A256, .version = i + 1};
    }
    must(pos_terminal_table_load(table, smns, rows, ROWS), "load the rows");
    must(pos_terminal_table_flush(table), "write the rows");
}

/* ---- jobs ---- */

struct job {
    struct pos_read_job read;
    struct pos_terminal_hot row;
    enum pos_status found;
    uint32_t index;
    unsigned place; /* in which it was done, from 1; 0: not yet */
};

static atomic_uint begun_count, done_count;
static sem_t gate;

static struct job *job_of(struct pos_read_job *read)
{
    return (struct job *)(void *)((char *)read - offsetof(struct job, read));
}

static void forget_counts(void)
{
    atomic_store(&begun_count, 0);
    atomic_store(&done_count, 0);
}

static void note(struct pos_read_job *read)
{
    job_of(read)->place += atomic_fetch_add(&begun_count, 1) + 1;
    atomic_fetch_add(&done_count, 1); /* behind all else: others look for it */
}

static void note_behind_gate(struct pos_read_job *read)
{
    (void)sem_wait(&gate);
    note(read);
}

static enum pos_status ask(struct pos_readers *readers, struct job *job, uint32_t index)
{
    job->index = index;
    job->read = (struct pos_read_job){
        .done = note, .smn = smn_of(index), .row = &job->row, .found = &job->found};
    return pos_readers_submit(readers, &job->read);
}

/* The first that is done holds its thread until the gate is opened. */
static void hold(struct pos_readers *readers, struct job *job)
{
    job->index = 1;
    job->read = (struct pos_read_job){
        .done = note_behind_gate, .smn = smn_of(1), .row = &job->row, .found = &job->found};
    must(pos_readers_submit(readers, &job->read), "submit");
    while (pos_readers_queue_length(readers) > 0)
        (void)usleep(1000);
}

static bool is_right(const struct job *job)
{
    if (job->index > ROWS)
        return job->found == POS_ERR_NOT_FOUND;
    return job->found == POS_OK && job->row.version == job->index;
}

static bool wait_until_done(unsigned count)
{
    for (int i = 0; i < 1000 * PATIENCE_S && atomic_load(&done_count) < count; i++)
        (void)usleep(1000);
    return atomic_load(&done_count) == count;
}

/* ---- what is promised ---- */

static struct job jobs[QUEUE + 1], held;

static void the_queue_is_bounded_and_in_order(void)
{
    struct pos_readers *readers;
    struct job refused;
    must(pos_readers_start(table, 1, &readers), "start a reader");
    forget_counts();
    hold(readers, &held);
    bool taken = true, right = true;
    for (uint32_t i = 0; i < QUEUE; i++)
        taken = ask(readers, &jobs[i], 1 + i % (ROWS + 5)) == POS_OK && taken;
    expect(taken, "as many as the queue holds are taken");
    expect(ask(readers, &refused, 1) == POS_ERR_BUSY, "one more is not");
    expect(pos_readers_queue_length(readers) == QUEUE, "its length is known");
    (void)sem_post(&gate);
    expect(wait_until_done(QUEUE + 1), "everybody is answered");
    for (uint32_t i = 0; i < QUEUE; i++)
        right = is_right(&jobs[i]) && jobs[i].place == i + 2 && right;
    expect(right, "with the right row, or that there is none, once and in order");
    expect(pos_readers_queue_length(readers) == 0, "nobody waits");
    expect(ask(readers, &jobs[0], 7) == POS_OK, "there is room again");
    pos_readers_stop(readers);
}

static void *stop(void *readers)
{
    pos_readers_stop(readers);
    return NULL;
}

static void stopping_answers_what_is_queued(void)
{
    struct pos_readers *readers;
    pthread_t stopper;
    must(pos_readers_start(table, 1, &readers), "start a reader");
    forget_counts();
    hold(readers, &held);
    for (uint32_t i = 0; i < 100; i++) {
        jobs[i].place = 0;
        must(ask(readers, &jobs[i], i + 1), "submit");
    }
    (void)pthread_create(&stopper, NULL, stop, readers);
    (void)usleep(20000);
    expect(atomic_load(&done_count) == 0, "stopping waits for who holds a thread");
    (void)sem_post(&gate);
    (void)pthread_join(stopper, NULL);
    bool right = atomic_load(&done_count) == 101;
    for (uint32_t i = 0; i < 100; i++)
        right = is_right(&jobs[i]) && jobs[i].place > 0 && right;
    expect(right, "everybody who was queued is answered");
    pos_readers_stop(NULL);
}

struct asker {
    pthread_t thread;
    struct pos_readers *readers;
    struct job *jobs;
    unsigned refused;
};

static void *keep_asking(void *context)
{
    struct asker *asker = context;
    for (uint32_t i = 0; i < ASKED; i++)
        while (ask(asker->readers, &asker->jobs[i], 1 + i * 7 % ROWS) != POS_OK)
            asker->refused++;
    return NULL;
}

static void many_ask_several_readers(void)
{
    static struct job many[ASKERS][ASKED];
    struct asker askers[ASKERS];
    struct pos_readers *readers;
    must(pos_readers_start(table, 4, &readers), "start readers");
    forget_counts();
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.readers = readers, .jobs = many[i]};
        (void)pthread_create(&askers[i].thread, NULL, keep_asking, &askers[i]);
    }
    for (size_t i = 0; i < ASKERS; i++)
        (void)pthread_join(askers[i].thread, NULL);
    expect(wait_until_done(ASKERS * ASKED), "everybody is answered once");
    pos_readers_stop(readers);
    bool right = true;
    for (size_t i = 0; i < ASKERS; i++)
        for (size_t n = 0; n < ASKED; n++)
            right = is_right(&many[i][n]) && many[i][n].place > 0 && right;
    expect(right, "with its own row");
}

static enum pos_status find_now(uint32_t index, size_t *read)
{
    struct pos_terminal_hot row;
    enum pos_status found;
    struct pos_smn smn = smn_of(index);
    *read = pos_terminal_table_find_now(table, &smn, 1, &row, &found);
    return found;
}

/* Comes first, while the cache has none of the rows that were written. */
static void they_notice_when_nothing_is_missing_any_more(void)
{
    struct pos_readers *readers;
    struct job job = {0};
    size_t read;
    must(pos_readers_start(table, 2, &readers), "start readers");
    expect(find_now(1, &read) == POS_OK && read > 0, "a loop reads what was just written");
    expect(find_now(ROWS, &read) == POS_ERR_BUSY, "and then leaves it to the readers");
    forget_counts();
    expect(ask(readers, &job, ROWS) == POS_OK && wait_until_done(1) && is_right(&job),
           "who find it");
    expect(find_now(ROWS, &read) == POS_OK && read == 0, "from then on it is in memory");
    expect(find_now(ROWS / 2, &read) == POS_ERR_BUSY, "but no loop batches within the second");
    for (unsigned i = 1; i < 100 && read == 0; i++) { /* two looks of theirs behind each of ours */
        let_a_second_pass(10 * i);
        let_a_second_pass(10 * i);
        (void)find_now(ROWS / 2, &read); /* in no cache: only a batch reads it */
    }
    expect(read > 0, "loops batch again once nothing was missing for a second");
    pos_readers_stop(readers);
}

int main(void)
{
    char folder[] = "/tmp/posgate-reader-XXXXXX", path[96], command[128];
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/table", folder);
    (void)sem_init(&gate, 0, 0);
    open_table(path);
    they_notice_when_nothing_is_missing_any_more();
    the_queue_is_bounded_and_in_order();
    stopping_answers_what_is_queued();
    many_ask_several_readers();
    pos_terminal_table_close(table);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    expect(system(command) == 0, "the folder can be removed");
    return finish();
}
