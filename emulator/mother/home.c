#include "emulator/mother/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/failpoint.h"
#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/log.h"
#include "core/base/secret.h"
#include "core/crypto/random.h"
#include "core/hsm/component_text.h"

enum {
    CREDENTIAL_SIZE = 32, /* random bytes; the file holds them in hex */
    LINE_SIZE_MAX = 512,
};

struct path {
    char text[POS_PATH_SIZE_MAX];
};

static enum pos_status path_of(const char *home, const char *name, struct path *path,
                               struct pos_error *error)
{
    int used = snprintf(path->text, sizeof path->text, "%s/%s", home, name);
    if (used < 0 || (size_t)used >= sizeof path->text)
        return pos_error_set(error, POS_ERR_USAGE, "the path of the home folder is too long");
    return POS_OK;
}

static enum pos_status credential_path(const char *home, const char *credential, struct path *path,
                                       struct pos_error *error)
{
    if (credential == NULL)
        return path_of(home, "credential", path, error);
    if (strlen(credential) >= sizeof path->text)
        return pos_error_set(error, POS_ERR_USAGE, "the path of the credential is too long");
    (void)snprintf(path->text, sizeof path->text, "%s", credential);
    return POS_OK;
}

/* ---- making ---- */

static enum pos_status make_credential(const char *path, struct pos_error *error)
{
    uint8_t random[CREDENTIAL_SIZE];
    char text[2 * CREDENTIAL_SIZE + 1];
    enum pos_status status = pos_random(random, sizeof random);
    if (status != POS_OK)
        return pos_error_set(error, status, "no random bytes for a credential");
    pos_hex_encode(pos_bytes(random, sizeof random), text);
    status = pos_file_write(path, pos_bytes(text, sizeof text - 1), 0600, error);
    pos_secret_wipe(random, sizeof random);
    pos_secret_wipe(text, sizeof text);
    return status;
}

/* The secret is the file's content without a line end. Given back with pos_secret_destroy(data,
 * size_read + 1). */
static enum pos_status read_credential(const char *path, uint8_t **data, size_t *size_read,
                                       size_t *size, struct pos_error *error)
{
    enum pos_status status = pos_file_read_secret(path, 1024, data, size_read, error);
    if (status != POS_OK)
        return status;
    *size = pos_bytes_without_line_end(pos_bytes(*data, *size_read)).size;
    return POS_OK;
}

static enum pos_status seal_new_lmk(const char *path, struct pos_bytes credential,
                                    struct pos_error *error)
{
    enum { COUNT = POS_COMPONENT_COUNT_MIN };
    struct pos_kcv kcv;
    struct pos_component *components = pos_secret_create(COUNT * sizeof *components);
    if (components == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the LMK's components");
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < COUNT && status == POS_OK; i++) {
        components[i].size = POS_KEY_SIZE_MAX;
        status = pos_random(components[i].data, POS_KEY_SIZE_MAX);
    }
    if (status == POS_OK)
        status = pos_hsm_software_init(path, credential, components, COUNT, &kcv, error);
    else
        (void)pos_error_set(error, status, "no random bytes for the LMK");
    pos_secret_destroy(components, COUNT * sizeof *components);
    return status;
}

static enum pos_status import_ktk(struct pos_hsm_session *session,
                                  const struct pos_mother_setup *setup, struct pos_key *ktk,
                                  struct pos_kcv *kcv, struct pos_error *error)
{
    size_t size = POS_COMPONENT_COUNT_MAX * sizeof(struct pos_component);
    struct pos_component *components = pos_secret_create(size);
    if (components == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the KTK's components");
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < setup->component_count && status == POS_OK; i++)
        status = pos_component_read(setup->component_paths[i], setup->ktk_algorithm, &components[i],
                                    error);
    if (status == POS_OK)
        status = pos_hsm_import_components(session, POS_USAGE_KTK, setup->ktk_algorithm, components,
                                           setup->component_count, ktk, kcv, error);
    pos_secret_destroy(components, size);
    return status;
}

static enum pos_status write_mother(const struct pos_mother_setup *setup, const struct pos_key *ktk,
                                    const struct pos_kcv *kcv, struct pos_error *error)
{
    char hex[2 * POS_KEY_VALUE_SIZE_MAX + 1], kcv_text[POS_KCV_TEXT_SIZE], line[LINE_SIZE_MAX];
    struct path path;
    pos_hex_encode(pos_bytes(ktk->data, ktk->size), hex);
    pos_kcv_text(kcv, kcv_text);
    int used = snprintf(line, sizeof line, "%s|%s|%s|%s|%s\n", setup->name, setup->ktk_name,
                        pos_algorithm_name(ktk->algorithm), kcv_text, hex);
    enum pos_status status = path_of(setup->home, "mother", &path, error);
    if (status != POS_OK)
        return status;
    return pos_file_write(path.text, pos_bytes(line, (size_t)used), 0600, error);
}

static enum pos_status open_hsm(const char *home, const char *credential, bool make,
                                struct pos_hsm **hsm, struct pos_error *error)
{
    struct path lmk, path;
    uint8_t *data;
    size_t size_read, size;
    enum pos_status status = path_of(home, "lmk", &lmk, error);
    if (status == POS_OK)
        status = credential_path(home, credential, &path, error);
    if (status == POS_OK)
        status = read_credential(path.text, &data, &size_read, &size, error);
    if (make && status == POS_ERR_NOT_FOUND) {
        status = make_credential(path.text, error);
        if (status == POS_OK)
            status = read_credential(path.text, &data, &size_read, &size, error);
    }
    if (status != POS_OK)
        return status;
    if (make)
        status = seal_new_lmk(lmk.text, pos_bytes(data, size), error);
    if (status == POS_OK)
        status = pos_hsm_software_open(lmk.text, pos_bytes(data, size), hsm, error);
    pos_secret_destroy(data, size_read + 1);
    return status;
}

enum pos_status pos_mother_home_make(const struct pos_mother_setup *setup, struct pos_kcv *ktk_kcv,
                                     struct pos_error *error)
{
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    struct pos_key ktk;
    enum pos_status status = pos_file_make_folder(setup->home, error);
    if (status == POS_OK)
        status = open_hsm(setup->home, setup->credential, true, &hsm, error);
    if (status != POS_OK)
        return status;
    status = pos_hsm_session_open(hsm, &session);
    if (status == POS_OK) {
        status = import_ktk(session, setup, &ktk, ktk_kcv, error);
        pos_hsm_session_close(session);
    } else {
        (void)pos_error_set(error, status, "no session with the security module");
    }
    if (status == POS_OK)
        status = write_mother(setup, &ktk, ktk_kcv, error);
    pos_hsm_close(hsm);
    return status;
}

/* ---- opening ---- */

static bool take_name(struct pos_bytes *line, char name[POS_KEY_NAME_SIZE_MAX + 1])
{
    struct pos_bytes part = pos_bytes_split(line, '|');
    if (!pos_key_name_valid(part))
        return false;
    memcpy(name, part.data, part.size);
    name[part.size] = '\0';
    return true;
}

static bool parse_mother(struct pos_bytes line, struct pos_mother *mother)
{
    line = pos_bytes_without_line_end(line);
    if (!take_name(&line, mother->name) || !take_name(&line, mother->ktk_name))
        return false;
    mother->ktk.usage = POS_USAGE_KTK;
    mother->ktk.algorithm = pos_algorithm_parse(pos_bytes_split(&line, '|'));
    if (mother->ktk.algorithm == POS_ALGORITHM_NONE ||
        pos_kcv_parse(pos_bytes_split(&line, '|'), &mother->ktk_kcv) != POS_OK ||
        line.size > 2 * POS_KEY_VALUE_SIZE_MAX)
        return false;
    mother->ktk.size = (uint8_t)(line.size / 2);
    return pos_hex_decode(line, mother->ktk.data, mother->ktk.size) == POS_OK;
}

static enum pos_status read_mother(const char *home, struct pos_mother *mother,
                                   struct pos_error *error)
{
    struct path path;
    uint8_t *data;
    size_t size;
    enum pos_status status = path_of(home, "mother", &path, error);
    if (status == POS_OK)
        status = pos_file_read(path.text, LINE_SIZE_MAX, &data, &size, error);
    if (status != POS_OK)
        return status;
    bool good = parse_mother(pos_bytes(data, size), mother);
    free(data);
    if (!good)
        return pos_error_set(error, POS_ERR_CORRUPT, "%s is damaged", path.text);
    return POS_OK;
}

/* The KTK opens under this LMK and has the check value that the custodians saw. */
static enum pos_status check_ktk(struct pos_mother *mother, struct pos_error *error)
{
    struct pos_kcv kcv;
    enum pos_status status = pos_hsm_kcv(mother->session, &mother->ktk, &kcv);
    if (status != POS_OK)
        return pos_error_set(error, status, "the KTK does not open: %s", pos_status_text(status));
    if (!pos_kcv_equal(&kcv, &mother->ktk_kcv))
        return pos_error_set(error, POS_ERR_CORRUPT, "the KTK has another check value than noted");
    return POS_OK;
}

static enum pos_status open_sessions(struct pos_mother_home *opened, struct pos_error *error)
{
    enum pos_status status = pos_hsm_session_open(opened->hsm, &opened->mother.session);
    if (status == POS_OK)
        status = pos_hsm_session_open(opened->hsm, &opened->mother.delivery);
    if (status != POS_OK)
        return pos_error_set(error, status, "no session with the security module");
    return check_ktk(&opened->mother, error);
}

/* The journal and its anchor. */
struct places {
    struct path journal, anchor;
};

static enum pos_status find_places(const struct pos_mother_access *access, struct places *places,
                                   struct pos_error *error)
{
    enum pos_status status = path_of(access->home, "journal", &places->journal, error);
    if (status == POS_OK && access->anchor == NULL)
        status = path_of(access->home, "journal.anchor", &places->anchor, error);
    if (status != POS_OK || access->anchor == NULL)
        return status;
    if (strlen(access->anchor) >= sizeof places->anchor.text)
        return pos_error_set(error, POS_ERR_USAGE, "the path of the anchor is too long");
    (void)snprintf(places->anchor.text, sizeof places->anchor.text, "%s", access->anchor);
    return POS_OK;
}

static bool is_old(const struct pos_anchor_report *found)
{
    return found->finding == POS_ANCHOR_BEHIND || found->finding == POS_ANCHOR_MISSING ||
           found->finding == POS_ANCHOR_FOREIGN;
}

/* How far handing out had come; the anchor of another journal does not know. */
static enum pos_status find_high_water(const struct pos_mother_access *access,
                                       const struct pos_anchor_report *found, uint32_t *high_water,
                                       struct pos_error *error)
{
    *high_water = access->high_water;
    if (found->same_database && found->high_water > *high_water)
        *high_water = found->high_water;
    if (found->same_database || access->high_water > 0)
        return POS_OK;
    return pos_error_set(error, POS_ERR_USAGE,
                         "the anchor does not tell how far handing out had come: add --high-water "
                         "INDEX, the highest index that was ever loaded into this mother POS "
                         "(posgate-keymgmt list batches)");
}

/* Burned first, without the anchor; then the anchor begins anew. A crash in between leaves a
 * journal that is still refused. */
static enum pos_status settle_old(const struct pos_mother_access *access,
                                  const struct places *places,
                                  const struct pos_anchor_report *found, struct pos_error *error)
{
    struct pos_journal *journal;
    uint32_t high_water, burned;
    enum pos_status status = find_high_water(access, found, &high_water, error);
    if (status == POS_OK)
        status = pos_journal_open(places->journal.text, NULL, &journal, error);
    if (status != POS_OK)
        return status;
    status = pos_journal_burn_since(journal, high_water, pos_clock_utc_ms(), &burned);
    pos_journal_close(journal);
    POS_FAILPOINT("journal-old-burned");
    if (status != POS_OK)
        return pos_error_set(error, status, "what may have left cannot be burned: %s",
                             pos_status_text(status));
    pos_log(POS_LOG_WARNING, "old-journal-accepted",
            "finding=%s writes_lost=%llu burned=%u up_to=%08u action=\"keys up to that index are "
            "never handed out, also of batches loaded from now on\"",
            pos_anchor_finding_name(found->finding), (unsigned long long)found->batches_lost,
            burned, high_water);
    return POS_OK;
}

static enum pos_status open_anchored(const struct pos_mother_access *access,
                                     const struct places *places, struct pos_journal **journal,
                                     struct pos_error *error)
{
    struct pos_anchor_report found;
    struct pos_anchor_options anchor = {.path = places->anchor.text, .report = &found};
    enum pos_status status = pos_journal_open(places->journal.text, &anchor, journal, error);
    if (status != POS_ERR_STATE || !is_old(&found))
        return status;
    if (!access->accept_old)
        return pos_error_prefix(error, "add --accept-old to go on without what was lost, which "
                                       "burns every key that may have left");
    status = settle_old(access, places, &found, error);
    anchor.accept_old = true;
    return status == POS_OK ? pos_journal_open(places->journal.text, &anchor, journal, error)
                            : status;
}

static enum pos_status open_journal(const struct pos_mother_access *access,
                                    struct pos_mother_home *opened, struct pos_error *error)
{
    struct places places;
    enum pos_status status = find_places(access, &places, error);
    if (status == POS_OK)
        status = open_anchored(access, &places, &opened->journal, error);
    if (status != POS_OK)
        return status;
    opened->mother.journal = opened->journal;
    return pos_mother_start(&opened->mother, error);
}

enum pos_status pos_mother_home_open(const struct pos_mother_access *access,
                                     struct pos_mother_home *opened, struct pos_error *error)
{
    memset(opened, 0, sizeof *opened);
    enum pos_status status = read_mother(access->home, &opened->mother, error);
    if (status == POS_OK)
        status = open_hsm(access->home, access->credential, false, &opened->hsm, error);
    if (status == POS_OK)
        status = open_sessions(opened, error);
    if (status == POS_OK)
        status = open_journal(access, opened, error);
    if (status != POS_OK)
        pos_mother_home_close(opened);
    return status;
}

void pos_mother_home_close(struct pos_mother_home *opened)
{
    /* The journal first: its committer uses the delivery session. */
    if (opened->journal != NULL)
        pos_journal_close(opened->journal);
    if (opened->mother.delivery != NULL)
        pos_hsm_session_close(opened->mother.delivery);
    if (opened->mother.session != NULL)
        pos_hsm_session_close(opened->mother.session);
    if (opened->hsm != NULL)
        pos_hsm_close(opened->hsm);
    memset(opened, 0, sizeof *opened);
}
