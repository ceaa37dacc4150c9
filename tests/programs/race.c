/*
 * Registers the same key indexes for several serials at once, over real sockets: usage: race
 * KEY-FILE KTK-HEX PORT THREADS SERIALS. KEY-FILE is what posgate-keymgmt exported and KTK-HEX
 * opens its key blocks, so every serial holds every key and proves it: clones, all of them. Thread
 * T is serial T % SERIALS; each registers each index once, several under way at a time, and all
 * begin a stretch of indexes together.
 *
 * Each index must go to one serial: 00 to each of its threads, 63 to all others, each reply with
 * its MAC. Prints "N indexes, N requests, N approved, N refused, N split, N unclear" and the
 * seconds; exit code 1 when an index has more than one winner or none, or a reply was neither.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hex.h"
#include "core/crypto/key_block.h"
#include "core/terminal/terminal.h"

enum {
    THREAD_COUNT_MAX = 256,
    INDEX_COUNT_MAX = 100000,
    WINDOW = 16,   /* requests under way on a connection */
    STRETCH = 250, /* indexes between two starts */
    LINE_SIZE = 1024,
    REPLY_SIZE_MAX = 4096,
};

struct key {
    uint32_t index;
    uint8_t tmk[POS_KEY_SIZE_MAX];
    atomic_uint winners; /* bit S: serial S got 00 */
    atomic_uint losers;  /* bit S: serial S got 63 */
};

struct racer {
    pthread_t thread;
    unsigned number;
    int socket;
    uint64_t approved, refused, unclear;
    uint8_t bytes[2 * REPLY_SIZE_MAX];
    size_t size;
};

static struct key *keys;
static size_t key_count;
static unsigned thread_count, serial_count;
static uint16_t port;
static pthread_barrier_t start;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "race: not so: %s\n", what);
    exit(2);
}

/* ---- the keys ---- */

static void take_key(struct pos_key_block_protector *protector, char *line)
{
    const struct pos_key_block_expectation expected = {
        .attributes = {.usage = {'K', '1'}, .algorithm = 'A', .mode = 'B'},
        .key_algorithm = POS_ALGORITHM_A256};
    char *rest = line;
    (void)strsep(&rest, "|");
    const char *index = strsep(&rest, "|"), *block = strsep(&rest, "|");
    must(index != NULL && block != NULL && key_count < INDEX_COUNT_MAX, "a line of a key file");
    struct key *key = &keys[key_count++];
    key->index = (uint32_t)strtoul(index, NULL, 10);
    must(pos_key_block_unwrap(protector, pos_bytes_text(block), &expected, key->tmk, NULL) ==
             POS_OK,
         "the KTK opens the key block");
}

static void read_keys(const char *path, const char *ktk_hex)
{
    uint8_t ktk[POS_KEY_SIZE_MAX];
    char line[LINE_SIZE];
    struct pos_key_block_protector *protector;
    must(pos_hex_decode(pos_bytes_text(ktk_hex), ktk, sizeof ktk) == POS_OK, "a KTK in hex");
    must(pos_key_block_protector_create(POS_ALGORITHM_A256, ktk, &protector) == POS_OK, "a KTK");
    keys = calloc(INDEX_COUNT_MAX, sizeof *keys);
    FILE *file = fopen(path, "r");
    must(keys != NULL && file != NULL, "a key file that can be read");
    while (fgets(line, sizeof line, file) != NULL)
        if (line[0] == 'K')
            take_key(protector, line);
    (void)fclose(file);
    pos_key_block_protector_destroy(protector);
    must(key_count > 0, "keys");
}

/* ---- a racer ---- */

struct asked {
    struct key *key;
    struct pos_terminal terminal;
    struct pos_exchange_state state;
};

static void connect_racer(struct racer *racer)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    racer->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(racer->socket >= 0 &&
             connect(racer->socket, (const struct sockaddr *)&address, sizeof address) == 0,
         "the gateway takes connections");
}

static void prepare(const struct racer *racer, struct key *key, uint32_t stan, struct asked *asked,
                    struct pos_buffer *out)
{
    char serial[POS_SERIAL_SIZE + 1];
    (void)snprintf(serial, sizeof serial, "RACER%03u", racer->number % serial_count % 1000);
    asked->key = key;
    pos_terminal_init(&asked->terminal, &pos_dialect_iso87b, serial, "TERM0001", "");
    must(pos_terminal_restore(&asked->terminal, POS_STAGE_CONFIRMED, key->index, POS_ALGORITHM_A256,
                              key->tmk, NULL, NULL) == POS_OK,
         "a terminal with its key");
    asked->terminal.stan = stan;
    must(pos_terminal_request(&asked->terminal, POS_KIND_REGISTER, NULL, out, &asked->state) ==
             POS_OK,
         "a request");
}

static void send_all(const struct racer *racer, struct pos_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = send(racer->socket, bytes.data, bytes.size, MSG_NOSIGNAL);
        must(sent > 0, "the gateway reads");
        bytes = pos_bytes(bytes.data + sent, bytes.size - (size_t)sent);
    }
}

/* The next whole frame; the bytes are there until the next call. */
static struct pos_bytes next_frame(struct racer *racer, size_t *used)
{
    memmove(racer->bytes, racer->bytes + *used, racer->size - *used);
    racer->size -= *used;
    for (;;) {
        size_t whole = racer->size < 2 ? 2 : 2 + (size_t)(racer->bytes[0] << 8 | racer->bytes[1]);
        if (racer->size >= 2 && racer->size >= whole) {
            *used = whole;
            return pos_bytes(racer->bytes, whole);
        }
        ssize_t got =
            recv(racer->socket, racer->bytes + racer->size, sizeof racer->bytes - racer->size, 0);
        must(got > 0, "the gateway answers everybody");
        racer->size += (size_t)got;
    }
}

static uint32_t stan_of(struct pos_bytes frame)
{
    struct pos_message message;
    struct pos_decode_error error;
    must(pos_iso8583_decode(&pos_dialect_iso87b, pos_bytes(frame.data + 2, frame.size - 2),
                            &message, &error) == POS_OK,
         "a reply that can be read");
    return (uint32_t)pos_message_number(&message, 11, 0);
}

static void judge(struct racer *racer, struct asked *asked, struct pos_bytes frame)
{
    struct pos_verdict verdict;
    unsigned serial = 1u << racer->number % serial_count;
    pos_terminal_reply(&asked->terminal, &asked->state, frame, &verdict);
    if (verdict.status == POS_OK && verdict.mac_verified && strcmp(verdict.code, "00") == 0) {
        (void)atomic_fetch_or(&asked->key->winners, serial);
        racer->approved++;
    } else if (verdict.status == POS_OK && verdict.mac_verified &&
               strcmp(verdict.code, "63") == 0) {
        (void)atomic_fetch_or(&asked->key->losers, serial);
        racer->refused++;
    } else {
        racer->unclear++;
        (void)fprintf(stderr, "race: index %u: %s %s\n", asked->key->index, verdict.code,
                      verdict.explanation);
    }
    pos_terminal_fini(&asked->terminal);
}

/* WINDOW requests at once, then their replies, in whatever order they come. */
static void race_window(struct racer *racer, size_t from, size_t count, size_t *used)
{
    static _Thread_local struct asked asked[WINDOW];
    static _Thread_local uint8_t memory[WINDOW * 512];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    for (size_t i = 0; i < count; i++)
        prepare(racer, &keys[from + i], (uint32_t)i, &asked[i], &out);
    send_all(racer, pos_buffer_view(&out));
    for (size_t i = 0; i < count; i++) {
        struct pos_bytes frame = next_frame(racer, used);
        uint32_t stan = stan_of(frame);
        must(stan >= 1 && stan <= count, "a reply to what was asked");
        judge(racer, &asked[stan - 1], frame);
    }
}

static void *race(void *context)
{
    struct racer *racer = context;
    size_t used = 0;
    connect_racer(racer);
    for (size_t stretch = 0; stretch < key_count; stretch += STRETCH) {
        size_t end = stretch + STRETCH < key_count ? stretch + STRETCH : key_count;
        (void)pthread_barrier_wait(&start);
        for (size_t from = stretch; from < end; from += WINDOW)
            race_window(racer, from, end - from < WINDOW ? end - from : WINDOW, &used);
    }
    (void)close(racer->socket);
    return NULL;
}

static uint64_t count_split(void)
{
    uint64_t split = 0;
    for (size_t i = 0; i < key_count; i++) {
        unsigned winners = atomic_load(&keys[i].winners), losers = atomic_load(&keys[i].losers);
        bool one = winners != 0 && (winners & (winners - 1)) == 0;
        bool rest = (winners ^ losers) == (1u << serial_count) - 1 && (winners & losers) == 0;
        split += !one || !rest;
    }
    return split;
}

int main(int argc, char **argv)
{
    static struct racer racers[THREAD_COUNT_MAX];
    must(argc == 6, "five arguments: key file, KTK, port, threads, serials");
    read_keys(argv[1], argv[2]);
    port = (uint16_t)strtoul(argv[3], NULL, 10);
    thread_count = (unsigned)strtoul(argv[4], NULL, 10);
    serial_count = (unsigned)strtoul(argv[5], NULL, 10);
    must(thread_count > 0 && thread_count <= THREAD_COUNT_MAX && serial_count > 1 &&
             serial_count <= 16 && serial_count <= thread_count,
         "up to 256 threads, 2 to 16 serials");
    (void)pthread_barrier_init(&start, NULL, thread_count);
    uint64_t begin_ns = pos_clock_monotonic_ns(), approved = 0, refused = 0, unclear = 0;
    for (unsigned i = 0; i < thread_count; i++) {
        racers[i].number = i;
        must(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0, "a thread");
    }
    for (unsigned i = 0; i < thread_count; i++) {
        (void)pthread_join(racers[i].thread, NULL);
        approved += racers[i].approved;
        refused += racers[i].refused;
        unclear += racers[i].unclear;
    }
    uint64_t split = count_split();
    printf("%zu indexes, %llu requests, %llu approved, %llu refused, %llu split, %llu unclear, "
           "%.1f s\n",
           key_count, (unsigned long long)(key_count * thread_count), (unsigned long long)approved,
           (unsigned long long)refused, (unsigned long long)split, (unsigned long long)unclear,
           (double)(pos_clock_monotonic_ns() - begin_ns) / 1e9);
    return split == 0 && unclear == 0 ? 0 : 1;
}
