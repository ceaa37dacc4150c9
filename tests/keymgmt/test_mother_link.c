#include <criterion/criterion.h>
#include <string.h>

#include "keymgmt/mother_link.h"
#include "tests/keymgmt/fake_mother.h"

Test(mother_link, reads_addresses)
{
    static const struct {
        const char *text, *host, *port; /* host NULL: refused */
    } rows[] = {{"127.0.0.1:7583", "127.0.0.1", "7583"},
                {"key-room.example:1", "key-room.example", "1"},
                {"[::1]:7583", "::1", "7583"},
                {"[fe80::1]:65535", "fe80::1", "65535"},
                {"localhost", NULL, NULL},
                {":7583", NULL, NULL},
                {"localhost:", NULL, NULL},
                {"localhost:0", NULL, NULL},
                {"localhost:65536", NULL, NULL},
                {"localhost:99999999999", NULL, NULL},
                {"localhost:75x", NULL, NULL},
                {"::1:7583", NULL, NULL},
                {"[]:7583", NULL, NULL},
                {"", NULL, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char host[32], port[8];
        struct pos_error error;
        enum pos_status status =
            pos_mother_address_parse(rows[i].text, host, sizeof host, port, sizeof port, &error);
        cr_expect_eq(status, rows[i].host == NULL ? POS_ERR_USAGE : POS_OK, "'%s'", rows[i].text);
        if (status == POS_OK && rows[i].host != NULL) {
            cr_expect_str_eq(host, rows[i].host);
            cr_expect_str_eq(port, rows[i].port);
        }
    }
}

Test(mother_link, refuses_a_host_that_does_not_fit)
{
    char host[4], port[8];
    struct pos_error error;
    cr_expect_eq(pos_mother_address_parse("abc:1", host, sizeof host, port, sizeof port, &error),
                 POS_OK);
    cr_expect_eq(pos_mother_address_parse("abcd:1", host, sizeof host, port, sizeof port, &error),
                 POS_ERR_USAGE);
}

static enum pos_status ask(struct fake_mother *mother, struct pos_mother_reply *reply,
                           struct pos_error *error)
{
    static struct pos_mother_link link;
    fake_mother_start(mother);
    enum pos_status status = pos_mother_link_open(&link, mother->address, 2000, error);
    if (status == POS_OK)
        status =
            pos_mother_link_ask(&link, POS_KIND_LOAD_STATUS, pos_bytes(NULL, 0), 300, reply, error);
    pos_mother_link_close(&link);
    fake_mother_stop(mother);
    return status;
}

Test(mother_link, asks_and_hears)
{
    struct fake_mother mother = {.other_batch = 9};
    struct pos_mother_reply reply;
    struct pos_error error = {.text = ""};
    cr_assert_eq(ask(&mother, &reply, &error), POS_OK, "%s", error.text);
    cr_expect_str_eq(reply.code, "00");
    cr_expect_eq(strncmp(reply.text, "00000009", 8), 0, "%s", reply.text);
}

Test(mother_link, waits_no_longer_than_told)
{
    struct fake_mother mother = {.silent = true};
    struct pos_mother_reply reply;
    struct pos_error error;
    cr_expect_eq(ask(&mother, &reply, &error), POS_ERR_TIMEOUT);
    cr_expect_not_null(strstr(error.text, mother.address), "%s", error.text);
}

Test(mother_link, takes_no_other_requests_answer)
{
    struct fake_mother mother = {.wrong_stan = true};
    struct pos_mother_reply reply;
    struct pos_error error;
    cr_expect_eq(ask(&mother, &reply, &error), POS_ERR_MISMATCH);
}

Test(mother_link, says_when_nobody_is_there)
{
    struct fake_mother mother = {0};
    fake_mother_start(&mother);
    fake_mother_stop(&mother); /* its port is free again */
    static struct pos_mother_link link;
    struct pos_error error;
    cr_expect_eq(pos_mother_link_open(&link, mother.address, 1000, &error), POS_ERR_UNREACHABLE);
    pos_mother_link_close(&link);
}
