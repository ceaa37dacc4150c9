#include "core/crypto/pin_block.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/random.h"
#include "tests/core/crypto/vectors.h"

static const char pan_text[] = "4111111111111111";
static const uint8_t key[POS_KEY_SIZE_MAX] = "a PIN key of as many letters....";

static struct pos_pin pin_of(const char *digits)
{
    struct pos_pin pin = {.size = (uint8_t)strlen(digits)};
    memcpy(pin.digits, digits,
           strlen(digits) < sizeof pin.digits ? strlen(digits) : sizeof pin.digits);
    return pin;
}

static bool same_pin(const struct pos_pin *a, const struct pos_pin *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The algorithm of a format here: TDES, or AES for format 4. */
static enum pos_algorithm algorithm_of(enum pos_pin_format format)
{
    return format == POS_PIN_FORMAT_4 ? POS_ALGORITHM_A128 : POS_ALGORITHM_T2;
}

static struct pos_bytes make(enum pos_pin_format format, const char *pan, const char *digits,
                             uint8_t *block)
{
    struct pos_pin pin = pin_of(digits);
    cr_assert(pos_pin_block_make(format, algorithm_of(format), key, pos_bytes_text(pan), &pin,
                                 block) == POS_OK);
    return pos_bytes(block, pos_pin_block_size(format));
}

static enum pos_status open_block(enum pos_pin_format format, const char *pan,
                                  struct pos_bytes block, struct pos_pin *pin)
{
    return pos_pin_block_open(format, algorithm_of(format), key, pos_bytes_text(pan), block, pin);
}

static void check_row(const json_t *row, size_t i)
{
    const char *outcome = vectors_text(row, "outcome");
    struct vector pin_key = vector_hex(vectors_text(row, "key"));
    struct vector block = vector_hex(vectors_text(row, "block"));
    struct pos_pin right = pin_of(vectors_text(row, "pin")), pin;
    memset(&pin, 0x55, sizeof pin);
    enum pos_status status = pos_pin_block_open(
        (enum pos_pin_format)json_integer_value(json_object_get(row, "format")),
        pos_algorithm_parse(pos_bytes_text(vectors_text(row, "algorithm"))), pin_key.data,
        pos_bytes_text(vectors_text(row, "pan")), vector_view(&block), &pin);
    cr_expect_str_eq(pos_status_name(status), outcome, "row %zu, %s", i,
                     vectors_text(row, "source"));
    cr_expect(same_pin(&pin, &right), "row %zu: the PIN, or none", i);
}

Test(pin_block, of_others_opens_or_is_refused_as_its_row_says)
{
    json_t *root = vectors_load("pin_blocks.json");
    const json_t *rows = json_object_get(root, "rows");
    cr_assert(json_array_size(rows) >= 40);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) check_row(row, i);
    json_decref(root);
}

/* The random part of format 4 is in no other's hands, so only its first half can be foretold:
 * format 0 is the same each time, and equal to what others make. */
Test(pin_block, of_format_0_is_the_published_one)
{
    struct vector pin_key = vector_hex("11000000000000000000000000000000");
    struct vector right = vector_hex("AF1E1EF659A5FAF1");
    struct pos_pin pin = pin_of("123456");
    uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
    cr_expect(pos_pin_block_make(POS_PIN_FORMAT_0, POS_ALGORITHM_T2, pin_key.data,
                                 pos_bytes_text("43219876543210987"), &pin, block) == POS_OK);
    cr_expect_arr_eq(block, right.data, right.size);
}

static const struct {
    enum pos_pin_format format;
    enum pos_algorithm algorithm;
} kinds[] = {
    {POS_PIN_FORMAT_0, POS_ALGORITHM_T2},   {POS_PIN_FORMAT_0, POS_ALGORITHM_T3},
    {POS_PIN_FORMAT_1, POS_ALGORITHM_T2},   {POS_PIN_FORMAT_1, POS_ALGORITHM_T3},
    {POS_PIN_FORMAT_3, POS_ALGORITHM_T2},   {POS_PIN_FORMAT_3, POS_ALGORITHM_T3},
    {POS_PIN_FORMAT_4, POS_ALGORITHM_A128}, {POS_PIN_FORMAT_4, POS_ALGORITHM_A256},
    {POS_PIN_FORMAT_4, POS_ALGORITHM_SM4},
};

Test(pin_block, opens_for_every_length_of_pin_and_pan)
{
    static const char digits[] = "1234567890987654321";
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (uint8_t size = POS_PIN_SIZE_MIN; size <= POS_PIN_SIZE_MAX; size++)
            for (size_t pan_size = 8; pan_size <= POS_PAN_SIZE_MAX; pan_size++) {
                struct pos_pin pin = {.size = size}, found;
                memcpy(pin.digits, digits + 3, size);
                uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
                struct pos_bytes pan = pos_bytes(digits, pan_size);
                cr_expect(pos_pin_block_make(kinds[k].format, kinds[k].algorithm, key, pan, &pin,
                                             block) == POS_OK);
                cr_expect(pos_pin_block_open(kinds[k].format, kinds[k].algorithm, key, pan,
                                             pos_bytes(block, pos_pin_block_size(kinds[k].format)),
                                             &found) == POS_OK,
                          "kind %zu, PIN of %u, PAN of %zu", k, size, pan_size);
                cr_expect(same_pin(&pin, &found));
            }
}

Test(pin_block, of_one_pin_differs_each_time_where_the_format_has_random_fill)
{
    uint8_t one[POS_PIN_BLOCK_SIZE_MAX], two[POS_PIN_BLOCK_SIZE_MAX];
    for (int f = POS_PIN_FORMAT_0; f < POS_PIN_FORMAT_COUNT; f++) {
        if (f == POS_PIN_FORMAT_2)
            continue;
        enum pos_pin_format format = (enum pos_pin_format)f;
        struct pos_bytes first = make(format, pan_text, "1234", one);
        struct pos_bytes second = make(format, pan_text, "1234", two);
        cr_expect(pos_bytes_equal(first, second) == (f == POS_PIN_FORMAT_0), "format %d", f);
    }
}

Test(pin_block, that_cannot_be_is_not_made)
{
    static const struct {
        const char *name, *pan, *pin;
        enum pos_pin_format format;
        enum pos_algorithm algorithm;
    } rows[] = {
        {"PIN of 3", pan_text, "123", POS_PIN_FORMAT_0, POS_ALGORITHM_T2},
        {"PIN of 13", pan_text, "1234567890123", POS_PIN_FORMAT_0, POS_ALGORITHM_T2},
        {"no digit in the PIN", pan_text, "12A4", POS_PIN_FORMAT_0, POS_ALGORITHM_T2},
        {"PAN of 7", "1234567", "1234", POS_PIN_FORMAT_0, POS_ALGORITHM_T2},
        {"PAN of 20", "12345678901234567890", "1234", POS_PIN_FORMAT_4, POS_ALGORITHM_A128},
        {"no digit in the PAN", "41111111x1111111", "1234", POS_PIN_FORMAT_3, POS_ALGORITHM_T2},
        {"no PAN", "", "1234", POS_PIN_FORMAT_4, POS_ALGORITHM_A128},
        {"format 2", pan_text, "1234", POS_PIN_FORMAT_2, POS_ALGORITHM_T2},
        {"no format", pan_text, "1234", POS_PIN_FORMAT_COUNT, POS_ALGORITHM_T2},
        {"no format at all", pan_text, "1234", (enum pos_pin_format)99, POS_ALGORITHM_T2},
        {"format 0 under AES", pan_text, "1234", POS_PIN_FORMAT_0, POS_ALGORITHM_A128},
        {"format 3 under SM4", pan_text, "1234", POS_PIN_FORMAT_3, POS_ALGORITHM_SM4},
        {"format 4 under TDES", pan_text, "1234", POS_PIN_FORMAT_4, POS_ALGORITHM_T3},
        {"no algorithm", pan_text, "1234", POS_PIN_FORMAT_0, POS_ALGORITHM_NONE},
        {"no algorithm at all", pan_text, "1234", POS_PIN_FORMAT_0, POS_ALGORITHM_COUNT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t block[POS_PIN_BLOCK_SIZE_MAX] = {0};
        static const uint8_t untouched[POS_PIN_BLOCK_SIZE_MAX];
        struct pos_pin pin = pin_of(rows[i].pin);
        cr_expect(pos_pin_block_make(rows[i].format, rows[i].algorithm, key,
                                     pos_bytes_text(rows[i].pan), &pin, block) == POS_ERR_USAGE,
                  "%s", rows[i].name);
        cr_expect_arr_eq(block, untouched, sizeof block, "%s", rows[i].name);
        pin = pin_of("1234");
        size_t size = rows[i].format == POS_PIN_FORMAT_4 ? 16 : 8;
        if (i >= 3) /* what is wrong is not the PIN */
            cr_expect(pos_pin_block_open(rows[i].format, rows[i].algorithm, key,
                                         pos_bytes_text(rows[i].pan), pos_bytes(block, size),
                                         &pin) == POS_ERR_MISMATCH,
                      "%s, opened", rows[i].name);
    }
}

/* PCI PIN security requirement 3-3, as a table: 9 of 25. */
Test(pin_translation, is_allowed_for_exactly_those_pairs)
{
    static const bool allowed[POS_PIN_FORMAT_COUNT][POS_PIN_FORMAT_COUNT] = {
        {1, 0, 0, 1, 1}, {1, 0, 0, 1, 1}, {0, 0, 0, 0, 0}, {1, 0, 0, 1, 1}, {1, 0, 0, 1, 1}};
    for (int from = 0; from < POS_PIN_FORMAT_COUNT; from++)
        for (int to = 0; to < POS_PIN_FORMAT_COUNT; to++)
            cr_expect(pos_pin_translation_allowed((enum pos_pin_format)from,
                                                  (enum pos_pin_format)to) == allowed[from][to],
                      "%d to %d", from, to);
    cr_expect_not(pos_pin_translation_allowed((enum pos_pin_format) - 1, POS_PIN_FORMAT_0));
    cr_expect_not(pos_pin_translation_allowed(POS_PIN_FORMAT_0, POS_PIN_FORMAT_COUNT));
}

/* Of each allowed pair: what goes in comes out, with the same PAN. */
Test(pin_translation, keeps_the_pin)
{
    for (int from = 0; from < POS_PIN_FORMAT_COUNT; from++)
        for (int to = 0; to < POS_PIN_FORMAT_COUNT; to++) {
            enum pos_pin_format f = (enum pos_pin_format)from, t = (enum pos_pin_format)to;
            if (!pos_pin_translation_allowed(f, t))
                continue;
            uint8_t in[POS_PIN_BLOCK_SIZE_MAX], out[POS_PIN_BLOCK_SIZE_MAX];
            struct pos_pin pin, found, right = pin_of("80154");
            cr_expect(open_block(f, pan_text, make(f, pan_text, "80154", in), &pin) == POS_OK);
            cr_expect(pos_pin_block_make(t, algorithm_of(t), key, pos_bytes_text(pan_text), &pin,
                                         out) == POS_OK);
            cr_expect(open_block(t, pan_text, pos_bytes(out, pos_pin_block_size(t)), &found) ==
                          POS_OK,
                      "%d to %d", from, to);
            cr_expect(same_pin(&found, &right));
        }
}

/* Every digit that is in the block, changed to every other. The first two of the twelve lie over
 * the third and fourth digit of the PIN in format 0, so there another PIN may come out, and never
 * the right one; format 4 refuses each. Format 0 does not hold the check digit, nor what is left of
 * the twelve. */
static void check_changed_pan(enum pos_pin_format format, const char *digits, size_t first,
                              size_t end)
{
    uint8_t memory[POS_PIN_BLOCK_SIZE_MAX];
    struct pos_pin right = pin_of(digits), found;
    struct pos_bytes block = make(format, pan_text, digits, memory);
    for (size_t i = first; i < end; i++)
        for (char c = '0'; c <= '9'; c++) {
            char changed[sizeof pan_text];
            memcpy(changed, pan_text, sizeof changed);
            if (changed[i] == c)
                continue;
            changed[i] = c;
            enum pos_status status = open_block(format, changed, block, &found);
            cr_expect(status == POS_ERR_MISMATCH || status == POS_OK);
            cr_expect_not(same_pin(&found, &right), "format %d, digit %zu as %c", (int)format, i,
                          c);
            bool under_the_pin = format != POS_PIN_FORMAT_4 && i < first + strlen(digits) - 2;
            cr_expect(status == POS_ERR_MISMATCH || under_the_pin,
                      "format %d, digit %zu as %c was not noticed", (int)format, i, c);
        }
}

Test(pin_block, with_another_pan_never_gives_the_pin)
{
    static const char *const pins[] = {"1234", "0000", "95959", "123456789012"};
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        check_changed_pan(POS_PIN_FORMAT_0, pins[i], 3, 15);
        check_changed_pan(POS_PIN_FORMAT_4, pins[i], 0, 16);
    }
}

static void load_block(size_t row_index, struct vector *pin_key, struct vector *block, char *pan)
{
    json_t *root = vectors_load("pin_blocks.json");
    const json_t *row = json_array_get(json_object_get(root, "rows"), row_index);
    *pin_key = vector_hex(vectors_text(row, "key"));
    *block = vector_hex(vectors_text(row, "block"));
    (void)snprintf(pan, POS_PAN_SIZE_MAX + 1, "%s", vectors_text(row, "pan"));
    json_decref(root);
}

/* Format 3 is the weaker here: its random filler of A to F may still be A to F under another PAN.
 * The standard has it so; this is the exact line, on the published block, whose field is
 * 341234BFEDBECFDB. */
Test(pin_block, of_format_3_notices_another_pan_where_the_standard_lets_it)
{
    static const uint8_t filler[] = {0xB, 0xF, 0xE, 0xD, 0xB, 0xE, 0xC, 0xF, 0xD, 0xB};
    struct vector pin_key, block;
    struct pos_pin found, right = pin_of("1234");
    char pan[POS_PAN_SIZE_MAX + 1];
    int noticed = 0, passed = 0;
    load_block(1, &pin_key, &block, pan);
    for (size_t i = 0; i < 12; i++)
        for (char c = '0'; c <= '9'; c++) {
            char changed[sizeof pan];
            memcpy(changed, pan, sizeof pan);
            char *digit = changed + strlen(pan) - 13 + i;
            if (*digit == c)
                continue;
            bool can_pass = i >= 2 && (filler[i - 2] ^ (*digit - '0') ^ (c - '0')) >= 0xA;
            *digit = c;
            bool opened =
                pos_pin_block_open(POS_PIN_FORMAT_3, POS_ALGORITHM_T2, pin_key.data,
                                   pos_bytes_text(changed), vector_view(&block), &found) == POS_OK;
            if (i >= 2)
                cr_expect(opened == can_pass, "digit %zu as %c", i, c);
            cr_expect((opened && same_pin(&found, &right)) == can_pass);
            noticed += !opened;
            passed += opened;
        }
    cr_expect(noticed > passed);
}

Test(pin_block, of_format_4_is_bound_to_the_length_of_the_pan_too)
{
    uint8_t memory[POS_PIN_BLOCK_SIZE_MAX];
    struct pos_pin found;
    struct pos_bytes block = make(POS_PIN_FORMAT_4, "123456789012", "1234", memory);
    cr_expect(open_block(POS_PIN_FORMAT_4, "123456789012", block, &found) == POS_OK);
    cr_expect(open_block(POS_PIN_FORMAT_4, "1234567890120", block, &found) == POS_ERR_MISMATCH);
    cr_expect(open_block(POS_PIN_FORMAT_4, "12345678901", block, &found) == POS_ERR_MISMATCH);
}

Test(pin_block, of_another_size_is_refused)
{
    uint8_t memory[32] = {0};
    struct pos_pin found;
    for (int f = 0; f < POS_PIN_FORMAT_COUNT; f++)
        for (size_t size = 0; size <= sizeof memory; size++)
            if (size != pos_pin_block_size((enum pos_pin_format)f))
                cr_expect(open_block((enum pos_pin_format)f, pan_text, pos_bytes(memory, size),
                                     &found) == POS_ERR_MISMATCH);
    cr_expect(pos_pin_block_size(POS_PIN_FORMAT_COUNT) == 0);
}

/* The same damage in each run, so that this does not depend on luck: in one of some hundred
 * thousand it makes another PIN that could be one. */
Test(pin_block, damaged_10000_times_gives_one_error_and_no_pin)
{
    static const size_t rows[] = {0, 1, 10}; /* formats 0, 3 and 4 */
    static const enum pos_pin_format formats[] = {POS_PIN_FORMAT_0, POS_PIN_FORMAT_3,
                                                  POS_PIN_FORMAT_4};
    static const struct pos_pin none;
    struct vector pin_key[3], block[3];
    char pan[3][POS_PAN_SIZE_MAX + 1];
    uint64_t random = 20261123;
    for (int i = 0; i < 3; i++)
        load_block(rows[i], &pin_key[i], &block[i], pan[i]);
    for (int i = 0; i < 10000; i++) {
        int k = i % 3;
        struct vector damaged = block[k];
        struct pos_pin found;
        for (size_t b = 0; b <= (size_t)i % 5; b++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            damaged.data[(random >> 33) % damaged.size] ^= (uint8_t)(1 + (random >> 40) % 255);
        }
        if (pos_bytes_equal(vector_view(&damaged), vector_view(&block[k])))
            continue;
        enum pos_status status =
            pos_pin_block_open(formats[k], algorithm_of(formats[k]), pin_key[k].data,
                               pos_bytes_text(pan[k]), vector_view(&damaged), &found);
        cr_expect(status == POS_ERR_MISMATCH, "block %d: %s", i, pos_status_name(status));
        cr_expect(same_pin(&found, &none), "block %d leaves a digit behind", i);
    }
}
