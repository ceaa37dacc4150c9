#include "keymgmt/kcv_twins.h"

#include <stdlib.h>

static enum pos_status grow(struct pos_kcv_twins *twins)
{
    size_t capacity = twins->capacity == 0 ? 1024 : 2 * twins->capacity;
    struct pos_kcv_entry *entries = realloc(twins->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return POS_ERR_MEMORY;
    twins->entries = entries;
    twins->capacity = capacity;
    return POS_OK;
}

enum pos_status pos_kcv_twins_add(struct pos_kcv_twins *twins, uint32_t index,
                                  enum pos_algorithm algorithm, const struct pos_kcv *kcv)
{
    if (twins->count == twins->capacity && grow(twins) != POS_OK)
        return POS_ERR_MEMORY;
    uint64_t value = (uint64_t)algorithm;
    for (size_t i = 0; i < kcv->size && i < POS_KCV_SIZE_MAX; i++)
        value = value << 8 | kcv->data[i];
    twins->entries[twins->count++] = (struct pos_kcv_entry){.value = value, .index = index};
    twins->counts[algorithm]++;
    return POS_OK;
}

static int compare(const void *a, const void *b)
{
    const struct pos_kcv_entry *left = a, *right = b;
    if (left->value != right->value)
        return left->value < right->value ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

void pos_kcv_twins_pairs(struct pos_kcv_twins *twins,
                         bool (*each)(void *context, uint32_t a, uint32_t b), void *context)
{
    const struct pos_kcv_entry *entries = twins->entries;
    if (twins->count > 1)
        qsort(twins->entries, twins->count, sizeof *twins->entries, compare);
    for (size_t i = 0; i < twins->count; i++)
        for (size_t j = i + 1; j < twins->count && entries[j].value == entries[i].value; j++)
            if (!each(context, entries[i].index, entries[j].index))
                return;
}

double pos_kcv_twins_expected(uint64_t count, size_t size)
{
    double values = 1;
    for (size_t i = 0; i < size; i++)
        values *= 256;
    return count == 0 ? 0 : (double)count * (double)(count - 1) / 2 / values;
}

void pos_kcv_twins_fini(struct pos_kcv_twins *twins)
{
    free(twins->entries);
    *twins = (struct pos_kcv_twins){0};
}
