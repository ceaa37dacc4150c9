#include "keymgmt/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/crypto/password.h"
#include "keymgmt/login.h"
#include "keymgmt/roles.h"

enum { ON_WHAT_SIZE_MAX = 160 };

/* ---- one person ---- */

enum pos_status pos_person_make(const char *name, unsigned roles, const char *file,
                                struct pos_person_row *row, struct pos_error *error)
{
    struct pos_credential password;
    *row = (struct pos_person_row){.roles = roles, .created_ms = pos_clock_utc_ms()};
    row->changed_ms = row->created_ms;
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    enum pos_status status = pos_password_take(name, file, true, &password, error);
    if (status != POS_OK)
        return status;
    status = pos_password_make(pos_bytes(password.data, password.size), row->password);
    pos_credential_fini(&password);
    if (status != POS_OK)
        return pos_error_set(error, status, "the password of %s cannot be kept: %s", name,
                             pos_status_text(status));
    return POS_OK;
}

enum pos_status pos_person_put(struct pos_home *home, const struct pos_person_row *row,
                               const char *what, struct pos_error *error)
{
    char on_what[ON_WHAT_SIZE_MAX], roles[POS_ROLES_TEXT_SIZE];
    pos_roles_text(row->roles, roles);
    (void)snprintf(on_what, sizeof on_what, "person=%s roles=%s", row->name, roles);
    struct pos_audit_event event = pos_home_event(home, what, on_what);
    enum pos_status status = pos_key_library_put_person(home->library, row, &event);
    if (status == POS_ERR_STATE)
        return pos_error_set(error, status,
                             "that would leave the library without an operator, or without another "
                             "person as approver, and nobody could ever change it");
    if (status != POS_OK)
        return pos_error_set(error, status, "%s cannot be written: %s", row->name,
                             pos_status_text(status));
    return POS_OK;
}

/* ---- the first ones ---- */

static struct pos_first_person *find(struct pos_first_people *people, const char *name, size_t size)
{
    for (size_t i = 0; i < people->count; i++) {
        const char *other = people->list[i].name;
        if (strcspn(other, "=") == size && strncasecmp(other, name, size) == 0)
            return &people->list[i];
    }
    return NULL;
}

static enum pos_status find_or_add(struct pos_first_people *people, const char *name, size_t size,
                                   struct pos_first_person **person, struct pos_error *error)
{
    *person = find(people, name, size);
    if (*person != NULL)
        return POS_OK;
    if (people->count == POS_FIRST_PEOPLE_MAX)
        return pos_error_set(error, POS_ERR_LIMIT,
                             "more than %d people at once: add the others later, with 'operator "
                             "add'",
                             POS_FIRST_PEOPLE_MAX);
    *person = &people->list[people->count++];
    **person = (struct pos_first_person){.name = name};
    return POS_OK;
}

enum pos_status pos_first_people_add(struct pos_first_people *people, const char *name,
                                     unsigned role, struct pos_error *error)
{
    struct pos_first_person *person;
    if (!pos_person_name_valid(name) || strchr(name, '=') != NULL)
        return pos_error_set(error, POS_ERR_USAGE,
                             "'%.40s' is no name: 1 to %d printable ASCII characters, no | %% or =",
                             name, POS_PERSON_NAME_SIZE_MAX);
    enum pos_status status = find_or_add(people, name, strlen(name), &person, error);
    if (status != POS_OK)
        return status;
    person->name = name; /* not the one with =FILE behind it */
    person->roles |= role;
    return POS_OK;
}

enum pos_status pos_first_people_file(struct pos_first_people *people, const char *text,
                                      struct pos_error *error)
{
    struct pos_first_person *person;
    const char *file = strchr(text, '=');
    if (file == NULL || file == text || file[1] == '\0')
        return pos_error_set(error, POS_ERR_USAGE, "--password-file takes NAME=FILE");
    enum pos_status status = find_or_add(people, text, (size_t)(file - text), &person, error);
    if (status == POS_OK)
        person->file = file + 1;
    return status;
}

static bool has_other_approver(const struct pos_first_people *people, size_t operator_at)
{
    for (size_t i = 0; i < people->count; i++)
        if (i != operator_at && (people->list[i].roles & POS_ROLE_APPROVER) != 0)
            return true;
    return false;
}

static enum pos_status check_pair(const struct pos_first_people *people, struct pos_error *error)
{
    unsigned roles = 0;
    for (size_t i = 0; i < people->count; i++) {
        roles |= people->list[i].roles;
        if ((people->list[i].roles & POS_ROLE_OPERATOR) != 0 && has_other_approver(people, i))
            return POS_OK;
    }
    const char *missing = "another person as approver (--approver NAME)";
    if ((roles & POS_ROLE_OPERATOR) == 0)
        missing = (roles & POS_ROLE_APPROVER) == 0
                      ? "an operator (--operator NAME) and another person as approver (--approver "
                        "NAME)"
                      : "an operator who is not the only approver (--operator NAME)";
    return pos_error_set(error, POS_ERR_USAGE,
                         "two people are needed before the library is of use; missing: %s. Or "
                         "--single-operator, which gives that up",
                         missing);
}

enum pos_status pos_first_people_check(const struct pos_first_people *people,
                                       struct pos_error *error)
{
    for (size_t i = 0; i < people->count; i++)
        if (people->list[i].roles == 0)
            return pos_error_set(error, POS_ERR_USAGE,
                                 "--password-file %s: that person has no role",
                                 people->list[i].name);
    return check_pair(people, error);
}

enum pos_status pos_first_people_rows(const struct pos_first_people *people,
                                      struct pos_person_row **rows, struct pos_error *error)
{
    *rows = calloc(people->count + 1, sizeof **rows);
    if (*rows == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no memory for %zu people", people->count);
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < people->count && status == POS_OK; i++) {
        const struct pos_first_person *person = &people->list[i];
        status = pos_person_make(person->name, person->roles, person->file, &(*rows)[i], error);
    }
    return status;
}
