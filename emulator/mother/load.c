/*
 * Taking in a key file, line by line (921, 922).
 *
 * A request does not number its line, so what a line is tells where it belongs: the header is line
 * 1, K lines ascend from `first` to `last`, the trailer closes. A line that does not come now gets
 * a 77 with the number of the one that does, so a load that broke off finds its place again. A file
 * that is not for this mother POS, was taken in before or does not verify gets a 63. Lines rest in
 * the journal; no key of them can be handed out before the trailer verified.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "core/base/log.h"
#include "core/base/secret.h"
#include "emulator/mother/inside.h"

/* ---- where the load stands ---- */

static void note_header(struct pos_mother_load *load, const struct pos_key_file_header *header,
                        struct pos_bytes line)
{
    *load = (struct pos_mother_load){.open = true, .header = *header, .line_count = 1};
    load->header_line_size = (uint16_t)line.size;
    memcpy(load->header_line, line.data, line.size);
}

static void note_key(struct pos_mother_load *load, uint32_t index)
{
    load->line_count++;
    load->key_count++;
    load->last_index = index;
}

enum pos_status pos_mother_load_note(struct pos_mother *mother, struct pos_bytes line)
{
    enum pos_key_file_line kind;
    struct pos_key_file_header header;
    struct pos_key_file_key key;
    enum pos_status status = pos_key_file_line_kind(line, &kind);
    if (status == POS_OK && kind == POS_KEY_FILE_HEADER) {
        status = pos_key_file_read_header(line, &header, NULL);
        if (status == POS_OK)
            note_header(&mother->load, &header, line);
    } else if (status == POS_OK && kind == POS_KEY_FILE_KEY) {
        status = pos_key_file_read_key(line, &key, NULL);
        if (status == POS_OK)
            note_key(&mother->load, key.index);
    }
    return status;
}

static enum pos_response refuse(enum pos_response response, const char *why,
                                const struct pos_error *error)
{
    pos_log(POS_LOG_WARNING, "load-refused", "code=%s why=\"%s\"", pos_response_code(response),
            error != NULL ? error->text : why);
    return response;
}

static enum pos_response cannot(const char *what, enum pos_status status)
{
    pos_log(POS_LOG_ERROR, "load-failed", "what=\"%s\" status=%s", what, pos_status_name(status));
    return POS_RESPONSE_MALFUNCTION;
}

static enum pos_response keep_line(struct pos_mother *mother, uint32_t batch, uint32_t number,
                                   struct pos_bytes line)
{
    POS_FAILPOINT("mother-load-line");
    enum pos_status status = pos_journal_load_line(mother->journal, batch, number, line);
    POS_FAILPOINT("mother-load-line-kept");
    return status == POS_OK ? POS_RESPONSE_APPROVED : cannot("keep a line", status);
}

/* ---- header ---- */

static const char *wrong_with(const struct pos_mother *mother,
                              const struct pos_key_file_header *header)
{
    if (strcmp(header->destination, mother->name) != 0)
        return "the file is for another mother POS";
    if (strcmp(header->ktk, mother->ktk_name) != 0)
        return "the file is under a KTK of another name";
    if (!pos_kcv_equal(&header->ktk_kcv, &mother->ktk_kcv))
        return "the file is under another KTK: its check value differs";
    if (header->count < 1 || header->count > POS_KEY_FILE_COUNT_MAX)
        return "the file has no keys or too many";
    if (header->first < POS_KEY_INDEX_MIN || header->last > POS_KEY_INDEX_MAX ||
        header->first > header->last || header->count > header->last - header->first + 1)
        return "count and range of the file do not agree";
    return NULL;
}

static enum pos_response take_header(struct pos_mother *mother, struct pos_bytes line)
{
    struct pos_error error;
    struct pos_key_file_header header;
    struct pos_mother_load *load = &mother->load;
    if (pos_key_file_read_header(line, &header, &error) != POS_OK)
        return refuse(POS_RESPONSE_FORMAT, NULL, &error);
    if (load->open && pos_bytes_equal(line, pos_bytes(load->header_line, load->header_line_size)))
        return POS_RESPONSE_APPROVED; /* the load goes on where it broke off */
    const char *wrong = wrong_with(mother, &header);
    if (wrong != NULL)
        return refuse(POS_RESPONSE_INDEX_TAKEN, wrong, NULL);
    bool known;
    enum pos_status status = pos_journal_batch_known(mother->journal, header.batch, &known);
    if (status != POS_OK)
        return cannot("look up the batch", status);
    if (known)
        return refuse(POS_RESPONSE_INDEX_TAKEN, "the batch was taken in before", NULL);
    enum pos_response response = keep_line(mother, header.batch, 1, line);
    if (response == POS_RESPONSE_APPROVED)
        note_header(load, &header, line);
    return response;
}

/* ---- keys ---- */

/* The files that keymgmt writes have no gaps unless keys were destroyed in between; then count is
 * smaller than the range and only the trailer can tell a gap from a lost line. */
static bool is_next(const struct pos_mother_load *load, uint32_t index)
{
    const struct pos_key_file_header *header = &load->header;
    if (load->key_count == 0)
        return index == header->first;
    if (header->count == header->last - header->first + 1)
        return index == load->last_index + 1;
    return index > load->last_index;
}

static enum pos_response take_key(struct pos_mother *mother, struct pos_bytes line)
{
    struct pos_error error;
    struct pos_key_file_key key;
    struct pos_mother_load *load = &mother->load;
    if (pos_key_file_read_key(line, &key, &error) != POS_OK)
        return refuse(POS_RESPONSE_FORMAT, NULL, &error);
    if (!load->open)
        return POS_RESPONSE_LOAD_ORDER;
    if (key.index < load->header.first || key.index > load->header.last)
        return refuse(POS_RESPONSE_INDEX_TAKEN, "a key is outside the file's range", NULL);
    if (load->key_count == load->header.count || !is_next(load, key.index))
        return POS_RESPONSE_LOAD_ORDER;
    enum pos_response response = keep_line(mother, load->header.batch, load->line_count + 1, line);
    if (response == POS_RESPONSE_APPROVED)
        note_key(load, key.index);
    return response;
}

/* ---- trailer ---- */

struct mac_walk {
    struct pos_hsm_session *session;
    enum pos_status status;
};

static bool add_to_mac(void *context, uint32_t number, struct pos_bytes line)
{
    struct mac_walk *walk = context;
    (void)number;
    walk->status = pos_hsm_file_mac_add(walk->session, line);
    if (walk->status == POS_OK)
        walk->status = pos_hsm_file_mac_add(walk->session, pos_bytes("\n", 1));
    return walk->status == POS_OK;
}

static enum pos_status compute_mac(struct pos_mother *mother, uint8_t mac[POS_TRAILER_MAC_SIZE])
{
    struct mac_walk walk = {.session = mother->session};
    enum pos_status status = pos_hsm_file_mac_start(mother->session, &mother->ktk);
    if (status == POS_OK)
        status = pos_journal_load_walk(mother->journal, add_to_mac, &walk);
    if (status == POS_OK)
        status = walk.status;
    return status == POS_OK ? pos_hsm_file_mac_finish(mother->session, mac) : status;
}

struct import_walk {
    struct pos_mother *mother;
    struct pos_journal_row *rows;
    size_t count, capacity;
    enum pos_status status;
    struct pos_error error;
};

static enum pos_status import_key(struct import_walk *walk, const struct pos_key_file_key *key)
{
    struct pos_journal_row *row = &walk->rows[walk->count];
    const struct pos_key_file_header *header = &walk->mother->load.header;
    *row = (struct pos_journal_row){.index = key->index,
                                    .state = POS_JOURNAL_FREE,
                                    .algorithm = header->algorithm,
                                    .batch = header->batch};
    enum pos_status status =
        pos_hsm_import_tmk(walk->mother->session, key->block, &walk->mother->ktk, header->algorithm,
                           &row->tmk, &row->kcv, &walk->error);
    if (status != POS_OK)
        return pos_error_prefix(&walk->error, "key %u", key->index);
    if (!pos_kcv_equal(&row->kcv, &key->kcv))
        return pos_error_set(&walk->error, POS_ERR_MISMATCH,
                             "key %u does not have the check value of its line", key->index);
    walk->count++;
    return POS_OK;
}

static bool import_line(void *context, uint32_t number, struct pos_bytes line)
{
    struct import_walk *walk = context;
    struct pos_key_file_key key;
    if (number == 1)
        return true; /* the header */
    if (walk->count == walk->capacity)
        walk->status = POS_ERR_CORRUPT;
    else
        walk->status = pos_key_file_read_key(line, &key, &walk->error);
    if (walk->status == POS_OK)
        walk->status = import_key(walk, &key);
    return walk->status == POS_OK;
}

static enum pos_status import_all(struct pos_mother *mother, struct pos_error *error)
{
    struct import_walk walk = {.mother = mother, .capacity = mother->load.key_count};
    walk.rows = calloc(walk.capacity, sizeof *walk.rows);
    if (walk.rows == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %zu keys", walk.capacity);
    walk.error.text[0] = '\0';
    enum pos_status status = pos_journal_load_walk(mother->journal, import_line, &walk);
    if (status == POS_OK)
        status = walk.status;
    if (status == POS_OK && walk.count != walk.capacity)
        status = POS_ERR_CORRUPT;
    *error = walk.error;
    POS_FAILPOINT("mother-load-imported");
    if (status == POS_OK)
        status = pos_journal_load_finish(mother->journal, mother->load.header.batch, walk.rows,
                                         walk.count);
    POS_FAILPOINT("mother-load-taken");
    if (status == POS_ERR_EXISTS)
        (void)pos_error_set(error, status, "a key of the file is here already");
    free(walk.rows);
    return status;
}

/* A file that is refused leaves nothing behind: the next one begins with its header. */
static enum pos_response drop(struct pos_mother *mother, const char *why,
                              const struct pos_error *error)
{
    POS_FAILPOINT("mother-load-drop");
    enum pos_status status = pos_journal_load_drop(mother->journal);
    POS_FAILPOINT("mother-load-dropped");
    if (status != POS_OK)
        return cannot("drop the load", status);
    mother->load = (struct pos_mother_load){.open = false};
    return refuse(POS_RESPONSE_INDEX_TAKEN, why, error);
}

static bool is_files_fault(enum pos_status status)
{
    return pos_status_class(status) == POS_CLASS_PEER || status == POS_ERR_EXISTS;
}

static enum pos_response finish(struct pos_mother *mother, const struct pos_trailer *trailer)
{
    uint8_t mac[POS_TRAILER_MAC_SIZE];
    struct pos_error error;
    enum pos_status status = compute_mac(mother, mac);
    if (status != POS_OK)
        return cannot("compute the file's MAC", status);
    if (!pos_secret_equal(mac, trailer->mac, sizeof mac))
        return drop(mother, "the file's MAC does not verify", NULL);
    POS_FAILPOINT("mother-load-verified");
    status = import_all(mother, &error);
    if (is_files_fault(status))
        return drop(mother, NULL, &error);
    if (status != POS_OK)
        return cannot("take the keys in", status);
    pos_log(POS_LOG_INFO, "load-done", "batch=%u keys=%u first=%u last=%u",
            mother->load.header.batch, mother->load.key_count, mother->load.header.first,
            mother->load.header.last);
    mother->load.open = false; /* line_count stays: the reply counts on from it */
    return POS_RESPONSE_APPROVED;
}

static enum pos_response take_trailer(struct pos_mother *mother, struct pos_bytes line)
{
    struct pos_error error;
    struct pos_trailer trailer;
    const struct pos_mother_load *load = &mother->load;
    if (pos_key_file_read_trailer(line, &trailer, &error) != POS_OK)
        return refuse(POS_RESPONSE_FORMAT, NULL, &error);
    if (!load->open || load->key_count < load->header.count)
        return POS_RESPONSE_LOAD_ORDER;
    if (trailer.count != load->header.count || load->last_index != load->header.last)
        return drop(mother, "count or last key of the file are not as its header says", NULL);
    return finish(mother, &trailer);
}

/* ---- the two messages ---- */

static enum pos_response take_line(struct pos_mother *mother, struct pos_bytes line)
{
    enum pos_key_file_line kind;
    if (line.size > POS_KEY_FILE_LINE_SIZE_MAX || pos_key_file_line_kind(line, &kind) != POS_OK)
        return refuse(POS_RESPONSE_FORMAT, "not a line of a key file", NULL);
    switch (kind) {
    case POS_KEY_FILE_HEADER:
        return take_header(mother, line);
    case POS_KEY_FILE_KEY:
        return take_key(mother, line);
    case POS_KEY_FILE_TRAILER:
        return take_trailer(mother, line);
    }
    return POS_RESPONSE_FORMAT;
}

void pos_mother_load_line(struct pos_mother *mother, struct pos_bytes line,
                          struct pos_mother_reply *reply)
{
    reply->response = take_line(mother, line);
    if (reply->response != POS_RESPONSE_APPROVED && reply->response != POS_RESPONSE_LOAD_ORDER)
        return;
    /* Behind the trailer of a load that is done there is one line more than is held. */
    bool done = reply->response == POS_RESPONSE_APPROVED && !mother->load.open;
    uint32_t held = mother->load.open || done ? mother->load.line_count : 0;
    int used = snprintf(reply->text_62, sizeof reply->text_62, "%08u",
                        (unsigned)(held + (done ? 2 : 1)) % 100000000u);
    reply->field_62 = pos_bytes(reply->text_62, (size_t)used);
}

/* Five numbers of 8 digits: batch of the load under way (0: none), its lines held, keys free,
 * issued, burned. */
void pos_mother_load_status(struct pos_mother *mother, struct pos_mother_reply *reply)
{
    struct pos_journal_counts counts;
    pos_journal_counts(mother->journal, &counts);
    const struct pos_mother_load *load = &mother->load;
    int used = snprintf(reply->text_62, sizeof reply->text_62, "%08u%08u%08u%08u%08u",
                        load->open ? load->header.batch : 0, load->open ? load->line_count : 0,
                        counts.free, counts.issued, counts.burned);
    reply->response = POS_RESPONSE_APPROVED;
    reply->field_62 = pos_bytes(reply->text_62, (size_t)used);
}
