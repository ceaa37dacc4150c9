/*
 * The keys of a host link, with a real key library, clerk, loop and strongroom: they are found at
 * the start or the gateway does not start, a change is seen while it runs, and a ZAK is used by the
 * loop without waiting. Plain main(), because threads meet here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "gateway/host_keys.h"
#include "tests/gateway/plain.h"
#include "tests/gateway/slow_module.h"

/* ---- the world around them ---- */

static char folder[] = "/tmp/posgate-links-XXXXXX";
static struct pos_hsm *hsm;
static struct pos_hsm_session *session;
static struct pos_key_library *writer, *follower;
static struct pos_clerk *clerk;
static struct pos_strongroom *room;
static struct pos_loop *loop;
static struct pos_gateway_settings settings;

static void path_in(char *path, size_t size, const char *name)
{
    (void)snprintf(path, size, "%s/%s", folder, name);
}

static void open_module(void)
{
    char path[96];
    struct pos_component parts[2] = {{.size = 32, .data = {1}}, {.size = 32, .data = {2}}};
    struct pos_kcv kcv;
    struct pos_error error;
    struct pos_hsm *software;
    struct pos_bytes secret = pos_bytes_text("a secret");
    path_in(path, sizeof path, "lmk");
    must(pos_hsm_software_init(path, secret, parts, 2, &kcv, &error), "an LMK");
    must(pos_hsm_software_open(path, secret, &software, &error), "the module");
    hsm = slow_module_open(software);
    must(pos_hsm_session_open(hsm, &session), "a session");
}

static struct pos_key make_key(enum pos_key_usage usage, enum pos_algorithm algorithm, uint8_t mark,
                               struct pos_kcv *kcv)
{
    uint8_t size = (uint8_t)pos_algorithm_key_size(algorithm);
    struct pos_component parts[2] = {{.size = size}, {.size = size}};
    struct pos_key key;
    struct pos_error error;
    for (uint8_t i = 0; i < size; i++) {
        parts[0].data[i] = (uint8_t)(3 * i + mark);
        parts[1].data[i] = (uint8_t)(11 * i + 128);
    }
    must(pos_hsm_import_components(session, usage, algorithm, parts, 2, &key, kcv, &error),
         "a link's key");
    return key;
}

static void add_link(const char *name, enum pos_key_usage usage, enum pos_algorithm algorithm)
{
    struct pos_link_row row = {.created_ms = 1};
    memcpy(row.name, name, strlen(name) + 1);
    row.key = make_key(usage, algorithm, 5, &row.kcv);
    must(pos_key_library_add_link(writer, &row, "link"), "add it");
}

static void open_library(void)
{
    char path[96], scratch[96];
    struct pos_error error;
    path_in(path, sizeof path, "library");
    path_in(scratch, sizeof scratch, "follow");
    const struct pos_key_library_options options = {
        .path = path, .create = true, .audit = plain_audit};
    must(pos_key_library_open(&options, &writer, &error), "a key library");
    add_link("TDES", POS_USAGE_ZPK, POS_ALGORITHM_T2);
    add_link("AES", POS_USAGE_ZPK, POS_ALGORITHM_A128);
    add_link("TDES", POS_USAGE_ZAK, POS_ALGORITHM_T2);
    must(pos_key_library_follow(path, scratch, &follower, &error), "who follows it");
}

static void start_threads(struct pos_disk *disk)
{
    struct pos_error error;
    const struct pos_disk_options disk_options = {.folder = folder};
    pos_disk_init(disk, &disk_options);
    const struct pos_clerk_options options = {
        .library = follower, .disk = disk, .follow_interval_ms = 50};
    must(pos_clerk_start(&options, &clerk), "the clerk");
    const struct pos_strongroom_options strong = {
        .hsm = hsm, .thread_count = 2, .patience_ms = 5000};
    must(pos_strongroom_start(&strong, &room, &error), "the strongroom");
}

/* ---- at the start ---- */

static void settings_with(const char *pin_key, enum pos_pin_mode format, const char *mac_key)
{
    pos_gateway_settings_defaults(&settings);
    settings.upstream_count = 1;
    struct pos_upstream_settings *upstream = &settings.upstreams[0];
    memcpy(upstream->name, "host", 5);
    memcpy(upstream->pin_key, pin_key, strlen(pin_key) + 1);
    memcpy(upstream->mac_key, mac_key, strlen(mac_key) + 1);
    upstream->pin_format = format;
}

static void what_the_configuration_names_must_be_there(void)
{
    static const struct {
        const char *pin_key;
        enum pos_pin_mode format;
        const char *mac_key, *said; /* NULL: it starts */
    } rows[] = {
        {"", POS_PIN_MODE_BY_KEY, "", NULL},
        {"TDES", POS_PIN_MODE_BY_KEY, "TDES", NULL},
        {"TDES", POS_PIN_MODE_3, "", NULL},
        {"AES", POS_PIN_MODE_4, "", NULL},
        {"AES", POS_PIN_MODE_BY_KEY, "", NULL},
        {"OTHER", POS_PIN_MODE_BY_KEY, "", "ceremony zpk --name OTHER"},
        {"TDES", POS_PIN_MODE_BY_KEY, "AES", "ceremony zak --name AES"},
        {"TDES", POS_PIN_MODE_4, "", "pin_format"},
        {"AES", POS_PIN_MODE_0, "", "pin_format"},
        {"AES", POS_PIN_MODE_3, "", "pin_format"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_error error = {.text = ""};
        settings_with(rows[i].pin_key, rows[i].format, rows[i].mac_key);
        enum pos_status status = pos_host_keys_check(&settings, follower, &error);
        bool good = rows[i].said == NULL
                        ? status == POS_OK
                        : status == POS_ERR_CONFIG && strstr(error.text, rows[i].said) != NULL;
        expect(good, rows[i].said == NULL ? rows[i].pin_key : rows[i].said);
        if (!good)
            printf("%s\n", error.text);
    }
}

/* ---- while it runs ---- */

static struct pos_host_keys keys;
static struct pos_key wanted[2]; /* ZPK, ZAK */

static enum pos_status move(void *context, const struct pos_key *key, struct pos_key *moved)
{
    struct pos_kcv kcv;
    const uint8_t *with = context;
    if (key->algorithm != POS_ALGORITHM_T2)
        return POS_ERR_EXISTS;
    *moved = make_key(key->usage, key->algorithm, *with, &kcv);
    wanted[key->usage == POS_USAGE_ZAK] = *moved;
    return POS_OK;
}

static bool progress(void *context, uint64_t rows)
{
    (void)context;
    (void)rows;
    return true;
}

static bool same(const struct pos_key *a, const struct pos_key *b)
{
    return a->size > 0 && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static bool both_are_new(void)
{
    return same(&keys.pin.row.key, &wanted[0]) && same(&keys.mac.row.key, &wanted[1]);
}

static void open_keys(struct pos_strongroom *with)
{
    struct pos_error error;
    settings_with("TDES", POS_PIN_MODE_BY_KEY, "TDES");
    const struct pos_host_keys_options options = {.loop = loop,
                                                  .settings = &settings.upstreams[0],
                                                  .library = follower,
                                                  .clerk = clerk,
                                                  .hsm = hsm,
                                                  .room = with};
    must(pos_host_keys_open(&options, &keys, &error), "the link's keys");
}

enum { FIRST_MARK = 40, CHANGES = 3, TICKS_MAX = 6000 };
static uint8_t mark = FIRST_MARK, old_mac[POS_MAC_SIZE];
static unsigned ticks;

static void change_keys(void)
{
    must(pos_key_library_move_keys(writer, move, progress, &mark), "other keys");
}

static void try_new_keys(void)
{
    uint8_t mac[POS_MAC_SIZE];
    struct pos_bytes message = pos_bytes_text("a message for the host");
    expect(keys.pin_usable, "PINs go on");
    must(pos_host_keys_make_mac(&keys, message, mac), "the loop has its ZAK");
    expect(pos_host_keys_verify_mac(&keys, message, mac) == POS_OK, "and knows its own MAC");
    expect(memcmp(mac, old_mac, sizeof mac) != 0, "another key makes another MAC");
    expect(pos_host_keys_verify_mac(&keys, message, old_mac) == POS_ERR_MAC, "the old one is out");
    memcpy(old_mac, mac, sizeof old_mac);
}

static void tick(void *context)
{
    (void)context;
    pos_host_keys_look(&keys);
    if (both_are_new()) {
        try_new_keys();
        mark++;
        if (mark < FIRST_MARK + CHANGES)
            change_keys();
    }
    if (mark == FIRST_MARK + CHANGES || ++ticks > TICKS_MAX)
        pos_loop_stop(loop);
}

static void a_change_is_seen_while_it_runs(struct pos_strongroom *with)
{
    struct pos_timer *timer;
    must(pos_loop_create(&loop), "a loop");
    open_keys(with);
    expect(keys.pin_usable && keys.pin_format == POS_PIN_FORMAT_0, "there from the start");
    must(pos_host_keys_make_mac(&keys, pos_bytes_text("a message for the host"), old_mac),
         "the loop has its ZAK");
    mark = FIRST_MARK;
    ticks = 0;
    change_keys();
    must(pos_timer_open(loop, 10, tick, NULL, &timer), "a timer");
    pos_loop_run(loop);
    expect(mark == FIRST_MARK + CHANGES, "each change is seen");
}

static void a_link_without_keys_has_none(void)
{
    struct pos_error error;
    uint8_t mac[POS_MAC_SIZE];
    settings_with("", POS_PIN_MODE_BY_KEY, "");
    const struct pos_host_keys_options options = {.loop = loop,
                                                  .settings = &settings.upstreams[0],
                                                  .library = follower,
                                                  .clerk = clerk,
                                                  .hsm = hsm,
                                                  .room = room};
    must(pos_host_keys_open(&options, &keys, &error), "a link");
    expect(!keys.pin_usable && !pos_host_keys_for_macs(&keys), "neither PINs nor MACs");
    expect(pos_host_keys_make_mac(&keys, pos_bytes_text("m"), mac) == POS_ERR_NOT_FOUND, "no MAC");
    pos_host_keys_look(&keys);
    expect(!keys.pin.asked && !keys.mac.asked, "and nothing is looked for");
    pos_host_keys_close(&keys);
}

int main(void)
{
    char command[64];
    struct pos_disk disk;
    pos_log_set_level(POS_LOG_ERROR);
    if (mkdtemp(folder) == NULL)
        return 1;
    open_module();
    open_library();
    start_threads(&disk);
    what_the_configuration_names_must_be_there();
    a_link_without_keys_has_none();
    a_change_is_seen_while_it_runs(room);
    pos_clerk_stop(clerk);
    must(pos_strongroom_stop(room, 30000) ? POS_OK : POS_ERR_BUSY, "the strongroom stops");
    pos_loop_destroy(loop); /* with what came back too late */
    pos_host_keys_close(&keys);
    pos_strongroom_destroy(room);
    pos_key_library_close(follower);
    pos_key_library_close(writer);
    pos_hsm_session_close(session);
    pos_hsm_close(hsm);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    expect(system(command) == 0, "the folder is removed");
    return finish();
}
