/* Small files: read whole, written whole or not at all, secrets kept from others. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/secret.h"

static char folder[64];
static struct pos_error error;

static void make(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/posgate-file-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void removal(void)
{
    char command[128];
    DIR *open = opendir(folder);
    for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;) {
        (void)snprintf(command, sizeof command, "%s/%.32s", folder, entry->d_name);
        (void)remove(command);
    }
    (void)closedir(open);
    (void)rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t entries(void)
{
    size_t count = 0;
    DIR *open = opendir(folder);
    while (readdir(open) != NULL)
        count++;
    (void)closedir(open);
    return count - 2;
}

TestSuite(file, .init = make, .fini = removal);

Test(file, what_is_written_is_read)
{
    uint8_t *data;
    size_t size;
    const char *path = in_folder("a");
    cr_assert_eq(pos_file_write(path, pos_bytes("a\0b", 3), 0640, &error), POS_OK, "%s",
                 error.text);
    cr_assert_eq(pos_file_write(path, pos_bytes("c\0de", 4), 0600, &error), POS_OK);
    cr_assert_eq(pos_file_read(path, 4, &data, &size, &error), POS_OK, "%s", error.text);
    cr_expect_eq(size, 4);
    cr_expect_eq(memcmp(data, "c\0de\0", 5), 0);
    free(data);
    struct stat facts;
    cr_assert_eq(stat(path, &facts), 0);
    cr_expect_eq(facts.st_mode & 07777, 0600);
    cr_expect_eq(entries(), 1, "a temporary file was left");
}

Test(file, reading_says_why_not)
{
    uint8_t *data;
    size_t size;
    const char *path = in_folder("a");
    cr_expect_eq(pos_file_read(path, 4, &data, &size, &error), POS_ERR_NOT_FOUND);
    cr_expect_not_null(strstr(error.text, path));
    cr_assert_eq(pos_file_write(path, pos_bytes_text("12345"), 0600, &error), POS_OK);
    cr_expect_eq(pos_file_read(path, 4, &data, &size, &error), POS_ERR_LIMIT);
    cr_expect_eq(pos_file_read(folder, 4, &data, &size, &error), POS_ERR_IO);
}

Test(file, a_write_that_fails_leaves_nothing)
{
    cr_expect_neq(pos_file_write(in_folder("no/such"), pos_bytes_text("x"), 0600, &error), POS_OK);
    cr_assert_eq(pos_file_make_folder(in_folder("taken"), &error), POS_OK);
    cr_expect_neq(pos_file_write(in_folder("taken"), pos_bytes_text("x"), 0600, &error), POS_OK);
    cr_expect_eq(entries(), 1);
}

Test(file, a_secret_must_be_private)
{
    uint8_t *data;
    size_t size;
    const char *path = in_folder("secret");
    static const struct {
        mode_t mode;
        enum pos_status status;
    } rows[] = {
        {0600, POS_OK},
        {0400, POS_OK},
        {0640, POS_ERR_NOT_ALLOWED},
        {0604, POS_ERR_NOT_ALLOWED},
        {0620, POS_ERR_NOT_ALLOWED},
    };
    cr_assert_eq(pos_file_write(path, pos_bytes_text("abc"), 0600, &error), POS_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(chmod(path, rows[i].mode), 0);
        enum pos_status status = pos_file_read_secret(path, 16, &data, &size, &error);
        cr_expect_eq(status, rows[i].status, "%o: %s", rows[i].mode, pos_status_name(status));
        if (status == POS_OK) {
            cr_expect_eq(memcmp(data, "abc", 4), 0);
            pos_secret_destroy(data, size + 1);
        }
    }
}

Test(file, a_folder_is_made_once_and_only_for_us)
{
    struct stat facts;
    const char *path = in_folder("sub");
    cr_expect_eq(pos_file_make_folder(path, &error), POS_OK);
    cr_expect_eq(pos_file_make_folder(path, &error), POS_OK);
    cr_assert_eq(stat(path, &facts), 0);
    cr_expect_eq(facts.st_mode & 07777, 0700);
    cr_expect_eq(pos_file_make_folder(in_folder("a/b"), &error), POS_ERR_NOT_FOUND);
    path = in_folder("file");
    cr_assert_eq(pos_file_write(path, pos_bytes_text("x"), 0600, &error), POS_OK);
    cr_expect_neq(pos_file_make_folder(path, &error), POS_OK);
}
