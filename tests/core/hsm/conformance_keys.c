/* Making keys: generate, ceremonies, moving to another LMK; and values that are not what they say.
 */
#include <string.h>

#include "core/base/secret.h"
#include "tests/core/hsm/conformance_inside.h"
#include "tests/core/hsm/scratch.h"

static bool is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

/* ---- generate ---- */

enum pos_status core_generate(const struct stage *stage)
{
    struct pos_key key;
    struct pos_kcv kcv;
    return pos_hsm_generate(stage->center, POS_USAGE_TMK, stage->algorithm, &key, &kcv);
}

static void expect_generated(const struct stage *stage, enum pos_key_usage usage,
                             enum pos_algorithm algorithm)
{
    struct pos_key key, other;
    struct pos_kcv kcv, again, other_kcv;
    const char *name = pos_key_usage_name(usage);
    cr_assert(pos_hsm_generate(stage->center, usage, algorithm, &key, &kcv) == POS_OK, "%s %s",
              stage->name, name);
    cr_expect(key.usage == usage && key.algorithm == algorithm && key.size >= 16);
    cr_expect(pos_hsm_kcv(stage->center, &key, &again) == POS_OK);
    cr_expect(pos_kcv_equal(&kcv, &again), "%s: the same %s opens", stage->name, name);
    cr_expect(pos_hsm_generate(stage->center, usage, algorithm, &other, &other_kcv) == POS_OK);
    cr_expect_not(pos_kcv_equal(&other_kcv, &kcv), "%s: %ss are random", stage->name, name);
}

/* A generated TMK is the one whose check value was given, and of odd parity where it is TDES. */
static void expect_open_generated(const struct stage *stage)
{
    struct pos_key key;
    struct pos_kcv kcv;
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], clear[POS_KEY_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    cr_assert(pos_hsm_generate(stage->center, POS_USAGE_TMK, stage->algorithm, &key, &kcv) ==
              POS_OK);
    cr_assert(pos_hsm_export_tmk(stage->center, &key, &stage->ktk.key, &block) == POS_OK);
    struct pos_key_block_attributes attributes = {"K1", 0, 'B', "00", 'E'};
    attributes.algorithm = pos_key_block_algorithm_letter(stage->algorithm);
    cr_assert(stage_unwrap(stage->ktk.key.algorithm, stage->ktk.clear, pos_buffer_view(&block),
                           &attributes, stage->algorithm, clear) == POS_OK);
    stage_expect_kcv(stage, stage->algorithm, clear, &kcv, "a generated TMK");
    for (size_t i = 0; is_tdes(stage->algorithm) && i < pos_algorithm_key_size(stage->algorithm);
         i++)
        cr_expect(__builtin_popcount(clear[i]) % 2 == 1, "%s: parity of byte %zu", stage->name, i);
}

static void expect_single(const struct stage *stage, enum pos_key_usage usage)
{
    struct pos_key key, other;
    struct pos_kcv kcv, again, other_kcv;
    cr_assert(pos_hsm_generate_single(stage->center, usage, &key, &kcv) == POS_OK);
    cr_expect(key.usage == usage && key.algorithm == POS_ALGORITHM_T2);
    cr_expect(kcv.method == POS_KCV_ZEROS && kcv.size == 3);
    cr_expect(pos_hsm_kcv(stage->center, &key, &again) == POS_OK && pos_kcv_equal(&kcv, &again));
    cr_expect(pos_hsm_generate_single(stage->center, usage, &other, &other_kcv) == POS_OK);
    cr_expect_not(pos_kcv_equal(&kcv, &other_kcv), "%s: random", stage->name);
}

/* What one verb makes is what verbs of their own would: as many keys as software makes at once and
 * a few more, of each kind in turn. */
static void expect_many_generated(const struct stage *stage)
{
    enum { COUNT = 50 };
    static const enum pos_key_usage usages[] = {POS_USAGE_TMK, POS_USAGE_TPK, POS_USAGE_TAK,
                                                POS_USAGE_TDK};
    struct pos_new_key wanted[COUNT];
    struct pos_key keys[COUNT];
    struct pos_kcv kcvs[COUNT], again;
    for (size_t i = 0; i < COUNT; i++) {
        enum pos_key_usage usage = usages[i % 4];
        bool single = stage->working == POS_ALGORITHM_T2 && (i % 8 == 1 || i % 8 == 2);
        wanted[i] =
            (struct pos_new_key){usage, usage == POS_USAGE_TMK ? stage->algorithm : stage->working,
                                 single, &keys[i], &kcvs[i]};
    }
    cr_assert(pos_hsm_generate_many(stage->center, wanted, COUNT) == POS_OK, "%s", stage->name);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect(keys[i].usage == wanted[i].usage && keys[i].algorithm == wanted[i].algorithm);
        cr_expect(pos_hsm_kcv(stage->center, &keys[i], &again) == POS_OK, "key %zu opens", i);
        cr_expect(pos_kcv_equal(&kcvs[i], &again), "%s: key %zu", stage->name, i);
        for (size_t other = 0; other < i; other++)
            cr_expect(memcmp(keys[i].data, keys[other].data, 16) != 0, "%zu and %zu", other, i);
    }
    cr_expect(pos_hsm_generate_many(stage->center, NULL, 0) == POS_OK, "nothing is wanted");
}

/* None of several, when the last one is not made here. */
static void expect_none_generated(const struct stage *stage)
{
    struct pos_key keys[2] = {{.size = 1}, {.size = 1}};
    struct pos_kcv kcvs[2] = {{.method = POS_KCV_CMAC}, {.method = POS_KCV_CMAC}};
    struct pos_new_key wanted[] = {
        {POS_USAGE_TMK, stage->algorithm, false, &keys[0], &kcvs[0]},
        {POS_USAGE_ZPK, stage->algorithm, false, &keys[1], &kcvs[1]},
    };
    cr_expect(pos_hsm_generate_many(stage->center, wanted, 2) == POS_ERR_USAGE);
    for (size_t i = 0; i < 2; i++)
        cr_expect(keys[i].size == 0 && kcvs[i].method == POS_KCV_NONE, "key %zu", i);
    wanted[1] = (struct pos_new_key){POS_USAGE_TMK, POS_ALGORITHM_A256, true, &keys[1], &kcvs[1]};
    cr_expect(pos_hsm_generate_many(stage->center, wanted, 2) == POS_ERR_USAGE,
              "no TMK, and no AES key, is of single length");
}

static void expect_not_generated(const struct stage *stage)
{
    static const enum pos_key_usage others[] = {POS_USAGE_NONE, POS_USAGE_LMK, POS_USAGE_KTK,
                                                POS_USAGE_ZPK,  POS_USAGE_ZAK, POS_USAGE_COUNT};
    struct pos_key key;
    struct pos_kcv kcv;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        cr_expect(pos_hsm_generate(stage->center, others[i], stage->algorithm, &key, &kcv) ==
                      POS_ERR_USAGE,
                  "%s: usage %d is not generated", stage->name, others[i]);
        cr_expect(pos_hsm_generate_single(stage->center, others[i], &key, &kcv) == POS_ERR_USAGE);
        cr_expect(key.size == 0 && kcv.method == POS_KCV_NONE);
    }
    cr_expect(pos_hsm_generate_single(stage->center, POS_USAGE_TMK, &key, &kcv) == POS_ERR_USAGE);
    cr_expect(pos_hsm_generate_single(stage->center, POS_USAGE_TDK, &key, &kcv) == POS_ERR_USAGE);
    cr_expect(pos_hsm_generate(stage->center, POS_USAGE_TPK, POS_ALGORITHM_T3, &key, &kcv) ==
                  POS_ERR_USAGE,
              "the working keys of a T3 terminal are T2");
    cr_expect(pos_hsm_generate(stage->center, POS_USAGE_TMK, POS_ALGORITHM_NONE, &key, &kcv) ==
              POS_ERR_USAGE);
    cr_expect(pos_hsm_generate(stage->center, POS_USAGE_TMK, POS_ALGORITHM_COUNT, &key, &kcv) ==
              POS_ERR_USAGE);
}

void run_generate(const struct stage *stage)
{
    expect_generated(stage, POS_USAGE_TMK, stage->algorithm);
    expect_generated(stage, POS_USAGE_TPK, stage->working);
    expect_generated(stage, POS_USAGE_TAK, stage->working);
    expect_generated(stage, POS_USAGE_TDK, stage->working);
    expect_open_generated(stage);
    if (is_tdes(stage->algorithm)) {
        expect_single(stage, POS_USAGE_TPK);
        expect_single(stage, POS_USAGE_TAK);
    }
    expect_many_generated(stage);
    expect_none_generated(stage);
    expect_not_generated(stage);
}

/* ---- ceremonies ---- */

static enum pos_status import(const struct stage *stage, enum pos_key_usage usage,
                              const struct pos_component *components, size_t count,
                              struct known_key *made)
{
    struct pos_error error = {0};
    enum pos_status status = pos_hsm_import_components(
        stage->center, usage, stage->algorithm, components, count, &made->key, &made->kcv, &error);
    cr_expect((status == POS_OK) == (error.text[0] == '\0'), "%s: an error says what", stage->name);
    cr_expect(status == POS_OK || (made->key.size == 0 && made->kcv.method == POS_KCV_NONE));
    return status;
}

/* SM4 is for terminals alone: there the refusal is the core. */
enum pos_status core_ceremony(const struct stage *stage)
{
    struct pos_component components[2];
    struct known_key made;
    scratch_components(components, (uint8_t)pos_algorithm_key_size(stage->algorithm), 0x30);
    enum pos_status status = import(stage, POS_USAGE_KTK, components, 2, &made);
    if (stage->algorithm == POS_ALGORITHM_SM4)
        return status == POS_ERR_USAGE ? POS_OK : POS_ERR_STATE;
    return status;
}

/* Nine parts, whose parity is what it is: the key is their XOR, bit for bit. */
static void expect_combined(const struct stage *stage, enum pos_key_usage usage)
{
    struct pos_component components[POS_COMPONENT_COUNT_MAX];
    uint8_t size = (uint8_t)pos_algorithm_key_size(stage->algorithm), clear[POS_KEY_SIZE_MAX] = {0};
    struct known_key made;
    for (size_t i = 0; i < POS_COMPONENT_COUNT_MAX; i++) {
        components[i].size = size;
        for (size_t b = 0; b < size; b++) {
            components[i].data[b] = (uint8_t)(i * 29 + b * (i + 3) + 1);
            clear[b] ^= components[i].data[b];
        }
        struct pos_kcv kcv;
        cr_expect(pos_component_kcv(&components[i], stage->algorithm, &kcv) == POS_OK);
        stage_expect_kcv(stage, stage->algorithm, components[i].data, &kcv, "a component");
    }
    cr_assert(import(stage, usage, components, POS_COMPONENT_COUNT_MAX, &made) == POS_OK, "%s %s",
              stage->name, pos_key_usage_name(usage));
    stage_expect_kcv(stage, stage->algorithm, clear, &made.kcv, "the whole");
    struct pos_kcv again;
    cr_expect(pos_hsm_kcv(stage->center, &made.key, &again) == POS_OK &&
              pos_kcv_equal(&again, &made.kcv));
    uint8_t *opened = pos_secret_create(POS_KEY_SIZE_MAX);
    enum pos_status (*export_clear)(struct pos_hsm_session *, const struct pos_key *, uint8_t *) =
        stage->center->hsm->module->export_clear;
    if (export_clear != NULL && export_clear(stage->center, &made.key, opened) == POS_OK)
        cr_expect_arr_eq(opened, clear, size, "%s: no bit was changed", stage->name);
    pos_secret_destroy(opened, POS_KEY_SIZE_MAX);
    cr_expect(import(stage, usage, components, 1, &made) == POS_ERR_USAGE);
    cr_expect(import(stage, usage, components, POS_COMPONENT_COUNT_MAX + 1, &made) ==
              POS_ERR_USAGE);
    components[1] = components[0];
    cr_expect(import(stage, usage, components, 2, &made) == POS_ERR_USAGE, "they cancel");
    components[1].size--;
    cr_expect(import(stage, usage, components, 2, &made) == POS_ERR_USAGE);
}

/* Two parts that are the same, or the same but for parity, make a shorter key. */
static void expect_no_repeats(const struct stage *stage)
{
    size_t size = pos_algorithm_key_size(stage->algorithm);
    struct known_key made;
    for (size_t a = 0; a < size; a += 8)
        for (size_t b = a + 8; b < size; b += 8) {
            struct pos_component components[2];
            scratch_components(components, (uint8_t)size, 0x41);
            for (size_t i = 0; i < 8; i++)
                components[0].data[b + i] = components[0].data[a + i] ^ components[1].data[a + i] ^
                                            components[1].data[b + i] ^ 1;
            cr_expect(import(stage, POS_USAGE_KTK, components, 2, &made) == POS_ERR_USAGE,
                      "%s: parts at %zu and %zu", stage->name, a, b);
            components[0].data[b] ^= 2;
            cr_expect(import(stage, POS_USAGE_KTK, components, 2, &made) == POS_OK);
        }
}

void run_ceremony(const struct stage *stage)
{
    static const enum pos_key_usage ours[] = {POS_USAGE_KTK, POS_USAGE_ZPK, POS_USAGE_ZAK};
    static const enum pos_key_usage others[] = {POS_USAGE_NONE, POS_USAGE_LMK, POS_USAGE_TMK,
                                                POS_USAGE_TPK,  POS_USAGE_TAK, POS_USAGE_TDK};
    struct pos_component components[2];
    struct known_key made;
    scratch_components(components, (uint8_t)pos_algorithm_key_size(stage->algorithm), 0x30);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(import(stage, others[i], components, 2, &made) == POS_ERR_USAGE, "%s: usage %d",
                  stage->name, others[i]);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (stage->algorithm == POS_ALGORITHM_SM4)
            cr_expect(import(stage, ours[i], components, 2, &made) == POS_ERR_USAGE);
        else
            expect_combined(stage, ours[i]);
    if (is_tdes(stage->algorithm))
        expect_no_repeats(stage);
}

/* ---- another LMK ---- */

enum pos_status core_move(const struct stage *stage)
{
    struct pos_key moved;
    return pos_hsm_move_key(stage->center, stage->mother, &stage->tmk.key, &moved);
}

static void expect_moved(const char *name, struct pos_hsm_session *from, struct pos_hsm_session *to,
                         const struct known_key *known)
{
    struct pos_key moved = known->key;
    struct pos_kcv kcv;
    const char *usage = pos_key_usage_name(known->key.usage);
    cr_assert(pos_hsm_move_key(from, to, &moved, &moved) == POS_OK, "%s: %s", name, usage);
    cr_expect(moved.usage == known->key.usage && moved.algorithm == known->key.algorithm);
    cr_expect(pos_hsm_kcv(to, &moved, &kcv) == POS_OK && pos_kcv_equal(&kcv, &known->kcv),
              "%s: the same %s", name, usage);
    cr_expect(pos_hsm_kcv(from, &moved, &kcv) != POS_OK, "%s: under its new LMK alone", name);
    cr_expect(pos_hsm_kcv(from, &known->key, &kcv) == POS_OK, "%s: the old value is as good", name);

    struct pos_key damaged = known->key;
    damaged.data[damaged.size / 2] ^= 1;
    cr_expect(pos_hsm_move_key(from, to, &damaged, &damaged) == POS_ERR_CORRUPT, "%s", name);
    cr_expect(damaged.size == 0, "%s: nothing comes of it", name);
    damaged = known->key;
    damaged.usage = known->key.usage == POS_USAGE_TMK ? POS_USAGE_TPK : POS_USAGE_TMK;
    cr_expect(pos_hsm_move_key(from, to, &damaged, &moved) != POS_OK && moved.size == 0,
              "%s: %s as something else", name, usage);
    damaged.usage = POS_USAGE_LMK;
    cr_expect(pos_hsm_move_key(from, to, &damaged, &moved) == POS_ERR_USAGE);
}

/* A MAC says the same on both sides, so it is the key and not just its check value. */
void hsm_expect_moves(const char *name, struct pos_hsm_session *from, struct pos_hsm_session *to,
                      enum pos_algorithm algorithm)
{
    enum pos_algorithm working = pos_algorithm_working(algorithm);
    struct known_key tak = stage_put(from, POS_USAGE_TAK, working, 0x61);
    struct known_key keys[] = {stage_put(from, POS_USAGE_TMK, algorithm, 0x62),
                               stage_put(from, POS_USAGE_TPK, working, 1),
                               stage_put(from, POS_USAGE_TDK, working, 2), tak};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        expect_moved(name, from, to, &keys[i]);
    for (int usage = POS_USAGE_KTK; usage <= POS_USAGE_ZAK && algorithm != POS_ALGORITHM_SM4;
         usage++)
        if (usage == POS_USAGE_KTK || usage == POS_USAGE_ZPK || usage == POS_USAGE_ZAK) {
            struct known_key key = stage_put(from, (enum pos_key_usage)usage, algorithm, 0x63);
            expect_moved(name, from, to, &key);
        }
    uint8_t mac[POS_MAC_SIZE];
    struct pos_key moved;
    cr_assert(pos_hsm_make_mac(from, &tak.key, POS_MAC_WORKING, pos_bytes_text(stage_message),
                               mac) == POS_OK);
    cr_assert(pos_hsm_move_key(from, to, &tak.key, &moved) == POS_OK);
    cr_expect(pos_hsm_verify_mac(to, &moved, POS_MAC_WORKING, pos_bytes_text(stage_message), mac) ==
                  POS_OK,
              "%s %s", name, pos_algorithm_name(algorithm));
}

void run_move(const struct stage *stage)
{
    hsm_expect_moves(stage->name, stage->center, stage->mother, stage->algorithm);
    hsm_expect_moves(stage->name, stage->mother, stage->center, stage->algorithm);
    struct pos_key moved;
    cr_expect(pos_hsm_move_key(stage->mother, stage->center, &stage->tmk.key, &moved) ==
                  POS_ERR_CORRUPT,
              "%s: it is not the mother's", stage->name);
}

/* ---- values that are not what they say ---- */

static void expect_dead(const struct stage *stage, const struct pos_key *key, const char *what)
{
    struct pos_kcv kcv;
    enum pos_status status = pos_hsm_kcv(stage->center, key, &kcv);
    cr_expect(status == POS_ERR_CORRUPT || status == POS_ERR_USAGE, "%s: %s: %s", stage->name, what,
              pos_status_name(status));
    cr_expect(kcv.method == POS_KCV_NONE);
}

static void expect_dead_as_anything_else(const struct stage *stage, const struct pos_key *key)
{
    for (int usage = POS_USAGE_NONE; usage <= POS_USAGE_COUNT; usage++) {
        struct pos_key changed = *key;
        changed.usage = (enum pos_key_usage)usage;
        if (changed.usage != key->usage)
            expect_dead(stage, &changed, "other usage");
    }
    for (int algorithm = POS_ALGORITHM_NONE; algorithm <= POS_ALGORITHM_COUNT; algorithm++) {
        struct pos_key changed = *key;
        changed.algorithm = (enum pos_algorithm)algorithm;
        if (changed.algorithm != key->algorithm)
            expect_dead(stage, &changed, "other algorithm");
    }
    for (unsigned size = 0; size < 256; size++) {
        struct pos_key changed = *key;
        changed.size = (uint8_t)size;
        if (changed.size != key->size)
            expect_dead(stage, &changed, "other size");
    }
    for (size_t bit = 0; bit < 8 * (size_t)key->size; bit++) {
        struct pos_key changed = *key;
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_dead(stage, &changed, "bit changed");
    }
}

enum pos_status core_damage(const struct stage *stage)
{
    struct pos_kcv kcv;
    return pos_hsm_kcv(stage->center, &stage->tak.key, &kcv);
}

/* A key that is remembered must not vouch for one that differs. */
static void expect_damaged_mac_keys(const struct stage *stage)
{
    uint8_t mac[POS_MAC_SIZE];
    struct pos_bytes text = pos_bytes_text(stage_message);
    const struct pos_key *tak = &stage->tak.key;
    cr_assert(pos_hsm_make_mac(stage->center, tak, POS_MAC_WORKING, text, mac) == POS_OK);
    for (size_t at = 0; at < tak->size; at++) {
        struct pos_key changed = *tak;
        changed.data[at] ^= 0x10;
        cr_expect(pos_hsm_verify_mac(stage->center, &changed, POS_MAC_WORKING, text, mac) ==
                      POS_ERR_CORRUPT,
                  "%s: byte %zu", stage->name, at);
    }
    for (unsigned size = 0; size < 256; size++) {
        struct pos_key changed = *tak;
        changed.size = (uint8_t)size;
        if (changed.size != tak->size)
            cr_expect(pos_hsm_verify_mac(stage->center, &changed, POS_MAC_WORKING, text, mac) ==
                          POS_ERR_CORRUPT,
                      "%s: size %u", stage->name, size);
    }
    cr_expect(pos_hsm_verify_mac(stage->mother, tak, POS_MAC_WORKING, text, mac) == POS_ERR_CORRUPT,
              "%s: under another LMK", stage->name);
}

void run_damage(const struct stage *stage)
{
    const struct known_key *const keys[] = {&stage->tmk, &stage->tpk, &stage->tak, &stage->tdk,
                                            &stage->ktk};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        expect_dead_as_anything_else(stage, &keys[i]->key);
    for (int usage = POS_USAGE_ZPK; usage <= POS_USAGE_ZAK; usage++) {
        struct known_key zone =
            stage_put(stage->center, (enum pos_key_usage)usage, stage->ktk.key.algorithm, 0x71);
        expect_dead_as_anything_else(stage, &zone.key);
    }
    expect_damaged_mac_keys(stage);
}
