#include "keymgmt/roles.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    enum pos_role role;
    const char *name;
} names[] = {{POS_ROLE_OPERATOR, "operator"},
             {POS_ROLE_CUSTODIAN, "custodian"},
             {POS_ROLE_APPROVER, "approver"},
             {POS_ROLE_AUDITOR, "auditor"}};
enum { NAME_COUNT = sizeof names / sizeof names[0] };

/* 0 for a word that is no role. */
static unsigned parse_word(const char *word, size_t size)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (strlen(names[i].name) == size && memcmp(names[i].name, word, size) == 0)
            return (unsigned)names[i].role;
    return 0;
}

bool pos_roles_parse(const char *text, unsigned *roles)
{
    *roles = 0;
    for (;;) {
        size_t size = strcspn(text, ",");
        unsigned role = parse_word(text, size);
        if (role == 0)
            return false;
        *roles |= role;
        if (text[size] == '\0')
            return true;
        text += size + 1;
    }
}

static void put_names(unsigned roles, const char *between, char text[POS_ROLES_TEXT_SIZE])
{
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; i < NAME_COUNT; i++)
        if ((roles & (unsigned)names[i].role) != 0)
            size += (size_t)snprintf(text + size, POS_ROLES_TEXT_SIZE - size, "%s%s",
                                     size == 0 ? "" : between, names[i].name);
    if (size == 0)
        (void)snprintf(text, POS_ROLES_TEXT_SIZE, "none");
}

void pos_roles_text(unsigned roles, char text[POS_ROLES_TEXT_SIZE])
{
    put_names(roles, ",", text);
}

void pos_roles_choice(unsigned roles, char text[POS_ROLES_TEXT_SIZE])
{
    put_names(roles, " or ", text);
}

bool pos_same_person(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}
