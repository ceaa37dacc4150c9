#include "keymgmt/key_file_scan.h"

#include <errno.h>
#include <string.h>

enum pos_status pos_key_file_reader_open(struct pos_key_file_reader *reader, const char *path,
                                         struct pos_error *error)
{
    reader->path = path;
    reader->number = 0;
    reader->file = fopen(path, "re");
    if (reader->file != NULL)
        return POS_OK;
    enum pos_status status = errno == ENOENT   ? POS_ERR_NOT_FOUND
                             : errno == EACCES ? POS_ERR_NOT_ALLOWED
                                               : POS_ERR_IO;
    return pos_error_set(error, status, "cannot open %s: %s", path, strerror(errno));
}

void pos_key_file_reader_close(struct pos_key_file_reader *reader)
{
    if (reader->file != NULL)
        (void)fclose(reader->file);
    reader->file = NULL;
}

enum pos_status pos_key_file_reader_next(struct pos_key_file_reader *reader, struct pos_bytes *line,
                                         struct pos_error *error)
{
    size_t size = 0;
    int c = '\0';
    while (size <= POS_KEY_FILE_LINE_SIZE_MAX && (c = getc(reader->file)) != EOF && c != '\n')
        reader->line[size++] = (char)c;
    if (ferror(reader->file) != 0)
        return pos_error_set(error, POS_ERR_IO, "cannot read %s", reader->path);
    if (c == EOF && size == 0)
        return POS_ERR_CLOSED;
    reader->number++;
    if (c != '\n')
        return pos_error_set(error, POS_ERR_FORMAT, "%s line %u: %s", reader->path, reader->number,
                             c == EOF ? "it has no end; the file is cut" : "it is too long");
    *line = pos_bytes(reader->line, size);
    return POS_OK;
}

enum pos_status pos_key_file_reader_seek(struct pos_key_file_reader *reader, uint32_t number,
                                         struct pos_error *error)
{
    if (number <= reader->number) {
        rewind(reader->file);
        reader->number = 0;
    }
    struct pos_bytes skipped;
    enum pos_status status = POS_OK;
    while (status == POS_OK && reader->number + 1 < number)
        status = pos_key_file_reader_next(reader, &skipped, error);
    return status;
}

/* ---- the whole file ---- */

struct scan {
    struct pos_key_file_reader reader;
    struct pos_key_file_header *header;
    struct pos_error *error;
};

/* The next line; its end is an error here. */
static enum pos_status next(struct scan *scan, struct pos_bytes *line)
{
    enum pos_status status = pos_key_file_reader_next(&scan->reader, line, scan->error);
    if (status == POS_ERR_CLOSED)
        return pos_error_set(scan->error, POS_ERR_FORMAT, "%s ends after line %u: it is cut",
                             scan->reader.path, scan->reader.number);
    return status;
}

static enum pos_status in_line(struct scan *scan)
{
    return pos_error_prefix(scan->error, "%s line %u", scan->reader.path, scan->reader.number);
}

static enum pos_status scan_header(struct scan *scan)
{
    struct pos_bytes line;
    enum pos_status status = next(scan, &line);
    if (status != POS_OK)
        return status;
    if (pos_key_file_read_header(line, scan->header, scan->error) != POS_OK)
        return in_line(scan);
    const struct pos_key_file_header *header = scan->header;
    if (header->last - header->first + 1 != header->count)
        return pos_error_set(scan->error, POS_ERR_FORMAT,
                             "%s line 1: %u keys cannot have the indexes %08u to %08u",
                             scan->reader.path, header->count, header->first, header->last);
    return POS_OK;
}

static enum pos_status scan_key(struct scan *scan, uint32_t index)
{
    struct pos_bytes line;
    struct pos_key_file_key key;
    enum pos_status status = next(scan, &line);
    if (status != POS_OK)
        return status;
    if (pos_key_file_read_key(line, &key, scan->error) != POS_OK)
        return in_line(scan);
    if (key.index != index)
        return pos_error_set(scan->error, POS_ERR_ORDER,
                             "%s line %u: key %08u stands where %08u "
                             "is due",
                             scan->reader.path, scan->reader.number, key.index, index);
    return POS_OK;
}

static enum pos_status scan_trailer(struct scan *scan)
{
    struct pos_bytes line;
    struct pos_trailer trailer;
    enum pos_status status = next(scan, &line);
    if (status != POS_OK)
        return status;
    if (pos_key_file_read_trailer(line, &trailer, scan->error) != POS_OK)
        return in_line(scan);
    if (trailer.count != scan->header->count)
        return pos_error_set(scan->error, POS_ERR_FORMAT, "%s: trailer says %u keys, header %u",
                             scan->reader.path, trailer.count, scan->header->count);
    if (pos_key_file_reader_next(&scan->reader, &line, NULL) != POS_ERR_CLOSED)
        return pos_error_set(scan->error, POS_ERR_FORMAT, "%s: something stands behind the trailer",
                             scan->reader.path);
    return POS_OK;
}

enum pos_status pos_key_file_scan(const char *path, struct pos_key_file_header *header,
                                  struct pos_error *error)
{
    struct scan scan = {.header = header, .error = error};
    enum pos_status status = pos_key_file_reader_open(&scan.reader, path, error);
    if (status != POS_OK)
        return status;
    status = scan_header(&scan);
    for (uint32_t i = 0; status == POS_OK && i < header->count; i++)
        status = scan_key(&scan, header->first + i);
    if (status == POS_OK)
        status = scan_trailer(&scan);
    pos_key_file_reader_close(&scan.reader);
    return status;
}
