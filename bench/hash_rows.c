#include "bench/hash_rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/store/rows.h"

struct pos_hash_rows {
    uint64_t mask;    /* of the places: a power of two, at least twice the rows */
    uint32_t *first;  /* by place: an entry's number and 1; 0: free */
    uint8_t *entries; /* SMN, then the row: side by side, for the fewest cache lines */
    size_t row_size;
    uint64_t count, capacity;
};

static uint8_t *entry_of(const struct pos_hash_rows *table, uint64_t number)
{
    return table->entries + number * (POS_SMN_SIZE + table->row_size);
}

static uint64_t hash(const void *smn)
{
    uint64_t front, back;
    memcpy(&front, smn, 8);
    memcpy(&back, (const char *)smn + 8, 8);
    /* Both halves of the product: SMNs differ in few of their bits. */
    unsigned __int128 product =
        (unsigned __int128)(front ^ 0x9e3779b97f4a7c15u) * (back ^ 0xbf58476d1ce4e5b9u);
    uint64_t value = (uint64_t)product ^ (uint64_t)(product >> 64);
    return value ^ value >> 29;
}

static uint64_t places_for(uint64_t rows)
{
    uint64_t places = 2;
    while (places < 2 * rows)
        places *= 2;
    return places;
}

struct pos_hash_rows *pos_hash_rows_create(uint64_t rows, const struct pos_terminal_hot *sample)
{
    uint8_t memory[POS_HOT_ROW_SIZE_MAX];
    struct pos_buffer bytes = pos_buffer(memory, sizeof memory);
    struct pos_hash_rows *table = calloc(1, sizeof *table);
    uint64_t places = places_for(rows);
    if (table == NULL || pos_terminal_hot_encode(sample, &bytes) != POS_OK) {
        free(table);
        return NULL;
    }
    table->row_size = bytes.size;
    table->mask = places - 1;
    table->capacity = rows;
    table->first = calloc(places, sizeof *table->first);
    table->entries = malloc(rows * (POS_SMN_SIZE + bytes.size));
    if (table->first != NULL && table->entries != NULL)
        return table;
    pos_hash_rows_destroy(table);
    return NULL;
}

void pos_hash_rows_destroy(struct pos_hash_rows *table)
{
    if (table == NULL)
        return;
    free(table->first);
    free(table->entries);
    free(table);
}

enum pos_status pos_hash_rows_add(struct pos_hash_rows *table, const struct pos_smn *smn,
                                  const struct pos_terminal_hot *row)
{
    if (table->count == table->capacity)
        return POS_ERR_LIMIT;
    uint8_t *entry = entry_of(table, table->count);
    struct pos_buffer bytes = pos_buffer(entry + POS_SMN_SIZE, table->row_size);
    enum pos_status status = pos_terminal_hot_encode(row, &bytes);
    if (status != POS_OK || bytes.size != table->row_size)
        return status != POS_OK ? status : POS_ERR_LENGTH;
    memcpy(entry, smn->text, POS_SMN_SIZE);
    uint64_t place = hash(entry) & table->mask;
    while (table->first[place] != 0)
        place = (place + 1) & table->mask;
    table->first[place] = (uint32_t)++table->count;
    return POS_OK;
}

enum pos_status pos_hash_rows_find(const struct pos_hash_rows *table, const struct pos_smn *smn,
                                   struct pos_terminal_hot *row)
{
    uint64_t place = hash(smn->text) & table->mask;
    for (; table->first[place] != 0; place = (place + 1) & table->mask) {
        const uint8_t *entry = entry_of(table, table->first[place] - 1);
        if (memcmp(entry, smn->text, POS_SMN_SIZE) == 0)
            return pos_terminal_hot_decode(pos_bytes(entry + POS_SMN_SIZE, table->row_size), row);
    }
    return POS_ERR_NOT_FOUND;
}

uint64_t pos_hash_rows_size_of(uint64_t rows, size_t row_size)
{
    return places_for(rows) * sizeof(uint32_t) + rows * (POS_SMN_SIZE + row_size);
}

uint64_t pos_hash_rows_size(const struct pos_hash_rows *table)
{
    return pos_hash_rows_size_of(table->capacity, table->row_size);
}
