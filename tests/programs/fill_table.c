/*
 * Makes a terminal table with many rows: usage: fill_table FOLDER SERIAL ROWS. Row N is SERIAL with
 * the key index N, active, registered without a proof: for listeners that ask for neither. Nobody
 * may have the table open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/store/terminal_bulk.h"

enum { AT_ONCE = 1024 };

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "fill_table: %s\n", what);
    exit(1);
}

int main(int argument_count, char **arguments)
{
    static struct pos_smn smns[AT_ONCE];
    static struct pos_terminal_hot rows[AT_ONCE];
    struct pos_terminal_table *table;
    struct pos_error error = {0};
    must(argument_count == 4, "usage: fill_table FOLDER SERIAL ROWS");
    const struct pos_terminal_table_options options = {
        .path = arguments[1], .create_if_missing = true, .cache_size = 8 << 20};
    must(pos_terminal_table_open(&options, &table, &error) == POS_OK, error.text);
    uint64_t count = strtoull(arguments[3], NULL, 10);
    for (uint64_t at = 0; at < count; at += AT_ONCE) {
        size_t some = count - at < AT_ONCE ? (size_t)(count - at) : AT_ONCE;
        for (size_t i = 0; i < some; i++) {
            must(pos_smn_form(pos_bytes_text(arguments[2]), at + i + 1, &smns[i], &error) == POS_OK,
                 error.text);
            rows[i] = (struct pos_terminal_hot){
                .state = POS_TERMINAL_ACTIVE, .algorithm = POS_ALGORITHM_A256, .version = 1};
        }
        must(pos_terminal_table_load(table, smns, rows, some) == POS_OK, "cannot load rows");
    }
    must(pos_terminal_table_flush(table) == POS_OK, "cannot put them on disk");
    pos_terminal_table_close(table);
    return 0;
}
