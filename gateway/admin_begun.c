/*
 * What changes many terminals at once needs two people, and they are asked by posgate-keymgmt. It
 * writes down in its audit chain that it begins; the gateway follows that chain, and does what is
 * asked only while there is such a record and none that says it has ended. So the admin socket
 * alone is no way around the second person.
 */
#include <string.h>

#include "core/base/hex.h"
#include "core/base/secret.h"
#include "gateway/admin_inside.h"

struct search {
    struct pos_audit_head head; /* of the record found */
    char *text;
    struct pos_audit_record *record;
    enum pos_status status;
};

static bool take_record(void *context, struct pos_bytes record)
{
    struct search *search = context;
    search->status = pos_audit_head_of(record, &search->head);
    if (search->status == POS_OK)
        search->status =
            pos_audit_read(record, search->text, POS_AUDIT_RECORD_SIZE_MAX, search->record);
    return false;
}

enum pos_status pos_admin_find_record(struct pos_admin *admin, json_t *named, char *text,
                                      struct pos_audit_record *record)
{
    json_int_t sequence = json_integer_value(json_object_get(named, "sequence"));
    const char *hash_text = json_string_value(json_object_get(named, "hash"));
    uint8_t hash[POS_AUDIT_HASH_SIZE];
    if (sequence < 1 || hash_text == NULL || strlen(hash_text) != 2 * sizeof hash ||
        pos_hex_decode(pos_bytes_text(hash_text), hash, sizeof hash) != POS_OK)
        return POS_ERR_USAGE;
    struct search search = {.text = text, .record = record, .status = POS_ERR_NOT_FOUND};
    enum pos_status status = pos_key_library_walk_audit(admin->gateway->library, (uint64_t)sequence,
                                                        take_record, &search);
    if (status != POS_OK || search.status != POS_OK)
        return status != POS_OK ? status : search.status;
    if (search.head.sequence != (uint64_t)sequence)
        return POS_ERR_NOT_FOUND;
    return memcmp(search.head.hash, hash, sizeof hash) == 0 ? POS_OK : POS_ERR_MISMATCH;
}

static bool equal(struct pos_bytes a, struct pos_bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

struct ending {
    const struct pos_audit_record *begun;
    bool found;
};

static bool look_for_end(void *context, struct pos_bytes record)
{
    struct ending *ending = context;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) != POS_OK)
        return true;
    ending->found = equal(parts.what, ending->begun->what) &&
                    equal(parts.on_what, ending->begun->on_what) &&
                    pos_bytes_equal_text(parts.outcome, "done");
    return !ending->found;
}

static bool is_one_of(struct pos_bytes what, const char *const *actions)
{
    for (; *actions != NULL; actions++)
        if (pos_bytes_equal_text(what, *actions))
            return true;
    return false;
}

static json_t *refuse_record(enum pos_status status)
{
    switch (status) {
    case POS_ERR_USAGE:
        return pos_admin_refused(status, "many terminals at once are changed through "
                                         "posgate-keymgmt, which asks two people");
    case POS_ERR_NOT_FOUND:
        return pos_admin_refused(status, "the key library has no such audit record, as far as this "
                                         "gateway has read it");
    case POS_ERR_MISMATCH:
        return pos_admin_refused(status, "this gateway follows another key library");
    default:
        return pos_admin_refused(status, "the key library's audit records cannot be read");
    }
}

json_t *pos_admin_check_begun(struct pos_admin *admin, json_t *request, const char *const *actions,
                              uint64_t *sequence)
{
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record record;
    enum pos_status status =
        pos_admin_find_record(admin, json_object_get(request, "begun"), text, &record);
    if (status != POS_OK)
        return refuse_record(status);
    *sequence = record.sequence;
    if (!is_one_of(record.what, actions) || !pos_bytes_equal_text(record.outcome, "begun"))
        return pos_admin_refused(POS_ERR_NOT_ALLOWED,
                                 "that audit record does not begin what is asked here");
    struct ending ending = {.begun = &record};
    status = pos_key_library_walk_audit(admin->gateway->library, record.sequence + 1, look_for_end,
                                        &ending);
    if (status != POS_OK)
        return refuse_record(status);
    if (ending.found)
        return pos_admin_refused(POS_ERR_NOT_ALLOWED, "what that audit record began has ended");
    return NULL;
}
