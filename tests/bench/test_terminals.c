/* The bench's table is the product's own, and its requests are those of the terminals in it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/folder.h"
#include "bench/table.h"
#include "bench/terminals_inside.h"
#include "core/audit/chain.h"
#include "core/base/file.h"
#include "core/hsm/hsm.h"
#include "core/store/terminal_table.h"
#include "core/wire/frame.h"
#include "core/wire/message.h"

static const struct pos_dialect *const dialects[] = {&pos_dialect_iso87b, &pos_dialect_iso87a,
                                                     &pos_dialect_iso87x, &pos_dialect_cup};

static void decode(const struct pos_dialect *dialect, struct pos_bytes stream,
                   struct pos_message *message)
{
    struct pos_frame frame;
    struct pos_decode_error error;
    const char *reason;
    size_t used;
    cr_assert_eq(pos_frame_next(dialect, stream, &frame, &used, &reason), POS_FRAME_READY);
    cr_assert_eq(used, stream.size);
    cr_assert_eq(pos_iso8583_decode(dialect, frame.message, message, &error), POS_OK);
}

Test(terminals, smn_is_well_formed_and_of_its_row)
{
    for (uint64_t row = 0; row < 2000; row += 7) {
        struct pos_smn smn = pos_terminals_smn(row), parsed;
        cr_assert_eq(pos_smn_parse(pos_bytes(smn.text, POS_SMN_SIZE), &parsed), POS_OK);
        cr_expect_eq(pos_smn_key_index(&parsed), row + 1);
        struct pos_smn next = pos_terminals_smn(row + 1), stranger = pos_terminals_stranger(row);
        cr_expect(memcmp(smn.text, next.text, POS_SERIAL_SIZE) < 0);
        cr_assert_eq(pos_smn_parse(pos_bytes(stranger.text, POS_SMN_SIZE), &parsed), POS_OK);
        cr_expect_eq(pos_smn_key_index(&parsed), row + 1);
        cr_expect(memcmp(smn.text, stranger.text, POS_SERIAL_SIZE) != 0);
        cr_expect(memcmp(stranger.text, next.text, POS_SERIAL_SIZE) != 0);
    }
    struct pos_smn last = pos_terminals_smn(POS_KEY_INDEX_MAX - 1);
    cr_expect(memcmp(last.text, "ZZZ", 3) == 0 && memcmp(last.text + 8, "99999999", 8) == 0, "%s",
              last.text);
}

static void expect_all_rows_evenly(const struct pos_dialect *dialect)
{
    enum { ROWS = 50, REQUESTS = 20000 };
    uint32_t seen[ROWS + 1] = {0};
    struct pos_terminals *terminals;
    struct pos_error error;
    uint32_t mark, last = 0;
    struct pos_terminals_options options = {.rows = ROWS, .dialect = dialect};
    cr_assert_eq(pos_terminals_assume(&options, &terminals, &error), POS_OK);
    struct pos_load_source source = pos_terminals_source(terminals);
    uint8_t *frame = malloc(source.request_size_max);
    for (int i = 0; i < REQUESTS; i++) {
        struct pos_message message;
        struct pos_smn smn;
        size_t size = source.request(source.context, frame, &mark);
        decode(dialect, pos_bytes(frame, size), &message);
        cr_assert_eq(pos_message_smn(&message, &smn), POS_OK);
        uint32_t index = pos_smn_key_index(&smn);
        cr_assert(index >= 1 && index <= ROWS);
        cr_assert_str_eq(smn.text, pos_terminals_smn(index - 1).text);
        seen[index]++;
        cr_assert_eq(pos_message_number(&message, 11, 0), mark);
        cr_assert_neq(mark, last);
        last = mark;
        cr_assert(!pos_message_has(&message, 64) && !pos_message_has(&message, 128));
    }
    for (int i = 1; i <= ROWS; i++) /* 400 each expected; six standard deviations */
        cr_expect(seen[i] > 280 && seen[i] < 520, "row %d: %u", i, seen[i]);
    free(frame);
    pos_terminals_destroy(terminals);
}

Test(terminals, requests_without_mac_name_all_rows_evenly)
{
    for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++)
        expect_all_rows_evenly(dialects[d]);
}

static bool is_row(const struct pos_smn *smn)
{
    return strcmp(smn->text, pos_terminals_smn(pos_smn_key_index(smn) - 1).text) == 0;
}

/* What `count` requests name: rows, how many different ones, and strangers. The mark tells which it
 * is, as a reply of 97 to it is good or is not. */
static void draw(const struct pos_terminals_options *options, int count, uint32_t *seen,
                 int *strangers)
{
    struct pos_terminals *terminals;
    struct pos_error error;
    uint32_t mark;
    cr_assert_eq(pos_terminals_assume(options, &terminals, &error), POS_OK);
    struct pos_load_source source = pos_terminals_source(terminals);
    uint8_t *frame = malloc(source.request_size_max);
    for (int i = 0; i < count; i++) {
        struct pos_message message;
        struct pos_smn smn;
        size_t size = source.request(source.context, frame, &mark);
        decode(options->dialect, pos_bytes(frame, size), &message);
        cr_assert_eq(pos_message_smn(&message, &smn), POS_OK);
        cr_assert(pos_smn_key_index(&smn) <= options->rows);
        cr_expect_eq(is_row(&smn), !pos_terminals_is_stranger(terminals, mark));
        if (is_row(&smn))
            seen[pos_smn_key_index(&smn) - 1]++;
        else
            ++*strangers;
    }
    free(frame);
    pos_terminals_destroy(terminals);
}

Test(terminals, a_working_set_is_evenly_spread_and_no_more)
{
    enum { ROWS = 1000, SET = 8, REQUESTS = 4000 };
    uint32_t seen[ROWS] = {0};
    int strangers = 0;
    draw(&(struct pos_terminals_options){.rows = ROWS,
                                         .working_set = SET,
                                         .dialect = &pos_dialect_iso87b},
         REQUESTS, seen, &strangers);
    cr_expect_eq(strangers, 0);
    for (int i = 0; i < ROWS; i++) /* 500 each expected */
        if (i % (ROWS / SET) == 0)
            cr_expect(seen[i] > 370 && seen[i] < 630, "row %d: %u", i, seen[i]);
        else
            cr_expect_eq(seen[i], 0, "row %d", i);
}

Test(terminals, strangers_are_as_many_as_asked_for)
{
    static const uint32_t percents[] = {0, 1, 30, 100};
    enum { ROWS = 50, REQUESTS = 20000 };
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        uint32_t seen[ROWS] = {0};
        int strangers = 0, expected = (int)percents[i] * REQUESTS / 100;
        draw(&(struct pos_terminals_options){.rows = ROWS,
                                             .unregistered = percents[i],
                                             .dialect = &pos_dialect_cup},
             REQUESTS, seen, &strangers);
        cr_expect(abs(strangers - expected) <= expected * 2 / 10, "%u %%: %d", percents[i],
                  strangers);
        cr_expect(percents[i] < 100 || strangers == REQUESTS);
    }
}

/* Opens what pos_table_make left, as the gateway does. */
static void open_table(const char *folder, struct pos_hsm **hsm, struct pos_hsm_session **session,
                       struct pos_terminal_table **table, struct pos_audit_chain *chain)
{
    char path[POS_PATH_SIZE_MAX + 16];
    struct pos_error error = {0};
    uint8_t *secret;
    size_t size;
    snprintf(path, sizeof path, "%s/credential", folder);
    cr_assert_eq(pos_file_read(path, 1000, &secret, &size, &error), POS_OK, "%s", error.text);
    snprintf(path, sizeof path, "%s/lmk", folder);
    cr_assert_eq(pos_hsm_software_open(path, pos_bytes(secret, size), hsm, &error), POS_OK, "%s",
                 error.text);
    free(secret);
    cr_assert_eq(pos_hsm_session_open(*hsm, session), POS_OK);
    snprintf(path, sizeof path, "%s/terminals", folder);
    struct pos_terminal_table_options options = {.path = path, .cache_size = 8 << 20};
    options.audit = pos_audit_chain_init(chain);
    cr_assert_eq(pos_terminal_table_open(&options, table, &error), POS_OK, "%s", error.text);
}

static void expect_good_macs(const struct pos_dialect *dialect)
{
    enum { ROWS = 300 };
    char folder[POS_PATH_SIZE_MAX];
    struct pos_error error = {0};
    struct pos_terminals *terminals;
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    struct pos_terminal_table *table;
    struct pos_audit_chain chain;
    uint32_t mark;
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK, "%s", error.text);
    struct pos_terminals_options options = {
        .folder = folder, .rows = ROWS, .mac = true, .dialect = dialect};
    cr_assert_eq(pos_table_make(folder, ROWS, NULL, &error), POS_OK, "%s", error.text);
    cr_assert_eq(pos_terminals_open(&options, &terminals, &error), POS_OK, "%s", error.text);
    cr_expect_eq(pos_terminals_request_count(terminals), ROWS);
    open_table(folder, &hsm, &session, &table, &chain);
    struct pos_load_source source = pos_terminals_source(terminals);
    uint8_t *frame = malloc(source.request_size_max);
    struct pos_key last_tak = {0};
    for (int i = 0; i < 2 * ROWS; i++) {
        struct pos_message message;
        struct pos_smn smn;
        struct pos_terminal_hot row;
        enum pos_status found;
        struct pos_bytes covered;
        uint8_t mac[POS_MAC_SIZE];
        size_t size = source.request(source.context, frame, &mark);
        decode(dialect, pos_bytes(frame, size), &message);
        cr_assert_eq(pos_message_number(&message, 11, 0), mark);
        cr_assert_eq(pos_message_smn(&message, &smn), POS_OK);
        pos_terminal_table_find(table, &smn, 1, &row, &found);
        cr_assert_eq(found, POS_OK, "%s", smn.text);
        cr_expect_eq(row.state, POS_TERMINAL_ACTIVE);
        cr_assert_eq(pos_message_mac(&message, &covered, mac), POS_OK);
        cr_expect_eq(pos_hsm_verify_mac(session, &row.tak[0], POS_MAC_WORKING, covered, mac),
                     POS_OK);
        mac[i % POS_MAC_SIZE] ^= 1;
        cr_expect_eq(pos_hsm_verify_mac(session, &row.tak[0], POS_MAC_WORKING, covered, mac),
                     POS_ERR_MAC);
        if (i > 0 && last_tak.size > 0 && memcmp(&last_tak, &row.tak[0], sizeof last_tak) == 0)
            continue; /* the same row again */
        last_tak = row.tak[0];
    }
    free(frame);
    pos_terminal_table_close(table);
    pos_hsm_session_close(session);
    pos_hsm_close(hsm);
    pos_terminals_destroy(terminals);
    pos_folder_remove(folder);
    cr_expect_neq(access(folder, F_OK), 0);
}

Test(terminals, requests_with_mac_verify_under_the_tak_of_their_row)
{
    for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++)
        expect_good_macs(dialects[d]);
}
