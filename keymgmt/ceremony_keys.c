/* The keys that ceremonies make: the LMK into its sealed file, a KTK, ZPK or ZAK into the library.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "keymgmt/ceremony.h"

enum { ON_WHAT_SIZE_MAX = 128 };

/* ---- LMK ---- */

struct first_key {
    struct pos_key key;
};

static bool take_mother(void *context, const struct pos_mother_row *row)
{
    ((struct first_key *)context)->key = row->ktk;
    return false;
}

static bool take_tmk(void *context, const struct pos_key_row *row)
{
    struct first_key *first = context;
    first->key = row->tmk;
    return first->key.size == 0; /* destroyed ones hold none */
}

/* A library that holds keys already must open under the new LMK: after a loss the ceremony is held
 * again with the same components, and any other would make every key worthless. */
enum pos_status pos_ceremony_fits_library(struct pos_home *home, struct pos_error *error)
{
    struct first_key first = {.key.size = 0};
    enum pos_status status = pos_key_library_walk_mothers(home->library, take_mother, &first);
    if (status == POS_OK && first.key.size == 0)
        status = pos_key_library_walk(home->library, POS_KEY_INDEX_MIN, take_tmk, &first);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    struct pos_kcv kcv;
    if (first.key.size == 0 || pos_hsm_kcv(home->session, &first.key, &kcv) == POS_OK)
        return POS_OK;
    return pos_error_set(error, POS_ERR_NOT_ALLOWED,
                         "the key library holds keys under another LMK than the one that was made: "
                         "from components it is made again with the same ones, and on a token "
                         "never");
}

static enum pos_status open_and_record(struct pos_home *home, struct pos_bytes secret,
                                       const struct pos_kcv *kcv, const struct pos_custody *custody,
                                       struct pos_error *error)
{
    enum pos_status status = pos_hsm_software_open(home->lmk_path, secret, &home->hsm, error);
    if (status == POS_OK && (status = pos_hsm_session_open(home->hsm, &home->session)) != POS_OK)
        (void)pos_error_set(error, status, "cannot open a session with the security module");
    if (status == POS_OK)
        status = pos_ceremony_fits_library(home, error);
    if (status == POS_OK) {
        pos_home_seal_audit(home);
        status = pos_ceremony_record(home, custody, "LMK", error);
    }
    if (status != POS_OK)
        return status;
    char on_what[ON_WHAT_SIZE_MAX], kcv_text[POS_KCV_TEXT_SIZE];
    pos_kcv_text(kcv, kcv_text);
    (void)snprintf(on_what, sizeof on_what, "LMK algorithm=A256 components=%zu kcv=%s",
                   custody->count, kcv_text);
    struct pos_audit_event event = pos_home_event(home, "ceremony-lmk", on_what);
    status = pos_key_library_audit(home->library, &event);
    if (status != POS_OK)
        (void)pos_error_set(error, status,
                            "the audit record cannot be written, so there is no LMK");
    return status;
}

static enum pos_status make_lmk(struct pos_home *home, const struct pos_custody *custody,
                                struct pos_error *error)
{
    struct pos_credential credential;
    enum pos_status status = pos_home_credential(home, true, &credential, error);
    if (status != POS_OK)
        return status;
    struct pos_bytes secret = pos_bytes(credential.data, credential.size);
    struct pos_kcv kcv;
    status = pos_hsm_software_init(home->lmk_path, secret, custody->components, custody->count,
                                   &kcv, error);
    if (status == POS_OK) {
        status = open_and_record(home, secret, &kcv, custody, error);
        /* An LMK without its record, or of another library, must not stay; nobody used it yet. */
        if (status != POS_OK)
            (void)unlink(home->lmk_path);
    }
    pos_credential_fini(&credential);
    if (status == POS_OK)
        pos_ceremony_report(home->options,
                            &(struct pos_ceremony_result){
                                .key = "LMK", .algorithm = POS_ALGORITHM_A256, .kcv = kcv},
                            custody);
    return status;
}

enum pos_status pos_ceremony_lmk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error)
{
    if (pos_home_has_token(home))
        return pos_ceremony_lmk_on_token(home, ceremony, error);
    if (access(home->lmk_path, F_OK) == 0)
        return pos_error_set(error, POS_ERR_EXISTS,
                             "%s holds an LMK already; a second one would make every key under it "
                             "worthless",
                             home->lmk_path);
    struct pos_custody *custody;
    enum pos_status status =
        pos_ceremony_gather(home, ceremony, "LMK", POS_ALGORITHM_A256, &custody, error);
    if (status == POS_OK)
        status = make_lmk(home, custody, error);
    pos_custody_destroy(custody);
    return status;
}

/* ---- KTK ---- */

static enum pos_status check_mother(struct pos_home *home, const struct pos_ceremony *ceremony,
                                    struct pos_error *error)
{
    struct pos_mother_row row;
    enum pos_status status = pos_key_library_find_mother(home->library, ceremony->name, &row);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    char kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&row.ktk_kcv, kcv);
    return pos_error_set(error, POS_ERR_EXISTS, "mother POS %s has its KTK already (KCV %s)",
                         ceremony->name, kcv);
}

/* What will not go to this mother POS. */
static void say_limit(const struct pos_ceremony *ceremony)
{
    unsigned strength = pos_algorithm_strength(ceremony->algorithm);
    if (strength < pos_algorithm_strength(POS_ALGORITHM_A256))
        (void)fprintf(stderr,
                      "posgate-keymgmt: terminal keys of more than %u bits cannot be exported to "
                      "%s: its KTK is %s\n",
                      strength, ceremony->name, pos_algorithm_name(ceremony->algorithm));
}

static enum pos_status make_ktk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                const struct pos_custody *custody, struct pos_error *error)
{
    struct pos_mother_row row = {.created_ms = pos_clock_utc_ms()};
    (void)snprintf(row.name, sizeof row.name, "%s", ceremony->name);
    enum pos_status status = pos_hsm_import_components(
        home->session, POS_USAGE_KTK, ceremony->algorithm, custody->components, custody->count,
        &row.ktk, &row.ktk_kcv, error);
    if (status != POS_OK)
        return status;
    char on_what[ON_WHAT_SIZE_MAX], kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&row.ktk_kcv, kcv);
    (void)snprintf(on_what, sizeof on_what, "KTK mother=%s algorithm=%s components=%zu kcv=%s",
                   row.name, pos_algorithm_name(ceremony->algorithm), custody->count, kcv);
    struct pos_audit_event event = pos_home_event(home, "ceremony-ktk", on_what);
    status = pos_key_library_add_mother(home->library, &row, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the KTK of %s cannot be stored: %s", row.name,
                             pos_status_text(status));
    const struct pos_ceremony_result result = {.key = "KTK",
                                               .owner = "mother",
                                               .name = row.name,
                                               .algorithm = ceremony->algorithm,
                                               .kcv = row.ktk_kcv};
    pos_ceremony_report(home->options, &result, custody);
    say_limit(ceremony);
    return POS_OK;
}

enum pos_status pos_ceremony_ktk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error)
{
    char what[POS_KEY_NAME_SIZE_MAX + 16];
    (void)snprintf(what, sizeof what, "KTK mother=%s", ceremony->name);
    struct pos_custody *custody = NULL;
    enum pos_status status = check_mother(home, ceremony, error);
    if (status == POS_OK)
        status = pos_home_open_hsm(home, error);
    if (status == POS_OK)
        status = pos_ceremony_gather(home, ceremony, what, ceremony->algorithm, &custody, error);
    if (status == POS_OK)
        status = make_ktk(home, ceremony, custody, error);
    pos_custody_destroy(custody);
    return status;
}

/* ---- ZPK and ZAK ---- */

static enum pos_status check_link(struct pos_home *home, const struct pos_ceremony *ceremony,
                                  enum pos_key_usage usage, struct pos_error *error)
{
    struct pos_link_row row;
    enum pos_status status = pos_key_library_find_link(home->library, ceremony->name, usage, &row);
    if (status == POS_ERR_NOT_FOUND)
        return POS_OK;
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read the key library");
    char kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&row.kcv, kcv);
    return pos_error_set(error, POS_ERR_EXISTS, "link %s has its %s already (KCV %s)",
                         ceremony->name, pos_key_usage_name(usage), kcv);
}

static enum pos_status store_link(struct pos_home *home, const struct pos_link_row *row,
                                  const struct pos_custody *custody, struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX], kcv[POS_KCV_TEXT_SIZE];
    const char *usage = pos_key_usage_name(row->key.usage);
    pos_kcv_text(&row->kcv, kcv);
    (void)snprintf(on_what, sizeof on_what, "%s link=%s algorithm=%s components=%zu kcv=%s", usage,
                   row->name, pos_algorithm_name(row->key.algorithm), custody->count, kcv);
    struct pos_audit_event event = pos_home_event(
        home, row->key.usage == POS_USAGE_ZPK ? "ceremony-zpk" : "ceremony-zak", on_what);
    enum pos_status status = pos_key_library_add_link(home->library, row, &event);
    if (status != POS_OK)
        return pos_error_set(error, status, "the %s of %s cannot be stored: %s", usage, row->name,
                             pos_status_text(status));
    return POS_OK;
}

static enum pos_status make_link(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 enum pos_key_usage usage, const struct pos_custody *custody,
                                 struct pos_error *error)
{
    struct pos_link_row row = {.created_ms = pos_clock_utc_ms()};
    (void)snprintf(row.name, sizeof row.name, "%s", ceremony->name);
    enum pos_status status =
        pos_hsm_import_components(home->session, usage, ceremony->algorithm, custody->components,
                                  custody->count, &row.key, &row.kcv, error);
    if (status == POS_OK)
        status = store_link(home, &row, custody, error);
    if (status != POS_OK)
        return status;
    const struct pos_ceremony_result result = {.key = pos_key_usage_name(usage),
                                               .owner = "link",
                                               .name = row.name,
                                               .algorithm = ceremony->algorithm,
                                               .kcv = row.kcv};
    pos_ceremony_report(home->options, &result, custody);
    return POS_OK;
}

static enum pos_status link_ceremony(struct pos_home *home, const struct pos_ceremony *ceremony,
                                     enum pos_key_usage usage, struct pos_error *error)
{
    char what[POS_KEY_NAME_SIZE_MAX + 16];
    (void)snprintf(what, sizeof what, "%s link=%s", pos_key_usage_name(usage), ceremony->name);
    struct pos_custody *custody = NULL;
    enum pos_status status = check_link(home, ceremony, usage, error);
    if (status == POS_OK)
        status = pos_home_open_hsm(home, error);
    if (status == POS_OK)
        status = pos_ceremony_gather(home, ceremony, what, ceremony->algorithm, &custody, error);
    if (status == POS_OK)
        status = make_link(home, ceremony, usage, custody, error);
    pos_custody_destroy(custody);
    return status;
}

enum pos_status pos_ceremony_zpk(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error)
{
    return link_ceremony(home, ceremony, POS_USAGE_ZPK, error);
}

enum pos_status pos_ceremony_zak(struct pos_home *home, const struct pos_ceremony *ceremony,
                                 struct pos_error *error)
{
    return link_ceremony(home, ceremony, POS_USAGE_ZAK, error);
}
