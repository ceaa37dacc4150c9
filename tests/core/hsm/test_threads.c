/*
 * Four threads, each with a session and an algorithm of its own, on one module: they generate, MAC
 * and wrap, and check each other's MACs, which only works when all sessions are the same module.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/hsm/hsm.h"
#include "tests/core/hsm/scratch.h"

enum { THREAD_COUNT = 4, KEY_COUNT = 200 };

static const enum pos_algorithm algorithms[THREAD_COUNT] = {POS_ALGORITHM_A256, POS_ALGORITHM_T2,
                                                            POS_ALGORITHM_A128, POS_ALGORITHM_T3};
static struct pos_hsm *hsm;
static struct pos_key taks[THREAD_COUNT][KEY_COUNT];
static uint8_t macs[THREAD_COUNT][KEY_COUNT][POS_MAC_SIZE];
static pthread_barrier_t all_made;

struct result {
    int passed, failed;
};

static void count(struct result *result, bool good)
{
    if (good)
        result->passed++;
    else
        result->failed++;
}

static void make(struct pos_hsm_session *session, int self, struct result *result)
{
    struct pos_key tmk;
    struct pos_kcv kcv;
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    count(result, pos_hsm_generate(session, POS_USAGE_TMK, algorithms[self], &tmk, &kcv) == POS_OK);
    for (int i = 0; i < KEY_COUNT; i++) {
        struct pos_key *tak = &taks[self][i];
        struct pos_buffer block = pos_buffer(memory, sizeof memory);
        count(result,
              pos_hsm_generate(session, POS_USAGE_TAK, pos_algorithm_working(algorithms[self]), tak,
                               &kcv) == POS_OK);
        count(result, pos_hsm_make_mac(session, tak, POS_MAC_WORKING, pos_bytes_text("message"),
                                       macs[self][i]) == POS_OK);
        count(result, pos_hsm_wrap_working_key(session, &tmk, tak, &block) == POS_OK);
    }
}

static void check_others(struct pos_hsm_session *session, int self, struct result *result)
{
    for (int t = 0; t < THREAD_COUNT; t++)
        for (int i = 0; i < KEY_COUNT; i++) {
            const struct pos_key *tak = &taks[(self + t) % THREAD_COUNT][i];
            const uint8_t *mac = macs[(self + t) % THREAD_COUNT][i];
            count(result, pos_hsm_verify_mac(session, tak, POS_MAC_WORKING,
                                             pos_bytes_text("message"), mac) == POS_OK);
            count(result, pos_hsm_verify_mac(session, tak, POS_MAC_WORKING,
                                             pos_bytes_text("massage"), mac) == POS_ERR_MAC);
        }
}

struct thread {
    pthread_t id;
    int self;
    struct result result;
};

static void *run(void *context)
{
    struct thread *thread = context;
    struct pos_hsm_session *session;
    bool open = pos_hsm_session_open(hsm, &session) == POS_OK;
    count(&thread->result, open);
    if (open)
        make(session, thread->self, &thread->result);
    (void)pthread_barrier_wait(&all_made);
    if (open) {
        check_others(session, thread->self, &thread->result);
        pos_hsm_session_close(session);
    }
    return NULL;
}

int main(void)
{
    struct scratch scratch = scratch_create();
    struct thread threads[THREAD_COUNT] = {0};
    struct result sum = {0};
    hsm = scratch_open(&scratch, 3);
    (void)pthread_barrier_init(&all_made, NULL, THREAD_COUNT);
    for (int i = 0; i < THREAD_COUNT; i++) {
        threads[i].self = i;
        if (pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREAD_COUNT; i++) {
        (void)pthread_join(threads[i].id, NULL);
        sum.passed += threads[i].result.passed;
        sum.failed += threads[i].result.failed;
    }
    (void)pthread_barrier_destroy(&all_made);
    pos_hsm_close(hsm);
    scratch_destroy(&scratch);
    printf("%d passed, %d failed\n", sum.passed, sum.failed);
    return sum.failed == 0 ? 0 : 1;
}
