/*
 * Prints the values of keys as they rest in a database, so that key_scan can look for them:
 * usage: key_values library|table FOLDER SCRATCH
 *
 * One line a key: index, what it is, the value in hex. Reads as a follower, while others write.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/store/key_library.h"
#include "core/store/terminal_table.h"

static void print_key(uint32_t index, const char *what, const struct pos_key *key)
{
    char hex[2 * POS_KEY_VALUE_SIZE_MAX + 1];
    if (key->size == 0)
        return;
    pos_hex_encode(pos_bytes(key->data, key->size), hex);
    (void)printf("%08u %s %s\n", index, what, hex);
}

static bool print_row(void *context, const struct pos_key_row *row)
{
    (void)context;
    print_key(row->index, "TMK", &row->tmk);
    print_key(row->index, "TPK", &row->tpk);
    print_key(row->index, "TAK", &row->tak);
    print_key(row->index, "TDK", &row->tdk);
    return true;
}

static bool print_terminal(void *context, const struct pos_smn *smn,
                           const struct pos_terminal_hot *hot)
{
    struct pos_terminal_detail detail;
    uint32_t index = pos_smn_key_index(smn);
    if (pos_terminal_table_find_detail(context, smn, &detail) != POS_OK)
        return false;
    for (size_t i = 0; i < 2; i++) {
        print_key(index, "TAK", &hot->tak[i]);
        print_key(index, "TPK", &detail.tpk[i]);
        print_key(index, "TDK", &detail.tdk[i]);
    }
    return true;
}

static enum pos_status print_library(const char *path, const char *scratch, struct pos_error *error)
{
    struct pos_key_library *library;
    enum pos_status status = pos_key_library_follow(path, scratch, &library, error);
    if (status != POS_OK)
        return status;
    status = pos_key_library_walk(library, POS_KEY_INDEX_MIN, print_row, NULL);
    pos_key_library_close(library);
    return status;
}

static enum pos_status print_table(const char *path, const char *scratch, struct pos_error *error)
{
    struct pos_terminal_table *table;
    enum pos_status status = pos_terminal_table_follow(path, scratch, &table, error);
    if (status != POS_OK)
        return status;
    status = pos_terminal_table_walk(table, NULL, print_terminal, table);
    pos_terminal_table_close(table);
    return status;
}

int main(int count, char **values)
{
    struct pos_error error = {.status = POS_OK};
    if (count != 4 || (strcmp(values[1], "library") != 0 && strcmp(values[1], "table") != 0)) {
        (void)fprintf(stderr, "usage: key_values library|table FOLDER SCRATCH\n");
        return 2;
    }
    enum pos_status status = strcmp(values[1], "library") == 0
                                 ? print_library(values[2], values[3], &error)
                                 : print_table(values[2], values[3], &error);
    if (status != POS_OK)
        (void)fprintf(stderr, "key_values: %s %s\n", pos_status_text(status), error.text);
    return status == POS_OK ? 0 : 1;
}
