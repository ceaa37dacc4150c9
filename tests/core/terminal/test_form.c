/* The 24, 40 and 60 bytes of UnionPay sign-on replies: published ones, made ones, damaged ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/terminal/keys.h"
#include "tests/core/crypto/vectors.h"
#include "tests/core/terminal/peer.h"

struct form_row {
    const char *name;
    enum pos_algorithm tmk;
    enum pos_key_form form;
    struct peer_part parts[3];
};

static const struct form_row rows[] = {
    {"T2 60",
     POS_ALGORITHM_T2,
     POS_FORM_60,
     {{peer_tpk, 16, 0}, {peer_tak, 16, 0}, {peer_tdk, 16, 0}}},
    {"T3 60",
     POS_ALGORITHM_T3,
     POS_FORM_60,
     {{peer_tpk, 16, 0}, {peer_tak, 16, 0}, {peer_tdk, 16, 0}}},
    {"T2 40", POS_ALGORITHM_T2, POS_FORM_40, {{peer_tpk, 16, 0}, {peer_tak, 8, 8}, {0}}},
    {"T3 40", POS_ALGORITHM_T3, POS_FORM_40, {{peer_tpk, 16, 0}, {peer_tak, 8, 8}, {0}}},
    {"T2 24", POS_ALGORITHM_T2, POS_FORM_24, {{peer_tpk, 8, 0}, {peer_tak, 8, 0}, {0}}},
    {"T3 24", POS_ALGORITHM_T3, POS_FORM_24, {{peer_tpk, 8, 0}, {peer_tak, 8, 0}, {0}}},
    {"SM4 60",
     POS_ALGORITHM_SM4,
     POS_FORM_60,
     {{peer_tpk, 16, 0}, {peer_tak, 16, 0}, {peer_tdk, 16, 0}}},
    {"SM4 40", POS_ALGORITHM_SM4, POS_FORM_40, {{peer_tpk, 16, 0}, {peer_tak, 16, 0}, {0}}},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* The check value of a key of single length is that of DES, which is TDES with two equal halves. */
static size_t make_form(const struct form_row *row, uint8_t form[60])
{
    static uint8_t doubled[3][16];
    struct form_row copy = *row;
    for (size_t i = 0; i < 3; i++) {
        if (copy.parts[i].size != 8)
            continue;
        memcpy(doubled[i], copy.parts[i].key, 8);
        memcpy(doubled[i] + 8, copy.parts[i].key, 8);
        copy.parts[i].key = doubled[i];
    }
    return peer_form(row->tmk, copy.parts, form);
}

static enum pos_status open_form(enum pos_algorithm tmk_algorithm, const uint8_t *tmk,
                                 struct pos_bytes form, struct pos_working_keys *keys,
                                 struct pos_error *error)
{
    struct pos_terminal terminal;
    pos_terminal_init(&terminal, &pos_dialect_cup, "123L013K", "T1", "");
    cr_assert_eq(
        pos_terminal_restore(&terminal, POS_STAGE_KEYED, 278, tmk_algorithm, tmk, NULL, NULL),
        POS_OK);
    memset(keys, 0, sizeof *keys);
    enum pos_status status = pos_terminal_open_form(&terminal, form, keys, error);
    pos_terminal_fini(&terminal);
    return status;
}

static void expect_key(const uint8_t *got, const struct peer_part *part, const char *name)
{
    static const uint8_t none[16];
    cr_expect_arr_eq(got, part->size == 0 ? none : part->key, part->size == 8 ? 8 : 16, "%s", name);
    if (part->size == 8)
        cr_expect_arr_eq(got + 8, part->key, 8, "%s: two equal halves", name);
}

Test(terminal_form, each_form_opens)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct pos_working_keys keys;
        struct pos_error error;
        uint8_t form[60];
        size_t size = make_form(&rows[i], form);
        cr_expect_eq(open_form(rows[i].tmk, peer_tmk, pos_bytes(form, size), &keys, &error), POS_OK,
                     "%s: %s", rows[i].name, error.text);
        cr_expect_eq(keys.form, rows[i].form, "%s", rows[i].name);
        expect_key(keys.tpk, &rows[i].parts[0], rows[i].name);
        expect_key(keys.tak, &rows[i].parts[1], rows[i].name);
        expect_key(keys.tdk, &rows[i].parts[2], rows[i].name);
    }
}

/* What comes first in the 60 bytes of SM4 is what its 40 bytes are; a cut reply has no good MAC. */
static bool may_open(const struct form_row *row, size_t size, size_t length)
{
    return length == size ||
           (row->tmk == POS_ALGORITHM_SM4 && row->form == POS_FORM_60 && length == 40);
}

Test(terminal_form, no_changed_byte_and_no_other_length_opens)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct pos_working_keys keys;
        struct pos_error error;
        uint8_t form[61] = {0};
        size_t size = make_form(&rows[i], form);
        for (size_t at = 0; at < size; at++) {
            form[at] ^= 0x10;
            cr_expect_eq(open_form(rows[i].tmk, peer_tmk, pos_bytes(form, size), &keys, &error),
                         POS_ERR_MISMATCH, "%s: byte %zu changed", rows[i].name, at);
            form[at] ^= 0x10;
        }
        for (size_t length = 0; length <= size + 1 && length <= sizeof form; length++)
            cr_expect_eq(open_form(rows[i].tmk, peer_tmk, pos_bytes(form, length), &keys, &error) ==
                             POS_OK,
                         may_open(&rows[i], size, length), "%s: %zu bytes", rows[i].name, length);
    }
}

Test(terminal_form, a_refusal_says_which_key)
{
    static const struct {
        size_t row, byte;
        const char *says;
    } cases[] = {{0, 3, "TPK: its check value"},  {0, 17, "TPK: its check value"},
                 {0, 25, "TAK: its check value"}, {0, 45, "TDK: its check value"},
                 {2, 30, "TAK: expected 8 zero"}, {7, 39, "TAK: its check value"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pos_working_keys keys;
        struct pos_error error = {.text = ""};
        uint8_t form[60];
        const struct form_row *row = &rows[cases[i].row];
        size_t size = make_form(row, form);
        form[cases[i].byte] ^= 1;
        cr_expect_eq(open_form(row->tmk, peer_tmk, pos_bytes(form, size), &keys, &error),
                     POS_ERR_MISMATCH);
        cr_expect(strncmp(error.text, cases[i].says, strlen(cases[i].says)) == 0, "%s: %s",
                  row->name, error.text);
    }
}

/* SM4 has no keys of single length: its shortest form is 40. */
Test(terminal_form, of_24_bytes_is_none_for_SM4)
{
    struct pos_working_keys keys;
    struct pos_error error;
    uint8_t form[60];
    size_t size = make_form(&rows[4], form);
    cr_expect_eq(size, 24);
    cr_expect_eq(open_form(POS_ALGORITHM_SM4, peer_tmk, pos_bytes(form, size), &keys, &error),
                 POS_ERR_MISMATCH);
    cr_expect(strstr(error.text, "40 or 60") != NULL, "%s", error.text);
}

Test(terminal_form, the_published_40_bytes_bring_the_published_keys)
{
    json_t *root = vectors_load("unionpay.json");
    const json_t *row = json_object_get(root, "working_keys_40");
    struct vector tmk = vector_hex(vectors_text(row, "tmk"));
    struct vector form = vector_hex(vectors_text(row, "field62"));
    struct vector tpk = vector_hex(vectors_text(row, "tpk"));
    struct vector tak = vector_hex(vectors_text(row, "tak"));
    struct pos_working_keys keys;
    struct pos_error error = {.text = ""};
    cr_assert_eq(open_form(POS_ALGORITHM_T2, tmk.data, vector_view(&form), &keys, &error), POS_OK,
                 "%s", error.text);
    cr_expect_eq(keys.form, POS_FORM_40);
    cr_expect_arr_eq(keys.tpk, tpk.data, 16);
    cr_expect_arr_eq(keys.tak, tak.data, 8);
    cr_expect_arr_eq(keys.tak + 8, tak.data, 8);
    json_decref(root);
}

/* The published key stands for TPK and for TAK. */
Test(terminal_form, the_published_SM4_key_opens)
{
    json_t *root = vectors_load("unionpay.json");
    const json_t *row = json_object_get(root, "sm4_working_key");
    struct vector tmk = vector_hex(vectors_text(row, "tmk"));
    struct vector encrypted = vector_hex(vectors_text(row, "encrypted"));
    struct vector key = vector_hex(vectors_text(row, "key"));
    struct vector zeros = vector_hex(vectors_text(row, "zeros_encrypted"));
    struct pos_working_keys keys;
    struct pos_error error = {.text = ""};
    uint8_t form[40];
    for (size_t at = 0; at < sizeof form; at += 20) {
        memcpy(form + at, encrypted.data, 16);
        memcpy(form + at + 16, zeros.data, 4);
    }
    cr_assert_eq(
        open_form(POS_ALGORITHM_SM4, tmk.data, pos_bytes(form, sizeof form), &keys, &error), POS_OK,
        "%s", error.text);
    cr_expect_arr_eq(keys.tpk, key.data, 16);
    cr_expect_arr_eq(keys.tak, key.data, 16);
    json_decref(root);
}

/* A TAK of single length from a sign-on reply, and the ECB MAC that is made with it. */
Test(terminal_form, the_published_ECB_MAC_is_made_with_the_key_as_published)
{
    json_t *root = vectors_load("unionpay.json");
    const json_t *row = json_object_get(root, "ecb_mac");
    struct vector tmk = vector_hex(vectors_text(row, "tmk"));
    struct vector wrapped = vector_hex(vectors_text(row, "tak_under_tmk"));
    struct vector data = vector_hex(vectors_text(row, "data"));
    struct vector tak = vector_hex(vectors_text(row, "tak"));
    struct pos_terminal terminal;
    uint8_t doubled[16], mac[POS_MAC_FULL_SIZE_MAX];
    struct peer_part part = {doubled, 8, 0};
    uint8_t form[24];
    struct pos_working_keys keys = {0};
    struct pos_error error = {.text = ""};
    memcpy(doubled, tak.data, 8);
    memcpy(doubled + 8, tak.data, 8);
    /* peer_form knows peer_tmk alone: of it the check value is taken, the key from the file. */
    uint8_t made[60];
    cr_assert_eq(peer_form(POS_ALGORITHM_T2, (struct peer_part[3]){part, part}, made), 24);
    memcpy(form, made, sizeof form);
    memcpy(form, wrapped.data, 8);
    memcpy(form + 12, wrapped.data, 8);
    pos_terminal_init(&terminal, &pos_dialect_cup, "123L013K", "T1", "");
    cr_assert_eq(pos_terminal_restore(&terminal, POS_STAGE_REGISTERED, 278, POS_ALGORITHM_T2,
                                      tmk.data, NULL, NULL),
                 POS_OK);
    cr_assert_eq(pos_terminal_open_form(&terminal, pos_bytes(form, 24), &keys, &error), POS_OK,
                 "%s", error.text);
    cr_expect_arr_eq(keys.tak, doubled, 16);
    terminal.cup_ecb = true;
    terminal.stage = POS_STAGE_SIGNED_ON;
    memcpy(terminal.tak, keys.tak, 16);
    cr_assert_eq(pos_terminal_prepare_macs(&terminal), POS_OK);
    cr_assert_eq(pos_mac_compute(terminal.working_mac, vector_view(&data), mac), POS_OK);
    cr_expect_arr_eq(mac, vectors_text(row, "mac_ascii"), 8);
    pos_terminal_fini(&terminal);
    json_decref(root);
}
