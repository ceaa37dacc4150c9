/*
 * Eight threads on one token of which three sessions may be open: each generates, wraps and MACs,
 * brings a key to a local session of its own, and checks what another thread made. In the middle
 * all sessions of the token are closed; then verbs fail and are done again, and nothing else goes
 * wrong. (While none is in use: closing one under a call is more than SoftHSM bears.)
 *
 * SoftHSM does not tell how many sessions it has, so they are counted at the library's own entries.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/hsm/hsm.h"
#include "tests/core/hsm/softhsm.h"

enum {
    THREAD_COUNT = 8,
    KEY_COUNT = 40,
    SESSION_COUNT = 3,
    TRY_COUNT = 1500, /* half a minute: a busy machine may hold up the one who looks */
    TRY_PAUSE_US = 20000,
};

static struct pos_hsm *hsm;
static struct pos_key taks[THREAD_COUNT][KEY_COUNT];
static uint8_t macs[THREAD_COUNT][KEY_COUNT][POS_MAC_SIZE];
static pthread_barrier_t all_made;
static atomic_int retries, sessions, sessions_seen;

struct thread {
    pthread_t id;
    int self, passed, failed;
    struct pos_hsm_session *session, *local;
    struct pos_mac_parcel *parcel;
    struct pos_key tmk;
};

static void count(struct thread *thread, bool good)
{
    if (good)
        thread->passed++;
    else
        thread->failed++;
}

/* A verb that finds the token lost is done again; there is an end to that. */
#define UNTIL_DONE(thread, call)                                                                   \
    do {                                                                                           \
        enum pos_status status_ = POS_ERR_HSM;                                                     \
        for (int try_ = 0; try_ < TRY_COUNT && status_ == POS_ERR_HSM; try_++) {                   \
            status_ = (call);                                                                      \
            if (status_ == POS_ERR_HSM) {                                                          \
                (void)atomic_fetch_add(&retries, 1);                                               \
                (void)usleep(TRY_PAUSE_US);                                                        \
            }                                                                                      \
        }                                                                                          \
        count(thread, status_ == POS_OK);                                                          \
    } while (0)

static const enum pos_algorithm algorithms[] = {POS_ALGORITHM_A256, POS_ALGORITHM_T2,
                                                POS_ALGORITHM_A128, POS_ALGORITHM_T3};

static void make(struct thread *thread)
{
    enum pos_algorithm algorithm = algorithms[thread->self % 4];
    struct pos_kcv kcv;
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    UNTIL_DONE(thread,
               pos_hsm_generate(thread->session, POS_USAGE_TMK, algorithm, &thread->tmk, &kcv));
    for (int i = 0; i < KEY_COUNT; i++) {
        struct pos_key *tak = &taks[thread->self][i];
        struct pos_buffer block = pos_buffer(memory, sizeof memory);
        UNTIL_DONE(thread, pos_hsm_generate(thread->session, POS_USAGE_TAK,
                                            pos_algorithm_working(algorithm), tak, &kcv));
        UNTIL_DONE(thread, pos_hsm_make_mac(thread->session, tak, POS_MAC_WORKING,
                                            pos_bytes_text("message"), macs[thread->self][i]));
        UNTIL_DONE(thread, pos_hsm_wrap_working_key(thread->session, &thread->tmk, tak, &block));
    }
}

static void check_other(struct thread *thread, int other)
{
    struct pos_bytes message = pos_bytes_text("message");
    for (int i = 0; i < KEY_COUNT; i++) {
        const struct pos_key *tak = &taks[other][i];
        const uint8_t *mac = macs[other][i];
        count(thread, pos_hsm_verify_mac(thread->local, tak, POS_MAC_WORKING, message, mac) ==
                          POS_ERR_BUSY);
        UNTIL_DONE(thread,
                   pos_hsm_fetch_mac_key(thread->session, tak, POS_MAC_WORKING, thread->parcel));
        count(thread, pos_hsm_take_mac_key(thread->local, thread->parcel) == POS_OK);
        count(thread,
              pos_hsm_verify_mac(thread->local, tak, POS_MAC_WORKING, message, mac) == POS_OK);
        count(thread, pos_hsm_verify_mac(thread->local, tak, POS_MAC_WORKING,
                                         pos_bytes_text("massage"), mac) == POS_ERR_MAC);
    }
}

static CK_FUNCTION_LIST *functions_of_token(void)
{
    CK_C_GetFunctionList entry = NULL;
    CK_FUNCTION_LIST *functions = NULL;
    void *library = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_NOLOAD);
    void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
    memcpy(&entry, &symbol, sizeof entry);
    if (entry != NULL && entry(&functions) != CKR_OK)
        functions = NULL;
    return functions;
}

static CK_C_OpenSession real_open;
static CK_C_CloseSession real_close;

static CK_RV count_open(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                        CK_SESSION_HANDLE *session)
{
    CK_RV result = real_open(slot, flags, application, notify, session);
    int now = result == CKR_OK ? atomic_fetch_add(&sessions, 1) + 1 : 0;
    int seen = atomic_load(&sessions_seen);
    while (now > seen && !atomic_compare_exchange_weak(&sessions_seen, &seen, now))
        continue;
    return result;
}

static CK_RV count_close(CK_SESSION_HANDLE session)
{
    CK_RV result = real_close(session);
    if (result == CKR_OK)
        (void)atomic_fetch_sub(&sessions, 1);
    return result;
}

static CK_FUNCTION_LIST *watched;

static bool watch(void)
{
    watched = functions_of_token();
    if (watched == NULL)
        return false;
    real_open = watched->C_OpenSession;
    real_close = watched->C_CloseSession;
    watched->C_OpenSession = count_open;
    watched->C_CloseSession = count_close;
    atomic_store(&sessions, 1); /* the one that the module was opened with */
    return true;
}

/* One of the slots has no token, and so no sessions. */
static bool close_all_sessions(void)
{
    CK_SLOT_ID slots[4];
    CK_ULONG slot_count = 4;
    bool good = watched->C_GetSlotList(CK_TRUE, slots, &slot_count) == CKR_OK;
    for (CK_ULONG i = 0; i < slot_count && good; i++)
        (void)watched->C_CloseAllSessions(slots[i]);
    atomic_store(&sessions, 0);
    return good;
}

static void *run(void *context)
{
    struct thread *thread = context;
    bool open = pos_hsm_session_open(hsm, &thread->session) == POS_OK &&
                pos_hsm_session_open_local(hsm, &thread->local) == POS_OK;
    thread->parcel = pos_mac_parcel_create();
    count(thread, open && thread->parcel != NULL);
    if (open)
        make(thread);
    if (pthread_barrier_wait(&all_made) == PTHREAD_BARRIER_SERIAL_THREAD)
        count(thread, close_all_sessions());
    (void)pthread_barrier_wait(&all_made);
    if (open)
        check_other(thread, (thread->self + 1) % THREAD_COUNT);
    pos_mac_parcel_destroy(thread->parcel);
    pos_hsm_session_close(thread->local);
    pos_hsm_session_close(thread->session);
    return NULL;
}

static int sum_up(const struct thread *threads)
{
    int passed = 0, failed = 0;
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        passed += threads[i].passed;
        failed += threads[i].failed;
    }
    int seen = atomic_load(&sessions_seen);
    bool bounded = seen == SESSION_COUNT, lost = atomic_load(&retries) > 0;
    printf("%d sessions at once, %d verbs done again\n", seen, atomic_load(&retries));
    printf("%d passed, %d failed\n", passed + bounded + lost, failed + !bounded + !lost);
    return failed == 0 && bounded && lost ? 0 : 1;
}

int main(void)
{
    struct softhsm softhsm = softhsm_create();
    struct thread threads[THREAD_COUNT] = {0};
    struct pos_pkcs11_options options = softhsm_options("pkcs11:token=posgate", NULL);
    options.session_count = SESSION_COUNT;
    softhsm_add_token("posgate");
    hsm = softhsm_open(&options);
    if (!watch())
        return 1;
    (void)pthread_barrier_init(&all_made, NULL, THREAD_COUNT);
    for (int i = 0; i < THREAD_COUNT; i++) {
        threads[i].self = i;
        if (pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        (void)pthread_join(threads[i].id, NULL);
    (void)pthread_barrier_destroy(&all_made);
    pos_hsm_close(hsm);
    softhsm_destroy(&softhsm);
    return sum_up(threads);
}
