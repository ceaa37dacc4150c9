/* A host with a ZPK and a ZAK: whose PINs it reads, whose messages it believes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/wire/frame.h"
#include "emulator/host/answer.h"
#include "tests/emulator/folder.h"

static const uint8_t key[32] = {0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87, 0x98, 0xA9, 0xBA,
                                0xCB, 0xDC, 0xED, 0xFE, 0x0F, 0x01, 0x12, 0x23, 0x34, 0x45, 0x56,
                                0x67, 0x78, 0x89, 0x9A, 0xAB, 0xBC, 0xCD, 0xDE, 0xEF, 0xF0};
static const char pan[] = "4111111111111111";
static const struct pos_pin typed = {.size = 4, .digits = {'4', '7', '1', '1'}};

static struct folder folder;
static struct pos_host_keys *keys;

static void setup(void)
{
    folder_make(&folder);
}

static void teardown(void)
{
    pos_host_keys_close(keys);
    folder_remove(&folder);
}

TestSuite(host_keys, .init = setup, .fini = teardown);

static const char *key_file(const char *name, enum pos_algorithm algorithm, unsigned mode)
{
    char hex[2 * POS_KEY_SIZE_MAX + 1], text[128];
    pos_hex_encode(pos_bytes(key, pos_algorithm_key_size(algorithm)), hex);
    (void)snprintf(text, sizeof text, "%s %s\n", pos_algorithm_name(algorithm), hex);
    folder_write(&folder, name, text, mode);
    return folder_file(&folder, name);
}

static void open_keys(enum pos_algorithm zpk, enum pos_algorithm zak)
{
    struct pos_error error = {.text = ""};
    char zpk_path[256] = "", zak_path[256] = "";
    pos_host_keys_close(keys);
    if (zpk != POS_ALGORITHM_NONE)
        (void)snprintf(zpk_path, sizeof zpk_path, "%s", key_file("zpk", zpk, 0600));
    if (zak != POS_ALGORITHM_NONE)
        (void)snprintf(zak_path, sizeof zak_path, "%s", key_file("zak", zak, 0600));
    cr_assert_eq(pos_host_keys_open(zpk_path[0] == '\0' ? NULL : zpk_path,
                                    zak_path[0] == '\0' ? NULL : zak_path, &keys, &error),
                 POS_OK, "%s", error.text);
}

/* A sale, and what is special about it. */
struct sale {
    const struct pos_dialect *dialect;
    bool echo;
    enum pos_algorithm algorithm; /* of the PIN block; NONE: no PIN */
    enum pos_pin_format format;
    const char *security; /* field 53; NULL: none */
    const char *field_59; /* instead of what the format says; NULL: none */
    bool damaged;
    enum pos_algorithm mac; /* of the key that MACs it; NONE: no MAC */
    bool bad_mac;
};

struct exchange {
    uint8_t request[512], reply[512];
    uint8_t block[16];
    char tagged[64];
    struct pos_host_entry entry;
    struct pos_message message; /* the reply */
};

static void put_pin(const struct sale *sale, struct exchange *x, struct pos_draft *draft)
{
    if (sale->algorithm == POS_ALGORITHM_NONE)
        return;
    cr_assert_eq(pos_pin_block_make(sale->format, sale->algorithm, key, pos_bytes_text(pan), &typed,
                                    x->block),
                 POS_OK);
    x->block[0] ^= sale->damaged ? 0x80 : 0;
    if (sale->format == POS_PIN_FORMAT_4) {
        (void)snprintf(x->tagged, sizeof x->tagged, "B2003abcA1032");
        pos_hex_encode(pos_bytes(x->block, 16), x->tagged + strlen(x->tagged));
        pos_draft_set(draft, 59,
                      pos_bytes_text(sale->field_59 != NULL ? sale->field_59 : x->tagged));
    } else {
        pos_draft_set(draft, 52, pos_bytes(x->block, 8));
    }
    if (sale->security != NULL)
        pos_draft_set(draft, 53, pos_bytes_text(sale->security));
}

static struct pos_mac *make_mac(enum pos_algorithm algorithm)
{
    struct pos_mac *mac;
    cr_assert_eq(pos_mac_create(algorithm == POS_ALGORITHM_T2 ? POS_MAC_RETAIL : POS_MAC_CMAC,
                                algorithm, key, &mac),
                 POS_OK);
    return mac;
}

static void put_mac(const struct sale *sale, const struct pos_encoded *encoded)
{
    uint8_t value[POS_MAC_FULL_SIZE_MAX];
    struct pos_mac *mac = make_mac(sale->mac);
    cr_assert_eq(pos_mac_compute(mac, encoded->covered, value), POS_OK);
    pos_mac_destroy(mac);
    value[0] ^= sale->bad_mac ? 1 : 0;
    pos_encoded_set_mac(encoded, value);
}

static void fill(const struct sale *sale, struct pos_draft *draft)
{
    static const struct {
        unsigned field;
        const char *value;
    } fields[] = {{2, pan},    {3, "000000"}, {4, "000000012345"},  {7, "1123090000"},
                  {22, "011"}, {25, "00"},    {37, "632709000001"}, {41, "T0000001"},
                  {49, "156"}};
    pos_draft_init(draft, sale->echo ? 0x0800 : 0x0200);
    pos_draft_set(draft, 11, pos_bytes_text("000042"));
    if (sale->echo)
        pos_draft_set(draft, 70, pos_bytes_text("301"));
    for (size_t i = 0; !sale->echo && i < sizeof fields / sizeof fields[0]; i++)
        pos_draft_set(draft, fields[i].field, pos_bytes_text(fields[i].value));
    pos_draft_set(draft, 42, pos_bytes_text("POSGATE00000001"));
}

static const char *ask(const struct sale *sale, struct exchange *x)
{
    struct pos_host host = {.dialect = sale->dialect, .keys = keys, .decline_code = ""};
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    struct pos_buffer request = pos_buffer(x->request, sizeof x->request);
    struct pos_buffer out = pos_buffer(x->reply, sizeof x->reply);
    struct pos_frame asked = pos_route_frame(&pos_route_usual), answered;
    const char *reason;
    size_t consumed;
    fill(sale, &draft);
    put_pin(sale, x, &draft);
    if (sale->mac != POS_ALGORITHM_NONE)
        pos_draft_reserve_mac(&draft);
    cr_assert_eq(pos_iso8583_encode(sale->dialect, &draft, &request, &encoded, &error), POS_OK,
                 "field %u", error.field);
    if (sale->mac != POS_ALGORITHM_NONE)
        put_mac(sale, &encoded);
    asked.message = encoded.bytes;
    cr_assert_eq(pos_host_answer(&host, &asked, 0, &out, &x->entry), POS_HOST_ANSWERED);
    cr_assert_eq(
        pos_frame_next(sale->dialect, pos_buffer_view(&out), &answered, &consumed, &reason),
        POS_FRAME_READY);
    cr_assert_eq(pos_iso8583_decode(sale->dialect, answered.message, &x->message, &error), POS_OK);
    return x->entry.code;
}

Test(host_keys, a_PIN_is_read_in_each_format_and_field)
{
    static const struct sale rows[] = {
        {&pos_dialect_iso87b, false, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, NULL, NULL, false, 0, 0},
        {&pos_dialect_iso87a, false, POS_ALGORITHM_T3, POS_PIN_FORMAT_0, "0000000000000000", NULL,
         false, 0, 0},
        {&pos_dialect_iso87b, false, POS_ALGORITHM_T2, POS_PIN_FORMAT_3, "0300000000000000", NULL,
         false, 0, 0},
        {&pos_dialect_cup, false, POS_ALGORITHM_T2, POS_PIN_FORMAT_0, "2600000000000000", NULL,
         false, 0, 0},
        {&pos_dialect_iso87b, false, POS_ALGORITHM_A128, POS_PIN_FORMAT_4, NULL, NULL, false, 0, 0},
        {&pos_dialect_cup, false, POS_ALGORITHM_A256, POS_PIN_FORMAT_4, NULL, NULL, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x;
        struct sale damaged = rows[i];
        open_keys(rows[i].algorithm, POS_ALGORITHM_NONE);
        cr_expect_str_eq(ask(&rows[i], &x), "00", "row %zu", i);
        cr_expect_eq(x.entry.pin_result, POS_HOST_PIN_OPENED, "row %zu", i);
        cr_expect_eq(x.entry.pin_format, rows[i].format, "row %zu", i);
        cr_expect_eq(x.entry.pin.size, 4);
        cr_expect_arr_eq(x.entry.pin.digits, "4711", 4);
        damaged.damaged = true;
        cr_expect_str_eq(ask(&damaged, &x), "99", "row %zu", i);
        cr_expect_eq(x.entry.pin_result, POS_HOST_PIN_WRONG, "row %zu", i);
    }
}

Test(host_keys, a_PIN_block_that_says_another_format_or_nothing_is_not_read)
{
    static const struct {
        const char *name;
        struct sale sale;
        const char *code;
        enum pos_host_pin result;
    } rows[] = {
        {"no PIN", {.dialect = &pos_dialect_iso87b}, "00", POS_HOST_PIN_NONE},
        {"format 3 said to be 0",
         {.dialect = &pos_dialect_iso87b,
          .algorithm = POS_ALGORITHM_T2,
          .format = POS_PIN_FORMAT_3},
         "99",
         POS_HOST_PIN_WRONG},
        {"format 9",
         {.dialect = &pos_dialect_iso87b,
          .algorithm = POS_ALGORITHM_T2,
          .security = "0900000000000000"},
         "99",
         POS_HOST_PIN_WRONG},
        {"UnionPay's block without PAN",
         {.dialect = &pos_dialect_cup,
          .algorithm = POS_ALGORITHM_T2,
          .security = "1600000000000000"},
         "99",
         POS_HOST_PIN_WRONG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x;
        open_keys(POS_ALGORITHM_T2, POS_ALGORITHM_NONE);
        cr_expect_str_eq(ask(&rows[i].sale, &x), rows[i].code, "%s", rows[i].name);
        cr_expect_eq(x.entry.pin_result, rows[i].result, "%s", rows[i].name);
    }
}

Test(host_keys, field_59_that_is_no_run_of_tags_holds_no_PIN)
{
    static const char *const texts[] = {"A1032",      "A1",      "A1031AB",
                                        "B2999A1032", "A10x2AB", "B2003abcC1000"};
    open_keys(POS_ALGORITHM_A128, POS_ALGORITHM_NONE);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct exchange x;
        const struct sale sale = {.dialect = &pos_dialect_iso87b,
                                  .algorithm = POS_ALGORITHM_A128,
                                  .format = POS_PIN_FORMAT_4,
                                  .field_59 = texts[i]};
        cr_expect_str_eq(ask(&sale, &x), "00", "%s", texts[i]);
        cr_expect_eq(x.entry.pin_result, POS_HOST_PIN_NONE, "%s", texts[i]);
    }
}

Test(host_keys, a_MAC_is_asked_for_and_given)
{
    static const enum pos_algorithm algorithms[] = {POS_ALGORITHM_T2, POS_ALGORITHM_A256};
    for (size_t i = 0; i < 2; i++) {
        struct exchange x;
        struct pos_bytes covered;
        uint8_t got[8], due[POS_MAC_FULL_SIZE_MAX];
        struct sale sale = {.dialect = &pos_dialect_iso87b, .mac = algorithms[i]};
        open_keys(POS_ALGORITHM_NONE, algorithms[i]);
        cr_expect_str_eq(ask(&sale, &x), "00");
        cr_assert_eq(pos_message_mac(&x.message, &covered, got), POS_OK);
        struct pos_mac *mac = make_mac(algorithms[i]);
        cr_assert_eq(pos_mac_compute(mac, covered, due), POS_OK);
        pos_mac_destroy(mac);
        cr_expect_arr_eq(got, due, 8);
        sale.bad_mac = true;
        cr_expect_str_eq(ask(&sale, &x), "A0");
        cr_expect_neq(pos_message_mac(&x.message, &covered, got), POS_OK, "no MAC for a bad one");
        sale.mac = POS_ALGORITHM_NONE;
        cr_expect_str_eq(ask(&sale, &x), "A0", "without");
        sale.echo = true;
        cr_expect_str_eq(ask(&sale, &x), "00", "an echo may come without");
    }
}

Test(host_keys, a_file_that_others_may_read_or_that_is_no_key_is_refused)
{
    static const struct {
        const char *name, *text;
        unsigned mode;
        enum pos_status expected;
    } rows[] = {
        {"good", "T2 000102030405060708090A0B0C0D0E0F", 0600, POS_OK},
        {"with a line end", "T2 000102030405060708090A0B0C0D0E0F\n", 0600, POS_OK},
        {"others may read", "T2 000102030405060708090A0B0C0D0E0F", 0640, POS_ERR_NOT_ALLOWED},
        {"too short", "T2 0001020304050607", 0600, POS_ERR_FORMAT},
        {"too long", "T2 000102030405060708090A0B0C0D0E0F10", 0600, POS_ERR_FORMAT},
        {"no algorithm", "000102030405060708090A0B0C0D0E0F", 0600, POS_ERR_FORMAT},
        {"unheard-of", "T9 000102030405060708090A0B0C0D0E0F", 0600, POS_ERR_FORMAT},
        {"empty", "", 0600, POS_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_error error = {.text = ""};
        folder_write(&folder, "key", rows[i].text, rows[i].mode);
        for (int zak = 0; zak < 2; zak++) {
            const char *path = folder_file(&folder, "key");
            cr_expect_eq(pos_host_keys_open(zak ? NULL : path, zak ? path : NULL, &keys, &error),
                         rows[i].expected, "%s: %s", rows[i].name, error.text);
            cr_expect(strstr(error.text, "0001") == NULL, "%s: the error tells the key",
                      rows[i].name);
            pos_host_keys_close(keys);
            keys = NULL;
        }
    }
}
