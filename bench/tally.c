/* Counting replies by code. */
#include <string.h>

#include "bench/load.h"

void pos_load_tally_count(struct pos_load_tally *tally, const char *code, uint64_t count,
                          uint64_t good)
{
    size_t i = 0;
    while (i < tally->code_count && strcmp(tally->codes[i].code, code) != 0)
        i++;
    if (i == tally->code_count) {
        if (i == POS_LOAD_CODE_COUNT_MAX)
            return;
        tally->codes[i] = (struct pos_load_code){.count = 0};
        memcpy(tally->codes[i].code, code, sizeof tally->codes[i].code);
        tally->code_count++;
    }
    tally->codes[i].count += count;
    tally->codes[i].good += good;
}

static void add_breaks(struct pos_load_tally *into, const struct pos_load_tally *from)
{
    into->unmatched += from->unmatched;
    into->unreadable += from->unreadable;
    into->lost += from->lost;
}

void pos_load_tally_add(struct pos_load_tally *into, const struct pos_load_tally *from)
{
    into->replies += from->replies;
    into->good += from->good;
    into->reconnected += from->reconnected;
    add_breaks(into, from);
    for (size_t i = 0; i < from->code_count; i++)
        pos_load_tally_count(into, from->codes[i].code, from->codes[i].count, from->codes[i].good);
}

void pos_load_tally_add_failures(struct pos_load_tally *into, const struct pos_load_tally *from)
{
    add_breaks(into, from);
    for (size_t i = 0; i < from->code_count; i++)
        if (from->codes[i].count > from->codes[i].good)
            pos_load_tally_count(into, from->codes[i].code,
                                 from->codes[i].count - from->codes[i].good, 0);
}

void pos_load_tally_print(const struct pos_load_tally *tally, uint64_t unanswered, FILE *to)
{
    (void)fprintf(to, "%llu replies", (unsigned long long)tally->replies);
    for (size_t i = 0; i < tally->code_count; i++)
        (void)fprintf(to, ", %s %llu", tally->codes[i].code,
                      (unsigned long long)tally->codes[i].count);
    (void)fprintf(to, "; unanswered %llu, lost connections %llu, unmatched %llu, unreadable %llu",
                  (unsigned long long)unanswered, (unsigned long long)tally->lost,
                  (unsigned long long)tally->unmatched, (unsigned long long)tally->unreadable);
}
