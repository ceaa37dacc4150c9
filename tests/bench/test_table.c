/* A kept table: every row is there and has a key of its own, and who borrows it changes a copy. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/folder.h"
#include "bench/table.h"
#include "bench/terminals.h"
#include "core/audit/chain.h"
#include "core/base/file.h"
#include "core/store/terminal_table.h"

enum { ROWS = 3000 };

static char folder[POS_PATH_SIZE_MAX];

static void setup(void)
{
    struct pos_error error = {0};
    cr_assert_eq(pos_folder_make(NULL, folder, &error), POS_OK, "%s", error.text);
    cr_assert_eq(pos_table_make(folder, ROWS, NULL, &error), POS_OK, "%s", error.text);
}

static void teardown(void)
{
    pos_folder_remove(folder);
}

TestSuite(table, .init = setup, .fini = teardown);

static struct pos_terminal_table *open_rows(const char *where, struct pos_audit_chain *chain)
{
    char path[POS_PATH_SIZE_MAX + 16];
    struct pos_terminal_table *rows;
    struct pos_error error = {0};
    snprintf(path, sizeof path, "%s/terminals", where);
    struct pos_terminal_table_options options = {.path = path, .cache_size = 8 << 20};
    options.audit = pos_audit_chain_init(chain);
    cr_assert_eq(pos_terminal_table_open(&options, &rows, &error), POS_OK, "%s", error.text);
    return rows;
}

static enum pos_terminal_state state_of(struct pos_terminal_table *rows, uint64_t row)
{
    struct pos_smn smn = pos_terminals_smn(row);
    struct pos_terminal_hot hot;
    enum pos_status found;
    pos_terminal_table_find(rows, &smn, 1, &hot, &found);
    return found == POS_OK ? hot.state : POS_TERMINAL_NONE;
}

static void revoke_row(struct pos_terminal_table *rows, uint64_t row)
{
    struct pos_terminal_write write = {.operation = POS_TERMINAL_SET_STATE,
                                       .smn = pos_terminals_smn(row),
                                       .state = POS_TERMINAL_REVOKED};
    cr_assert_eq(pos_terminal_table_run(rows, &write), POS_OK);
    cr_assert_eq(write.outcome, POS_OUTCOME_CHANGED);
}

Test(table, has_every_row_with_keys_of_its_own)
{
    struct pos_audit_chain chain;
    struct pos_terminal_table *rows = open_rows(folder, &chain);
    struct pos_key last = {0};
    uint64_t counts[POS_TERMINAL_STATE_COUNT];
    for (uint64_t i = 0; i < ROWS; i++) {
        struct pos_smn smn = pos_terminals_smn(i);
        struct pos_terminal_hot hot;
        struct pos_terminal_detail detail;
        enum pos_status found;
        pos_terminal_table_find(rows, &smn, 1, &hot, &found);
        cr_assert_eq(found, POS_OK);
        cr_expect(hot.state == POS_TERMINAL_ACTIVE && !hot.proved && hot.tak[1].size == 0);
        cr_expect_eq(hot.tak[0].size, POS_KEY_VALUE_SIZE_MAX);
        cr_expect_neq(memcmp(hot.tak[0].data, last.data, sizeof last.data), 0);
        last = hot.tak[0];
        cr_assert_eq(pos_terminal_table_find_detail(rows, &smn, &detail), POS_OK);
        cr_expect(detail.first_pair_given && detail.registered_ms > 0);
        cr_expect(detail.tpk[0].size > 0 && detail.tak_kcv[0].size > 0);
    }
    pos_terminal_table_counts(rows, counts);
    cr_expect_eq(counts[POS_TERMINAL_ACTIVE], ROWS);
    pos_terminal_table_close(rows);
}

static ino_t inode_of_a_table(const char *where)
{
    char path[POS_PATH_SIZE_MAX + 32];
    struct stat facts = {0};
    for (unsigned i = 0; i < 100 && facts.st_ino == 0; i++) {
        snprintf(path, sizeof path, "%s/terminals/%06u.sst", where, i);
        (void)stat(path, &facts);
    }
    return facts.st_ino;
}

Test(table, stays_as_it_is_when_a_borrowed_copy_changes)
{
    char copy[POS_PATH_SIZE_MAX];
    struct pos_error error = {0};
    struct pos_table table;
    struct pos_audit_chain chain;
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(pos_table_borrow(folder, copy, &table, &error), POS_OK, "%s", error.text);
        cr_expect_eq(table.rows, ROWS);
        cr_expect_eq(strncmp(copy, folder, strlen(folder)), 0, "beside it");
        cr_expect_neq(inode_of_a_table(copy), 0);
        cr_expect_eq(inode_of_a_table(copy), inode_of_a_table(folder), "not a byte is copied");
        struct pos_terminal_table *rows = open_rows(copy, &chain);
        cr_expect_eq(state_of(rows, 7), POS_TERMINAL_ACTIVE, "as it was, in each round");
        revoke_row(rows, 7);
        cr_assert_eq(pos_terminal_table_scrub(rows), POS_OK); /* new files for all rows */
        cr_expect_neq(inode_of_a_table(copy), inode_of_a_table(folder));
        pos_terminal_table_close(rows);
        rows = open_rows(folder, &chain);
        cr_expect_eq(state_of(rows, 7), POS_TERMINAL_ACTIVE);
        cr_expect_eq(state_of(rows, ROWS - 1), POS_TERMINAL_ACTIVE);
        pos_terminal_table_close(rows);
        pos_folder_remove(copy);
    }
}

/* A lock counts for other processes only. */
Test(table, is_not_lent_while_somebody_writes_it)
{
    char copy[POS_PATH_SIZE_MAX], command[POS_PATH_SIZE_MAX + 200];
    struct pos_error error = {0};
    struct pos_table table;
    snprintf(command, sizeof command,
             "/usr/bin/python3 -c \"import fcntl, time; f = open('%s/terminals/LOCK', 'w'); "
             "fcntl.lockf(f, fcntl.LOCK_EX); input()\"",
             folder);
    FILE *holder = popen(command, "w");
    enum pos_status status = POS_OK;
    for (int i = 0; i < 200 && status == POS_OK; i++) {
        status = pos_table_borrow(folder, copy, &table, &error);
        if (status == POS_OK)
            pos_folder_remove(copy);
        usleep(50000);
    }
    cr_expect_eq(status, POS_ERR_BUSY, "%s", error.text);
    cr_expect(strstr(error.text, "has it open") != NULL, "%s", error.text);
    fputs("\n", holder);
    pclose(holder);
    cr_expect_eq(pos_table_borrow(folder, copy, &table, &error), POS_OK, "%s", error.text);
    pos_folder_remove(copy);
}

static void expect_unreadable(const char *text, enum pos_status expected)
{
    char path[POS_PATH_SIZE_MAX + 16], copy[POS_PATH_SIZE_MAX];
    struct pos_error error = {0};
    struct pos_table table;
    snprintf(path, sizeof path, "%s/table", folder);
    unlink(path);
    if (text != NULL)
        cr_assert_eq(pos_file_write(path, pos_bytes_text(text), 0600, &error), POS_OK);
    cr_expect_eq(pos_table_read(folder, &table, &error), expected, "%s", text);
    cr_expect_eq(pos_table_borrow(folder, copy, &table, &error), expected, "%s", text);
}

Test(table, is_told_from_what_is_none)
{
    char text[600], hex[129];
    memset(hex, 'A', 128);
    hex[128] = '\0';
    expect_unreadable(NULL, POS_ERR_NOT_FOUND);
    expect_unreadable("", POS_ERR_CORRUPT);
    expect_unreadable("posgate-bench table 2\nrows 3000\n", POS_ERR_CORRUPT);
    snprintf(text, sizeof text, "posgate-bench table 2\nrows 0\ntmk A256 %s\n", hex);
    expect_unreadable(text, POS_ERR_CORRUPT);
    snprintf(text, sizeof text, "posgate-bench table 2\nrows 3000\ntmk A256 %s and more\n", hex);
    expect_unreadable(text, POS_ERR_CORRUPT);
    snprintf(text, sizeof text, "posgate-bench table 2\nrows 3000\ntmk A256 %.127s\n", hex);
    expect_unreadable(text, POS_ERR_CORRUPT);
    snprintf(text, sizeof text, "posgate-bench table 1\nrows 3000\ntmk A256 %s\n", hex);
    expect_unreadable(text, POS_ERR_CORRUPT);
}
