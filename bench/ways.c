#include "bench/ways.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/folder.h"
#include "core/base/clock.h"
#include "core/crypto/random.h"
#include "core/store/rocks.h"

enum { ASKED_COUNT = 1 << 20, LOOKUPS_A_LOOK = 64 /* between looks at the clock */ };

/* ---- what is asked for ---- */

enum pos_status pos_asking_draw(struct pos_asking *asking, uint64_t rows,
                                struct pos_smn (*of)(uint64_t row), enum pos_status expected)
{
    asking->count = ASKED_COUNT;
    asking->expected = expected;
    asking->smns = malloc(asking->count * sizeof *asking->smns);
    if (asking->smns == NULL)
        return POS_ERR_MEMORY;
    for (size_t i = 0; i < asking->count; i++) {
        uint64_t number;
        enum pos_status status = pos_random(&number, sizeof number);
        if (status != POS_OK)
            return status;
        asking->smns[i] = of((uint64_t)(((unsigned __int128)number * rows) >> 64));
    }
    return POS_OK;
}

const struct pos_smn *pos_asking_next(struct pos_asking *asking, size_t count)
{
    if (asking->next + count > asking->count)
        asking->next = 0;
    const struct pos_smn *smns = asking->smns + asking->next;
    asking->next += count;
    return smns;
}

void pos_asking_destroy(struct pos_asking *asking)
{
    free(asking->smns);
    asking->smns = NULL;
}

/* ---- asking ---- */

enum pos_status pos_way_run(void *context, uint64_t count)
{
    struct pos_terminal_hot rows[POS_TURN_REQUEST_COUNT_MAX];
    enum pos_status found[POS_TURN_REQUEST_COUNT_MAX];
    struct pos_way *way = context;
    for (uint64_t i = 0; i < count; i++) {
        pos_terminal_table_find(way->table, pos_asking_next(way->asking, way->batch), way->batch,
                                rows, found);
        for (size_t n = 0; n < way->batch; n++)
            if (found[n] != way->asking->expected)
                return POS_ERR_MISMATCH;
    }
    return POS_OK;
}

static uint64_t disk_bytes(void)
{
    char line[64];
    unsigned long long bytes = 0;
    FILE *file = fopen("/proc/self/io", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "read_bytes: %llu", &bytes) == 1)
            break;
    if (file != NULL)
        (void)fclose(file);
    return bytes;
}

static enum pos_status ask_until(struct pos_way *way, uint64_t end_ns, uint64_t *lookups)
{
    uint64_t calls = LOOKUPS_A_LOOK / way->batch + 1;
    enum pos_status status;
    do {
        status = pos_way_run(way, calls);
        *lookups += calls * way->batch;
    } while (status == POS_OK && pos_clock_monotonic_ns() < end_ns);
    return status;
}

enum pos_status pos_way_take_from_disk(void *context, double seconds,
                                       struct pos_micro_reading *reading)
{
    struct pos_way *way = context;
    uint64_t lookups = 0, bytes_before = disk_bytes();
    pos_folder_forget(way->folder);
    pos_rocks_count_reads(true);
    uint64_t start = pos_clock_monotonic_ns();
    enum pos_status status = ask_until(way, start + (uint64_t)(seconds * 1e9), &lookups);
    reading->seconds = (double)(pos_clock_monotonic_ns() - start) / 1e9;
    reading->operations = (double)lookups;
    struct pos_rocks_reads reads = pos_rocks_reads();
    pos_rocks_count_reads(false);
    if (way->micro->round >= 0) {
        way->lookups += lookups;
        way->blocks += reads.blocks;
        way->disk_bytes += disk_bytes() - bytes_before;
    }
    return status;
}
