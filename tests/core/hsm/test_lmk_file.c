#include "core/hsm/lmk_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "tests/core/hsm/scratch.h"

static const struct pos_lmk lmk = {POS_ALGORITHM_A256, "0123456789abcdef0123456789ABCDE"};

static enum pos_status read_with(const struct scratch *scratch, const char *secret,
                                 struct pos_lmk *out, struct pos_error *error)
{
    return pos_lmk_file_read(scratch->path, pos_bytes_text(secret), out, error);
}

Test(lmk_file, opens_with_its_secret_only)
{
    struct scratch scratch = scratch_create();
    struct pos_error error = {0};
    struct pos_lmk out = {0};
    cr_expect(read_with(&scratch, "right", &out, &error) == POS_ERR_NOT_FOUND);
    cr_expect(strstr(error.text, "ceremony") != NULL, "%s", error.text);
    cr_assert(pos_lmk_file_write(scratch.path, pos_bytes_text("right"), &lmk, &error) == POS_OK);
    cr_expect(read_with(&scratch, "wrong", &out, &error) == POS_ERR_MAC);
    cr_expect(out.algorithm == POS_ALGORITHM_NONE);
    cr_expect(read_with(&scratch, "right", &out, &error) == POS_OK);
    cr_expect(out.algorithm == POS_ALGORITHM_A256 && memcmp(out.key, lmk.key, 32) == 0);
    scratch_destroy(&scratch);
}

Test(lmk_file, is_private_hides_the_key_and_is_never_overwritten)
{
    struct scratch scratch = scratch_create();
    struct pos_error error = {0};
    struct pos_lmk other = lmk, out;
    other.key[0] ^= 1;
    cr_expect(pos_lmk_file_write(scratch.path, pos_bytes_text(""), &lmk, &error) == POS_ERR_USAGE);
    cr_assert(pos_lmk_file_write(scratch.path, pos_bytes_text("s"), &lmk, &error) == POS_OK);
    struct stat facts;
    cr_assert(stat(scratch.path, &facts) == 0);
    cr_expect((facts.st_mode & 07777) == 0600);
    uint8_t *data;
    size_t size;
    cr_assert(pos_file_read(scratch.path, 4096, &data, &size, &error) == POS_OK);
    cr_expect(memmem(data, size, lmk.key, 8) == NULL);
    cr_expect(memcmp(data, "POSLMK\0\1", 8) == 0);
    free(data);
    cr_expect(pos_lmk_file_write(scratch.path, pos_bytes_text("s"), &other, &error) ==
              POS_ERR_EXISTS);
    cr_expect(read_with(&scratch, "s", &out, &error) == POS_OK);
    cr_expect(memcmp(out.key, lmk.key, 32) == 0, "the old one is still there");
    scratch_destroy(&scratch);
}

Test(lmk_file, that_others_may_read_is_refused)
{
    struct scratch scratch = scratch_create();
    struct pos_error error = {0};
    struct pos_lmk out;
    cr_assert(pos_lmk_file_write(scratch.path, pos_bytes_text("s"), &lmk, &error) == POS_OK);
    cr_assert(chmod(scratch.path, 0640) == 0);
    cr_expect(read_with(&scratch, "s", &out, &error) == POS_ERR_NOT_ALLOWED);
    cr_expect(strstr(error.text, "chmod 600") != NULL, "%s", error.text);
    scratch_destroy(&scratch);
}

Test(lmk_file, of_another_kind_version_or_damaged_is_told_apart)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t xor ;
        size_t cut, grow;
        enum pos_status status;
    } rows[] = {
        {"as written", 0, 0, 0, 0, POS_OK},
        {"another kind", 2, 1, 0, 0, POS_ERR_FORMAT},
        {"a newer version", 7, 3, 0, 0, POS_ERR_VERSION},
        {"version 0", 7, 1, 0, 0, POS_ERR_FORMAT},
        {"damaged salt", 20, 1, 0, 0, POS_ERR_MAC},
        {"damaged key", 50, 1, 0, 0, POS_ERR_MAC},
        {"cut", 0, 0, 1, 0, POS_ERR_FORMAT},
        {"cut to nothing", 0, 0, 93, 0, POS_ERR_FORMAT},
        {"longer", 0, 0, 0, 1, POS_ERR_FORMAT},
        {"much longer", 0, 0, 0, 5000, POS_ERR_FORMAT},
    };
    struct scratch scratch = scratch_create();
    struct pos_error error = {0};
    cr_assert(pos_lmk_file_write(scratch.path, pos_bytes_text("s"), &lmk, &error) == POS_OK);
    uint8_t *data, changed[6000] = {0};
    size_t size;
    cr_assert(pos_file_read(scratch.path, 4096, &data, &size, &error) == POS_OK);
    cr_assert(size == 93);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_lmk out = {0};
        memcpy(changed, data, size);
        changed[rows[i].at] ^= rows[i].xor ;
        cr_assert(pos_file_write(scratch.path,
                                 pos_bytes(changed, size - rows[i].cut + rows[i].grow), 0600,
                                 &error) == POS_OK);
        enum pos_status status = read_with(&scratch, "s", &out, &error);
        cr_expect(status == rows[i].status, "%s: %s", rows[i].name, pos_status_name(status));
        cr_expect((status == POS_OK) == (out.algorithm == POS_ALGORITHM_A256), "%s", rows[i].name);
    }
    free(data);
    scratch_destroy(&scratch);
}
