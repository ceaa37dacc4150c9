#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/store/key_library_inside.h"
#include "tests/core/store/support.h"

static struct pos_key_library *library;
static struct test_chain chain;
static char folder[TEST_PATH_SIZE];

static void open_library(const char *name, bool create, bool single)
{
    struct pos_key_library_options options = {
        .path = test_path(folder, name),
        .create = create,
        .audit = test_chain_writer(&chain),
        .policy = {.single_operator = single, .approval_minutes = 30}};
    struct pos_error error = {0};
    cr_assert_eq(pos_key_library_open(&options, &library, &error), POS_OK, "%s", error.text);
}

static void set_up(void)
{
    test_folder(folder);
    open_library("db", true, false);
}

static void tear_down(void)
{
    pos_key_library_close(library);
}

TestSuite(people, .init = set_up, .fini = tear_down);

static enum pos_status put(const char *name, unsigned roles)
{
    struct pos_person_row row = {.roles = roles, .created_ms = 5, .changed_ms = 6};
    (void)snprintf(row.name, sizeof row.name, "%s", name);
    memset(row.password, 'p', sizeof row.password);
    return pos_key_library_put_person(library, &row, "person");
}

static bool name_each(void *context, const struct pos_person_row *row)
{
    char *names = context;
    (void)strcat(strcat(names, names[0] == '\0' ? "" : ","), row->name);
    return true;
}

Test(people, are_one_whatever_the_case_of_their_name)
{
    struct pos_person_row row;
    cr_expect_eq(put("Zoe Miller", POS_ROLE_OPERATOR), POS_OK);
    cr_expect_eq(put("adam", POS_ROLE_AUDITOR), POS_OK);
    cr_expect_eq(pos_key_library_find_person(library, "zoe MILLER", &row), POS_OK);
    cr_expect_str_eq(row.name, "Zoe Miller");
    cr_expect(row.roles == POS_ROLE_OPERATOR && row.created_ms == 5 && row.changed_ms == 6);
    cr_expect(row.password[0] == 'p' && row.password[sizeof row.password - 1] == 'p');
    cr_expect_eq(put("ZOE MILLER", POS_ROLE_ALL), POS_OK, "that changes her");
    char names[128] = "";
    cr_expect_eq(pos_key_library_walk_people(library, name_each, names), POS_OK);
    cr_expect_str_eq(names, "adam,ZOE MILLER");
    cr_expect_eq(pos_key_library_find_person(library, "zoe", &row), POS_ERR_NOT_FOUND);
    cr_expect_eq(pos_key_library_find_person(library, "", &row), POS_ERR_NOT_FOUND);
}

Test(people, with_a_name_or_role_that_is_none_are_refused)
{
    static const struct {
        const char *what, *name;
        unsigned roles;
    } bad[] = {
        {"no name", "", 1},        {"a space in front", " zoe", 1}, {"behind", "zoe ", 1},
        {"a control", "z\noe", 1}, {"not ASCII", "zo\xc3\xab", 1},  {"a role too many", "zoe", 16},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(put(bad[i].name, bad[i].roles), POS_ERR_FORMAT, "%s", bad[i].what);
    cr_expect_eq(put("0123456789012345678901234567890123456789", 1), POS_OK, "the longest");
    struct pos_person_row row = {.roles = 1};
    memset(row.name, 'x', sizeof row.name); /* no NUL */
    cr_expect_eq(pos_key_library_put_person(library, &row, NULL), POS_ERR_FORMAT);
}

Test(people, who_could_work_together_stay_able_to)
{
    enum { O = POS_ROLE_OPERATOR, A = POS_ROLE_APPROVER };
    static const struct {
        const char *what, *name;
        unsigned roles;
        enum pos_status status;
    } steps[] = {
        {"while it is set up, anybody", "one", O, POS_OK},
        {"but the only operator stays", "one", 0, POS_ERR_STATE},
        {"the only operator is no auditor instead", "one", POS_ROLE_AUDITOR, POS_ERR_STATE},
        {"she may approve too", "one", O | A, POS_OK},
        {"and not: nobody else could ask", "one", O, POS_OK},
        {"she may again", "one", O | A, POS_OK},
        {"an approver", "two", A, POS_OK},
        {"now the first need not", "one", O, POS_OK},
        {"the only approver beside her stays", "two", 0, POS_ERR_STATE},
        {"also when she could approve herself", "one", O | A, POS_OK},
        {"which is not two people", "two", O, POS_OK},
        {"two may ask, one of them may approve", "one", A, POS_OK},
        {"the last operator stays", "two", A, POS_ERR_STATE},
        {"a third", "three", O | A, POS_OK},
        {"lets the second go", "two", 0, POS_OK},
        {"not the first as well", "one", 0, POS_ERR_STATE},
        {"roles of others do not matter", "four", POS_ROLE_CUSTODIAN, POS_OK},
        {"and the first may still not go", "ONE", POS_ROLE_CUSTODIAN, POS_ERR_STATE},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        cr_expect_eq(put(steps[i].name, steps[i].roles), steps[i].status, "%s", steps[i].what);
}

Test(people, of_a_single_operator_may_all_leave)
{
    tear_down();
    open_library("single", true, true);
    cr_expect_eq(put("one", POS_ROLE_OPERATOR), POS_OK);
    cr_expect_eq(put("two", POS_ROLE_APPROVER), POS_OK);
    cr_expect_eq(put("one", 0), POS_OK);
    cr_expect_eq(put("two", 0), POS_OK);
}

Test(people, policy_is_the_one_it_was_made_with)
{
    struct pos_library_policy policy = {0};
    cr_assert_eq(pos_key_library_policy(library, &policy), POS_OK);
    cr_expect(!policy.single_operator && policy.approval_minutes == 30);
    tear_down();
    open_library("db", false, true); /* the options of a later open change nothing */
    cr_assert_eq(pos_key_library_policy(library, &policy), POS_OK);
    cr_expect(!policy.single_operator && policy.approval_minutes == 30);
}

static struct pos_approval_row question(const char *asked_by)
{
    struct pos_approval_row row = {.state = POS_APPROVAL_ASKED,
                                   .action = "export",
                                   .subject = "batch 7 to MPOS0001",
                                   .asked_ms = 1000,
                                   .expires_ms = 2000};
    (void)snprintf(row.asked_by, sizeof row.asked_by, "%s", asked_by);
    return row;
}

static uint32_t ask(const char *who)
{
    struct pos_approval_row row = question(who);
    uint32_t number = 0;
    cr_assert_eq(pos_key_library_add_approval(library, &row, &number, "ask"), POS_OK);
    return number;
}

static enum pos_approval_state state_of(uint32_t number)
{
    struct pos_approval_row row = {0};
    cr_expect_eq(pos_key_library_find_approval(library, number, &row), POS_OK);
    return row.state;
}

Test(people, approve_what_somebody_else_asked_for_in_time_and_once)
{
    const enum pos_approval_state GIVEN = POS_APPROVAL_GIVEN, REFUSED = POS_APPROVAL_REFUSED,
                                  USED = POS_APPROVAL_USED;
    const struct {
        const char *what;
        uint32_t number;
        enum pos_approval_state state;
        const char *who;
        uint64_t utc_ms;
        enum pos_status status;
    } steps[] = {
        {"use before it is given", 1, USED, "Ann", 1100, POS_ERR_STATE},
        {"by who asked", 1, GIVEN, "Ann", 1100, POS_ERR_NOT_ALLOWED},
        {"by who asked, in capitals", 1, GIVEN, "ANN", 1100, POS_ERR_NOT_ALLOWED},
        {"refused by who asked", 1, REFUSED, "ann", 1100, POS_ERR_NOT_ALLOWED},
        {"too late", 1, GIVEN, "Bob", 2000, POS_ERR_TIMEOUT},
        {"to a state that is none", 1, POS_APPROVAL_ASKED, "Bob", 1100, POS_ERR_STATE},
        {"to no state", 1, POS_APPROVAL_NONE, "Bob", 1100, POS_ERR_STATE},
        {"no such one", 9, GIVEN, "Bob", 1100, POS_ERR_NOT_FOUND},
        {"by another", 1, GIVEN, "Bob", 1100, POS_OK},
        {"twice", 1, GIVEN, "Bob", 1200, POS_ERR_STATE},
        {"by a third", 1, GIVEN, "Carl", 1200, POS_ERR_STATE},
        {"refused afterwards", 1, REFUSED, "Carl", 1200, POS_ERR_STATE},
        {"used by who gave it", 1, USED, "Bob", 1300, POS_ERR_NOT_ALLOWED},
        {"used too late", 1, USED, "Ann", 2000, POS_ERR_TIMEOUT},
        {"used", 1, USED, "ann", 1999, POS_OK},
        {"used twice", 1, USED, "Ann", 1999, POS_ERR_STATE},
        {"refused", 2, REFUSED, "Bob", 1500, POS_OK},
        {"used though refused", 2, USED, "Ann", 1500, POS_ERR_STATE},
        {"given though refused", 2, GIVEN, "Carl", 1500, POS_ERR_STATE},
    };
    cr_expect_eq(ask("Ann"), 1);
    cr_expect_eq(ask("Ann"), 2);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        cr_expect_eq(pos_key_library_move_approval(library, steps[i].number, steps[i].state,
                                                   steps[i].who, steps[i].utc_ms, "move"),
                     steps[i].status, "%s", steps[i].what);
    tear_down();
    open_library("db", false, false);
    struct pos_approval_row row = {0};
    cr_expect_eq(pos_key_library_find_approval(library, 1, &row), POS_OK);
    cr_expect(row.state == POS_APPROVAL_USED && row.answered_ms == 1100 && row.used_ms == 1999);
    cr_expect_str_eq(row.answered_by, "Bob");
    cr_expect_str_eq(row.subject, "batch 7 to MPOS0001");
    cr_expect_eq(state_of(2), POS_APPROVAL_REFUSED);
    struct test_records found = {.text = ""};
    cr_assert_eq(pos_key_library_walk_audit(library, 0, test_records_each, &found), POS_OK);
    cr_expect_str_eq(found.text, "1:ask 2:ask 3:move 4:move 5:move",
                     "what was refused left no record");
}

static bool number_each(void *context, const struct pos_approval_row *row)
{
    uint32_t *sum = context;
    *sum = *sum * 10 + row->number;
    return true;
}

Test(people, ask_in_numbered_order)
{
    struct pos_approval_row row = question("Ann");
    uint32_t number = 7, walked = 0;
    row.state = POS_APPROVAL_GIVEN;
    cr_expect_eq(pos_key_library_add_approval(library, &row, &number, NULL), POS_ERR_FORMAT,
                 "nothing is born approved");
    row = question("Ann");
    row.expires_ms = row.asked_ms;
    cr_expect_eq(pos_key_library_add_approval(library, &row, &number, NULL), POS_ERR_FORMAT);
    row = question("");
    cr_expect_eq(pos_key_library_add_approval(library, &row, &number, NULL), POS_ERR_FORMAT);
    cr_expect_eq(number, 0);
    for (uint32_t i = 1; i <= 4; i++)
        cr_expect_eq(ask("Ann"), i);
    cr_expect_eq(pos_key_library_walk_approvals(library, 2, number_each, &walked), POS_OK);
    cr_expect_eq(walked, 234);
}

static enum pos_status add_link(const char *name, enum pos_key_usage usage, uint8_t fill)
{
    struct pos_link_row row = {
        .key = test_key(usage, POS_ALGORITHM_T2, fill), .kcv = test_kcv(fill), .created_ms = 3};
    (void)snprintf(row.name, sizeof row.name, "%s", name);
    return pos_key_library_add_link(library, &row, "link");
}

static bool link_each(void *context, const struct pos_link_row *row)
{
    char *text = context;
    (void)strcat(strcat(strcat(text, row->name), row->key.usage == POS_USAGE_ZPK ? ":P" : ":A"),
                 " ");
    return true;
}

Test(people, links_have_one_key_of_each_use)
{
    struct pos_link_row row;
    cr_expect_eq(add_link("HOST1", POS_USAGE_ZPK, 1), POS_OK);
    cr_expect_eq(add_link("HOST1", POS_USAGE_ZAK, 2), POS_OK);
    cr_expect_eq(add_link("HOST1", POS_USAGE_ZPK, 3), POS_ERR_EXISTS);
    cr_expect_eq(add_link("HOST", POS_USAGE_ZPK, 4), POS_OK, "a name that begins another");
    cr_expect_eq(add_link("HOST2", POS_USAGE_TMK, 5), POS_ERR_FORMAT);
    cr_expect_eq(add_link("host2", POS_USAGE_ZPK, 6), POS_ERR_FORMAT);
    cr_expect_eq(pos_key_library_find_link(library, "HOST1", POS_USAGE_ZAK, &row), POS_OK);
    cr_expect(row.key.data[0] == 2 && row.key.usage == POS_USAGE_ZAK && row.kcv.data[0] == 2);
    cr_expect_eq(pos_key_library_find_link(library, "HOST1", POS_USAGE_ZPK, &row), POS_OK);
    cr_expect_eq(row.key.data[0], 1);
    cr_expect_eq(pos_key_library_find_link(library, "HOST", POS_USAGE_ZAK, &row),
                 POS_ERR_NOT_FOUND);
    char text[128] = "";
    cr_expect_eq(pos_key_library_walk_links(library, link_each, text), POS_OK);
    cr_expect_str_eq(text, "HOST:P HOST1:P HOST1:A ");
}
