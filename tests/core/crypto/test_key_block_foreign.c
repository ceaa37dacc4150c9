/* Blocks as other makers write them: made by make_key_blocks.py, without posgate's code. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/key_block.h"
#include "tests/core/crypto/vectors.h"

static struct pos_key_block_protector *protector_of(const struct vector *key)
{
    struct pos_key_block_protector *protector;
    enum pos_algorithm algorithm = key->size == 16 ? POS_ALGORITHM_A128 : POS_ALGORITHM_A256;
    cr_assert(pos_key_block_protector_create(algorithm, key->data, &protector) == POS_OK);
    return protector;
}

static void check_row(const json_t *row)
{
    const char *name = vectors_text(row, "name");
    const char *outcome = vectors_text(row, "outcome");
    struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
    struct vector right = vector_hex(vectors_text(row, "key"));
    enum pos_algorithm asked = pos_algorithm_parse(pos_bytes_text(vectors_text(row, "asked")));
    const struct pos_key_block_expectation expected = {
        {"K1", pos_key_block_algorithm_letter(asked), 'B', "00", 'E'}, asked};
    struct pos_key_block_protector *protector = protector_of(&kbpk);
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
        cr_expect(error.status == status && error.text[0] != '\0', "%s explains itself", name);
    }
    pos_key_block_protector_destroy(protector);
}

Test(key_block_foreign, is_read_or_refused_as_its_row_says)
{
    json_t *root = vectors_load("key_blocks.json");
    const json_t *rows = json_object_get(root, "rows");
    cr_assert(json_array_size(rows) >= 30);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) check_row(row);
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

/* With KC, KP, an unknown block and without: whatever the character is part of, the block dies. */
Test(key_block_foreign, is_refused_with_any_one_character_changed)
{
    json_t *root = vectors_load("key_blocks.json");
    const json_t *rows = json_object_get(root, "rows");
    static const char *const names[] = {"padded to the longest", "KC and KP",
                                        "unknown block carried", "long form of a length"};
    size_t checked = 0, i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        bool wanted = false;
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
            wanted = wanted || strcmp(vectors_text(row, "name"), names[n]) == 0;
        if (!wanted)
            continue;
        struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
        struct pos_key_block_protector *protector = protector_of(&kbpk);
        enum pos_algorithm asked = pos_algorithm_parse(pos_bytes_text(vectors_text(row, "asked")));
        const struct pos_key_block_expectation any = {{"K1", 'A', 0, "", 0}, asked};
        const char *block = vectors_text(row, "block");
        for (size_t p = 0; p < strlen(block); p++)
            unwrap_changed(protector, block, p, &any);
        pos_key_block_protector_destroy(protector);
        checked++;
    }
    cr_expect(checked == sizeof names / sizeof names[0]);
    json_decref(root);
}

Test(key_block_foreign, is_refused_when_cut_or_continued)
{
    json_t *root = vectors_load("key_blocks.json");
    const json_t *row = json_array_get(json_object_get(root, "rows"), 6);
    struct vector kbpk = vector_hex(vectors_text(row, "kbpk"));
    struct pos_key_block_protector *protector = protector_of(&kbpk);
    const struct pos_key_block_expectation expected = {{"K1", 'A', 'B', "00", 'E'},
                                                       POS_ALGORITHM_A256};
    const char *block = vectors_text(row, "block");
    uint8_t key[POS_KEY_SIZE_MAX];
    char memory[2 * POS_KEY_BLOCK_SIZE_MAX];
    memset(memory, '0', sizeof memory);
    memcpy(memory, block, strlen(block));
    for (size_t size = 0; size < sizeof memory; size++) {
        /* A copy of exactly this size, so that a read beyond it is seen. */
        char *copy = malloc(size == 0 ? 1 : size);
        cr_assert(copy != NULL);
        memcpy(copy, memory, size);
        enum pos_status status =
            pos_key_block_unwrap(protector, pos_bytes(copy, size), &expected, key, NULL);
        cr_expect(status == (size == strlen(block) ? POS_OK : POS_ERR_FORMAT), "size %zu: %s", size,
                  pos_status_name(status));
        free(copy);
    }
    pos_key_block_protector_destroy(protector);
    json_decref(root);
}
