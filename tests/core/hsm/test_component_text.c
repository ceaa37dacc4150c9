#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hsm/component_text.h"

#define HEX32 "000102030405060708090A0B0C0D0E0F"
#define HEX64 HEX32 "101112131415161718191a1b1c1d1e1f"

Test(component_text, reads_hex_of_the_keys_length)
{
    static const struct {
        const char *name, *text;
        enum pos_algorithm algorithm;
        enum pos_status status;
    } rows[] = {
        {"A256", HEX64, POS_ALGORITHM_A256, POS_OK},
        {"A128", HEX32, POS_ALGORITHM_A128, POS_OK},
        {"line end", HEX32 "\n", POS_ALGORITHM_A128, POS_OK},
        {"line end of another system", HEX32 "\r\n", POS_ALGORITHM_A128, POS_OK},
        {"groups", "0001 0203 0405 0607 0809 0A0B 0C0D 0E0F", POS_ALGORITHM_A128, POS_OK},
        {"too short for A256", HEX32, POS_ALGORITHM_A256, POS_ERR_USAGE},
        {"too long for A128", HEX64, POS_ALGORITHM_A128, POS_ERR_USAGE},
        {"one digit less", "00102030405060708090A0B0C0D0E0F", POS_ALGORITHM_A128, POS_ERR_USAGE},
        {"one digit more", HEX32 "0", POS_ALGORITHM_A128, POS_ERR_USAGE},
        {"not hex", "G00102030405060708090A0B0C0D0E0F", POS_ALGORITHM_A128, POS_ERR_USAGE},
        {"two lines", HEX32 "\n" HEX32, POS_ALGORITHM_A128, POS_ERR_USAGE},
        {"empty", "", POS_ALGORITHM_A128, POS_ERR_USAGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_component component;
        struct pos_error error = {.text = ""};
        enum pos_status status = pos_component_parse(pos_bytes_text(rows[i].text),
                                                     rows[i].algorithm, &component, &error);
        cr_expect_eq(status, rows[i].status, "%s: %s", rows[i].name, error.text);
        if (rows[i].status != POS_OK)
            continue;
        cr_expect_eq(component.size, pos_algorithm_key_size(rows[i].algorithm), "%s", rows[i].name);
        for (uint8_t j = 0; j < component.size; j++)
            cr_expect_eq(component.data[j], j, "%s byte %u", rows[i].name, j);
    }
}

Test(component_text, errors_do_not_repeat_what_was_typed)
{
    struct pos_component component;
    struct pos_error error;
    cr_assert_neq(pos_component_parse(pos_bytes_text("ABCDEF0123456789ABCDEF012345678x"),
                                      POS_ALGORITHM_A128, &component, &error),
                  POS_OK);
    cr_expect_null(strstr(error.text, "ABCDEF"), "%s", error.text);
    cr_assert_neq(
        pos_component_parse(pos_bytes_text("ABCDEF"), POS_ALGORITHM_A128, &component, &error),
        POS_OK);
    cr_expect_null(strstr(error.text, "ABCDEF"), "%s", error.text);
}

Test(component_text, file_must_be_its_owners_alone)
{
    char path[] = "/tmp/posgate-component.XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, HEX32 "\n", 33), 33);
    (void)close(file);
    struct pos_component component;
    struct pos_error error;
    cr_expect_eq(pos_component_read(path, POS_ALGORITHM_A128, &component, &error), POS_OK);
    cr_assert_eq(chmod(path, 0640), 0);
    cr_expect_eq(pos_component_read(path, POS_ALGORITHM_A128, &component, &error),
                 POS_ERR_NOT_ALLOWED);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_expect_eq(pos_component_read(path, POS_ALGORITHM_A256, &component, &error), POS_ERR_USAGE);
    cr_expect_not_null(strstr(error.text, path), "%s", error.text);
    (void)unlink(path);
    cr_expect_eq(pos_component_read(path, POS_ALGORITHM_A128, &component, &error),
                 POS_ERR_NOT_FOUND);
}
