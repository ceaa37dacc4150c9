#include "keymgmt/serial_list.h"

#include <stdlib.h>
#include <string.h>

#include "keymgmt/key_file_scan.h"

enum { FIRST_CAPACITY = 1024 };

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct pos_listed_serial *)a)->text,
                  ((const struct pos_listed_serial *)b)->text);
}

static enum pos_status add(struct pos_serial_list *list, size_t *capacity, struct pos_bytes line)
{
    if (!pos_serial_valid(line))
        return POS_ERR_FORMAT;
    if (list->count == POS_RETURN_FILE_COUNT_MAX)
        return POS_ERR_LIMIT;
    if (list->count == *capacity) {
        *capacity = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
        void *serials = realloc(list->serials, *capacity * sizeof *list->serials);
        if (serials == NULL)
            return POS_ERR_MEMORY;
        list->serials = serials;
    }
    struct pos_listed_serial *listed = &list->serials[list->count++];
    *listed = (struct pos_listed_serial){.seen = false};
    memcpy(listed->text, line.data, POS_SERIAL_SIZE);
    return POS_OK;
}

static enum pos_status read_lines(struct pos_key_file_reader *reader, struct pos_serial_list *list,
                                  struct pos_error *error)
{
    size_t capacity = 0;
    struct pos_bytes line;
    for (;;) {
        enum pos_status status = pos_key_file_reader_next(reader, &line, error);
        if (status == POS_ERR_CLOSED)
            return POS_OK;
        if (status != POS_OK)
            return status;
        status = add(list, &capacity, line);
        if (status == POS_ERR_FORMAT)
            return pos_error_set(error, status, "%s line %u: not 8 characters A-Z and 0-9",
                                 reader->path, reader->number);
        if (status != POS_OK)
            return pos_error_set(error, status, "%s line %u: %s", reader->path, reader->number,
                                 pos_status_text(status));
    }
}

static enum pos_status sort(struct pos_serial_list *list, const char *path, struct pos_error *error)
{
    if (list->count > 0)
        qsort(list->serials, list->count, sizeof list->serials[0], by_text);
    for (size_t i = 1; i < list->count; i++)
        if (by_text(&list->serials[i], &list->serials[i - 1]) == 0)
            return pos_error_set(error, POS_ERR_FORMAT, "%s has %s twice", path,
                                 list->serials[i].text);
    return POS_OK;
}

enum pos_status pos_serial_list_read(const char *path, struct pos_serial_list *list,
                                     struct pos_error *error)
{
    struct pos_key_file_reader reader;
    *list = (struct pos_serial_list){.count = 0};
    enum pos_status status = pos_key_file_reader_open(&reader, path, error);
    if (status != POS_OK)
        return status;
    status = read_lines(&reader, list, error);
    pos_key_file_reader_close(&reader);
    if (status == POS_OK)
        status = sort(list, path, error);
    if (status != POS_OK)
        pos_serial_list_free(list);
    return status;
}

void pos_serial_list_free(struct pos_serial_list *list)
{
    free(list->serials);
    *list = (struct pos_serial_list){.count = 0};
}

bool pos_serial_list_see(struct pos_serial_list *list, const char *serial)
{
    struct pos_listed_serial wanted = {.seen = false};
    memcpy(wanted.text, serial, sizeof wanted.text);
    struct pos_listed_serial *found =
        list->count == 0
            ? NULL
            : bsearch(&wanted, list->serials, list->count, sizeof list->serials[0], by_text);
    if (found != NULL)
        found->seen = true;
    return found != NULL;
}
