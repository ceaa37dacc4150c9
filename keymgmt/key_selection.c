#include "keymgmt/key_selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/digest.h"
#include "keymgmt/key_file_scan.h"

enum { FIRST_CAPACITY = 1024, DIGEST_SHOWN = 16 };

/* ---- ranges ---- */

/* Takes the digits at the front of *text off it. */
static bool take_index(struct pos_bytes *text, uint32_t *index)
{
    uint64_t value = 0;
    size_t size = 0;
    while (size < text->size && text->data[size] >= '0' && text->data[size] <= '9') {
        value = value * 10 + (uint64_t)(text->data[size++] - '0');
        if (size > POS_KEY_INDEX_DIGITS)
            return false;
    }
    *text = pos_bytes(text->data + size, text->size - size);
    *index = (uint32_t)value;
    return size > 0 && value >= POS_KEY_INDEX_MIN;
}

enum pos_status pos_key_range_parse(struct pos_bytes text, uint32_t *first, uint32_t *last)
{
    if (!take_index(&text, first))
        return POS_ERR_FORMAT;
    *last = *first;
    if (text.size == 0)
        return POS_OK;
    if (text.data[0] != '-')
        return POS_ERR_FORMAT;
    text = pos_bytes(text.data + 1, text.size - 1);
    if (!take_index(&text, last) || text.size > 0 || *last < *first)
        return POS_ERR_FORMAT;
    return POS_OK;
}

/* ---- lists of indexes ---- */

void pos_key_selection_free(struct pos_key_selection *selection)
{
    free(selection->indexes);
    *selection = (struct pos_key_selection){.count = 0};
}

static enum pos_status make_room(struct pos_key_selection *selection, size_t count)
{
    if (count > POS_KEY_SELECTION_COUNT_MAX ||
        selection->count > POS_KEY_SELECTION_COUNT_MAX - count)
        return POS_ERR_LIMIT;
    if (selection->count + count <= selection->capacity)
        return POS_OK;
    size_t capacity = selection->capacity == 0 ? FIRST_CAPACITY : selection->capacity;
    while (capacity < selection->count + count)
        capacity *= 2;
    uint32_t *indexes = realloc(selection->indexes, capacity * sizeof *indexes);
    if (indexes == NULL)
        return POS_ERR_MEMORY;
    selection->indexes = indexes;
    selection->capacity = capacity;
    return POS_OK;
}

enum pos_status pos_key_selection_add(struct pos_key_selection *selection, uint32_t first,
                                      uint32_t last)
{
    enum pos_status status = make_room(selection, (size_t)last - first + 1);
    if (status != POS_OK)
        return status;
    for (uint32_t index = first; index <= last; index++)
        selection->indexes[selection->count++] = index;
    return POS_OK;
}

static int by_index(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

void pos_key_selection_settle(struct pos_key_selection *selection)
{
    if (selection->count == 0)
        return;
    qsort(selection->indexes, selection->count, sizeof selection->indexes[0], by_index);
    size_t kept = 1;
    for (size_t i = 1; i < selection->count; i++)
        if (selection->indexes[i] != selection->indexes[kept - 1])
            selection->indexes[kept++] = selection->indexes[i];
    selection->count = kept;
}

/* ---- files ---- */

/* Calls `take` for each line that counts. */
static enum pos_status read_lines(const char *path,
                                  enum pos_status (*take)(void *context, struct pos_bytes line),
                                  void *context, const char *wanted, struct pos_error *error)
{
    struct pos_key_file_reader reader;
    struct pos_bytes line;
    enum pos_status status = pos_key_file_reader_open(&reader, path, error);
    if (status != POS_OK)
        return status;
    while ((status = pos_key_file_reader_next(&reader, &line, error)) == POS_OK) {
        if (line.size == 0 || line.data[0] == '#')
            continue;
        status = take(context, line);
        if (status == POS_ERR_FORMAT)
            (void)pos_error_set(error, status, "%s line %u: not %s", path, reader.number, wanted);
        else if (status != POS_OK)
            (void)pos_error_set(error, status, "%s line %u: %s", path, reader.number,
                                pos_status_text(status));
        if (status != POS_OK)
            break;
    }
    pos_key_file_reader_close(&reader);
    return status == POS_ERR_CLOSED ? POS_OK : status;
}

static enum pos_status take_range(void *context, struct pos_bytes line)
{
    uint32_t first, last;
    enum pos_status status = pos_key_range_parse(line, &first, &last);
    return status == POS_OK ? pos_key_selection_add(context, first, last) : status;
}

enum pos_status pos_key_selection_read(struct pos_key_selection *selection, const char *path,
                                       struct pos_error *error)
{
    return read_lines(path, take_range, selection, "a key index or a range of them, as in 278-300",
                      error);
}

static enum pos_status take_smn(void *context, struct pos_bytes line)
{
    struct pos_smn_list *list = context;
    if (list->count == POS_KEY_SELECTION_COUNT_MAX)
        return POS_ERR_LIMIT;
    if (list->count % FIRST_CAPACITY == 0) {
        struct pos_smn *smns =
            realloc(list->smns, (list->count + FIRST_CAPACITY) * sizeof *list->smns);
        if (smns == NULL)
            return POS_ERR_MEMORY;
        list->smns = smns;
    }
    enum pos_status status = pos_smn_parse(line, &list->smns[list->count]);
    if (status == POS_OK)
        list->count++;
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct pos_smn *)a)->text, ((const struct pos_smn *)b)->text);
}

enum pos_status pos_smn_list_read(const char *path, struct pos_smn_list *list,
                                  struct pos_error *error)
{
    *list = (struct pos_smn_list){.count = 0};
    enum pos_status status =
        read_lines(path, take_smn, list, "an SMN, as in 123L013K00000278", error);
    if (status != POS_OK) {
        pos_smn_list_free(list);
        return status;
    }
    if (list->count == 0)
        return POS_OK;
    qsort(list->smns, list->count, sizeof list->smns[0], by_text);
    size_t kept = 1;
    for (size_t i = 1; i < list->count; i++)
        if (by_text(&list->smns[i], &list->smns[kept - 1]) != 0)
            list->smns[kept++] = list->smns[i];
    list->count = kept;
    return POS_OK;
}

void pos_smn_list_free(struct pos_smn_list *list)
{
    free(list->smns);
    *list = (struct pos_smn_list){.count = 0};
}

/* ---- words ---- */

static enum pos_status digest_text(struct pos_bytes data, char text[2 * DIGEST_SHOWN + 1])
{
    uint8_t digest[POS_DIGEST_SIZE];
    enum pos_status status = pos_digest(&data, 1, digest);
    if (status == POS_OK)
        pos_hex_encode(pos_bytes(digest, DIGEST_SHOWN), text);
    return status;
}

enum pos_status pos_key_selection_words(const struct pos_key_selection *selection,
                                        char words[POS_KEY_SELECTION_WORDS_SIZE])
{
    char digest[2 * DIGEST_SHOWN + 1];
    enum pos_status status = digest_text(
        pos_bytes(selection->indexes, selection->count * sizeof selection->indexes[0]), digest);
    if (status == POS_OK)
        (void)snprintf(words, POS_KEY_SELECTION_WORDS_SIZE,
                       "keys=%zu first=%08u last=%08u digest=%s", selection->count,
                       selection->indexes[0], selection->indexes[selection->count - 1], digest);
    return status;
}

enum pos_status pos_smn_list_words(const struct pos_smn_list *list,
                                   char words[POS_KEY_SELECTION_WORDS_SIZE])
{
    char digest[2 * DIGEST_SHOWN + 1];
    enum pos_status status =
        digest_text(pos_bytes(list->smns, list->count * sizeof list->smns[0]), digest);
    if (status == POS_OK)
        (void)snprintf(words, POS_KEY_SELECTION_WORDS_SIZE, "terminals=%zu digest=%s", list->count,
                       digest);
    return status;
}
