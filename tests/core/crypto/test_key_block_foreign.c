/*
 * Blocks as other makers write them: published ones, and ones made by make_key_blocks.py without
 * posgate's code. Each row of key_blocks.json says where it is from.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/key_block.h"
#include "tests/core/crypto/vectors.h"

static struct pos_key_block_protector *protector_of(const json_t *row)
{
    struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
    struct pos_key_block_protector *protector;
    cr_assert(pos_key_block_protector_create(
                  pos_algorithm_parse(pos_bytes_text(vectors_text(row, "protection"))), kbpk.data,
                  &protector) == POS_OK);
    return protector;
}

static struct pos_key_block_expectation expectation_of(const json_t *row)
{
    struct pos_key_block_expectation expected = {
        .key_algorithm = pos_algorithm_parse(pos_bytes_text(vectors_text(row, "asked")))};
    struct pos_key_block_attributes *attributes = &expected.attributes;
    memcpy(attributes->usage, vectors_text(row, "usage"), 2);
    attributes->algorithm = pos_key_block_algorithm_letter(expected.key_algorithm);
    attributes->mode = vectors_text(row, "mode")[0];
    memcpy(attributes->version, vectors_text(row, "version"), 2);
    attributes->exportable = vectors_text(row, "exportable")[0];
    return expected;
}

static void check_row(const json_t *row)
{
    const char *name = vectors_text(row, "name");
    const char *outcome = vectors_text(row, "outcome");
    struct vector right = vector_hex(vectors_text(row, "key"));
    const struct pos_key_block_expectation expected = expectation_of(row);
    struct pos_key_block_protector *protector = protector_of(row);
    uint8_t key[POS_KEY_SIZE_MAX] = {0};
    static const uint8_t untouched[POS_KEY_SIZE_MAX];
    struct pos_error error = {0};
    enum pos_status status = pos_key_block_unwrap(
        protector, pos_bytes_text(vectors_text(row, "block")), &expected, key, &error);
    cr_expect_str_eq(pos_status_name(status), outcome, "%s: %s", name, error.text);
    if (strcmp(outcome, "OK") == 0)
        cr_expect_arr_eq(key, right.data, right.size, "%s", name);
    else {
        cr_expect_arr_eq(key, untouched, sizeof key, "%s leaves no key behind", name);
        cr_expect(error.status == status && strstr(error.text, vectors_text(row, "part")) != NULL,
                  "%s: '%s' does not name the %s", name, error.text, vectors_text(row, "part"));
        cr_expect(strlen(vectors_text(row, "part")) > 1, "%s", name);
    }
    pos_key_block_protector_destroy(protector);
}

Test(key_block_foreign, is_read_or_refused_as_its_row_says)
{
    json_t *root = vectors_load("key_blocks.json");
    const json_t *rows = json_object_get(root, "rows");
    size_t read[4] = {0}, refused[4] = {0}, published = 0, i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        check_row(row);
        bool good = strcmp(vectors_text(row, "outcome"), "OK") == 0;
        size_t version = (size_t)(vectors_text(row, "block")[0] - 'A');
        if (version < 4)
            (*(good ? &read[version] : &refused[version]))++;
        published += good && strstr(vectors_text(row, "source"), "made by tests/") == NULL;
    }
    for (size_t v = 0; v < 4; v++)
        cr_expect(read[v] >= 5 && refused[v] >= 5, "%zu and %zu of version %c", read[v], refused[v],
                  (char)('A' + v));
    cr_expect(published >= 20, "%zu published", published);
    json_decref(root);
}

static const json_t *row_named(const json_t *root, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(root, "rows"), i, row)
    {
        if (strcmp(vectors_text(row, "name"), name) == 0)
            return row;
    }
    cr_assert(false, "no row %s", name);
    return NULL;
}

/* Each thing a caller can insist on, one at a time, on a block that is otherwise right. */
Test(key_block_foreign, is_refused_when_one_thing_is_not_what_was_asked_for)
{
    json_t *root = vectors_load("key_blocks.json");
    static const char *const names[] = {"A.7.2.1", "A.7.2.2", "payShield C", "A.7.4"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        const json_t *row = row_named(root, names[n]);
        struct pos_key_block_protector *protector = protector_of(row);
        const struct pos_key_block_expectation right = expectation_of(row);
        struct pos_key_block_expectation any = right, rows[6];
        any.attributes.mode = any.attributes.exportable = any.attributes.version[0] = '\0';
        for (size_t i = 0; i < 6; i++)
            rows[i] = right;
        rows[0].attributes.usage[0] = 'Z';
        rows[1].attributes.usage[1] = 'Z';
        rows[2].attributes.algorithm = 'Z';
        rows[3].attributes.mode = 'Z';
        rows[4].attributes.version[1] = 'Z';
        rows[5].attributes.exportable = 'Z';
        static const char *const parts[] = {"usage",       "usage",       "algorithm",
                                            "mode of use", "key version", "exportability"};
        struct pos_bytes block = pos_bytes_text(vectors_text(row, "block"));
        uint8_t key[POS_KEY_SIZE_MAX];
        cr_expect(pos_key_block_unwrap(protector, block, &any, key, NULL) == POS_OK);
        for (size_t i = 0; i < 6; i++) {
            struct pos_error error = {0};
            cr_expect(pos_key_block_unwrap(protector, block, &rows[i], key, &error) ==
                      POS_ERR_MISMATCH);
            cr_expect(strstr(error.text, parts[i]) != NULL, "%s: %s", parts[i], error.text);
        }
        pos_key_block_protector_destroy(protector);
    }
    json_decref(root);
}

static void unwrap_changed(struct pos_key_block_protector *protector, const char *block,
                           size_t position, const struct pos_key_block_expectation *expected)
{
    size_t size = strlen(block);
    char changed[POS_KEY_BLOCK_SIZE_MAX];
    uint8_t key[POS_KEY_SIZE_MAX];
    for (int c = 0; c < 256; c++) {
        memcpy(changed, block, size);
        if ((char)c == changed[position])
            continue;
        changed[position] = (char)c;
        enum pos_status status =
            pos_key_block_unwrap(protector, pos_bytes(changed, size), expected, key, NULL);
        cr_expect(status != POS_OK && pos_status_class(status) == POS_CLASS_PEER,
                  "character %zu as %02X: %s", position, (unsigned)c, pos_status_name(status));
    }
}

/* With KC, KP, an unknown block and without, in each version: whatever the character is part of,
 * the block dies. */
Test(key_block_foreign, is_refused_with_any_one_character_changed)
{
    json_t *root = vectors_load("key_blocks.json");
    static const char *const names[] = {
        "padded to the longest", "KC and KP",    "unknown block carried", "long form of a length",
        "B: KC and KP",          "A: KC and KP", "C: KC and KP"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        const json_t *row = row_named(root, names[n]);
        struct pos_key_block_protector *protector = protector_of(row);
        struct pos_key_block_expectation any = expectation_of(row);
        any.attributes.mode = any.attributes.exportable = any.attributes.version[0] = '\0';
        const char *block = vectors_text(row, "block");
        for (size_t p = 0; p < strlen(block); p++)
            unwrap_changed(protector, block, p, &any);
        pos_key_block_protector_destroy(protector);
    }
    json_decref(root);
}

static void check_sizes(struct pos_key_block_protector *protector, const char *block,
                        const struct pos_key_block_expectation *expected)
{
    char memory[2 * POS_KEY_BLOCK_SIZE_MAX];
    uint8_t key[POS_KEY_SIZE_MAX];
    memset(memory, '0', sizeof memory);
    memcpy(memory, block, strlen(block));
    for (size_t size = 0; size < sizeof memory; size++) {
        /* A copy of exactly this size, so that a read beyond it is seen. */
        char *copy = malloc(size == 0 ? 1 : size);
        cr_assert(copy != NULL);
        memcpy(copy, memory, size);
        enum pos_status status =
            pos_key_block_unwrap(protector, pos_bytes(copy, size), expected, key, NULL);
        cr_expect(status == (size == strlen(block) ? POS_OK : POS_ERR_FORMAT), "size %zu: %s", size,
                  pos_status_name(status));
        free(copy);
    }
}

Test(key_block_foreign, is_refused_when_cut_or_continued)
{
    json_t *root = vectors_load("key_blocks.json");
    static const char *const names[] = {"KC and KP", "B: KC and KP", "A: KC and KP"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        const json_t *row = row_named(root, names[n]);
        struct pos_key_block_protector *protector = protector_of(row);
        const struct pos_key_block_expectation expected = expectation_of(row);
        check_sizes(protector, vectors_text(row, "block"), &expected);
        pos_key_block_protector_destroy(protector);
    }
    json_decref(root);
}
