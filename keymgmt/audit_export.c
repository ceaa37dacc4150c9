/*
 * `posgate-keymgmt audit export`: the records as JSON lines, for a system that collects logs. Each
 * object holds the values and the record itself, character by character, so that who has the lines
 * can check the hashes, and with the security module the MACs.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "keymgmt/audit_walk.h"

struct exporting {
    const char *chain;
    uint64_t next; /* sequence of the record that comes next */
    enum pos_status status;
    struct pos_error *error;
};

/* A value that is not UTF-8 is shown as "?"; the record has it in full. */
static json_t *text_of(struct pos_bytes value)
{
    json_t *text = json_stringn((const char *)value.data, value.size);
    return text != NULL ? text : json_string("?");
}

static json_t *make_object(const struct exporting *exporting, struct pos_bytes record,
                           const struct pos_audit_record *parts)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "chain", json_string(exporting->chain));
    failed |= json_object_set_new(object, "sequence", json_integer((json_int_t)parts->sequence));
    failed |= json_object_set_new(object, "time", text_of(parts->time));
    failed |= json_object_set_new(object, "who", text_of(parts->who));
    failed |= json_object_set_new(object, "what", text_of(parts->what));
    failed |= json_object_set_new(object, "on_what", text_of(parts->on_what));
    failed |= json_object_set_new(object, "outcome", text_of(parts->outcome));
    failed |= json_object_set_new(object, "record", text_of(record));
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

static enum pos_status put(const struct exporting *exporting, struct pos_bytes record)
{
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) != POS_OK ||
        parts.sequence != exporting->next)
        return pos_error_set(exporting->error, POS_ERR_CORRUPT,
                             "record %llu of the %s's chain cannot be read: see 'audit verify'",
                             (unsigned long long)exporting->next, exporting->chain);
    json_t *object = make_object(exporting, record, &parts);
    if (object == NULL)
        return pos_error_set(exporting->error, POS_ERR_MEMORY, "no memory for a record");
    int failed = json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    if (failed != 0 || fputc('\n', stdout) == EOF)
        return pos_error_set(exporting->error, POS_ERR_IO, "cannot write to stdout: %s",
                             strerror(errno));
    return POS_OK;
}

static bool export_record(void *context, struct pos_bytes record)
{
    struct exporting *exporting = context;
    exporting->status = put(exporting, record);
    exporting->next++;
    return exporting->status == POS_OK;
}

static enum pos_status export_chain(struct pos_home *home, const struct pos_audit_range *range,
                                    struct pos_error *error)
{
    struct exporting exporting = {.chain = range->table == NULL ? "library" : "gateway",
                                  .next = range->first,
                                  .error = error};
    enum pos_status status = pos_audit_command_walk(home, range, export_record, &exporting, error);
    return status == POS_OK ? exporting.status : status;
}

enum pos_status pos_command_audit_export(struct pos_options *options, int argc, char **argv,
                                         struct pos_error *error)
{
    static const struct pos_audit_command command = {
        .name = "audit export",
        .doc = "Writes the audit records to stdout, one JSON object a line. The next time begin "
               "behind the last sequence that you have. It checks no hashes: 'audit verify' does.",
        .work = export_chain};
    return pos_audit_command_run(&command, options, argc, argv, error);
}
