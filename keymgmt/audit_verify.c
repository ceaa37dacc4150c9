/*
 * `posgate-keymgmt audit verify`: every record against the one before it, its MAC against the
 * security module, and the last ones against the anchor. Hashes alone show what somebody changed
 * who did not make the rest anew; MACs show also that; and the anchor, that the end was cut off.
 * MACs need the LMK: where its credential is not at hand the answer says that they were not
 * checked. After a rotation of the LMK those before it are covered by its record (era.h).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hex.h"
#include "keymgmt/anchor_file.h"
#include "keymgmt/audit_walk.h"
#include "keymgmt/era.h"
#include "keymgmt/report.h"

enum { KEY_TABLE = 0x200, KEY_TABLE_ANCHOR };

/* The gateway's; both borrowed from argv, NULL: not named. */
struct gateways_files {
    const char *table, *anchor;
};

static error_t parse_verify(int key, char *argument, struct argp_state *state)
{
    struct gateways_files *files = state->input;
    switch (key) {
    case KEY_TABLE:
        files->table = argument;
        return 0;
    case KEY_TABLE_ANCHOR:
        files->anchor = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* One chain. */
struct verifying {
    char anchor_path[POS_PATH_SIZE_MAX + 16];
    bool anchored; /* there is an anchor: it knows the record `anchor` */
    struct pos_anchor_head anchor;
    const char *broken;   /* how its errors begin */
    const char *table;    /* NULL: the library's */
    bool sealed_by_now;   /* there is an LMK, so the last record must have a MAC */
    uint64_t sealed_from; /* first record with a MAC; 0: none */
    uint64_t era;         /* first record under the present LMK; MACs before it are not checked */
    struct pos_audit_sealer sealer;
    struct pos_audit_head head;
    enum pos_status status;
    struct pos_error *error;
};

static bool find_era(void *context, struct pos_bytes record)
{
    pos_era_look_at(record, &((struct verifying *)context)->era);
    return true;
}

/* Is it the record that the anchor knows? */
static enum pos_status check_anchored(const struct verifying *verifying)
{
    const struct pos_audit_head *head = &verifying->head;
    if (!verifying->anchored || head->sequence != verifying->anchor.sequence ||
        memcmp(head->hash, verifying->anchor.hash, sizeof head->hash) == 0)
        return POS_OK;
    return pos_error_set(verifying->error, POS_ERR_CORRUPT,
                         "record %llu is not the one that the anchor %s knows",
                         (unsigned long long)head->sequence, verifying->anchor_path);
}

static bool verify_record(void *context, struct pos_bytes record)
{
    static const struct pos_audit_sealer unchecked = {.mac = NULL};
    struct verifying *verifying = context;
    bool old = verifying->head.sequence + 1 < verifying->era;
    verifying->status = pos_audit_verify_next(
        &verifying->head, old ? &unchecked : &verifying->sealer, record, verifying->error);
    if (verifying->status == POS_OK)
        verifying->status = check_anchored(verifying);
    if (verifying->status == POS_OK && verifying->head.sealed && verifying->sealed_from == 0)
        verifying->sealed_from = verifying->head.sequence;
    return verifying->status == POS_OK;
}

static enum pos_status check_end(const struct verifying *verifying, struct pos_error *error)
{
    const struct pos_audit_head *head = &verifying->head;
    if (verifying->anchored && head->sequence < verifying->anchor.sequence)
        return pos_error_set(error, POS_ERR_CORRUPT,
                             "%s: record %llu is missing: the anchor %s knows %llu records, so the "
                             "end was cut off, or this is a restored old copy",
                             verifying->broken, (unsigned long long)head->sequence + 1,
                             verifying->anchor_path,
                             (unsigned long long)verifying->anchor.sequence);
    /* `init` wrote the library's first record, so a chain without any was cut away. A gateway that
     * had nothing to record has none. */
    if (head->sequence == 0)
        return verifying->table != NULL
                   ? POS_OK
                   : pos_error_set(error, POS_ERR_CORRUPT, "%s: record 1 is missing",
                                   verifying->broken);
    if (verifying->sealed_by_now && !head->sealed)
        return pos_error_set(error, POS_ERR_MAC,
                             "%s: record %llu has no MAC, and there is an LMK. Unless a ceremony "
                             "was just interrupted, somebody made this chain anew",
                             verifying->broken, (unsigned long long)head->sequence);
    return POS_OK;
}

static enum pos_status verify(struct pos_home *home, struct verifying *verifying,
                              struct pos_error *error)
{
    verifying->error = error;
    const struct pos_audit_range whole = {.table = verifying->table};
    enum pos_status status = pos_audit_command_walk(home, &whole, find_era, verifying, error);
    if (status == POS_OK)
        status = pos_audit_command_walk(home, &whole, verify_record, verifying, error);
    /* Damage that the database itself notices is a broken record too. */
    if (status == POS_ERR_CORRUPT || (status != POS_OK && verifying->head.sequence > 0))
        return pos_error_set(error, POS_ERR_CORRUPT, "%s: record %llu cannot be read",
                             verifying->broken, (unsigned long long)verifying->head.sequence + 1);
    if (status != POS_OK)
        return status;
    if (verifying->status != POS_OK) {
        (void)pos_error_prefix(error, "%s", verifying->broken);
        return verifying->status;
    }
    return check_end(verifying, error);
}

/* ---- MACs ---- */

static enum pos_status make_mac(void *context, struct pos_bytes record,
                                uint8_t mac[POS_AUDIT_MAC_SIZE])
{
    return pos_hsm_audit_mac(context, record, mac);
}

/* Without an LMK there are no MACs; without its credential they stay unchecked. */
static enum pos_status open_module(struct pos_home *home, char *why, size_t capacity,
                                   struct pos_error *error)
{
    enum pos_status status = pos_home_open_sealer(home, error);
    if (status == POS_OK && home->session == NULL)
        (void)snprintf(why, capacity, "there is no LMK yet");
    else if (status == POS_OK)
        (void)snprintf(why, capacity, "checked");
    else if (status == POS_ERR_HSM) {
        (void)snprintf(why, capacity, "NOT CHECKED: %s", error->text);
        *error = (struct pos_error){.status = POS_OK};
        return POS_OK;
    }
    return status;
}

static void prepare(const struct pos_home *home, struct verifying *verifying)
{
    if (home->session != NULL)
        verifying->sealer = (struct pos_audit_sealer){.mac = make_mac, .context = home->session};
    verifying->sealed_by_now = home->session != NULL || access(home->lmk_path, F_OK) == 0;
    /* A gateway does not start without an LMK. */
    verifying->head.sealed = verifying->table != NULL;
}

/* ---- anchors ---- */

/* Read before the chain, which may grow meanwhile. */
static enum pos_status read_anchor(struct verifying *verifying, struct pos_error *error)
{
    enum pos_status status =
        pos_anchor_file_read(verifying->anchor_path, &verifying->anchor, error);
    verifying->anchored = status == POS_OK;
    return status == POS_ERR_NOT_FOUND ? POS_OK : status;
}

static enum pos_status read_anchors(struct pos_home *home, struct verifying *library,
                                    struct verifying *gateway, const char *gateway_anchor,
                                    struct pos_error *error)
{
    enum pos_status status = pos_home_find_anchor(home, error);
    if (status != POS_OK)
        return status;
    (void)snprintf(library->anchor_path, sizeof library->anchor_path, "%s", home->anchor_path);
    status = read_anchor(library, error);
    if (status != POS_OK || gateway->table == NULL)
        return status;
    if (gateway_anchor == NULL)
        pos_anchor_beside(gateway->table, gateway->anchor_path);
    else
        (void)snprintf(gateway->anchor_path, sizeof gateway->anchor_path, "%s", gateway_anchor);
    return read_anchor(gateway, error);
}

/* ---- the answer ---- */

static void report_chain(struct pos_report *answer, const char *const names[5],
                         const struct verifying *verified)
{
    char hash[2 * POS_AUDIT_HASH_SIZE + 1];
    pos_hex_encode(pos_bytes(verified->head.hash, POS_AUDIT_HASH_SIZE), hash);
    pos_report_text(answer, names[0], "intact");
    pos_report_number(answer, names[1], verified->head.sequence);
    pos_report_number(answer, names[2], verified->sealed_from);
    pos_report_text(answer, names[3], hash);
    pos_report_text(answer, names[4], verified->anchored ? "agrees" : "none");
}

static void report(const struct pos_options *options, const struct verifying *library,
                   const struct verifying *gateway, const char *macs)
{
    static const char *const names[] = {"chain", "records", "macs_from", "last_hash", "anchor"};
    static const char *const gateways[] = {"gateway_chain", "gateway_records", "gateway_macs_from",
                                           "gateway_last_hash", "gateway_anchor"};
    struct pos_report *answer = pos_report_create(stdout, options->json, NULL, 0);
    report_chain(answer, names, library);
    if (gateway->table != NULL)
        report_chain(answer, gateways, gateway);
    pos_report_text(answer, "macs", macs);
    pos_report_destroy(answer);
}

static enum pos_status verify_both(struct pos_home *home, const struct gateways_files *files,
                                   struct pos_error *error)
{
    char macs[POS_ERROR_TEXT_SIZE + 16] = "";
    struct verifying library = {.broken = "the audit chain is broken"};
    struct verifying gateway = {.broken = "the gateway's audit chain is broken",
                                .table = files->table};
    enum pos_status status = read_anchors(home, &library, &gateway, files->anchor, error);
    if (status == POS_OK)
        status = pos_audit_command_begin(home, "audit verify", error);
    if (status == POS_OK)
        status = open_module(home, macs, sizeof macs, error);
    if (status != POS_OK)
        return status;
    prepare(home, &library);
    prepare(home, &gateway);
    status = verify(home, &library, error);
    if (status == POS_OK && files->table != NULL)
        status = verify(home, &gateway, error);
    if (status == POS_OK)
        report(home->options, &library, &gateway, macs);
    return status;
}

enum pos_status pos_command_audit_verify(struct pos_options *options, int argc, char **argv,
                                         struct pos_error *error)
{
    static const struct argp_option own[] = {
        {"gateway-table", KEY_TABLE, "DIR", 0,
         "Check the chain of the gateway whose terminal table is in DIR as well; it may be running",
         0},
        {"gateway-anchor", KEY_TABLE_ANCHOR, "FILE", 0,
         "Its anchor, where the gateway's database.anchor is set", 0},
        {NULL, 0, NULL, 0, NULL, 0}};
    static const struct argp argp = {
        .options = own,
        .parser = parse_verify,
        .doc = "Checks every audit record against the one before it, and its MAC under the LMK "
               "where the credential is at hand, and the chain's end against the anchor. Ends with "
               "1 and names the first broken record "
               "when one was changed, cut out or swapped."};
    struct gateways_files files = {NULL, NULL};
    pos_options_parse(options, &argp, &files, argc, argv);
    struct pos_home home;
    enum pos_status status = pos_home_init(&home, options, error);
    if (status == POS_OK)
        status = verify_both(&home, &files, error);
    pos_home_fini(&home);
    return status;
}
