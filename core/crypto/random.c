/*
 * Asking OpenSSL's generator costs about the same for 16 bytes as for some thousands, so a thread
 * draws a page of them at a time and hands them out, wiping as it goes: a byte that was given out
 * is nowhere else.
 *
 * A pool must not survive a fork in two processes. Its page is one that the kernel wipes in the
 * child (MADV_WIPEONFORK), counters included, so that the child finds it empty and draws its own.
 * Where there is no such page, or no memory to lock, every draw asks the generator.
 */
#include "core/crypto/random.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/secret.h"

enum { PAGE_SIZE = 4096 };

/* Zeroed is the state of a new pool and that of one that went through a fork. */
struct pool {
    size_t left; /* bytes not yet given out, at the end of data */
    bool locked; /* locks are not inherited */
    uint8_t data[PAGE_SIZE - 2 * sizeof(size_t)];
};

_Static_assert(sizeof(struct pool) == PAGE_SIZE, "a pool is one page");

static _Thread_local struct pool *own_pool;
static pthread_key_t pool_key;
static bool pool_key_made;
static pthread_once_t pool_key_once = PTHREAD_ONCE_INIT;

static void release_pool(void *memory)
{
    pos_secret_wipe(memory, sizeof(struct pool));
    (void)munmap(memory, sizeof(struct pool));
    own_pool = NULL;
}

static void make_pool_key(void)
{
    pool_key_made = pthread_key_create(&pool_key, release_pool) == 0;
}

static struct pool *create_pool(void)
{
    (void)pthread_once(&pool_key_once, make_pool_key);
    if (!pool_key_made)
        return NULL;
    void *memory =
        mmap(NULL, sizeof(struct pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (madvise(memory, sizeof(struct pool), MADV_WIPEONFORK) != 0 ||
        madvise(memory, sizeof(struct pool), MADV_DONTDUMP) != 0 ||
        pthread_setspecific(pool_key, memory) != 0) {
        (void)munmap(memory, sizeof(struct pool));
        return NULL;
    }
    return memory;
}

static enum pos_status draw(void *out, size_t size)
{
    return RAND_priv_bytes(out, (int)size) == 1 ? POS_OK : POS_ERR_CRYPTO;
}

static bool fill(struct pool *pool)
{
    if (!pool->locked)
        pool->locked = mlock(pool, sizeof *pool) == 0;
    if (!pool->locked || draw(pool->data, sizeof pool->data) != POS_OK)
        return false;
    pool->left = sizeof pool->data;
    return true;
}

enum pos_status pos_random(void *out, size_t size)
{
    if (own_pool == NULL)
        own_pool = create_pool();
    struct pool *pool = own_pool;
    if (pool == NULL || size > sizeof pool->data)
        return draw(out, size);
    if (pool->left < size && !fill(pool))
        return draw(out, size);
    uint8_t *from = pool->data + sizeof pool->data - pool->left;
    memcpy(out, from, size);
    pos_secret_wipe(from, size);
    pool->left -= size;
    return POS_OK;
}
