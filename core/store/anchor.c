/*
 * A slot is written in place: the other one holds the batch before, whatever becomes of this one.
 * So after a crash the file is as the database, or one batch behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/store/anchor_inside.h"
#include "core/store/rows.h"

enum {
    SLOT_VERSION = 1,
    ROW_VERSION = 1,
    ROW_ANCHORED = 0x01,
    SLOT_COUNT = 2,
    COVERED_SIZE = 93, /* bytes of a slot that its CRC covers */
    FILE_SIZE = POS_ANCHOR_SLOT_STEP + POS_ANCHOR_SLOT_SIZE,
};

const char pos_anchor_key[] = "anchor";
static const char magic[] = "POSANCHR";

struct pos_anchor {
    int file;
    char path[POS_ANCHOR_PATH_SIZE_MAX];
};

const char *pos_anchor_finding_name(enum pos_anchor_finding finding)
{
    static const char *const names[] = {
        [POS_ANCHOR_NONE] = "none",       [POS_ANCHOR_NEW] = "new",
        [POS_ANCHOR_MATCH] = "match",     [POS_ANCHOR_BEHIND] = "behind",
        [POS_ANCHOR_MISSING] = "missing", [POS_ANCHOR_FOREIGN] = "foreign",
    };
    return (unsigned)finding < sizeof names / sizeof names[0] ? names[finding] : "unknown";
}

void pos_anchor_beside(const char *database, char path[POS_ANCHOR_PATH_SIZE_MAX])
{
    size_t size = strnlen(database, POS_PATH_SIZE_MAX - 1);
    while (size > 1 && database[size - 1] == '/')
        size--;
    (void)snprintf(path, POS_ANCHOR_PATH_SIZE_MAX, "%.*s.anchor", (int)size, database);
}

/* ---- the state ---- */

static enum pos_status random_bytes(uint8_t *data, size_t size)
{
    return getrandom(data, size, 0) == (ssize_t)size ? POS_OK : POS_ERR_IO;
}

enum pos_status pos_anchor_state_born(struct pos_anchor_state *state)
{
    *state = (struct pos_anchor_state){.epoch = 1};
    enum pos_status status = random_bytes(state->identity, sizeof state->identity);
    return status == POS_OK ? random_bytes(state->stamp, sizeof state->stamp) : status;
}

enum pos_status pos_anchor_state_step(struct pos_anchor_state *state)
{
    state->batches++;
    memcpy(state->stamp_before, state->stamp, sizeof state->stamp);
    return random_bytes(state->stamp, sizeof state->stamp);
}

static void put_numbers(const struct pos_anchor_state *state, struct pos_buffer *buffer)
{
    pos_buffer_put(buffer, pos_bytes(state->identity, sizeof state->identity));
    pos_buffer_put_u64(buffer, state->epoch);
    pos_buffer_put_u64(buffer, state->batches);
    pos_buffer_put_u32(buffer, state->high_water);
    pos_buffer_put_u64(buffer, state->audit_sequence);
    pos_buffer_put(buffer, pos_bytes(state->audit_hash, sizeof state->audit_hash));
    pos_buffer_put(buffer, pos_bytes(state->stamp, sizeof state->stamp));
}

static void take(struct pos_cursor *cursor, uint8_t *into, size_t size)
{
    struct pos_bytes bytes = pos_cursor_take(cursor, size);
    if (bytes.size == size)
        memcpy(into, bytes.data, size);
}

static void take_numbers(struct pos_cursor *cursor, struct pos_anchor_state *state)
{
    take(cursor, state->identity, sizeof state->identity);
    state->epoch = pos_cursor_u64(cursor);
    state->batches = pos_cursor_u64(cursor);
    state->high_water = pos_cursor_u32(cursor);
    state->audit_sequence = pos_cursor_u64(cursor);
    take(cursor, state->audit_hash, sizeof state->audit_hash);
    take(cursor, state->stamp, sizeof state->stamp);
}

/* meta "anchor": version 1 (1), 01 has had an anchor (1), the numbers of a slot from its identity
 * to its stamp, stamp of the batch before 8. */
void pos_anchor_state_encode(const struct pos_anchor_state *state, struct pos_buffer *buffer)
{
    pos_buffer_put_u8(buffer, ROW_VERSION);
    pos_buffer_put_u8(buffer, state->anchored ? ROW_ANCHORED : 0);
    put_numbers(state, buffer);
    pos_buffer_put(buffer, pos_bytes(state->stamp_before, sizeof state->stamp_before));
}

enum pos_status pos_anchor_state_decode(struct pos_bytes bytes, struct pos_anchor_state *state)
{
    struct pos_cursor cursor = pos_cursor(bytes);
    enum pos_status status = pos_row_take_version(&cursor, ROW_VERSION);
    if (status != POS_OK)
        return status;
    *state = (struct pos_anchor_state){0};
    uint8_t flags = pos_cursor_u8(&cursor);
    state->anchored = (flags & ROW_ANCHORED) != 0;
    take_numbers(&cursor, state);
    take(&cursor, state->stamp_before, sizeof state->stamp_before);
    bool good = pos_cursor_done(&cursor) && (flags & ~ROW_ANCHORED) == 0 && state->epoch > 0 &&
                state->high_water <= POS_KEY_INDEX_MAX;
    return good ? POS_OK : POS_ERR_CORRUPT;
}

enum pos_status pos_anchor_birth(size_t meta_family, struct pos_anchor_birth *birth,
                                 struct pos_error *error)
{
    struct pos_anchor_state state;
    struct pos_buffer row = pos_buffer(birth->memory, sizeof birth->memory);
    enum pos_status status = pos_anchor_state_born(&state);
    if (status != POS_OK)
        return pos_error_set(error, status, "no random bytes to name a database by");
    pos_anchor_state_encode(&state, &row);
    birth->item =
        (struct pos_rocks_item){meta_family, pos_bytes_text(pos_anchor_key), pos_buffer_view(&row)};
    return POS_OK;
}

/* ---- slots ---- */

/* CRC-32 of IEEE 802.3. */
static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void encode_slot(const struct pos_anchor_state *state, uint8_t slot[POS_ANCHOR_SLOT_SIZE])
{
    struct pos_buffer buffer = pos_buffer(slot, POS_ANCHOR_SLOT_SIZE);
    memset(slot, 0, POS_ANCHOR_SLOT_SIZE);
    pos_buffer_put_text(&buffer, magic);
    pos_buffer_put_u8(&buffer, SLOT_VERSION);
    put_numbers(state, &buffer);
    _Static_assert(8 + 1 + POS_ANCHOR_IDENTITY_SIZE + 8 + 8 + 4 + 8 + POS_ANCHOR_HASH_SIZE +
                           POS_ANCHOR_STAMP_SIZE ==
                       COVERED_SIZE,
                   "the CRC covers all");
    pos_buffer_put_u32(&buffer, crc_of(slot, buffer.size));
}

/* POS_ERR_CORRUPT: nothing, or half of something; POS_ERR_VERSION. */
static enum pos_status decode_slot(const uint8_t slot[POS_ANCHOR_SLOT_SIZE],
                                   struct pos_anchor_state *state)
{
    struct pos_cursor cursor = pos_cursor(pos_bytes(slot, POS_ANCHOR_SLOT_SIZE));
    struct pos_cursor crc = pos_cursor(pos_bytes(slot + COVERED_SIZE, 4));
    *state = (struct pos_anchor_state){0};
    if (!pos_bytes_equal_text(pos_cursor_take(&cursor, strlen(magic)), magic))
        return POS_ERR_CORRUPT;
    enum pos_status status = pos_row_take_version(&cursor, SLOT_VERSION);
    if (status != POS_OK)
        return status;
    if (pos_cursor_u32(&crc) != crc_of(slot, COVERED_SIZE))
        return POS_ERR_CORRUPT;
    take_numbers(&cursor, state);
    return state->epoch > 0 ? POS_OK : POS_ERR_CORRUPT;
}

static bool is_later(const struct pos_anchor_state *a, const struct pos_anchor_state *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->batches > b->batches;
}

/* POS_ERR_CORRUPT: neither slot is whole; POS_ERR_VERSION: nor of a version that is known. */
static enum pos_status later_slot(struct pos_bytes file, struct pos_anchor_state *state)
{
    enum pos_status status = POS_ERR_CORRUPT;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct pos_anchor_state slot;
        size_t at = i * POS_ANCHOR_SLOT_STEP;
        if (at + POS_ANCHOR_SLOT_SIZE > file.size)
            continue;
        enum pos_status found = decode_slot(file.data + at, &slot);
        if (found == POS_OK && (status != POS_OK || is_later(&slot, state))) {
            *state = slot;
            status = POS_OK;
        } else if (found == POS_ERR_VERSION && status != POS_OK) {
            status = found;
        }
    }
    return status;
}

enum pos_status pos_anchor_parse(struct pos_bytes file, struct pos_anchor_mark *mark)
{
    struct pos_anchor_state state = {0};
    enum pos_status status = later_slot(file, &state);
    *mark = (struct pos_anchor_mark){.epoch = state.epoch,
                                     .batches = state.batches,
                                     .high_water = state.high_water,
                                     .audit_sequence = state.audit_sequence};
    memcpy(mark->audit_hash, state.audit_hash, sizeof mark->audit_hash);
    return status;
}

/* POS_ERR_NOT_FOUND: no file; and as later_slot. */
static enum pos_status read_file(const char *path, struct pos_anchor_state *state,
                                 struct pos_error *error)
{
    uint8_t *data;
    size_t size;
    enum pos_status status = pos_file_read(path, 2 * FILE_SIZE, &data, &size, error);
    if (status != POS_OK)
        return status == POS_ERR_LIMIT ? POS_ERR_CORRUPT : status;
    status = later_slot(pos_bytes(data, size), state);
    free(data);
    return status != POS_ERR_VERSION
               ? status
               : pos_error_set(error, status, "%s was written by a newer version; use that one",
                               path);
}

/* Both slots, over whatever is there. */
static enum pos_status create_file(const char *path, const struct pos_anchor_state *state,
                                   struct pos_error *error)
{
    uint8_t content[FILE_SIZE] = {0};
    encode_slot(state, content);
    encode_slot(state, content + POS_ANCHOR_SLOT_STEP);
    return pos_file_write(path, pos_bytes(content, sizeof content), 0600, error);
}

static enum pos_status open_file(const char *path, struct pos_anchor **anchor,
                                 struct pos_error *error)
{
    struct pos_anchor *made = calloc(1, sizeof *made);
    if (made == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the anchor");
    memcpy(made->path, path, strlen(path) + 1);
    made->file = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (made->file < 0) {
        int number = errno;
        free(made);
        return pos_error_set(error, number == EACCES ? POS_ERR_NOT_ALLOWED : POS_ERR_IO,
                             "cannot write the anchor %s: %s", path, strerror(number));
    }
    *anchor = made;
    return POS_OK;
}

void pos_anchor_close(struct pos_anchor *anchor)
{
    if (anchor == NULL)
        return;
    (void)close(anchor->file);
    free(anchor);
}

enum pos_status pos_anchor_write(struct pos_anchor *anchor, const struct pos_anchor_state *state)
{
    if (anchor == NULL)
        return POS_OK;
    uint8_t slot[POS_ANCHOR_SLOT_SIZE];
    encode_slot(state, slot);
    off_t at = (off_t)(state->batches % SLOT_COUNT) * POS_ANCHOR_SLOT_STEP;
    ssize_t put;
    do
        put = pwrite(anchor->file, slot, sizeof slot, at);
    while (put < 0 && errno == EINTR);
    if (put == (ssize_t)sizeof slot && fdatasync(anchor->file) == 0)
        return POS_OK;
    pos_log(POS_LOG_ERROR, "anchor-write-failed", "path=\"%s\" text=\"%s\"", anchor->path,
            put >= 0 && put != (ssize_t)sizeof slot ? "short write" : strerror(errno));
    return POS_ERR_IO;
}

/* ---- comparing ---- */

static bool same_stamp(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, POS_ANCHOR_STAMP_SIZE) == 0;
}

/* The database may be one batch ahead: it was synced, and the anchor not yet written. */
static enum pos_anchor_finding compare(const struct pos_anchor_state *database,
                                       const struct pos_anchor_state *anchor, bool *ahead)
{
    *ahead = false;
    if (memcmp(database->identity, anchor->identity, POS_ANCHOR_IDENTITY_SIZE) != 0)
        return POS_ANCHOR_FOREIGN;
    if (database->epoch == anchor->epoch && database->batches == anchor->batches &&
        same_stamp(database->stamp, anchor->stamp))
        return POS_ANCHOR_MATCH;
    *ahead = database->batches == anchor->batches + 1 &&
             database->epoch - anchor->epoch <= 1 && /* a checkpoint's batch moves the epoch */
             same_stamp(database->stamp_before, anchor->stamp);
    if (*ahead)
        return POS_ANCHOR_MATCH;
    return is_later(anchor, database) ? POS_ANCHOR_BEHIND : POS_ANCHOR_FOREIGN;
}

static void fill_report(struct pos_anchor_report *report, enum pos_anchor_finding finding,
                        const struct pos_anchor_state *database,
                        const struct pos_anchor_state *anchor)
{
    *report = (struct pos_anchor_report){.finding = finding};
    if (memcmp(database->identity, anchor->identity, POS_ANCHOR_IDENTITY_SIZE) != 0)
        return;
    report->same_database = true;
    report->high_water = anchor->high_water;
    report->audit_sequence = anchor->audit_sequence;
    if (finding == POS_ANCHOR_BEHIND && anchor->batches > database->batches)
        report->batches_lost = anchor->batches - database->batches;
}

static enum pos_status explain(const char *database, const char *path,
                               const struct pos_anchor_report *report, struct pos_error *error)
{
    static const char advice[] =
        "restore the newest backup, or accept this one expressly (docs/operations.md), which gives "
        "up what was issued since";
    if (report->finding == POS_ANCHOR_BEHIND)
        return pos_error_set(error, POS_ERR_STATE,
                             "%s is older than its anchor %s: %llu writes are missing, audit "
                             "records went up to %llu. It is a copy from before; %s",
                             database, path, (unsigned long long)report->batches_lost,
                             (unsigned long long)report->audit_sequence, advice);
    if (report->finding == POS_ANCHOR_MISSING)
        return pos_error_set(error, POS_ERR_STATE,
                             "the anchor %s of %s is not there or damaged: without it nobody can "
                             "tell whether the database is an old copy. Put it back, or %s",
                             path, database, advice);
    return pos_error_set(error, POS_ERR_STATE,
                         report->same_database
                             ? "the anchor %s tells another history than %s: one of them was "
                               "replaced by a copy. Put the right one back, or %s"
                             : "the anchor %s is not that of %s but of another database. Name the "
                               "right one, or %s",
                         path, database, advice);
}

enum pos_status pos_anchor_check_new(const struct pos_anchor_options *options, const char *database,
                                     struct pos_error *error)
{
    if (options->path == NULL || options->accept_old || access(options->path, F_OK) != 0)
        return POS_OK;
    if (options->report != NULL)
        *options->report = (struct pos_anchor_report){.finding = POS_ANCHOR_FOREIGN};
    return pos_error_set(error, POS_ERR_STATE,
                         "there is no database in %s, but an anchor of one in %s: was it lost? "
                         "Restore a backup, or, if a new one is wanted, move the anchor away",
                         database, options->path);
}

/* What the file says, or why not. `finding` NONE: the slot is to be compared. */
static enum pos_status look(const char *path, const struct pos_anchor_state *state,
                            struct pos_anchor_state *slot, enum pos_anchor_finding *finding,
                            struct pos_error *error)
{
    if (strlen(path) >= POS_ANCHOR_PATH_SIZE_MAX)
        return pos_error_set(error, POS_ERR_LIMIT, "the anchor's path is too long: %.64s...", path);
    enum pos_status status = read_file(path, slot, error);
    *finding = POS_ANCHOR_NONE;
    if (status == POS_OK)
        return POS_OK;
    if (status != POS_ERR_NOT_FOUND && status != POS_ERR_CORRUPT)
        return status;
    bool never = status == POS_ERR_NOT_FOUND && !state->anchored;
    *finding = never ? POS_ANCHOR_NEW : POS_ANCHOR_MISSING;
    *slot = (struct pos_anchor_state){0};
    return POS_OK;
}

/* The file begins anew from the database, which goes on behind both. */
static enum pos_status begin_anew(const char *path, struct pos_anchor_state *state,
                                  const struct pos_anchor_state *slot,
                                  const struct pos_anchor_report *report, struct pos_error *error)
{
    if (report->finding == POS_ANCHOR_NEW)
        return create_file(path, state, error);
    if (!report->same_database) {
        state->epoch++;
        return create_file(path, state, error);
    }
    state->epoch = (state->epoch > slot->epoch ? state->epoch : slot->epoch) + 1;
    state->batches = state->batches > slot->batches ? state->batches : slot->batches;
    if (state->high_water < slot->high_water)
        state->high_water = slot->high_water;
    return POS_OK;
}

enum pos_status pos_anchor_open(const struct pos_anchor_options *options, const char *database,
                                struct pos_anchor_state *state, struct pos_anchor **anchor,
                                bool *stale, bool *behind, struct pos_error *error)
{
    struct pos_anchor_state slot = {0};
    struct pos_anchor_report report = {.finding = POS_ANCHOR_NONE};
    *anchor = NULL;
    *stale = *behind = false;
    if (options->report != NULL)
        *options->report = report;
    if (options->path == NULL)
        return POS_OK;
    enum pos_anchor_finding finding = POS_ANCHOR_NONE;
    enum pos_status status = look(options->path, state, &slot, &finding, error);
    if (status != POS_OK)
        return status;
    fill_report(&report, finding == POS_ANCHOR_NONE ? compare(state, &slot, behind) : finding,
                state, &slot);
    if (options->report != NULL)
        *options->report = report;
    bool good = report.finding == POS_ANCHOR_MATCH || report.finding == POS_ANCHOR_NEW;
    if (!good && !options->accept_old)
        return explain(database, options->path, &report, error);
    *stale = report.finding != POS_ANCHOR_MATCH || !state->anchored;
    state->anchored = true;
    if (report.finding != POS_ANCHOR_MATCH)
        status = begin_anew(options->path, state, &slot, &report, error);
    return status == POS_OK ? open_file(options->path, anchor, error) : status;
}
