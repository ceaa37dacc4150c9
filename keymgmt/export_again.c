/*
 * A batch is exported once: a second file of the same keys would be a second way for them to get
 * lost. But the same command may come again, after a crash or by hand, and then the file of the
 * first time is as good as a new one. Which file that was is in the audit chain, by its SHA-256.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "keymgmt/export.h"

enum { MARK_SIZE_MAX = 32, FORMAT_TEXT_SIZE_MAX = 64 };

/* What the record of the batch's export says. */
struct search {
    char mark[MARK_SIZE_MAX]; /* how its text begins: "batch=00000007 " */
    bool found;
    char digest[POS_FILE_DIGEST_TEXT_SIZE];
    char format[FORMAT_TEXT_SIZE_MAX];
};

void pos_export_put_format(const struct pos_export *export, struct pos_buffer *text)
{
    if (export->format != NULL)
        pos_buffer_format(text, "format=%s integrity=none", export->format->name);
}

/* The record's text ends "... sha256=<64 hex>" or "... sha256=<64 hex> format=...". */
static void take_export(struct search *search, struct pos_bytes text)
{
    static const char digest_mark[] = " sha256=";
    char copy[POS_AUDIT_RECORD_SIZE_MAX + 1];
    size_t size = text.size < sizeof copy ? text.size : sizeof copy - 1;
    memcpy(copy, text.data, size);
    copy[size] = '\0';
    const char *digest = strstr(copy, digest_mark);
    if (strncmp(copy, search->mark, strlen(search->mark)) != 0 || digest == NULL)
        return;
    digest += sizeof digest_mark - 1;
    if (strlen(digest) < sizeof search->digest - 1)
        return;
    search->found = true;
    (void)snprintf(search->digest, sizeof search->digest, "%s", digest);
    digest += sizeof search->digest - 1;
    (void)snprintf(search->format, sizeof search->format, "%s", *digest == ' ' ? digest + 1 : "");
}

static bool look_at(void *context, struct pos_bytes record)
{
    struct search *search = context;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) == POS_OK &&
        pos_bytes_equal_text(parts.what, "export"))
        take_export(search, parts.on_what);
    return true; /* to the end: the newest counts */
}

static bool is_that_file(const char *path, const struct search *search)
{
    char digest[POS_FILE_DIGEST_TEXT_SIZE];
    return search->found && pos_file_digest(path, digest, NULL) == POS_OK &&
           strcmp(digest, search->digest) == 0;
}

static bool asked_alike(const struct pos_export *export, const struct search *search)
{
    char memory[FORMAT_TEXT_SIZE_MAX];
    struct pos_buffer format = pos_buffer(memory, sizeof memory);
    pos_export_put_format(export, &format);
    return strcmp(export->batch.mother, export->mother.name) == 0 &&
           pos_bytes_equal_text(pos_buffer_view(&format), search->format);
}

enum pos_status pos_export_find_again(struct pos_export *export)
{
    struct search search = {.found = false};
    (void)snprintf(search.mark, sizeof search.mark, "batch=%08u ", export->batch.number);
    enum pos_status status = pos_key_library_walk_audit(export->home->library, 0, look_at, &search);
    if (status != POS_OK)
        return pos_error_set(export->error, status, "cannot read the audit chain");
    bool alike = asked_alike(export, &search);
    export->again = alike && is_that_file(export->out, &search);
    if (export->again ||
        (alike && access(export->out, F_OK) != 0 && is_that_file(export->part, &search)))
        return POS_OK;
    char when[POS_TIME_TEXT_SIZE];
    pos_time_text(export->batch.exported_ms, 0, when);
    return pos_error_set(export->error, POS_ERR_STATE,
                         "batch %u was exported to %s on %s%s%s, and a batch is exported once: use "
                         "that file, or generate a new batch",
                         export->batch.number, export->batch.mother, when,
                         search.format[0] != '\0' ? " with " : "", search.format);
}
