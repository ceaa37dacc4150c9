/* Small files when the disk is full or somebody else owns them. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/secret.h"

static char folder[] = "/tmp/posgate-faults-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static const char *in_folder(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t entries(void)
{
    DIR *open = opendir(folder);
    size_t count = 0;
    while (readdir(open) != NULL)
        count++;
    (void)closedir(open);
    return count - 2;
}

static void remove_folder(void)
{
    DIR *open = opendir(folder);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (entry->d_name[0] != '.')
            (void)remove(in_folder(entry->d_name));
    (void)closedir(open);
    (void)rmdir(folder);
}

TestSuite(file_faults, .init = make_folder, .fini = remove_folder);

static enum pos_status write_text(const char *name, const char *text, unsigned mode)
{
    struct pos_error error;
    return pos_file_write(in_folder(name), pos_bytes_text(text), mode, &error);
}

Test(file_faults, a_write_that_fails_leaves_the_old_file_and_no_part)
{
    static char much[65536];
    struct pos_error error;
    uint8_t *data;
    size_t size;
    cr_assert_eq(write_text("a", "old", 0600), POS_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {4096, 4096};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    cr_expect_eq(pos_file_write(in_folder("a"), pos_bytes(much, sizeof much), 0600, &error),
                 POS_ERR_IO);
    cr_expect_not_null(strstr(error.text, "cannot write"), "%s", error.text);
    cr_assert_eq(pos_file_read(in_folder("a"), 100, &data, &size, &error), POS_OK);
    cr_expect(pos_bytes_equal_text(pos_bytes(data, size), "old"));
    free(data);
    cr_expect_eq(entries(), 1, "no temporary file");
}

Test(file_faults, a_secret_of_another_user_is_refused)
{
    struct pos_error error;
    uint8_t *data;
    size_t size;
    cr_assert_eq(write_text("secret", "pass", 0600), POS_OK);
    if (geteuid() != 0)
        cr_skip("needs root to give a file away");
    cr_assert_eq(chown(in_folder("secret"), 12345, 12345), 0);
    cr_expect_eq(pos_file_read_secret(in_folder("secret"), 100, &data, &size, &error),
                 POS_ERR_NOT_ALLOWED);
    cr_expect_not_null(strstr(error.text, "another user"), "%s", error.text);
}
