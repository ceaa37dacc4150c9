/* The whole way of a batch, through the real program and a real key library: ceremonies, keys, key
 * file, mother POS, and what the library says of it at each point. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/crypto/derive.h"
#include "core/crypto/kcv.h"
#include "core/crypto/key_block.h"
#include "core/crypto/mac.h"
#include "core/wire/key_file.h"
#include "tests/keymgmt/fake_mother.h"
#include "tests/keymgmt/program_steps.h"

TestSuite(program, .init = enter_folder, .fini = leave_folder, .timeout = 290);

static struct outcome outcome;

/* ---- the key file, opened without the program's own code for it ---- */

/* XOR of a folder's component files, as a mother POS would form it. */
static void ktk_of(const char *folder, size_t size, uint8_t *key)
{
    memset(key, 0, POS_KEY_SIZE_MAX);
    for (int i = 1; i <= 2; i++) {
        char name[64];
        uint8_t *text, part[POS_KEY_SIZE_MAX];
        size_t text_size;
        (void)snprintf(name, sizeof name, "%s/component-%d.hex", folder, i);
        cr_assert_eq(pos_file_read(in_folder(name), 256, &text, &text_size, NULL), POS_OK);
        cr_assert_eq(text_size, 2 * size + 1);
        cr_assert_eq(pos_hex_decode(pos_bytes(text, 2 * size), part, size), POS_OK);
        for (size_t b = 0; b < size; b++)
            key[b] ^= part[b];
        free(text);
    }
}

struct key_file {
    uint8_t *text; /* owned */
    size_t size;
    struct pos_key_file_header header;
    struct pos_trailer trailer;
    struct pos_key_file_key keys[1000];
    size_t key_count;
    size_t covered; /* bytes before the trailer */
};

static void take_line(struct key_file *file, struct pos_bytes line, size_t offset)
{
    enum pos_key_file_line kind;
    struct pos_error error;
    cr_assert_eq(pos_key_file_line_kind(line, &kind), POS_OK);
    switch (kind) {
    case POS_KEY_FILE_HEADER:
        cr_assert_eq(pos_key_file_read_header(line, &file->header, &error), POS_OK);
        break;
    case POS_KEY_FILE_KEY:
        cr_assert_lt(file->key_count, (size_t)1000);
        cr_assert_eq(pos_key_file_read_key(line, &file->keys[file->key_count++], &error), POS_OK);
        break;
    case POS_KEY_FILE_TRAILER:
        cr_assert_eq(pos_key_file_read_trailer(line, &file->trailer, &error), POS_OK);
        file->covered = offset;
        break;
    }
}

static struct key_file *read_key_file(const char *path)
{
    struct key_file *file = calloc(1, sizeof *file);
    cr_assert_eq(pos_file_read(path, 1u << 24, &file->text, &file->size, NULL), POS_OK);
    size_t offset = 0;
    while (offset < file->size) {
        const uint8_t *end = memchr(file->text + offset, '\n', file->size - offset);
        cr_assert_not_null(end);
        size_t size = (size_t)(end - (file->text + offset));
        take_line(file, pos_bytes(file->text + offset, size), offset);
        offset += size + 1;
    }
    return file;
}

static void close_key_file(struct key_file *file)
{
    free(file->text);
    free(file);
}

static void expect_mac(const struct key_file *file, enum pos_algorithm algorithm,
                       const uint8_t *ktk)
{
    uint8_t mac_key[POS_KEY_SIZE_MAX], mac[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *context;
    cr_assert_eq(pos_derive(algorithm, ktk, POS_DERIVE_KEY_FILE, mac_key), POS_OK);
    cr_assert_eq(pos_mac_create(POS_MAC_CMAC, algorithm, mac_key, &context), POS_OK);
    cr_assert_eq(pos_mac_compute(context, pos_bytes(file->text, file->covered), mac), POS_OK);
    cr_expect_arr_eq(mac, file->trailer.mac, POS_TRAILER_MAC_SIZE);
    pos_mac_destroy(context);
}

static void open_block(const struct pos_key_file_key *line, enum pos_algorithm algorithm,
                       const uint8_t *ktk, uint8_t *tmk)
{
    const struct pos_key_block_expectation expected = {.attributes = {.usage = {'K', '1'},
                                                                      .algorithm = 'A',
                                                                      .mode = 'B',
                                                                      .version = {'0', '0'},
                                                                      .exportable = 'E'},
                                                       .key_algorithm = algorithm};
    struct pos_key_block_protector *protector;
    struct pos_error error = {.text = ""};
    struct pos_kcv kcv;
    cr_assert_eq(pos_key_block_protector_create(algorithm, ktk, &protector), POS_OK);
    cr_expect_eq(pos_key_block_unwrap(protector, line->block, &expected, tmk, &error), POS_OK,
                 "key %u: %s", line->index, error.text);
    cr_assert_eq(pos_kcv_compute(algorithm, tmk, &kcv), POS_OK);
    cr_expect(pos_kcv_equal(&kcv, &line->kcv), "key %u", line->index);
    pos_key_block_protector_destroy(protector);
}

/* ---- looking for clear keys ---- */

static struct {
    const uint8_t *needle;
    size_t size;
    char hex[2 * POS_KEY_SIZE_MAX + 1];
    int found;
} search;

static int search_file(const char *path, const struct stat *facts, int kind, struct FTW *walk)
{
    (void)facts;
    (void)walk;
    uint8_t *data;
    size_t size;
    if (kind != FTW_F || pos_file_read(path, 1u << 27, &data, &size, NULL) != POS_OK)
        return 0;
    for (size_t i = 0; i + search.size <= size; i++)
        if (memcmp(data + i, search.needle, search.size) == 0)
            search.found++;
    if (strcasestr((const char *)data, search.hex) != NULL ||
        memmem(data, size, search.hex, 2 * search.size) != NULL)
        search.found++;
    free(data);
    return 0;
}

static int occurrences(const char *folder, const uint8_t *key, size_t size)
{
    search.needle = key;
    search.size = size;
    search.found = 0;
    pos_hex_encode(pos_bytes(key, size), search.hex);
    cr_assert_eq(nftw(folder, search_file, 16, FTW_PHYS), 0);
    return search.found;
}

static void expect_no_clear_key(const struct key_file *file, enum pos_algorithm algorithm,
                                const uint8_t *ktk)
{
    uint8_t tmk[POS_KEY_SIZE_MAX];
    open_block(&file->keys[0], algorithm, ktk, tmk);
    size_t size = pos_algorithm_key_size(algorithm);
    cr_expect_eq(occurrences(in_folder("home"), tmk, size), 0);
    cr_expect_eq(occurrences(in_folder("home"), ktk, size), 0);
    FILE *planted = fopen(in_folder("home/planted"), "w");
    cr_assert_eq(fwrite(tmk, 1, size, planted), size);
    (void)fclose(planted);
    cr_expect_eq(occurrences(in_folder("home"), tmk, size), 1, "the search finds a planted key");
    (void)unlink(in_folder("home/planted"));
}

/* ---- tests ---- */

static void expect_state(const char *state, long long count)
{
    EXPECT(&outcome, 0, "list", "--state", state, "--json");
    json_t *rows = parse(&outcome);
    cr_expect_eq((long long)json_array_size(rows), count, "%s: %zu", state, json_array_size(rows));
    json_decref(rows);
}

static void expect_stock(const char *mother, const char *state, long long count)
{
    EXPECT(&outcome, 0, "stock", "--json");
    json_t *stock = parse(&outcome);
    size_t i;
    json_t *row;
    bool found = false;
    json_array_foreach(json_object_get(stock, "keys"), i, row)
    {
        if (strcmp(text_of(row, "mother"), mother) != 0)
            continue;
        found = true;
        cr_expect_eq(number_of(row, state), count, "%s %s", mother, state);
    }
    cr_expect(found, "%s", mother);
    json_decref(stock);
}

static void expect_audit(const char *const *whats, size_t count)
{
    EXPECT(&outcome, 0, "audit", "show", "--json");
    json_t *records = parse(&outcome);
    cr_assert_eq(json_array_size(records), count, "%s", outcome.out);
    for (size_t i = 0; i < count; i++) {
        json_t *record = json_array_get(records, i);
        cr_expect_eq(number_of(record, "sequence"), (long long)i + 1);
        cr_expect_str_eq(text_of(record, "what"), whats[i]);
        cr_expect_str_eq(text_of(record, "outcome"), "done");
    }
    cr_expect_str_eq(text_of(json_array_get(records, 1), "who"), "Ada");
    cr_expect_str_eq(text_of(json_array_get(records, 2), "who"), "Grace");
    json_decref(records);
    EXPECT(&outcome, 0, "audit", "verify", "--json");
    json_t *verdict = parse(&outcome);
    cr_expect_eq(number_of(verdict, "records"), (long long)count);
    json_decref(verdict);
}

static void carry_a_batch(const char *name, enum pos_algorithm algorithm)
{
    uint8_t ktk[POS_KEY_SIZE_MAX], tmk[POS_KEY_SIZE_MAX];
    ktk_of("MPOS0001", pos_algorithm_key_size(algorithm), ktk);
    struct pos_kcv kcv;
    char kcv_text[POS_KCV_TEXT_SIZE];
    cr_assert_eq(pos_kcv_compute(algorithm, ktk, &kcv), POS_OK);
    pos_kcv_text(&kcv, kcv_text);
    EXPECT(&outcome, 0, "list", "--mothers", "--json");
    cr_expect_not_null(strstr(outcome.out, kcv_text), "%s", outcome.out);

    EXPECT(&outcome, 0, "generate", "--count", "700", "--alg", name, "--json");
    expect_stock("-", "generated", 700);
    EXPECT(&outcome, 0, "export", "--batch", "1", "--dest", "MPOS0001", "--out",
           in_folder("keys.txt"), "--json");
    struct stat facts;
    cr_assert_eq(stat(in_folder("keys.txt"), &facts), 0);
    cr_expect_eq(facts.st_mode & 07777, 0600u);
    cr_expect_neq(access(in_folder("keys.txt.part"), F_OK), 0);
    expect_stock("MPOS0001", "exported", 700);

    struct key_file *file = read_key_file(in_folder("keys.txt"));
    cr_expect_eq(file->header.batch, 1u);
    cr_expect_eq(file->header.count, 700u);
    cr_expect_eq(file->header.first, 1u);
    cr_expect_eq(file->header.last, 700u);
    cr_expect_eq(file->header.algorithm, algorithm);
    cr_expect_str_eq(file->header.destination, "MPOS0001");
    cr_expect_str_eq(file->header.ktk, "MPOS0001");
    cr_expect(pos_kcv_equal(&file->header.ktk_kcv, &kcv));
    cr_expect_eq(file->trailer.count, 700u);
    cr_assert_eq(file->key_count, (size_t)700);
    expect_mac(file, algorithm, ktk);
    for (size_t i = 0; i < file->key_count; i++) {
        cr_expect_eq(file->keys[i].index, i + 1);
        open_block(&file->keys[i], algorithm, ktk, tmk);
    }
    expect_no_clear_key(file, algorithm, ktk);
    close_key_file(file);

    struct fake_mother mother = {0};
    fake_mother_start(&mother);
    EXPECT(&outcome, 0, "load", "--to", mother.address, in_folder("keys.txt"));
    fake_mother_stop(&mother);
    expect_stock("MPOS0001", "loaded", 700);
    expect_state("loaded", 700);
    expect_state("exported", 0);
}

static const char *const whats[] = {"init",         "ceremony-component", "ceremony-component",
                                    "ceremony-lmk", "ceremony-component", "ceremony-component",
                                    "ceremony-ktk", "generate",           "export",
                                    "load"};

Test(program, carries_aes_256_keys_from_ceremony_to_mother)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    carry_a_batch("A256", POS_ALGORITHM_A256);
    expect_audit(whats, sizeof whats / sizeof whats[0]);
}

Test(program, carries_aes_128_keys_from_ceremony_to_mother)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A128");
    carry_a_batch("A128", POS_ALGORITHM_A128);
}

Test(program, shows_a_key_without_showing_it)
{
    step_lmk(&outcome);
    (void)step_generate(&outcome, "3");
    EXPECT(&outcome, 0, "show", "2", "--json");
    json_t *key = parse(&outcome);
    cr_expect_str_eq(text_of(key, "index"), "00000002");
    cr_expect_str_eq(text_of(key, "state"), "generated");
    cr_expect_str_eq(text_of(key, "algorithm"), "A256");
    cr_expect_eq(number_of(key, "batch"), 1);
    static const char *const kcvs[] = {"tmk_kcv", "tpk_kcv", "tak_kcv"};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(strncmp(text_of(key, kcvs[i]), "CMAC:", 5), 0);
        cr_expect_eq(strlen(text_of(key, kcvs[i])), (size_t)15);
    }
    cr_expect(json_is_string(json_object_get(key, "generated")));
    cr_expect(json_is_null(json_object_get(key, "exported")));
    json_decref(key);
    EXPECT(&outcome, 1, "show", "4");
    cr_expect_not_null(strstr(outcome.err, "00000004"));
    EXPECT(&outcome, 2, "show", "0");
    EXPECT(&outcome, 2, "show", "100000000");
    EXPECT(&outcome, 2, "show");
}

Test(program, lists_batches_in_order)
{
    step_lmk(&outcome);
    cr_expect_eq(step_generate(&outcome, "3"), 1);
    cr_expect_eq(step_generate(&outcome, "5"), 2);
    EXPECT(&outcome, 0, "list", "--batches", "--json");
    json_t *rows = parse(&outcome);
    cr_assert_eq(json_array_size(rows), 2);
    cr_expect_str_eq(text_of(json_array_get(rows, 1), "first"), "00000004");
    cr_expect_str_eq(text_of(json_array_get(rows, 1), "last"), "00000008");
    json_decref(rows);
    EXPECT(&outcome, 0, "list", "--batch", "2", "--json");
    rows = parse(&outcome);
    cr_expect_eq(json_array_size(rows), 5);
    json_decref(rows);
    EXPECT(&outcome, 1, "list", "--batch", "3");
    EXPECT(&outcome, 2, "list", "--batches", "--batch", "1");
    EXPECT(&outcome, 2, "list", "--state", "lost");
}

/* An LMK that was lost comes back from its components, and only from them. */
Test(program, makes_the_lmk_again_from_its_components_only)
{
    step_lmk(&outcome);
    step_mother(&outcome, "MPOS0001", "A256");
    shell("mv %s %s", in_folder("home/lmk.sealed"), in_folder("lmk.lost"));
    EXPECT(&outcome, 69, "generate", "--count", "1");
    EXPECT(&outcome, 77, "ceremony", "lmk", "--component", in_folder("MPOS0001/component-1.hex"),
           "--component", in_folder("MPOS0001/component-2.hex"), "--custodian", "a", "--custodian",
           "b");
    cr_expect_neq(access(in_folder("home/lmk.sealed"), F_OK), 0);
    EXPECT(&outcome, 0, "ceremony", "lmk", "--component", in_folder("lmk/component-1.hex"),
           "--component", in_folder("lmk/component-2.hex"), "--custodian", "a", "--custodian", "b");
    EXPECT(&outcome, 0, "generate", "--count", "1");
}
