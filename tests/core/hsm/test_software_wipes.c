/*
 * What a verb has open goes when the verb ends, well or not: looked at in the session's own page,
 * and in a parcel, because nothing else of the module shows it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/crypto/exchange.h"
#include "core/hsm/software_inside.h"
#include "tests/core/hsm/scratch.h"

struct world {
    struct scratch scratch;
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    struct pos_key ktk, tmk, tpk, tak, tdk, zpk, zak;
    uint8_t point[32];
};

static struct pos_key ceremony(const struct world *world, enum pos_key_usage usage, uint8_t fill)
{
    struct pos_component parts[2];
    struct pos_key key;
    struct pos_kcv kcv;
    scratch_components(parts, 16, fill);
    cr_assert(pos_hsm_import_components(world->session, usage, POS_ALGORITHM_T2, parts, 2, &key,
                                        &kcv, NULL) == POS_OK);
    return key;
}

static struct pos_key generated(const struct world *world, enum pos_key_usage usage)
{
    struct pos_key key;
    struct pos_kcv kcv;
    cr_assert(pos_hsm_generate(world->session, usage, POS_ALGORITHM_T2, &key, &kcv) == POS_OK);
    return key;
}

static struct world begin(void)
{
    struct world world = {.scratch = scratch_create()};
    struct pos_exchange *terminal;
    world.hsm = scratch_open(&world.scratch, 5);
    cr_assert(pos_hsm_session_open(world.hsm, &world.session) == POS_OK);
    cr_assert(pos_exchange_create(&terminal) == POS_OK);
    pos_exchange_public(terminal, world.point);
    pos_exchange_destroy(terminal);
    world.ktk = ceremony(&world, POS_USAGE_KTK, 1);
    world.zpk = ceremony(&world, POS_USAGE_ZPK, 2);
    world.zak = ceremony(&world, POS_USAGE_ZAK, 3);
    world.tmk = generated(&world, POS_USAGE_TMK);
    world.tpk = generated(&world, POS_USAGE_TPK);
    world.tak = generated(&world, POS_USAGE_TAK);
    world.tdk = generated(&world, POS_USAGE_TDK);
    return world;
}

static void end(const struct world *world)
{
    pos_hsm_session_close(world->session);
    pos_hsm_close(world->hsm);
    scratch_destroy(&world->scratch);
}

static void expect_clean(const struct world *world, const char *verb, enum pos_status status,
                         bool good)
{
    static const struct pos_software_page none;
    cr_expect((status == POS_OK) == good, "%s: %s", verb, pos_status_text(status));
    cr_expect(memcmp(pos_software_own(world->session)->page, &none, sizeof none) == 0,
              "%s, %s, leaves something open", verb, good ? "well" : "refused");
}

/* A block of a PIN by the module itself, from one that the terminal made of format 1. */
static enum pos_status translate(const struct world *world, enum pos_pin_format from, uint8_t fill)
{
    struct pos_pin_cryptogram in = {.format = from, .size = 8}, out = {.format = POS_PIN_FORMAT_0};
    memset(in.data, fill, sizeof in.data);
    return pos_hsm_translate_pin(world->session, &world->tpk, &world->zpk,
                                 pos_bytes_text("4908190180910815"), &in, &out);
}

/* With a TPK that is known, so that there is a PIN to leave behind. */
static void expect_clean_pins(struct world *world)
{
    uint8_t clear[POS_KEY_SIZE_MAX] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct pos_pin_cryptogram in = {.format = POS_PIN_FORMAT_0, .size = 8},
                              out = {.format = POS_PIN_FORMAT_3};
    struct pos_bytes pan = pos_bytes_text("4908190180910815");
    const struct pos_pin pin = {4, "1234"};
    struct pos_kcv kcv;
    cr_assert(world->hsm->module->import_clear(world->session, POS_USAGE_TPK, POS_ALGORITHM_T2,
                                               clear, &world->tpk, &kcv) == POS_OK);
    cr_assert(pos_pin_block_make(POS_PIN_FORMAT_0, POS_ALGORITHM_T2, clear, pan, &pin, in.data) ==
              POS_OK);
    expect_clean(world, "translate_pin",
                 pos_hsm_translate_pin(world->session, &world->tpk, &world->zpk, pan, &in, &out),
                 true);
    expect_clean(world, "translate_pin", translate(world, POS_PIN_FORMAT_0, 0x77), false);
    out.format = POS_PIN_FORMAT_4; /* opens, and cannot be made under TDES */
    expect_clean(world, "translate_pin to 4",
                 pos_hsm_translate_pin(world->session, &world->tpk, &world->zpk, pan, &in, &out),
                 false);
}

/* More than go at once. */
static void try_new_keys(const struct world *world)
{
    enum { COUNT = POS_SOFTWARE_NEW_COUNT + 3 };
    struct pos_new_key wanted[COUNT];
    struct pos_key keys[COUNT];
    struct pos_kcv kcvs[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        wanted[i] =
            (struct pos_new_key){POS_USAGE_TMK, POS_ALGORITHM_A256, false, &keys[i], &kcvs[i]};
    expect_clean(world, "generate_many", pos_hsm_generate_many(world->session, wanted, COUNT),
                 true);
    wanted[COUNT - 1].usage = POS_USAGE_ZPK;
    expect_clean(world, "generate_many", pos_hsm_generate_many(world->session, wanted, COUNT),
                 false);
}

static void try_keys(const struct world *world, const struct pos_key *tmk, bool good)
{
    uint8_t memory[POS_KEY_BLOCK_SIZE_MAX], mother_public[32];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_hsm_session *s = world->session;
    struct pos_key key;
    struct pos_kcv kcv;
    expect_clean(world, "kcv", pos_hsm_kcv(s, tmk, &kcv), good);
    expect_clean(world, "move_key", pos_hsm_move_key(s, s, tmk, &key), good);
    expect_clean(world, "export_tmk", pos_hsm_export_tmk(s, tmk, &world->ktk, &block), good);
    expect_clean(world, "import_tmk",
                 pos_hsm_import_tmk(s, pos_buffer_view(&block), &world->ktk, POS_ALGORITHM_T2, &key,
                                    &kcv, NULL),
                 good);
    expect_clean(world, "export_tmk_bare", pos_hsm_export_tmk_bare(s, tmk, &world->ktk, &block),
                 good);
    expect_clean(world, "deliver_tmk",
                 pos_hsm_deliver_tmk(s, tmk, world->point, mother_public, &block), good);
    block.size = 0;
    expect_clean(world, "wrap_working_key", pos_hsm_wrap_working_key(s, tmk, &world->tak, &block),
                 good);
    expect_clean(world, "wrap_working_form",
                 pos_hsm_wrap_working_form(s, POS_FORM_60, tmk, &world->tpk, &world->tak,
                                           &world->tdk, &block),
                 good);
}

static void try_macs(const struct world *world)
{
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    struct pos_hsm_session *s = world->session;
    uint8_t mac[16];
    struct pos_bytes text = pos_bytes_text("m");
    const struct {
        const struct pos_key *key;
        enum pos_mac_purpose purpose;
    } rows[] = {{&world->tak, POS_MAC_WORKING},  {&world->tak, POS_MAC_WORKING_ECB},
                {&world->zak, POS_MAC_ZONE},     {&world->tmk, POS_MAC_REGISTRATION},
                {&world->ktk, POS_MAC_KEY_FILE}, {&world->ktk, POS_MAC_RETURN_FILE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_key damaged = *rows[i].key;
        damaged.data[0] ^= 1;
        expect_clean(world, "fetch_mac_key",
                     pos_hsm_fetch_mac_key(s, rows[i].key, rows[i].purpose, parcel), true);
        expect_clean(world, "take_mac_key", pos_hsm_take_mac_key(s, parcel), true);
        expect_clean(world, "fetch_mac_key",
                     pos_hsm_fetch_mac_key(s, &damaged, rows[i].purpose, parcel), false);
        expect_clean(world, "make_mac",
                     pos_hsm_make_mac(s, rows[i].key, rows[i].purpose, text, mac), true);
        expect_clean(world, "make_mac", pos_hsm_make_mac(s, &damaged, rows[i].purpose, text, mac),
                     false);
    }
    expect_clean(world, "file_mac_start", pos_hsm_file_mac_start(s, &world->ktk), true);
    expect_clean(world, "audit_mac", pos_hsm_audit_mac(s, text, mac), true);
    pos_mac_parcel_destroy(parcel);
}

Test(software_wipes, no_verb_leaves_a_key_or_a_pin_open)
{
    struct world world = begin();
    struct pos_key damaged = world.tmk, single;
    struct pos_kcv kcv;
    damaged.data[9] ^= 1;
    expect_clean(&world, "ceremonies and generate", POS_OK, true);
    expect_clean(&world, "generate_single",
                 pos_hsm_generate_single(world.session, POS_USAGE_TAK, &single, &kcv), true);
    expect_clean(&world, "a form of wrong lengths",
                 pos_hsm_wrap_working_form(world.session, POS_FORM_60, &world.tmk, &world.tpk,
                                           &single, &world.tdk, &(struct pos_buffer){0}),
                 false);
    try_new_keys(&world);
    try_keys(&world, &world.tmk, true);
    try_keys(&world, &damaged, false);
    try_macs(&world);
    expect_clean_pins(&world);
    end(&world);
}

/* A parcel is a page of its own; the key lies in its first bytes while it is on its way. */
Test(software_wipes, a_parcel_is_empty_when_its_key_was_taken)
{
    enum { LOOKED_AT = 256 };
    struct world world = begin();
    uint8_t clear[POS_KEY_SIZE_MAX], none[LOOKED_AT] = {0};
    struct pos_key tak;
    struct pos_kcv kcv;
    memset(clear, 0xC7, sizeof clear);
    cr_assert(world.hsm->module->import_clear(world.session, POS_USAGE_TAK, POS_ALGORITHM_A256,
                                              clear, &tak, &kcv) == POS_OK);
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    cr_assert(pos_hsm_fetch_mac_key(world.session, &tak, POS_MAC_WORKING, parcel) == POS_OK);
    cr_expect(memmem(parcel, LOOKED_AT, clear, sizeof clear) != NULL, "or this looks elsewhere");
    cr_assert(pos_hsm_take_mac_key(world.session, parcel) == POS_OK);
    cr_expect(memcmp(parcel, none, LOOKED_AT) == 0);

    cr_assert(pos_hsm_fetch_mac_key(world.session, &tak, POS_MAC_WORKING, parcel) == POS_OK);
    tak.data[0] ^= 1;
    cr_expect(pos_hsm_fetch_mac_key(world.session, &tak, POS_MAC_WORKING, parcel) ==
              POS_ERR_CORRUPT);
    cr_expect(memcmp(parcel, none, LOOKED_AT) == 0, "nor does the key before it stay");
    pos_mac_parcel_destroy(parcel);
    end(&world);
}
