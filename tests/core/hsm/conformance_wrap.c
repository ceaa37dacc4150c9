/* Keys under other keys: to mother POSes and to terminals, in key blocks and bare. */
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/crypto/cipher.h"
#include "core/crypto/exchange.h"
#include "tests/core/hsm/conformance_inside.h"

static bool is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

static bool is_stronger(enum pos_algorithm a, enum pos_algorithm b)
{
    return pos_algorithm_strength(a) > pos_algorithm_strength(b);
}

/* ---- key files ---- */

enum pos_status core_key_file(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    return pos_hsm_export_tmk(stage->center, &stage->tmk.key, &stage->ktk.key, &block);
}

static void expect_digits(const struct stage *stage, struct pos_bytes block, const char *tag,
                          const struct pos_kcv *kcv)
{
    char text[POS_KEY_BLOCK_SIZE_MAX + 1] = {0}, digits[2 * POS_KCV_SIZE_MAX + 1];
    memcpy(text, block.data, block.size < 80 ? block.size : 80);
    pos_hex_encode(pos_bytes(kcv->data, kcv->size), digits);
    const char *found = strstr(text, tag);
    cr_expect(found != NULL && strstr(found, digits) == found + 6, "%s: %s %s in %s", stage->name,
              tag, digits, text);
}

static void expect_export(const struct stage *stage, struct pos_bytes block,
                          const struct known_key *ktk)
{
    char start[] = "D0000K1AB00E";
    start[0] = is_tdes(ktk->key.algorithm) ? 'B' : 'D';
    (void)snprintf(start + 1, 5, "%04zu", block.size);
    start[5] = 'K';
    start[7] = pos_key_block_algorithm_letter(stage->algorithm);
    cr_expect(memcmp(block.data, start, 12) == 0, "%s: %.16s is not %s", stage->name,
              (const char *)block.data, start);
    expect_digits(stage, block, "KC", &stage->tmk.kcv);
    expect_digits(stage, block, "KP", &ktk->kcv);
    struct pos_key_block_attributes attributes = {"K1", start[7], 'B', "00", 'E'};
    uint8_t clear[POS_KEY_SIZE_MAX];
    cr_assert(stage_unwrap(ktk->key.algorithm, ktk->clear, block, &attributes, stage->algorithm,
                           clear) == POS_OK);
    cr_expect_arr_eq(clear, stage->tmk.clear, pos_algorithm_key_size(stage->algorithm), "%s",
                     stage->name);
}

static void expect_import(const struct stage *stage, uint8_t *block, size_t size,
                          const struct pos_key *mother_ktk)
{
    struct pos_key tmk;
    struct pos_kcv kcv, again;
    struct pos_error error = {0};
    struct pos_bytes view = pos_bytes(block, size);
    cr_assert(pos_hsm_import_tmk(stage->mother, view, mother_ktk, stage->algorithm, &tmk, &kcv,
                                 &error) == POS_OK,
              "%s: %s", stage->name, error.text);
    cr_expect(pos_kcv_equal(&kcv, &stage->tmk.kcv), "%s: the mother POS has it", stage->name);
    cr_expect(pos_hsm_kcv(stage->mother, &tmk, &again) == POS_OK && pos_kcv_equal(&kcv, &again));

    for (int algorithm = POS_ALGORITHM_NONE; algorithm <= POS_ALGORITHM_COUNT; algorithm++) {
        if (algorithm == (int)stage->algorithm)
            continue;
        enum pos_status status = pos_hsm_import_tmk(
            stage->mother, view, mother_ktk, (enum pos_algorithm)algorithm, &tmk, &kcv, &error);
        cr_expect(status == POS_ERR_MISMATCH || status == POS_ERR_USAGE ||
                      status == POS_ERR_NOT_ALLOWED,
                  "%s as algorithm %d: %s", stage->name, algorithm, pos_status_text(status));
        cr_expect(tmk.size == 0 && kcv.method == POS_KCV_NONE);
    }
    uint8_t *last = block + size - 40;
    *last = *last == 'A' ? 'B' : 'A';
    cr_expect(pos_hsm_import_tmk(stage->mother, view, mother_ktk, stage->algorithm, &tmk, &kcv,
                                 &error) == POS_ERR_MAC);
    cr_expect(tmk.size == 0 && error.text[0] != '\0');
    *last = *last == 'A' ? 'B' : 'A';
}

static void expect_key_file(const struct stage *stage, enum pos_algorithm ktk_algorithm)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct known_key ktk = stage_put(stage->center, POS_USAGE_KTK, ktk_algorithm, 0x21);
    struct known_key at_mother = stage_put(stage->mother, POS_USAGE_KTK, ktk_algorithm, 0x21);
    struct known_key other = stage_put(stage->mother, POS_USAGE_KTK, ktk_algorithm, 0x2B);
    struct pos_key tmk;
    struct pos_kcv kcv;
    enum pos_status status = pos_hsm_export_tmk(stage->center, &stage->tmk.key, &ktk.key, &block);
    if (is_stronger(stage->algorithm, ktk_algorithm)) {
        cr_expect(status == POS_ERR_NOT_ALLOWED && block.size == 0, "%s under %s: %s", stage->name,
                  pos_algorithm_name(ktk_algorithm), pos_status_text(status));
        cr_expect(pos_hsm_import_tmk(stage->mother, pos_bytes_text("no block"), &at_mother.key,
                                     stage->algorithm, &tmk, &kcv, NULL) == POS_ERR_NOT_ALLOWED);
        return;
    }
    cr_assert(status == POS_OK, "%s under %s: %s", stage->name, pos_algorithm_name(ktk_algorithm),
              pos_status_text(status));
    expect_export(stage, pos_buffer_view(&block), &ktk);
    expect_import(stage, memory, block.size, &at_mother.key);
    status = pos_hsm_import_tmk(stage->mother, pos_buffer_view(&block), &other.key,
                                stage->algorithm, &tmk, &kcv, NULL);
    cr_expect(status == POS_ERR_MAC || status == POS_ERR_MISMATCH, "%s: another KTK", stage->name);
    cr_expect(pos_hsm_import_tmk(stage->mother, pos_buffer_view(&block), &ktk.key, stage->algorithm,
                                 &tmk, &kcv, NULL) == POS_ERR_CORRUPT,
              "%s: another LMK's KTK", stage->name);
}

void run_key_file(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory), small = pos_buffer(memory, 20);
    struct pos_hsm_session *s = stage->center;
    const struct pos_key *tmk = &stage->tmk.key, *ktk = &stage->ktk.key;
    for (size_t i = 0; i < CEREMONY_COUNT; i++)
        if (pos_hsm_serves(stage->center->hsm, ceremony_algorithms[i]))
            expect_key_file(stage, ceremony_algorithms[i]);
    const struct known_key *const others[] = {&stage->tpk, &stage->tak, &stage->tdk, &stage->ktk};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(pos_hsm_export_tmk(s, &others[i]->key, ktk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk(s, tmk, tmk, &block) == POS_ERR_USAGE);
    struct pos_key foreign = stage_put(stage->mother, POS_USAGE_KTK, ktk->algorithm, 1).key;
    cr_expect(pos_hsm_export_tmk(s, tmk, &foreign, &block) == POS_ERR_CORRUPT, "%s: another LMK's",
              stage->name);
    foreign = stage_put(stage->mother, POS_USAGE_TMK, tmk->algorithm, 1).key;
    cr_expect(pos_hsm_export_tmk(s, &foreign, ktk, &block) == POS_ERR_CORRUPT);
    cr_expect(pos_hsm_export_tmk(s, tmk, ktk, &small) == POS_ERR_LENGTH);
    cr_expect(block.size == 0 && small.size == 0);
}

/* ---- bare ---- */

static enum pos_status expected_bare(enum pos_algorithm tmk, enum pos_algorithm ktk)
{
    if (is_stronger(tmk, ktk))
        return POS_ERR_NOT_ALLOWED;
    return tmk == POS_ALGORITHM_T3 && !is_tdes(ktk) ? POS_ERR_USAGE : POS_OK;
}

/* A T3 key goes under TDES alone: under the strongest KTK, which is AES, the refusal is the core.
 */
enum pos_status core_bare(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_hsm_export_tmk_bare(stage->center, &stage->tmk.key, &stage->ktk.key, &text);
    enum pos_status expected = expected_bare(stage->algorithm, stage->ktk.key.algorithm);
    return status == expected ? POS_OK : status;
}

static void expect_bare(const struct stage *stage, enum pos_algorithm ktk_algorithm)
{
    char memory[2 * POS_KEY_SIZE_MAX + 1], right[2 * POS_KEY_SIZE_MAX + 1];
    uint8_t coded[POS_KEY_SIZE_MAX];
    struct pos_buffer text = pos_buffer(memory, sizeof memory);
    struct known_key ktk = stage_put(stage->center, POS_USAGE_KTK, ktk_algorithm, 0x21);
    size_t size = pos_algorithm_key_size(stage->algorithm);
    enum pos_status expected = expected_bare(stage->algorithm, ktk_algorithm);
    enum pos_status status =
        pos_hsm_export_tmk_bare(stage->center, &stage->tmk.key, &ktk.key, &text);
    cr_expect(status == expected, "%s under %s: %s", stage->name, pos_algorithm_name(ktk_algorithm),
              pos_status_text(status));
    cr_expect(pos_hsm_bare_possible(stage->algorithm, ktk_algorithm) || expected != POS_OK);
    if (expected != POS_OK) {
        cr_expect(text.size == 0);
        return;
    }
    memcpy(coded, stage->tmk.clear, size);
    stage_encrypt(ktk_algorithm, ktk.clear, coded, size);
    pos_hex_encode(pos_bytes(coded, size), right);
    cr_expect(pos_bytes_equal_text(pos_buffer_view(&text), right), "%s: in ECB under %s",
              stage->name, pos_algorithm_name(ktk_algorithm));
    struct pos_buffer small = pos_buffer(memory, 2 * size - 1);
    cr_expect(pos_hsm_export_tmk_bare(stage->center, &stage->tmk.key, &ktk.key, &small) ==
              POS_ERR_LENGTH);
    cr_expect(small.size == 0);
}

void run_bare(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer none = pos_buffer(memory, sizeof memory);
    struct pos_hsm_session *s = stage->center;
    const struct pos_key *ktk = &stage->ktk.key;
    for (size_t i = 0; i < CEREMONY_COUNT; i++)
        if (pos_hsm_serves(stage->center->hsm, ceremony_algorithms[i]))
            expect_bare(stage, ceremony_algorithms[i]);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tak.key, ktk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tpk.key, ktk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, ktk, ktk, &none) == POS_ERR_USAGE);
    cr_expect(pos_hsm_export_tmk_bare(s, &stage->tmk.key, &stage->tmk.key, &none) == POS_ERR_USAGE);
    struct pos_key foreign =
        stage_put(stage->mother, POS_USAGE_KTK, stage->ktk.key.algorithm, 1).key;
    if (pos_hsm_bare_possible(stage->algorithm, ktk->algorithm))
        cr_expect(pos_hsm_export_tmk_bare(s, &stage->tmk.key, &foreign, &none) == POS_ERR_CORRUPT);
    cr_expect(none.size == 0);
}

/* ---- to the terminal at the mother POS ---- */

enum pos_status core_deliver(const struct stage *stage)
{
    struct pos_exchange *terminal;
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], terminal_public[32], mother_public[32];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    cr_assert(pos_exchange_create(&terminal) == POS_OK);
    pos_exchange_public(terminal, terminal_public);
    pos_exchange_destroy(terminal);
    return pos_hsm_deliver_tmk(stage->center, &stage->tmk.key, terminal_public, mother_public,
                               &block);
}

static void expect_delivered(const struct stage *stage, struct pos_exchange *terminal,
                             const uint8_t *terminal_public)
{
    uint8_t mother_public[32], session_key[POS_KEY_SIZE_MAX], key[POS_KEY_SIZE_MAX];
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_key_block_attributes expected = {"K1", 0, 'D', "00", 'N'};
    expected.algorithm = pos_key_block_algorithm_letter(stage->algorithm);
    cr_assert(pos_hsm_deliver_tmk(stage->center, &stage->tmk.key, terminal_public, mother_public,
                                  &block) == POS_OK);
    cr_assert(pos_exchange_session_key(terminal, POS_EXCHANGE_TERMINAL, mother_public,
                                       session_key) == POS_OK);
    cr_expect(stage_unwrap(POS_ALGORITHM_A256, session_key, pos_buffer_view(&block), &expected,
                           stage->algorithm, key) == POS_OK);
    cr_expect_arr_eq(key, stage->tmk.clear, pos_algorithm_key_size(stage->algorithm),
                     "%s: the terminal has the key", stage->name);
    session_key[0] ^= 1;
    cr_expect(stage_unwrap(POS_ALGORITHM_A256, session_key, pos_buffer_view(&block), &expected,
                           stage->algorithm, key) == POS_ERR_MAC);
}

void run_deliver(const struct stage *stage)
{
    struct pos_exchange *terminal;
    uint8_t terminal_public[32], mother_public[32], zeros[32] = {0};
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    cr_assert(pos_exchange_create(&terminal) == POS_OK);
    pos_exchange_public(terminal, terminal_public);
    expect_delivered(stage, terminal, terminal_public);
    pos_exchange_destroy(terminal);
    cr_expect(pos_hsm_deliver_tmk(stage->center, &stage->tmk.key, zeros, mother_public, &block) ==
              POS_ERR_FORMAT);
    cr_expect(pos_hsm_deliver_tmk(stage->center, &stage->ktk.key, terminal_public, mother_public,
                                  &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_deliver_tmk(stage->center, &stage->tpk.key, terminal_public, mother_public,
                                  &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_deliver_tmk(stage->mother, &stage->tmk.key, terminal_public, mother_public,
                                  &block) == POS_ERR_CORRUPT,
              "%s: another LMK's", stage->name);
    cr_expect(block.size == 0);
}

/* ---- working keys as blocks ---- */

/* For SM4 there is no version, and the refusal is the core. */
enum pos_status core_block(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    enum pos_status status =
        pos_hsm_wrap_working_key(stage->center, &stage->tmk.key, &stage->tak.key, &block);
    if (stage->algorithm == POS_ALGORITHM_SM4)
        return status == POS_ERR_USAGE && block.size == 0 ? POS_OK : POS_ERR_STATE;
    return status;
}

static void expect_block(const struct stage *stage, const struct known_key *working,
                         const struct pos_key_block_attributes *expected)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], clear[POS_KEY_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    char start[] = "D0000M6AC00N0000";
    cr_assert(pos_hsm_wrap_working_key(stage->center, &stage->tmk.key, &working->key, &block) ==
              POS_OK);
    (void)snprintf(start, sizeof start, "%c%04zu%.2s%c%c00N0000",
                   is_tdes(stage->algorithm) ? 'B' : 'D', block.size, expected->usage,
                   expected->algorithm, expected->mode);
    cr_expect(memcmp(memory, start, 16) == 0, "%s: %.16s is not %s", stage->name,
              (const char *)memory, start);
    cr_expect(stage_unwrap(stage->algorithm, stage->tmk.clear, pos_buffer_view(&block), expected,
                           stage->working, clear) == POS_OK);
    cr_expect_arr_eq(clear, working->clear, pos_algorithm_key_size(stage->working), "%s",
                     stage->name);
}

/* Working keys of every other algorithm. */
static void expect_no_other_block(const struct stage *stage, struct pos_buffer *block)
{
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++) {
        enum pos_algorithm algorithm = (enum pos_algorithm)i;
        if (algorithm == stage->working || algorithm == POS_ALGORITHM_T3 ||
            !pos_hsm_serves(stage->center->hsm, algorithm))
            continue;
        struct pos_key key = stage_put(stage->center, POS_USAGE_TAK, algorithm, 3).key;
        enum pos_status status =
            pos_hsm_wrap_working_key(stage->center, &stage->tmk.key, &key, block);
        enum pos_status right =
            is_stronger(algorithm, stage->algorithm) ? POS_ERR_NOT_ALLOWED : POS_ERR_USAGE;
        cr_expect(status == right, "%s: a %s TAK: %s", stage->name, pos_algorithm_name(algorithm),
                  pos_status_text(status));
    }
}

void run_block(const struct stage *stage)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_hsm_session *s = stage->center;
    const struct pos_key *tmk = &stage->tmk.key;
    char letter = pos_key_block_algorithm_letter(stage->working);
    const struct pos_key_block_attributes tpk = {"P0", letter, 'E', "00", 'N'};
    struct pos_key_block_attributes tak = {"M6", letter, 'C', "00", 'N'};
    tak.usage[1] = stage->working == POS_ALGORITHM_T2 ? '3' : '6';
    if (stage->algorithm != POS_ALGORITHM_SM4) {
        expect_block(stage, &stage->tpk, &tpk);
        expect_block(stage, &stage->tak, &tak);
        struct pos_key foreign = stage_put(stage->mother, POS_USAGE_TAK, stage->working, 1).key;
        cr_expect(pos_hsm_wrap_working_key(s, tmk, &foreign, &block) == POS_ERR_CORRUPT);
    } else {
        cr_expect(pos_hsm_wrap_working_key(s, tmk, &stage->tpk.key, &block) == POS_ERR_USAGE);
    }
    expect_no_other_block(stage, &block);
    cr_expect(pos_hsm_wrap_working_key(s, tmk, tmk, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_key(s, tmk, &stage->tdk.key, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_key(s, tmk, &stage->ktk.key, &block) == POS_ERR_USAGE);
    cr_expect(pos_hsm_wrap_working_key(s, &stage->ktk.key, &stage->tpk.key, &block) ==
                  POS_ERR_USAGE,
              "%s: a working key goes out under a TMK only", stage->name);
    cr_expect(block.size == 0);
}
