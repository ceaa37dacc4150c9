/*
 * Makes a terminal table with many rows: usage: fill_table FOLDER SERIAL ROWS. Row N is SERIAL with
 * the key index N, active, registered without a proof: for listeners that ask for neither. Nobody
 * may have the table open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/store/terminal_bulk.h"

enum { THREAD_COUNT = 2 };

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "fill_table: %s\n", what);
    exit(1);
}

static enum pos_status make(void *context, size_t thread, uint64_t first, size_t count,
                            struct pos_terminal_row *rows)
{
    const char *serial = context;
    enum pos_status status = POS_OK;
    (void)thread;
    for (size_t i = 0; status == POS_OK && i < count; i++) {
        rows[i].hot = (struct pos_terminal_hot){
            .state = POS_TERMINAL_ACTIVE, .algorithm = POS_ALGORITHM_A256, .version = 1};
        status = pos_smn_form(pos_bytes_text(serial), first + i + 1, &rows[i].smn, NULL);
    }
    return status;
}

int main(int argument_count, char **arguments)
{
    struct pos_terminal_table *table;
    struct pos_error error = {0};
    must(argument_count == 4, "usage: fill_table FOLDER SERIAL ROWS");
    const struct pos_terminal_table_options options = {
        .path = arguments[1], .create_if_missing = true, .cache_size = 8 << 20};
    must(pos_terminal_table_open(&options, &table, &error) == POS_OK, error.text);
    const struct pos_terminal_fill fill = {.count = strtoull(arguments[3], NULL, 10),
                                           .thread_count = THREAD_COUNT,
                                           .make = make,
                                           .context = arguments[2]};
    enum pos_status status = pos_terminal_table_fill(table, &fill);
    must(status == POS_OK, pos_status_text(status));
    pos_terminal_table_close(table);
    return 0;
}
