#include "gateway/admission.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing with linear probing; never more than half full, as no more addresses than
 * connections can be in it. */
struct seat {
    uint64_t address; /* 0: empty */
    uint32_t count;
};

struct pos_admission {
    pthread_mutex_t lock;
    uint32_t connections_max, per_address_max, connections;
    uint32_t mask;
    struct seat seats[];
};

enum pos_status pos_admission_create(uint32_t connections, uint32_t per_address,
                                     struct pos_admission **admission)
{
    uint32_t seat_count = 2;
    while (seat_count < 2 * connections)
        seat_count *= 2;
    struct pos_admission *made = calloc(1, sizeof *made + seat_count * sizeof made->seats[0]);
    if (made == NULL)
        return POS_ERR_MEMORY;
    (void)pthread_mutex_init(&made->lock, NULL);
    made->connections_max = connections;
    made->per_address_max = per_address;
    made->mask = seat_count - 1;
    *admission = made;
    return POS_OK;
}

void pos_admission_destroy(struct pos_admission *admission)
{
    if (admission == NULL)
        return;
    (void)pthread_mutex_destroy(&admission->lock);
    free(admission);
}

uint64_t pos_admission_address(const char *peer)
{
    const char *end = strrchr(peer, ':');
    size_t size = end == NULL ? strlen(peer) : (size_t)(end - peer);
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)peer[i]) * 0x100000001B3u;
    return hash == 0 ? 1 : hash;
}

static uint32_t seat_of(const struct pos_admission *admission, uint64_t address)
{
    uint32_t at = (uint32_t)(address >> 32) & admission->mask;
    while (admission->seats[at].address != 0 && admission->seats[at].address != address)
        at = (at + 1) & admission->mask;
    return at;
}

bool pos_admission_enter(struct pos_admission *admission, uint64_t address)
{
    (void)pthread_mutex_lock(&admission->lock);
    struct seat *seat = &admission->seats[seat_of(admission, address)];
    bool room = admission->connections < admission->connections_max &&
                (admission->per_address_max == 0 || seat->count < admission->per_address_max);
    if (room) {
        seat->address = address;
        seat->count++;
        admission->connections++;
    }
    (void)pthread_mutex_unlock(&admission->lock);
    return room;
}

/* Closes the gap at `hole`, so that no probe ends too early. */
static void close_gap(struct pos_admission *admission, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & admission->mask; admission->seats[at].address != 0;
         at = (at + 1) & admission->mask) {
        uint32_t home = (uint32_t)(admission->seats[at].address >> 32) & admission->mask;
        if (((at - home) & admission->mask) < ((at - hole) & admission->mask))
            continue;
        admission->seats[hole] = admission->seats[at];
        hole = at;
    }
    admission->seats[hole] = (struct seat){0};
}

void pos_admission_leave(struct pos_admission *admission, uint64_t address)
{
    (void)pthread_mutex_lock(&admission->lock);
    uint32_t at = seat_of(admission, address);
    assert(admission->seats[at].count > 0 && admission->connections > 0);
    admission->connections--;
    if (--admission->seats[at].count == 0)
        close_gap(admission, at);
    (void)pthread_mutex_unlock(&admission->lock);
}

uint32_t pos_admission_count(struct pos_admission *admission)
{
    (void)pthread_mutex_lock(&admission->lock);
    uint32_t count = admission->connections;
    (void)pthread_mutex_unlock(&admission->lock);
    return count;
}
