#include "keymgmt/return_reader.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "keymgmt/key_file_scan.h"

enum { FIRST_CAPACITY = 1024 };

struct reading {
    struct pos_key_file_reader reader; /* of lines, of whatever file */
    struct pos_hsm_session *session;
    struct pos_return_file *file;
    size_t capacity;
    struct pos_error *error;
};

static enum pos_status next(struct reading *reading, struct pos_bytes *line)
{
    enum pos_status status = pos_key_file_reader_next(&reading->reader, line, reading->error);
    if (status == POS_ERR_CLOSED)
        return pos_error_set(reading->error, POS_ERR_FORMAT, "%s ends after line %u: it is cut",
                             reading->reader.path, reading->reader.number);
    return status;
}

static enum pos_status in_line(struct reading *reading)
{
    return pos_error_prefix(reading->error, "%s line %u", reading->reader.path,
                            reading->reader.number);
}

static enum pos_status cover(const struct reading *reading, struct pos_bytes line)
{
    enum pos_status status = pos_hsm_file_mac_add(reading->session, line);
    if (status == POS_OK)
        status = pos_hsm_file_mac_add(reading->session, pos_bytes("\n", 1));
    return status == POS_OK ? POS_OK
                            : pos_error_set(reading->error, status, "the security module failed");
}

static enum pos_status read_header(struct reading *reading, pos_return_find_ktk *find_ktk,
                                   void *context)
{
    struct pos_bytes line;
    struct pos_key ktk;
    enum pos_status status = next(reading, &line);
    if (status != POS_OK)
        return status;
    if (pos_return_file_read_header(line, &reading->file->header, reading->error) != POS_OK)
        return in_line(reading);
    status = find_ktk(context, &reading->file->header, &ktk);
    if (status != POS_OK)
        return status;
    status = pos_hsm_return_mac_start(reading->session, &ktk);
    if (status != POS_OK)
        return pos_error_set(reading->error, status, "the security module cannot open the KTK");
    return cover(reading, line);
}

/* Room grows with what is really there, not with what the header says. */
static struct pos_return_file_key *room_for_one(struct reading *reading)
{
    struct pos_return_file *file = reading->file;
    if (file->count < reading->capacity)
        return &file->keys[file->count];
    size_t capacity = reading->capacity == 0 ? FIRST_CAPACITY : 2 * reading->capacity;
    struct pos_return_file_key *keys = realloc(file->keys, capacity * sizeof *keys);
    if (keys == NULL)
        return NULL;
    file->keys = keys;
    reading->capacity = capacity;
    return &keys[file->count];
}

static enum pos_status read_key(struct reading *reading)
{
    struct pos_return_file *file = reading->file;
    struct pos_bytes line;
    enum pos_status status = next(reading, &line);
    if (status != POS_OK)
        return status;
    struct pos_return_file_key *key = room_for_one(reading);
    if (key == NULL)
        return pos_error_set(reading->error, POS_ERR_MEMORY, "no memory for %zu keys",
                             file->count + 1);
    if (pos_return_file_read_key(line, key, reading->error) != POS_OK)
        return in_line(reading);
    if (file->count > 0 && key->index <= file->keys[file->count - 1].index)
        return pos_error_set(reading->error, POS_ERR_ORDER, "%s line %u: key %08u behind %08u",
                             reading->reader.path, reading->reader.number, key->index,
                             file->keys[file->count - 1].index);
    file->count++;
    return cover(reading, line);
}

static enum pos_status read_trailer(struct reading *reading)
{
    const char *path = reading->reader.path;
    struct pos_trailer trailer;
    struct pos_bytes line;
    uint8_t mac[POS_TRAILER_MAC_SIZE];
    enum pos_status status = next(reading, &line);
    if (status != POS_OK)
        return status;
    if (pos_return_file_read_trailer(line, &trailer, reading->error) != POS_OK)
        return in_line(reading);
    if (trailer.count != reading->file->header.count)
        return pos_error_set(reading->error, POS_ERR_FORMAT, "%s: trailer says %u keys, header %u",
                             path, trailer.count, reading->file->header.count);
    status = pos_hsm_file_mac_finish(reading->session, mac);
    if (status != POS_OK)
        return pos_error_set(reading->error, status, "the security module failed");
    if (!pos_secret_equal(mac, trailer.mac, sizeof mac))
        return pos_error_set(reading->error, POS_ERR_MAC,
                             "%s: its MAC does not verify; it is not what the mother POS wrote",
                             path);
    pos_hex_encode(pos_bytes(mac, sizeof mac), reading->file->mac);
    if (pos_key_file_reader_next(&reading->reader, &line, NULL) != POS_ERR_CLOSED)
        return pos_error_set(reading->error, POS_ERR_FORMAT,
                             "%s: something stands behind the trailer", path);
    return POS_OK;
}

enum pos_status pos_return_file_load(const char *path, struct pos_hsm_session *session,
                                     pos_return_find_ktk *find_ktk, void *context,
                                     struct pos_return_file *file, struct pos_error *error)
{
    struct reading reading = {.session = session, .file = file, .error = error};
    *file = (struct pos_return_file){.count = 0};
    enum pos_status status = pos_key_file_reader_open(&reading.reader, path, error);
    if (status != POS_OK)
        return status;
    status = read_header(&reading, find_ktk, context);
    for (uint32_t i = 0; status == POS_OK && i < file->header.count; i++)
        status = read_key(&reading);
    if (status == POS_OK)
        status = read_trailer(&reading);
    pos_key_file_reader_close(&reading.reader);
    if (status != POS_OK)
        pos_return_file_free(file);
    return status;
}

void pos_return_file_free(struct pos_return_file *file)
{
    free(file->keys);
    file->keys = NULL;
    file->count = 0;
}
