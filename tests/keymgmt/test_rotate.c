/* The files of a rotation, where an era of an audit chain begins, and copies of folders. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "keymgmt/era.h"
#include "keymgmt/folder_copy.h"
#include "keymgmt/rotate.h"

static char folder[64];
static struct pos_error error;

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/posgate-test-rotate.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void drop_folder(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(rotate, .init = make_folder, .fini = drop_folder);

Test(rotate, the_mark_is_read_as_it_was_written)
{
    struct pos_rotation_mark mark = {.from = "CMAC:0123456789",
                                     .table = "/var/lib/a b=c",
                                     .to_label = "two"},
                             read;
    cr_assert_eq(pos_rotation_mark_write(in_folder("mark"), &mark, &error), POS_OK);
    cr_assert_eq(pos_rotation_mark_read(in_folder("mark"), &read, &error), POS_OK, "%s",
                 error.text);
    cr_expect_str_eq(read.from, mark.from);
    cr_expect_str_eq(read.table, mark.table);
    cr_expect_str_eq(read.from_label, "");
    cr_expect_str_eq(read.to_label, "two");
}

Test(rotate, a_mark_that_is_none_is_refused)
{
    static const char *const texts[] = {
        "",
        "from=CMAC:0123456789\n",
        "from=CMAC:0123456789\ntable=/x\nfrom_label=\nto_label=",
        "from=CMAC:0123456789\ntable=/x\nfrom_label=\nto_label=\nmore\n",
        "from=CMAC:0123456789\ntable=/x\n",
        "table=/x\nfrom=CMAC:0123456789\nfrom_label=\nto_label=\n",
        "from=x\ntable=/x\nfrom_label=\nto_label=\n",
        "from=CMAC:0123456789012345\ntable=/x\nfrom_label=\nto_label=\n",
        "fro",
    };
    struct pos_rotation_mark mark;
    cr_expect_eq(
        pos_rotation_mark_parse(
            pos_bytes_text("from=CMAC:0123456789\ntable=\nfrom_label=\nto_label=\n"), &mark),
        POS_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(pos_rotation_mark_parse(pos_bytes_text(texts[i]), &mark), POS_ERR_FORMAT,
                     "row %zu", i);
}

Test(rotate, a_shredded_file_holds_nothing_and_is_gone)
{
    const char *path = in_folder("secret");
    char held[32] = "";
    cr_assert_eq(pos_file_write(path, pos_bytes_text("0123456789"), 0600, &error), POS_OK);
    FILE *open_before = fopen(path, "r");
    cr_assert_eq(pos_rotation_shred(path, &error), POS_OK);
    cr_expect_neq(access(path, F_OK), 0);
    cr_assert_eq(fread(held, 1, sizeof held, open_before), 10);
    cr_expect_eq(memcmp(held, "\0\0\0\0\0\0\0\0\0\0", 10), 0, "what it held is overwritten");
    (void)fclose(open_before);
    cr_expect_eq(pos_rotation_shred(path, &error), POS_OK, "none there is fine");
}

static void append(struct pos_audit_head *head, const char *what, uint64_t *era)
{
    char memory[POS_AUDIT_RECORD_SIZE_MAX];
    struct pos_buffer record = pos_buffer(memory, sizeof memory);
    const struct pos_audit_event event = {
        .who = "alice", .what = what, .on_what = "lmk-rotated", .outcome = "lmk-rotated"};
    cr_assert_eq(pos_audit_append(head, &(struct pos_audit_sealer){0}, &event, &record), POS_OK);
    pos_era_look_at(pos_buffer_view(&record), era);
}

Test(rotate, an_era_begins_with_the_newest_such_record)
{
    struct pos_audit_head head = {0};
    uint64_t era = 0;
    append(&head, "init", &era);
    cr_expect_eq(era, 0, "only the word for what was done counts");
    append(&head, POS_ERA_WORD, &era);
    append(&head, "generate", &era);
    cr_expect_eq(era, 2);
    append(&head, POS_ERA_WORD, &era);
    cr_expect_eq(era, 4);
    pos_era_look_at(pos_bytes_text("no record"), &era);
    cr_expect_eq(era, 4);
}

Test(rotate, a_folder_is_copied_whole_and_anew)
{
    char from[128], to[128];
    (void)snprintf(from, sizeof from, "%s", in_folder("from"));
    (void)snprintf(to, sizeof to, "%s", in_folder("to"));
    cr_expect_eq(pos_folder_copy(from, to, &error), POS_ERR_NOT_FOUND);
    cr_assert_eq(mkdir(from, 0700), 0);
    cr_assert_eq(mkdir(to, 0700), 0);
    cr_assert_eq(pos_file_write(in_folder("from/a"), pos_bytes_text("one"), 0600, &error), POS_OK);
    cr_assert_eq(pos_file_write(in_folder("to/left"), pos_bytes_text("x"), 0600, &error), POS_OK);
    cr_assert_eq(pos_folder_copy(from, to, &error), POS_OK, "%s", error.text);
    cr_expect_neq(access(in_folder("to/left"), F_OK), 0, "what a run that broke off left is gone");
    uint8_t *data = NULL;
    size_t size = 0;
    cr_assert_eq(pos_file_read(in_folder("to/a"), 100, &data, &size, &error), POS_OK);
    cr_expect(size == 3 && memcmp(data, "one", 3) == 0);
    free(data);
    cr_assert_eq(mkdir(in_folder("from/sub"), 0700), 0);
    cr_expect_eq(pos_folder_copy(from, to, &error), POS_ERR_FORMAT, "no folders in it");
}
