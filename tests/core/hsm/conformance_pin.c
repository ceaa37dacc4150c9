/* PIN blocks from a terminal to a host: exactly the allowed pairs, with the PAN they were made for,
 * and one answer for everything else. */
#include <string.h>

#include "core/crypto/pin_block.h"
#include "tests/core/hsm/conformance_inside.h"

/* Its digits are 0, 1, 8 and 9: with the top bit of one changed, a letter of format 3's filler is
 * a letter no more, whichever it is. */
static const char pan[] = "4908190180910815";
static const char pin_digits[] = "190825";
enum { PAN_SIZE = 16, PIN_SIZE = 6, DAMAGED_COUNT = 10000 };

/* PCI PIN requirement 3-3, from (down) to (across): 0, 3 and 4 into one another, 1 into these. */
static const bool allowed[POS_PIN_FORMAT_COUNT][POS_PIN_FORMAT_COUNT] = {
    {1, 0, 0, 1, 1}, {1, 0, 0, 1, 1}, {0, 0, 0, 0, 0}, {1, 0, 0, 1, 1}, {1, 0, 0, 1, 1}};

static bool fits(enum pos_pin_format format, enum pos_algorithm algorithm)
{
    bool tdes = algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
    return format < POS_PIN_FORMAT_COUNT && tdes == (format != POS_PIN_FORMAT_4);
}

static struct pos_pin right_pin(void)
{
    struct pos_pin pin = {.size = PIN_SIZE};
    memcpy(pin.digits, pin_digits, PIN_SIZE);
    return pin;
}

static struct pos_bytes right_pan(void)
{
    return pos_bytes(pan, PAN_SIZE);
}

/* Format 4 as pos_pin_block_make makes it but for random bytes that are not random: what the
 * damaged blocks below decrypt to is then the same in each run. */
static void make_format_4(const struct known_key *tpk, uint8_t block[16])
{
    static const uint8_t pin_field[16] = {0x46, 0x19, 0x08, 0x25, 0xAA, 0xAA, 0xAA, 0xAA,
                                          1,    2,    3,    4,    5,    6,    7,    8};
    static const uint8_t pan_field[16] = {0x44, 0x90, 0x81, 0x90, 0x18, 0x09, 0x10, 0x81, 0x50};
    memcpy(block, pin_field, 16);
    stage_encrypt(tpk->key.algorithm, tpk->clear, block, 16);
    for (size_t i = 0; i < 16; i++)
        block[i] ^= pan_field[i];
    stage_encrypt(tpk->key.algorithm, tpk->clear, block, 16);
}

/* A block as the terminal sends it, or, where there is none of that format under that key, bytes of
 * its size. */
static struct pos_pin_cryptogram made(const struct known_key *tpk, enum pos_pin_format format)
{
    struct pos_pin_cryptogram in = {.format = format, .size = (uint8_t)pos_pin_block_size(format)};
    struct pos_pin pin = right_pin();
    memset(in.data, 0x5A, sizeof in.data);
    if (format == POS_PIN_FORMAT_4 && fits(format, tpk->key.algorithm))
        make_format_4(tpk, in.data);
    else if (format != POS_PIN_FORMAT_2 && fits(format, tpk->key.algorithm))
        cr_assert(pos_pin_block_make(format, tpk->key.algorithm, tpk->clear, right_pan(), &pin,
                                     in.data) == POS_OK);
    return in;
}

static void expect_nothing(const struct stage *stage, enum pos_status status,
                           const struct pos_pin_cryptogram *out)
{
    static const struct pos_pin_cryptogram none;
    cr_expect(status == POS_ERR_MISMATCH, "%s: one error for all, and not %s", stage->name,
              pos_status_text(status));
    cr_expect(out->size == 0 && memcmp(out->data, none.data, sizeof none.data) == 0);
}

enum pos_status core_pin(const struct stage *stage)
{
    enum pos_pin_format format =
        stage->working == POS_ALGORITHM_T2 ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
    enum pos_pin_format zone_format =
        fits(POS_PIN_FORMAT_0, stage->ktk.key.algorithm) ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
    struct known_key zpk = stage_put(stage->center, POS_USAGE_ZPK, stage->ktk.key.algorithm, 0x81);
    struct pos_pin_cryptogram in = made(&stage->tpk, format), out = {.format = zone_format};
    return pos_hsm_translate_pin(stage->center, &stage->tpk.key, &zpk.key, right_pan(), &in, &out);
}

/* What the host opens. */
static void expect_pin(const struct stage *stage, const struct known_key *zpk,
                       const struct pos_pin_cryptogram *out)
{
    struct pos_pin pin = {0};
    cr_expect(out->size == pos_pin_block_size(out->format));
    cr_expect(pos_pin_block_open(out->format, zpk->key.algorithm, zpk->clear, right_pan(),
                                 pos_bytes(out->data, out->size), &pin) == POS_OK,
              "%s: to format %d", stage->name, out->format);
    cr_expect(pin.size == PIN_SIZE && memcmp(pin.digits, pin_digits, PIN_SIZE) == 0,
              "%s: to format %d", stage->name, out->format);
}

/* Formats 5 and 6 are none. Returns how many pairs passed. */
static size_t try_pairs(const struct stage *stage, const struct known_key *zpk)
{
    size_t passed = 0;
    for (int from = 0; from < POS_PIN_FORMAT_COUNT + 2; from++)
        for (int to = 0; to < POS_PIN_FORMAT_COUNT + 2; to++) {
            struct pos_pin_cryptogram in = made(&stage->tpk, (enum pos_pin_format)from),
                                      out = {.format = (enum pos_pin_format)to, .size = 99};
            enum pos_status status = pos_hsm_translate_pin(stage->center, &stage->tpk.key,
                                                           &zpk->key, right_pan(), &in, &out);
            bool right = from < POS_PIN_FORMAT_COUNT && to < POS_PIN_FORMAT_COUNT &&
                         allowed[from][to] && fits((enum pos_pin_format)from, stage->working) &&
                         fits((enum pos_pin_format)to, zpk->key.algorithm);
            if (!right) {
                expect_nothing(stage, status, &out);
                continue;
            }
            cr_expect(status == POS_OK, "%s: %d to %d under %s: %s", stage->name, from, to,
                      pos_algorithm_name(zpk->key.algorithm), pos_status_text(status));
            expect_pin(stage, zpk, &out);
            passed++;
        }
    return passed;
}

/* With another PAN no block gives its PIN away: it does not open, or, in format 0 where the digit
 * stands over the PIN, opens to another PIN. */
static void expect_other_pan(const struct stage *stage, const struct known_key *zpk,
                             enum pos_pin_format from, enum pos_pin_format to, const char *other)
{
    struct pos_pin_cryptogram in = made(&stage->tpk, from), out = {.format = to};
    struct pos_bytes view = pos_bytes(other, PAN_SIZE);
    enum pos_status status =
        pos_hsm_translate_pin(stage->center, &stage->tpk.key, &zpk->key, view, &in, &out);
    if (status != POS_OK) {
        expect_nothing(stage, status, &out);
        return;
    }
    struct pos_pin pin;
    cr_assert(from != POS_PIN_FORMAT_4, "%s: format 4 knows its PAN: %s", stage->name, other);
    cr_assert(pos_pin_block_open(to, zpk->key.algorithm, zpk->clear, view,
                                 pos_bytes(out.data, out.size), &pin) == POS_OK);
    cr_expect(pin.size != PIN_SIZE || memcmp(pin.digits, pin_digits, PIN_SIZE) != 0,
              "%s: format %d passed with %s", stage->name, from, other);
}

static void expect_pan(const struct stage *stage, const struct known_key *zpk,
                       enum pos_pin_format from, enum pos_pin_format to)
{
    size_t first = from == POS_PIN_FORMAT_4 ? 0 : PAN_SIZE - 13;
    size_t end = from == POS_PIN_FORMAT_4 ? PAN_SIZE : PAN_SIZE - 1;
    for (size_t at = first; at < end; at++) {
        char other[PAN_SIZE];
        memcpy(other, pan, sizeof other);
        other[at] = (char)('0' + ((pan[at] - '0') ^ 8) % 10);
        if (other[at] == pan[at])
            other[at] ^= 1;
        expect_other_pan(stage, zpk, from, to, other);
    }
    static const char *const no_pans[] = {"", "1234567", "12345678901234567890",
                                          "490819018091O815"};
    for (size_t i = 0; i < sizeof no_pans / sizeof no_pans[0]; i++) {
        struct pos_pin_cryptogram in = made(&stage->tpk, from), out = {.format = to};
        enum pos_status status = pos_hsm_translate_pin(stage->center, &stage->tpk.key, &zpk->key,
                                                       pos_bytes_text(no_pans[i]), &in, &out);
        expect_nothing(stage, status, &out);
    }
}

/* Blocks with up to all of their bits changed, the same ones in every run. */
static void expect_damaged(const struct stage *stage, const struct known_key *zpk,
                           enum pos_pin_format from, enum pos_pin_format to)
{
    const struct pos_pin_cryptogram good = made(&stage->tpk, from);
    uint64_t random = 12345;
    size_t refused = 0;
    for (int i = 0; i < DAMAGED_COUNT; i++) {
        struct pos_pin_cryptogram in = good, out = {.format = to};
        for (size_t b = 0; b < in.size; b++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            in.data[b] ^= (uint8_t)(random >> 56);
        }
        in.data[(size_t)i % in.size] ^= memcmp(in.data, good.data, in.size) == 0;
        enum pos_status status = pos_hsm_translate_pin(stage->center, &stage->tpk.key, &zpk->key,
                                                       right_pan(), &in, &out);
        expect_nothing(stage, status, &out);
        refused += status == POS_ERR_MISMATCH;
    }
    cr_expect(refused == DAMAGED_COUNT, "%s: %zu of %d damaged blocks refused", stage->name,
              refused, DAMAGED_COUNT);
    for (unsigned size = 0; size < 256; size++) {
        struct pos_pin_cryptogram in = good, out = {.format = to};
        in.size = (uint8_t)size;
        if (size != good.size)
            expect_nothing(stage,
                           pos_hsm_translate_pin(stage->center, &stage->tpk.key, &zpk->key,
                                                 right_pan(), &in, &out),
                           &out);
    }
}

/* Faults of ours have other errors: the wrong key is not the terminal's doing. */
static void expect_right_keys(const struct stage *stage, const struct known_key *zpk,
                              enum pos_pin_format from, enum pos_pin_format to)
{
    struct pos_pin_cryptogram in = made(&stage->tpk, from), out = {.format = to};
    struct pos_hsm_session *s = stage->center;
    const struct pos_key *tpk = &stage->tpk.key;
    const struct {
        const char *what;
        struct pos_key tpk, zpk;
        enum pos_status right;
    } rows[] = {
        {"the other way", zpk->key, *tpk, POS_ERR_USAGE},
        {"to a TPK", *tpk, *tpk, POS_ERR_USAGE},
        {"from a TAK", stage->tak.key, zpk->key, POS_ERR_USAGE},
        {"to a KTK", *tpk, stage->ktk.key, POS_ERR_USAGE},
        {"another LMK's TPK", stage_put(stage->mother, POS_USAGE_TPK, stage->working, 1).key,
         zpk->key, POS_ERR_CORRUPT},
        {"another LMK's ZPK", *tpk,
         stage_put(stage->mother, POS_USAGE_ZPK, zpk->key.algorithm, 1).key, POS_ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum pos_status status =
            pos_hsm_translate_pin(s, &rows[i].tpk, &rows[i].zpk, right_pan(), &in, &out);
        cr_expect(status == rows[i].right && out.size == 0, "%s: %s: %s", stage->name, rows[i].what,
                  pos_status_text(status));
    }
    struct pos_key other = stage_put(s, POS_USAGE_TPK, stage->working, 0x99).key;
    expect_nothing(stage, pos_hsm_translate_pin(s, &other, &zpk->key, right_pan(), &in, &out),
                   &out);
}

void run_pin(const struct stage *stage)
{
    bool tdes = stage->working == POS_ALGORITHM_T2;
    enum pos_pin_format from = tdes ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
    size_t passed = 0, zones = 0;
    for (size_t i = 0; i < CEREMONY_COUNT; i++) {
        enum pos_algorithm algorithm = ceremony_algorithms[i];
        if (!pos_hsm_serves(stage->center->hsm, algorithm))
            continue;
        struct known_key zpk = stage_put(stage->center, POS_USAGE_ZPK, algorithm, 0x81);
        bool to_tdes = fits(POS_PIN_FORMAT_0, algorithm);
        enum pos_pin_format to = to_tdes ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
        size_t right = (tdes ? 3 : 1) * (to_tdes ? 2 : 1); /* from 0, 1, 3 or 4; to 0, 3 or 4 */
        passed = try_pairs(stage, &zpk);
        cr_expect(passed == right, "%s: %zu pairs under %s", stage->name, passed,
                  pos_algorithm_name(algorithm));
        expect_pan(stage, &zpk, from, to);
        if (tdes)
            expect_pan(stage, &zpk, POS_PIN_FORMAT_3, to);
        expect_right_keys(stage, &zpk, from, to);
        if (zones++ == 0)
            expect_damaged(stage, &zpk, from, to);
    }
    cr_expect(zones > 0);
}
