#include "gateway/rate.h"

#include <stddef.h>
#include <stdlib.h>

enum { ROW_COUNT = 1024, WAYS = 4 };

struct bucket {
    uint64_t address;
    uint64_t second;
    uint32_t count;
};

struct pos_rate_table {
    uint32_t per_second;
    struct bucket rows[ROW_COUNT][WAYS];
};

enum pos_status pos_rate_create(uint32_t per_second, struct pos_rate_table **table)
{
    *table = calloc(1, sizeof **table);
    if (*table == NULL)
        return POS_ERR_MEMORY;
    (*table)->per_second = per_second;
    return POS_OK;
}

void pos_rate_destroy(struct pos_rate_table *table)
{
    free(table);
}

static struct bucket *bucket_of(struct pos_rate_table *table, uint64_t address)
{
    struct bucket *row = table->rows[(address * 0x9E3779B97F4A7C15u) >> 54];
    struct bucket *oldest = &row[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].address == address)
            return &row[i];
        if (row[i].second < oldest->second)
            oldest = &row[i];
    }
    *oldest = (struct bucket){.address = address};
    return oldest;
}

bool pos_rate_allow(struct pos_rate_table *table, uint64_t address, uint64_t utc_ms)
{
    if (table->per_second == 0)
        return true;
    struct bucket *bucket = bucket_of(table, address);
    uint64_t second = utc_ms / 1000;
    if (bucket->second != second) {
        bucket->second = second;
        bucket->count = 0;
    }
    if (bucket->count >= table->per_second)
        return false;
    bucket->count++;
    return true;
}
