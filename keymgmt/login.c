#include "keymgmt/login.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/crypto/password.h"
#include "keymgmt/roles.h"

enum {
    ON_WHAT_SIZE_MAX = 64,
    SPAN_FIRST = 256, /* records looked at from the end, then four times as many */
    MINUTE_MS = 60000,
    PATIENCE_S = 10,
    TRIES_PER_S = 5,
};

static const char refused_login[] = "login-refused";
static const char wrong_password[] = "refused: wrong-password";

_Static_assert((int)POS_PASSWORD_SIZE == (int)POS_PERSON_PASSWORD_SIZE, "a row holds a password");

bool pos_person_name_valid(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++)
        if (name[i] < 0x20 || name[i] > 0x7E || name[i] == '|' || name[i] == '%')
            return false;
    return size > 0 && size <= POS_PERSON_NAME_SIZE_MAX && name[0] != ' ' && name[size - 1] != ' ';
}

/* ---- refusals ---- */

/* A reader has a writer of its own for this one record. */
static enum pos_status record(struct pos_home *home, const struct pos_audit_event *event,
                              struct pos_error *error)
{
    if (home->writer) {
        enum pos_status status = pos_key_library_audit(home->library, event);
        return status == POS_OK ? POS_OK
                                : pos_error_set(error, status, "%s", pos_status_text(status));
    }
    struct pos_home other;
    struct pos_options options = *home->options;
    enum pos_status status = pos_home_init(&other, &options, error);
    if (status == POS_OK)
        status = pos_home_open_writer(&other, false, error);
    if (status == POS_OK)
        status = pos_home_open_sealer(&other, error);
    if (status == POS_OK)
        status = record(&other, event, error);
    pos_home_fini(&other);
    return status;
}

/* A guess that cannot be put on record, because another process writes, is not a free one: it costs
 * all the patience there is, and nobody else logs in meanwhile (pos_login). */
static enum pos_status record_patiently(struct pos_home *home, const struct pos_audit_event *event,
                                        struct pos_error *error)
{
    enum pos_status status = POS_ERR_BUSY;
    for (int i = 0; i < PATIENCE_S * TRIES_PER_S && status == POS_ERR_BUSY; i++) {
        if (i > 0)
            (void)usleep(1000000 / TRIES_PER_S);
        status = record(home, event, error);
    }
    return status;
}

enum pos_status pos_login_refuse(struct pos_home *home, const char *who, const char *what,
                                 const char *on_what, const char *outcome, struct pos_error *error)
{
    struct pos_audit_event event = pos_home_event(home, what, on_what);
    struct pos_error reason = {.status = POS_OK};
    event.who = who;
    event.outcome = outcome;
    enum pos_status status = record_patiently(home, &event, &reason);
    if (status == POS_OK)
        return POS_ERR_NOT_ALLOWED;
    char said[POS_ERROR_TEXT_SIZE];
    (void)snprintf(said, sizeof said, "%s", error->text);
    return pos_error_set(error, status, "%.200s; and that cannot be put on record: %s", said,
                         reason.text);
}

static enum pos_status refuse(struct pos_home *home, const struct pos_login *login,
                              const char *outcome, struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX];
    (void)snprintf(on_what, sizeof on_what, "command=%s", login->command);
    return pos_login_refuse(home, login->name, refused_login, on_what, outcome, error);
}

/* ---- how many were refused of late ---- */

static bool note_one(void *context, struct pos_bytes record)
{
    (void)record;
    *(bool *)context = true;
    return false;
}

static enum pos_status has_record(struct pos_home *home, uint64_t sequence, bool *has)
{
    *has = false;
    return pos_key_library_walk_audit(home->library, sequence, note_one, has);
}

/* 0: none. In some 40 looks, whether the library is open for writing or followed. */
static enum pos_status find_last(struct pos_home *home, uint64_t *last)
{
    uint64_t there = 0, gone = 1;
    bool has = true;
    enum pos_status status = POS_OK;
    while (status == POS_OK && has && gone <= INT64_MAX / 2) {
        status = has_record(home, gone, &has);
        if (has) {
            there = gone;
            gone *= 2;
        }
    }
    while (status == POS_OK && gone - there > 1) {
        uint64_t middle = there + (gone - there) / 2;
        status = has_record(home, middle, &has);
        if (has)
            there = middle;
        else
            gone = middle;
    }
    *last = there;
    return status;
}

struct tally {
    const char *name;
    char since[POS_TIME_TEXT_SIZE]; /* times as text are in the order of time */
    bool first_seen, reaches_back;
    unsigned refused;
};

static bool is_name(struct pos_bytes who, const char *name)
{
    return who.size == strlen(name) && strncasecmp((const char *)who.data, name, who.size) == 0;
}

static bool count_refusal(void *context, struct pos_bytes record)
{
    struct tally *tally = context;
    char text[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_audit_record parts;
    if (pos_audit_read(record, text, sizeof text, &parts) != POS_OK)
        return true; /* `audit verify` says so */
    size_t size = strlen(tally->since);
    bool recent = parts.time.size == size && memcmp(parts.time.data, tally->since, size) >= 0;
    if (!tally->first_seen)
        tally->reaches_back = !recent;
    tally->first_seen = true;
    if (recent && pos_bytes_equal_text(parts.what, refused_login) &&
        pos_bytes_equal_text(parts.outcome, wrong_password) && is_name(parts.who, tally->name))
        tally->refused++;
    return true;
}

static enum pos_status count_refusals(struct pos_home *home, const char *name, unsigned *refused)
{
    struct tally tally = {.name = name};
    uint64_t last = 0;
    pos_time_text(pos_clock_utc_ms() - (uint64_t)POS_LOGIN_WINDOW_MINUTES * MINUTE_MS, 1,
                  tally.since);
    enum pos_status status = find_last(home, &last);
    for (uint64_t span = SPAN_FIRST; status == POS_OK; span *= 4) {
        uint64_t first = last > span ? last - span + 1 : 1;
        tally.first_seen = tally.reaches_back = false;
        tally.refused = 0;
        status = pos_key_library_walk_audit(home->library, first, count_refusal, &tally);
        if (first == 1 || tally.reaches_back)
            break;
    }
    *refused = tally.refused;
    return status;
}

static enum pos_status check_rate(struct pos_home *home, const struct pos_login *login,
                                  struct pos_error *error)
{
    unsigned refused = 0;
    enum pos_status status = count_refusals(home, login->name, &refused);
    if (status != POS_OK)
        return pos_error_set(error, status, "the audit records cannot be read: %s",
                             pos_status_text(status));
    if (refused < POS_LOGIN_REFUSED_MAX)
        return POS_OK;
    (void)pos_error_set(error, POS_ERR_NOT_ALLOWED,
                        "%u wrong passwords for %s within %d minutes: none is looked at until the "
                        "first of them is that old",
                        refused, login->name, POS_LOGIN_WINDOW_MINUTES);
    return refuse(home, login, "refused: too-many", error);
}

/* ---- logging in ---- */

/* Takes as long for a name that nobody has. */
static enum pos_status check_password(struct pos_home *home, const struct pos_login *login,
                                      const struct pos_credential *password,
                                      struct pos_person_row *person, struct pos_error *error)
{
    uint8_t unused[POS_PASSWORD_SIZE];
    struct pos_bytes typed = pos_bytes(password->data, password->size);
    enum pos_status found = pos_key_library_find_person(home->library, login->name, person);
    enum pos_status status;
    if (found == POS_OK && person->roles != 0)
        status = pos_password_check(typed, person->password);
    else if (found == POS_OK || found == POS_ERR_NOT_FOUND) {
        status = typed.size > 0 ? pos_password_make(typed, unused) : POS_OK;
        status = status == POS_OK ? POS_ERR_MISMATCH : status;
    } else
        return pos_error_set(error, found, "cannot read the key library");
    if (status == POS_OK)
        return POS_OK;
    if (status != POS_ERR_MISMATCH && status != POS_ERR_LENGTH)
        return pos_error_set(error, status, "the password of %s cannot be checked: %s", login->name,
                             pos_status_text(status));
    (void)pos_error_set(error, POS_ERR_NOT_ALLOWED,
                        "there is no person %s here, or that is not the password", login->name);
    return refuse(home, login, wrong_password, error);
}

static enum pos_status check_roles(struct pos_home *home, const struct pos_login *login,
                                   const struct pos_person_row *person, struct pos_error *error)
{
    if ((person->roles & login->roles) != 0)
        return POS_OK;
    char needed[POS_ROLES_TEXT_SIZE], has[POS_ROLES_TEXT_SIZE];
    pos_roles_choice(login->roles, needed);
    pos_roles_text(person->roles, has);
    (void)pos_error_set(error, POS_ERR_NOT_ALLOWED,
                        "%s is %s, and '%s' is for one who is %s: see 'operator list'",
                        person->name, has, login->command, needed);
    return refuse(home, login, "refused: role-missing", error);
}

static enum pos_status judge(struct pos_home *home, const struct pos_login *login,
                             const struct pos_credential *password, struct pos_person_row *person,
                             struct pos_error *error)
{
    enum pos_status status = check_rate(home, login, error);
    if (status == POS_OK)
        status = check_password(home, login, password, person, error);
    return status == POS_OK ? check_roles(home, login, person, error) : status;
}

/* One after the other in this home, from counting refusals to recording one, whatever process they
 * come from: or many at once would all be counted too late. The folder itself is what is locked. */
static enum pos_status judge_alone(struct pos_home *home, const struct pos_login *login,
                                   const struct pos_credential *password,
                                   struct pos_person_row *person, struct pos_error *error)
{
    int folder = open(home->options->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || flock(folder, LOCK_EX) != 0) {
        if (folder >= 0)
            (void)close(folder);
        return pos_error_set(error, POS_ERR_IO, "cannot lock %s", home->options->home);
    }
    enum pos_status status = POS_OK;
    if (!home->writer) /* with what the one before has recorded */
        status = pos_key_library_catch_up(home->library);
    if (status != POS_OK)
        (void)pos_error_set(error, status, "cannot read the key library: %s",
                            pos_status_text(status));
    else
        status = judge(home, login, password, person, error);
    (void)close(folder);
    return status;
}

enum pos_status pos_login(struct pos_home *home, const struct pos_login *login,
                          struct pos_person_row *person, struct pos_error *error)
{
    if (!pos_person_name_valid(login->name))
        return pos_error_set(error, POS_ERR_USAGE,
                             "a person's name has 1 to %d printable ASCII characters, no | or %%",
                             POS_PERSON_NAME_SIZE_MAX);
    struct pos_credential password;
    enum pos_status status = pos_password_take(login->name, login->file, false, &password, error);
    if (status != POS_OK)
        return status;
    status = judge_alone(home, login, &password, person, error);
    pos_credential_fini(&password);
    return status;
}

/* ---- how commands begin ---- */

static enum pos_status let_in(struct pos_home *home, unsigned roles, const char *command,
                              struct pos_error *error)
{
    const struct pos_options *options = home->options;
    enum pos_status status = pos_key_library_policy(home->library, &home->policy);
    if (status != POS_OK)
        return pos_error_set(error, status, "cannot read how the key library is run: %s",
                             pos_status_text(status));
    if (home->policy.single_operator)
        return POS_OK;
    const struct pos_login login = {
        .name = options->operator_name,
        .file = options->operator_credential[0] != '\0' ? options->operator_credential : NULL,
        .roles = roles,
        .command = command};
    return pos_login(home, &login, &home->person, error);
}

enum pos_status pos_home_begin(struct pos_home *home, unsigned roles, const char *command,
                               struct pos_error *error)
{
    enum pos_status status = pos_home_open_writer(home, false, error);
    if (status == POS_OK)
        status = pos_home_open_sealer(home, error);
    return status == POS_OK ? let_in(home, roles, command, error) : status;
}

enum pos_status pos_home_begin_reader(struct pos_home *home, unsigned roles, const char *command,
                                      struct pos_error *error)
{
    enum pos_status status = pos_home_open_reader(home, error);
    return status == POS_OK ? let_in(home, roles, command, error) : status;
}
