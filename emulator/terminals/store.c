#include "emulator/terminals/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"

enum {
    LINE_SIZE_MAX = 256,
    FILE_SIZE_MAX = 1 << 30,
    SLOT_COUNT_MIN = 1024, /* a power of two, as every larger table */
    STAN_RESERVE = 100,
};

struct pos_terminal_store {
    int file; /* -1: read only */
    char path[POS_PATH_SIZE_MAX];
    struct pos_store_entry *slots; /* open addressing, at most half full */
    size_t slot_count, used;
};

/* ---- the table ---- */

static size_t slot_of(const struct pos_terminal_store *store, const char *serial)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < POS_SERIAL_SIZE; i++)
        hash = (hash ^ (uint8_t)serial[i]) * 1099511628211u;
    size_t slot = (size_t)(hash ^ hash >> 32) & (store->slot_count - 1);
    while (store->slots[slot].serial[0] != '\0' &&
           memcmp(store->slots[slot].serial, serial, POS_SERIAL_SIZE) != 0)
        slot = (slot + 1) & (store->slot_count - 1);
    return slot;
}

static void free_slots(struct pos_store_entry *slots, size_t count)
{
    if (slots != NULL)
        pos_secret_wipe(slots, count * sizeof *slots);
    free(slots);
}

static bool grow(struct pos_terminal_store *store)
{
    struct pos_store_entry *old = store->slots;
    size_t old_count = store->slot_count;
    size_t count = old_count == 0 ? SLOT_COUNT_MIN : 2 * old_count;
    struct pos_store_entry *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return false;
    store->slots = slots;
    store->slot_count = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].serial[0] != '\0')
            slots[slot_of(store, old[i].serial)] = old[i];
    free_slots(old, old_count);
    return true;
}

/* The serial's entry, made when missing; NULL without memory. */
static struct pos_store_entry *entry_of(struct pos_terminal_store *store, const char *serial)
{
    if (2 * (store->used + 1) > store->slot_count && !grow(store))
        return NULL;
    struct pos_store_entry *entry = &store->slots[slot_of(store, serial)];
    if (entry->serial[0] == '\0') {
        memcpy(entry->serial, serial, POS_SERIAL_SIZE);
        entry->form = POS_FORM_COUNT;
        store->used++;
    }
    return entry;
}

const struct pos_store_entry *pos_terminal_store_find(const struct pos_terminal_store *store,
                                                      const char *serial)
{
    const struct pos_store_entry *entry = &store->slots[slot_of(store, serial)];
    return entry->serial[0] == '\0' ? NULL : entry;
}

/* ---- reading ---- */

static bool take_number(struct pos_bytes *line, uint32_t *number)
{
    struct pos_bytes part = pos_bytes_split(line, '|');
    uint32_t value = 0;
    if (part.size == 0 || part.size > 8)
        return false;
    for (size_t i = 0; i < part.size; i++) {
        if (part.data[i] < '0' || part.data[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(part.data[i] - '0');
    }
    *number = value;
    return true;
}

static bool take_key(struct pos_bytes *line, enum pos_algorithm algorithm, uint8_t *key)
{
    return pos_hex_decode(pos_bytes_split(line, '|'), key, pos_algorithm_key_size(algorithm)) ==
           POS_OK;
}

static bool read_key(struct pos_bytes *line, struct pos_store_entry *entry)
{
    if (!take_number(line, &entry->key_index))
        return false;
    entry->algorithm = pos_algorithm_parse(pos_bytes_split(line, '|'));
    entry->stage = POS_STAGE_KEYED;
    return entry->algorithm != POS_ALGORITHM_NONE && take_key(line, entry->algorithm, entry->tmk);
}

/* What may stand behind the keys of a sign-on: the form they came in, and the TDK of some forms. */
static bool read_form(struct pos_bytes *line, struct pos_store_entry *entry)
{
    entry->form = POS_FORM_COUNT;
    if (line->size == 0)
        return true;
    entry->form = pos_key_form_parse(pos_bytes_split(line, '|'));
    if (entry->form == POS_FORM_COUNT || !pos_key_form_possible(entry->form, entry->algorithm))
        return false;
    return !pos_key_form_has_tdk(entry->form, entry->algorithm) ||
           take_key(line, pos_algorithm_working(entry->algorithm), entry->tdk);
}

static bool read_working_keys(struct pos_bytes *line, struct pos_store_entry *entry)
{
    enum pos_algorithm algorithm = pos_algorithm_working(entry->algorithm);
    entry->stage = POS_STAGE_SIGNED_ON;
    return take_key(line, algorithm, entry->tpk) && take_key(line, algorithm, entry->tak) &&
           read_form(line, entry);
}

static bool read_event(struct pos_bytes what, struct pos_bytes *rest, struct pos_store_entry *entry)
{
    if (pos_bytes_equal_text(what, "key"))
        return read_key(rest, entry);
    if (pos_bytes_equal_text(what, "stan"))
        return take_number(rest, &entry->stan_reserved);
    if (entry->stage == POS_STAGE_BLANK)
        return false; /* the rest needs a key */
    if (pos_bytes_equal_text(what, "signed-on"))
        return read_working_keys(rest, entry);
    if (pos_bytes_equal_text(what, "confirmed"))
        entry->stage = POS_STAGE_CONFIRMED;
    else if (pos_bytes_equal_text(what, "registered") || pos_bytes_equal_text(what, "signed-off"))
        entry->stage = POS_STAGE_REGISTERED;
    else
        return false;
    return true;
}

static enum pos_status read_line(struct pos_terminal_store *store, struct pos_bytes line,
                                 size_t number, struct pos_error *error)
{
    struct pos_bytes what = pos_bytes_split(&line, '|');
    struct pos_bytes serial = pos_bytes_split(&line, '|');
    if (pos_serial_valid(serial)) {
        struct pos_store_entry *entry = entry_of(store, (const char *)serial.data);
        if (entry == NULL)
            return pos_error_set(error, POS_ERR_MEMORY, "no memory for the terminals' store");
        if (read_event(what, &line, entry) && line.size == 0)
            return POS_OK;
    }
    return pos_error_set(error, POS_ERR_CORRUPT, "%s: line %zu is damaged", store->path, number);
}

static enum pos_status read_lines(struct pos_terminal_store *store, struct pos_bytes text,
                                  size_t *whole, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    size_t start = 0, number = 1;
    for (size_t i = 0; i < text.size && status == POS_OK; i++) {
        if (text.data[i] != '\n')
            continue;
        status = read_line(store, pos_bytes(text.data + start, i - start), number++, error);
        start = i + 1;
    }
    *whole = start;
    return status;
}

/* ---- opening ---- */

static enum pos_status system_error(const struct pos_terminal_store *store, const char *what,
                                    struct pos_error *error)
{
    return pos_error_set(error, errno == ENOENT ? POS_ERR_NOT_FOUND : POS_ERR_IO, "%s %s: %s", what,
                         store->path, strerror(errno));
}

/* The descriptor is kept for its lock, and for writing. */
static enum pos_status open_file(struct pos_terminal_store *store, const char *folder, bool write,
                                 struct pos_error *error)
{
    int used = snprintf(store->path, sizeof store->path, "%s/terminals.keys", folder);
    if (used < 0 || (size_t)used >= sizeof store->path)
        return pos_error_set(error, POS_ERR_USAGE, "the store's path is too long");
    enum pos_status status = write ? pos_file_make_folder(folder, error) : POS_OK;
    if (status != POS_OK)
        return status;
    store->file = write ? open(store->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                        : open(store->path, O_RDONLY | O_CLOEXEC);
    if (store->file < 0)
        return system_error(store, "cannot open", error);
    if (flock(store->file, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? pos_error_set(error, POS_ERR_BUSY,
                                                    "%s is in use by another process", store->path)
                                    : system_error(store, "cannot lock", error);
    return POS_OK;
}

/* A new file must not be lost with the power: its name is synced too. */
static enum pos_status sync_folder(struct pos_terminal_store *store, const char *folder,
                                   struct pos_error *error)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = file >= 0 && fsync(file) == 0;
    enum pos_status status =
        good ? POS_OK : system_error(store, "cannot sync the folder of", error);
    if (file >= 0)
        (void)close(file);
    return status;
}

static enum pos_status load(struct pos_terminal_store *store, bool write, struct pos_error *error)
{
    uint8_t *data;
    size_t size, whole;
    enum pos_status status = pos_file_read(store->path, FILE_SIZE_MAX, &data, &size, error);
    if (status != POS_OK)
        return status;
    status = read_lines(store, pos_bytes(data, size), &whole, error);
    pos_secret_wipe(data, size);
    free(data);
    if (status == POS_OK && write && whole < size && ftruncate(store->file, (off_t)whole) != 0)
        status = system_error(store, "cannot cut the broken last line of", error);
    return status;
}

enum pos_status pos_terminal_store_open(const char *folder, bool write,
                                        struct pos_terminal_store **store, struct pos_error *error)
{
    struct pos_terminal_store *opened = calloc(1, sizeof *opened);
    *store = NULL;
    if (opened == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for the terminals' store");
    opened->file = -1;
    enum pos_status status = grow(opened) ? POS_OK : POS_ERR_MEMORY;
    if (status != POS_OK)
        (void)pos_error_set(error, status, "no memory for the terminals' store");
    else
        status = open_file(opened, folder, write, error);
    if (status == POS_OK && write)
        status = sync_folder(opened, folder, error);
    if (status == POS_OK)
        status = load(opened, write, error);
    if (status != POS_OK) {
        pos_terminal_store_close(opened);
        return status;
    }
    *store = opened;
    return POS_OK;
}

void pos_terminal_store_close(struct pos_terminal_store *store)
{
    if (store == NULL)
        return;
    if (store->file >= 0)
        (void)close(store->file);
    free_slots(store->slots, store->slot_count);
    free(store);
}

/* ---- writing ---- */

/* One write a line; with O_APPEND a line is whole or, after a crash, the last one. */
static enum pos_status append(struct pos_terminal_store *store, const struct pos_buffer *line)
{
    size_t done = 0;
    if (line->overflow)
        return POS_ERR_LENGTH;
    while (done < line->size) {
        ssize_t put = write(store->file, line->data + done, line->size - done);
        if (put < 0 && errno != EINTR)
            return POS_ERR_IO;
        done += put < 0 ? 0 : (size_t)put;
    }
    return POS_OK;
}

static void put_key(struct pos_buffer *line, const uint8_t *key, enum pos_algorithm algorithm)
{
    char hex[2 * POS_KEY_SIZE_MAX + 1];
    pos_hex_encode(pos_bytes(key, pos_algorithm_key_size(algorithm)), hex);
    pos_buffer_put_u8(line, '|');
    pos_buffer_put_text(line, hex);
    pos_secret_wipe(hex, sizeof hex);
}

static bool same_working_keys(const struct pos_store_entry *entry,
                              const struct pos_terminal *terminal)
{
    return memcmp(entry->tak, terminal->tak, sizeof entry->tak) == 0 &&
           memcmp(entry->tpk, terminal->tpk, sizeof entry->tpk) == 0 &&
           memcmp(entry->tdk, terminal->tdk, sizeof entry->tdk) == 0 &&
           entry->form == terminal->form;
}

static void put_working_keys(struct pos_buffer *lines, const struct pos_terminal *terminal)
{
    enum pos_algorithm working = pos_algorithm_working(terminal->algorithm);
    pos_buffer_format(lines, "signed-on|%s", terminal->serial);
    put_key(lines, terminal->tpk, working);
    put_key(lines, terminal->tak, working);
    if (terminal->form != POS_FORM_COUNT)
        pos_buffer_format(lines, "|%s", pos_key_form_name(terminal->form));
    if (terminal->form != POS_FORM_COUNT &&
        pos_key_form_has_tdk(terminal->form, terminal->algorithm))
        put_key(lines, terminal->tdk, working);
    pos_buffer_put_text(lines, "\n");
}

/* What happened, as lines; nothing when the entry says it already. */
static void put_changes(struct pos_buffer *lines, const struct pos_terminal *terminal,
                        const struct pos_store_entry *entry)
{
    const char *serial = terminal->serial;
    uint32_t index = pos_smn_key_index(&terminal->smn);
    bool rekeyed = entry->stage == POS_STAGE_BLANK || entry->key_index != index;
    enum pos_terminal_stage from = rekeyed ? POS_STAGE_KEYED : entry->stage;
    if (rekeyed) {
        pos_buffer_format(lines, "key|%s|%08u|%s", serial, index,
                          pos_algorithm_name(terminal->algorithm));
        put_key(lines, terminal->tmk, terminal->algorithm);
        pos_buffer_put_text(lines, "\n");
    }
    if (terminal->stage == POS_STAGE_SIGNED_ON &&
        (from != POS_STAGE_SIGNED_ON || !same_working_keys(entry, terminal))) {
        put_working_keys(lines, terminal);
    } else if (terminal->stage != from) {
        static const char *const names[POS_STAGE_COUNT] = {
            [POS_STAGE_CONFIRMED] = "confirmed", [POS_STAGE_REGISTERED] = "registered"};
        bool off = from == POS_STAGE_SIGNED_ON;
        if (names[terminal->stage] != NULL)
            pos_buffer_format(lines, "%s|%s\n", off ? "signed-off" : names[terminal->stage],
                              serial);
    }
}

static void note(struct pos_store_entry *entry, const struct pos_terminal *terminal)
{
    entry->key_index = pos_smn_key_index(&terminal->smn);
    entry->algorithm = terminal->algorithm;
    entry->stage = terminal->stage;
    memcpy(entry->tmk, terminal->tmk, sizeof entry->tmk);
    memcpy(entry->tpk, terminal->tpk, sizeof entry->tpk);
    memcpy(entry->tak, terminal->tak, sizeof entry->tak);
    memcpy(entry->tdk, terminal->tdk, sizeof entry->tdk);
    entry->form = terminal->form;
}

enum pos_status pos_terminal_store_put(struct pos_terminal_store *store,
                                       const struct pos_terminal *terminal)
{
    char memory[2 * LINE_SIZE_MAX];
    struct pos_buffer lines = pos_buffer(memory, sizeof memory);
    struct pos_store_entry *entry = entry_of(store, terminal->serial);
    if (entry == NULL)
        return POS_ERR_MEMORY;
    if (terminal->stage == POS_STAGE_BLANK)
        return POS_OK;
    put_changes(&lines, terminal, entry);
    enum pos_status status = append(store, &lines);
    if (status == POS_OK)
        note(entry, terminal);
    pos_secret_wipe(memory, sizeof memory);
    return status;
}

enum pos_status pos_terminal_store_reserve(struct pos_terminal_store *store, const char *serial,
                                           uint32_t stan)
{
    char memory[LINE_SIZE_MAX];
    struct pos_buffer line = pos_buffer(memory, sizeof memory);
    struct pos_store_entry *entry = entry_of(store, serial);
    if (entry == NULL)
        return POS_ERR_MEMORY;
    bool wrapped = stan + STAN_RESERVE < entry->stan_reserved;
    if (stan <= entry->stan_reserved && !wrapped)
        return POS_OK;
    pos_buffer_format(&line, "stan|%s|%06u\n", serial, stan + STAN_RESERVE);
    enum pos_status status = append(store, &line);
    if (status == POS_OK)
        entry->stan_reserved = stan + STAN_RESERVE;
    return status;
}

enum pos_status pos_terminal_store_sync(struct pos_terminal_store *store)
{
    return fsync(store->file) == 0 ? POS_OK : POS_ERR_IO;
}

/* ---- counting ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

enum pos_status pos_terminal_store_count(const struct pos_terminal_store *store,
                                         struct pos_terminal_store_counts *counts)
{
    *counts = (struct pos_terminal_store_counts){0};
    uint32_t *indexes = calloc(store->used + 1, sizeof *indexes);
    if (indexes == NULL)
        return POS_ERR_MEMORY;
    for (size_t i = 0; i < store->slot_count; i++) {
        const struct pos_store_entry *entry = &store->slots[i];
        if (entry->serial[0] == '\0' || entry->stage == POS_STAGE_BLANK)
            continue;
        indexes[counts->terminals++] = entry->key_index;
        counts->by_algorithm[entry->algorithm]++;
    }
    qsort(indexes, counts->terminals, sizeof *indexes, by_number);
    for (size_t i = 1; i < counts->terminals; i++)
        counts->duplicate_indexes += indexes[i] == indexes[i - 1];
    free(indexes);
    return POS_OK;
}
