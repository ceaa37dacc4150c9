#include "keymgmt/roles.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "keymgmt/login.h"
#include "keymgmt/people.h"

Test(roles, words_and_back)
{
    static const struct {
        const char *text;
        bool good;
        unsigned roles;
        const char *again;
    } rows[] = {
        {"operator", true, 1, "operator"},
        {"auditor,operator", true, 9, "operator,auditor"},
        {"operator,custodian,approver,auditor", true, 15, "operator,custodian,approver,auditor"},
        {"operator,operator", true, 1, "operator"},
        {"", false, 0, NULL},
        {",", false, 0, NULL},
        {"operator,", false, 0, NULL},
        {"operators", false, 0, NULL},
        {"Operator", false, 0, NULL},
        {"operator, auditor", false, 0, NULL},
        {"oper", false, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned roles;
        char text[POS_ROLES_TEXT_SIZE];
        cr_expect_eq(pos_roles_parse(rows[i].text, &roles), rows[i].good, "'%s'", rows[i].text);
        if (!rows[i].good)
            continue;
        cr_expect_eq(roles, rows[i].roles, "%s", rows[i].text);
        pos_roles_text(roles, text);
        cr_expect_str_eq(text, rows[i].again);
    }
    char text[POS_ROLES_TEXT_SIZE];
    pos_roles_text(0, text);
    cr_expect_str_eq(text, "none");
    pos_roles_choice(POS_ROLE_ALL, text);
    cr_expect_str_eq(text, "operator or custodian or approver or auditor", "and it fits");
}

Test(roles, names_of_people)
{
    char longest[POS_PERSON_NAME_SIZE_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    static const char *const good[] = {"a", "Ada Lovelace", "o'neil", "x-1_2.3@host"};
    static const char *const bad[] = {"", " a", "a ", "a|b", "a%b", "tab\t", "um\xC3\xBC", "a\x7F"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(pos_person_name_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(pos_person_name_valid(bad[i]), "%s", bad[i]);
    cr_expect_not(pos_person_name_valid(longest));
    cr_expect(pos_person_name_valid(longest + 1));
    cr_expect(pos_same_person("Ada", "aDA") && !pos_same_person("Ada", "Ad"));
}

/* Who `init` takes: at least an operator, and somebody else as approver. */
Test(roles, first_people)
{
    static const struct {
        const char *names[3];
        unsigned roles[3];
        const char *missing; /* NULL: fine */
    } rows[] = {
        {{"a", "b"}, {POS_ROLE_OPERATOR, POS_ROLE_APPROVER}, NULL},
        {{"a", "A", "b"}, {POS_ROLE_OPERATOR, POS_ROLE_APPROVER, POS_ROLE_APPROVER}, NULL},
        {{"a", "b", "b"}, {POS_ROLE_OPERATOR, POS_ROLE_OPERATOR, POS_ROLE_APPROVER}, NULL},
        {{"a"}, {POS_ROLE_OPERATOR}, "missing: another person as approver"},
        {{"a", "A"}, {POS_ROLE_OPERATOR, POS_ROLE_APPROVER}, "missing: another person as approver"},
        {{"a"}, {POS_ROLE_APPROVER}, "missing: an operator who is not"},
        {{"a", "b"}, {POS_ROLE_CUSTODIAN, POS_ROLE_AUDITOR}, "missing: an operator (--operator"},
        {{NULL}, {0}, "missing: an operator (--operator"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_first_people people = {.count = 0};
        struct pos_error error = {.status = POS_OK};
        for (size_t p = 0; p < 3 && rows[i].names[p] != NULL; p++)
            cr_assert(pos_first_people_add(&people, rows[i].names[p], rows[i].roles[p], &error) ==
                      POS_OK);
        enum pos_status status = pos_first_people_check(&people, &error);
        cr_expect_eq(status, rows[i].missing == NULL ? POS_OK : POS_ERR_USAGE, "row %zu", i);
        if (rows[i].missing != NULL)
            cr_expect_not_null(strstr(error.text, rows[i].missing), "row %zu: %s", i, error.text);
    }
}

Test(roles, files_of_first_people)
{
    struct pos_first_people people = {.count = 0};
    struct pos_error error;
    cr_expect_eq(pos_first_people_file(&people, "bob=/x/y=z", &error), POS_OK, "before the name");
    cr_expect_eq(pos_first_people_add(&people, "Bob", POS_ROLE_APPROVER, &error), POS_OK);
    cr_expect_eq(people.count, 1);
    cr_expect_str_eq(people.list[0].name, "Bob");
    cr_expect_str_eq(people.list[0].file, "/x/y=z");
    cr_expect_eq(pos_first_people_file(&people, "nobody", &error), POS_ERR_USAGE);
    cr_expect_eq(pos_first_people_file(&people, "=file", &error), POS_ERR_USAGE);
    cr_expect_eq(pos_first_people_add(&people, "a=b", POS_ROLE_APPROVER, &error), POS_ERR_USAGE);
    cr_expect_eq(pos_first_people_add(&people, "al", POS_ROLE_OPERATOR, &error), POS_OK);
    cr_expect_eq(pos_first_people_file(&people, "eve=/x", &error), POS_OK);
    cr_expect_eq(pos_first_people_check(&people, &error), POS_ERR_USAGE);
    cr_expect_not_null(strstr(error.text, "that person has no role"));
    for (int i = 0; i < POS_FIRST_PEOPLE_MAX; i++) {
        static char names[POS_FIRST_PEOPLE_MAX][8];
        (void)snprintf(names[i], sizeof names[i], "p%d", i);
        enum pos_status status = pos_first_people_add(&people, names[i], POS_ROLE_AUDITOR, &error);
        cr_expect_eq(status, i < POS_FIRST_PEOPLE_MAX - 3 ? POS_OK : POS_ERR_LIMIT, "%d", i);
    }
}
