/*
 * A steady-state authentication allocates nothing, with a MAC and without, looked up each time or
 * remembered: from the frame to the reply's bytes, our code and what it calls of OpenSSL. This
 * program's own malloc is in front of libc's and counts; so RocksDB and sockets, which are not
 * here, are not counted.
 *
 * A plain program: a test framework and the sanitizers have an allocator of their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/gateway/world.h"

enum { WARM_UP = 64, REQUESTS = 256, FRAME_ROOM = 512 };

static unsigned passed, failed;
static bool counting;
static unsigned long allocations;

#ifdef POSGATE_COUNTS_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    allocations += counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations += counting;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations += counting;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations += counting;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    allocations += counting;
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL;
}
#endif

static void check(bool good, const char *what)
{
    passed += good;
    failed += !good;
    if (!good)
        (void)fprintf(stderr, "FAILED: %s\n", what);
}

struct frame {
    uint8_t bytes[FRAME_ROOM];
    struct pos_buffer out;
    struct pos_exchange_state state;
};

/* Sends what was made before, so that only the front end's own work is counted. */
static void send_all(struct world *world, struct pos_terminal *terminal, unsigned count)
{
    static struct frame frames[REQUESTS];
    for (unsigned i = 0; i < count; i++) {
        frames[i].out = pos_buffer(frames[i].bytes, sizeof frames[i].bytes);
        check(pos_terminal_request(terminal, POS_KIND_AUTHENTICATE, NULL, &frames[i].out,
                                   &frames[i].state) == POS_OK,
              "a request is made");
    }
    world->reply_count = world->reply_size = 0;
    counting = true;
    for (unsigned i = 0; i < count; i++)
        (void)world_send(world, pos_buffer_view(&frames[i].out));
    counting = false;
    check(world->reply_count == count, "each is answered");
    for (unsigned i = 0; i < world->reply_count; i++) {
        struct pos_verdict verdict;
        pos_terminal_reply(terminal, &frames[i].state, world->replies[i], &verdict);
        check(verdict.status == POS_OK && strcmp(verdict.code, "00") == 0, verdict.explanation);
    }
}

static void admit(struct world *world, struct pos_terminal *terminal, bool mac)
{
    struct pos_verdict verdict;
    terminal->mac = mac;
    if (mac) {
        world_admit(world, terminal);
        return;
    }
    world_exchange(world, terminal, POS_KIND_REGISTER, &verdict);
    check(strcmp(verdict.code, "00") == 0, "it registers without a proof");
}

static void run(size_t key, bool mac, bool remember)
{
    const struct pos_policy policy = {
        .dialect = &pos_dialect_iso87b, .proof_to_register = mac, .mac_required = mac};
    struct world *world = world_create(&policy, 256);
    struct pos_terminal terminal;
    if (remember)
        world_remember(world, 64);
    world_terminal(world, key, "123L013K", &terminal);
    admit(world, &terminal, mac);
    send_all(world, &terminal, WARM_UP);
    uint64_t remembered = pos_counter_read(&world->counters.remembered);
    allocations = 0;
    send_all(world, &terminal, REQUESTS);
    char name[128];
    (void)snprintf(name, sizeof name, "%s, MAC %s, %s: %lu allocations in %d requests",
                   pos_algorithm_name(world_keys[key].algorithm), mac ? "checked" : "absent",
                   remember ? "remembered" : "each looked up", allocations, REQUESTS);
    check(allocations == 0, name);
    check(pos_counter_read(&world->counters.remembered) - remembered == (remember ? REQUESTS : 0),
          "rows are remembered, or not");
    pos_terminal_fini(&terminal);
    world_destroy(world);
}

int main(void)
{
#ifdef POSGATE_COUNTS_ALLOCATIONS
    counting = true;
    free(malloc((size_t)getpagesize()));
    counting = false;
    check(allocations > 0, "allocations are counted");
#else
    (void)printf("skipped: a sanitizer's allocator cannot be counted\n");
#endif
    for (size_t key = 0; key < WORLD_KEY_COUNT; key++)
        for (int remember = 0; remember < 2; remember++)
            run(key, true, remember == 1);
    for (int remember = 0; remember < 2; remember++)
        run(0, false, remember == 1);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
