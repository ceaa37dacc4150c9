#include "keymgmt/stock_count.h"

#include <stdlib.h>
#include <string.h>

static bool is_group_of(const struct pos_stock_group *group, const struct pos_key_row *row)
{
    return group->algorithm == row->algorithm && strcmp(group->mother, row->mother) == 0;
}

static enum pos_status grow(struct pos_stock *stock)
{
    size_t capacity = stock->capacity == 0 ? 16 : 2 * stock->capacity;
    struct pos_stock_group *groups = realloc(stock->groups, capacity * sizeof *groups);
    if (groups == NULL)
        return POS_ERR_MEMORY;
    stock->groups = groups;
    stock->capacity = capacity;
    return POS_OK;
}

/* The group of a row: most often that of the row before it. */
static enum pos_status find_group(struct pos_stock *stock, const struct pos_key_row *row)
{
    if (stock->latest < stock->group_count && is_group_of(&stock->groups[stock->latest], row))
        return POS_OK;
    for (size_t i = 0; i < stock->group_count; i++) {
        stock->latest = i;
        if (is_group_of(&stock->groups[i], row))
            return POS_OK;
    }
    if (stock->group_count == stock->capacity && grow(stock) != POS_OK)
        return POS_ERR_MEMORY;
    stock->latest = stock->group_count++;
    struct pos_stock_group *group = &stock->groups[stock->latest];
    *group = (struct pos_stock_group){.algorithm = row->algorithm};
    memcpy(group->mother, row->mother, sizeof group->mother);
    return POS_OK;
}

enum pos_status pos_stock_add(struct pos_stock *stock, const struct pos_key_row *row)
{
    enum pos_status status = find_group(stock, row);
    if (status == POS_OK)
        stock->groups[stock->latest].counts[row->state]++;
    return status;
}

static int compare_groups(const void *a, const void *b)
{
    const struct pos_stock_group *left = a, *right = b;
    int by_name = strcmp(left->mother, right->mother);
    if (by_name != 0)
        return by_name;
    return (int)left->algorithm - (int)right->algorithm;
}

void pos_stock_sort(struct pos_stock *stock)
{
    if (stock->group_count > 1)
        qsort(stock->groups, stock->group_count, sizeof *stock->groups, compare_groups);
    stock->latest = 0;
}

uint64_t pos_stock_left(const struct pos_stock_group *group)
{
    if (group->mother[0] == '\0')
        return group->counts[POS_KEY_GENERATED];
    return group->counts[POS_KEY_EXPORTED] + group->counts[POS_KEY_LOADED];
}

static bool has_group_that_waits(const struct pos_stock *stock, enum pos_algorithm algorithm)
{
    for (size_t i = 0; i < stock->group_count; i++)
        if (stock->groups[i].mother[0] == '\0' && stock->groups[i].algorithm == algorithm)
            return true;
    return false;
}

bool pos_stock_lowest(const struct pos_stock *stock, struct pos_stock_group *lowest)
{
    for (size_t i = 0; i < stock->group_count; i++) {
        const struct pos_stock_group *group = &stock->groups[i];
        if (i == 0 || pos_stock_left(group) < pos_stock_left(lowest))
            *lowest = *group;
        if (!has_group_that_waits(stock, group->algorithm) && pos_stock_left(lowest) > 0)
            *lowest = (struct pos_stock_group){.algorithm = group->algorithm};
    }
    return stock->group_count > 0;
}

void pos_stock_fini(struct pos_stock *stock)
{
    free(stock->groups);
    *stock = (struct pos_stock){0};
}
