#include "gateway/pin_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_COUNT = 4096, WAYS = 4, MS_PER_HOUR = 3600000 };

/* Not taken when both counts are 0. */
struct tally {
    struct pos_smn smn;
    uint64_t hour; /* of the failures */
    uint32_t failures, under_way;
};

struct pos_pin_limit {
    pthread_mutex_t lock;
    uint32_t per_hour;
    struct tally rows[ROW_COUNT][WAYS];
};

enum pos_status pos_pin_limit_create(uint32_t per_hour, struct pos_pin_limit **limit)
{
    struct pos_pin_limit *made = calloc(1, sizeof *made);
    if (made == NULL)
        return POS_ERR_MEMORY;
    (void)pthread_mutex_init(&made->lock, NULL);
    made->per_hour = per_hour;
    *limit = made;
    return POS_OK;
}

void pos_pin_limit_destroy(struct pos_pin_limit *limit)
{
    if (limit == NULL)
        return;
    (void)pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static struct tally *row_of(struct pos_pin_limit *limit, const struct pos_smn *smn)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < POS_SMN_SIZE; i++)
        hash = (hash ^ (uint8_t)smn->text[i]) * 0x100000001B3u;
    return limit->rows[(hash * 0x9E3779B97F4A7C15u) >> 52];
}

static uint32_t weight(const struct tally *tally)
{
    return tally->failures + tally->under_way;
}

static struct tally *find(struct pos_pin_limit *limit, const struct pos_smn *smn)
{
    struct tally *row = row_of(limit, smn);
    for (size_t i = 0; i < WAYS; i++)
        if (weight(&row[i]) > 0 && memcmp(row[i].smn.text, smn->text, POS_SMN_SIZE) == 0)
            return &row[i];
    return NULL;
}

/* In the lightest place of its row, where failures of hours before weigh nothing. */
static struct tally *make(struct pos_pin_limit *limit, const struct pos_smn *smn, uint64_t hour)
{
    struct tally *row = row_of(limit, smn), *lightest = &row[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].hour != hour)
            row[i].failures = 0;
        if (weight(&row[i]) < weight(lightest))
            lightest = &row[i];
    }
    *lightest = (struct tally){.smn = *smn, .hour = hour};
    return lightest;
}

bool pos_pin_limit_begin(struct pos_pin_limit *limit, const struct pos_smn *smn, uint64_t utc_ms)
{
    if (limit->per_hour == 0)
        return true;
    uint64_t hour = utc_ms / MS_PER_HOUR;
    (void)pthread_mutex_lock(&limit->lock);
    struct tally *tally = find(limit, smn);
    if (tally == NULL)
        tally = make(limit, smn, hour);
    if (tally->hour != hour)
        tally->failures = 0;
    tally->hour = hour;
    bool allowed = weight(tally) < limit->per_hour;
    tally->under_way += allowed;
    (void)pthread_mutex_unlock(&limit->lock);
    return allowed;
}

bool pos_pin_limit_end(struct pos_pin_limit *limit, const struct pos_smn *smn, uint64_t utc_ms,
                       bool failed)
{
    bool last = false;
    if (limit->per_hour == 0)
        return false;
    (void)pthread_mutex_lock(&limit->lock);
    struct tally *tally = find(limit, smn);
    if (tally == NULL && failed) /* forgotten meanwhile */
        tally = make(limit, smn, utc_ms / MS_PER_HOUR);
    if (tally != NULL && tally->under_way > 0)
        tally->under_way--;
    if (tally != NULL && failed)
        last = ++tally->failures == limit->per_hour;
    (void)pthread_mutex_unlock(&limit->lock);
    return last;
}
