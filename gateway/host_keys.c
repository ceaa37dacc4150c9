#include "gateway/host_keys.h"

#include <string.h>

#include "core/base/log.h"

static const char *wanted_name(const struct pos_upstream_settings *settings,
                               enum pos_key_usage usage)
{
    return usage == POS_USAGE_ZPK ? settings->pin_key : settings->mac_key;
}

/* Which format the host gets; POS_ERR_MISMATCH when its key cannot carry it: blocks of formats 0
 * and 3 have 8 bytes and go under TDES, those of 4 have 16 and go under AES. */
static enum pos_status choose_format(enum pos_pin_mode mode, enum pos_algorithm zpk,
                                     enum pos_pin_format *format)
{
    bool tdes = pos_algorithm_working(zpk) == POS_ALGORITHM_T2;
    static const enum pos_pin_format formats[] = {[POS_PIN_MODE_0] = POS_PIN_FORMAT_0,
                                                  [POS_PIN_MODE_3] = POS_PIN_FORMAT_3,
                                                  [POS_PIN_MODE_4] = POS_PIN_FORMAT_4};
    *format = tdes ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_4;
    if (mode == POS_PIN_MODE_BY_KEY)
        return POS_OK;
    *format = formats[mode];
    return tdes == (*format != POS_PIN_FORMAT_4) ? POS_OK : POS_ERR_MISMATCH;
}

/* ---- at the start ---- */

static enum pos_status find_first(const struct pos_upstream_settings *settings,
                                  enum pos_key_usage usage, struct pos_key_library *library,
                                  struct pos_link_row *row, struct pos_error *error)
{
    const char *name = wanted_name(settings, usage);
    const char *setting = usage == POS_USAGE_ZPK ? "pin_key" : "mac_key";
    enum pos_status status = pos_key_library_find_link(library, name, usage, row);
    if (status == POS_ERR_NOT_FOUND)
        return pos_error_set(error, POS_ERR_CONFIG,
                             "upstream %s: %s = \"%s\": the key library has no %s of that name; "
                             "make it with posgate-keymgmt ceremony %s --name %s",
                             settings->name, setting, name, pos_key_usage_name(usage),
                             usage == POS_USAGE_ZPK ? "zpk" : "zak", name);
    if (status != POS_OK)
        return pos_error_set(error, status, "upstream %s: %s = \"%s\": %s", settings->name, setting,
                             name, pos_status_text(status));
    return POS_OK;
}

static enum pos_status find_both(const struct pos_upstream_settings *settings,
                                 struct pos_key_library *library, struct pos_link_row *pin,
                                 enum pos_pin_format *format, struct pos_link_row *mac,
                                 struct pos_error *error)
{
    enum pos_status status = POS_OK;
    if (settings->pin_key[0] != '\0')
        status = find_first(settings, POS_USAGE_ZPK, library, pin, error);
    if (status == POS_OK && settings->pin_key[0] != '\0' &&
        choose_format(settings->pin_format, pin->key.algorithm, format) != POS_OK)
        status = pos_error_set(error, POS_ERR_CONFIG,
                               "upstream %s: pin_format does not go with the ZPK %s, which is %s: "
                               "formats 0 and 3 are for TDES keys, 4 for AES keys",
                               settings->name, settings->pin_key,
                               pos_algorithm_name(pin->key.algorithm));
    if (status == POS_OK && settings->mac_key[0] != '\0')
        status = find_first(settings, POS_USAGE_ZAK, library, mac, error);
    return status;
}

enum pos_status pos_host_keys_check(const struct pos_gateway_settings *settings,
                                    struct pos_key_library *library, struct pos_error *error)
{
    enum pos_status status = POS_OK;
    for (uint32_t i = 0; i < settings->upstream_count && status == POS_OK; i++) {
        struct pos_link_row pin, mac;
        enum pos_pin_format format;
        status = find_both(&settings->upstreams[i], library, &pin, &format, &mac, error);
    }
    return status;
}

/* The ZAK for a local session, by a session that may wait and is gone again. */
static enum pos_status fetch_first(struct pos_host_keys *keys)
{
    struct pos_hsm_session *session = NULL;
    struct pos_mac_parcel *parcel = pos_mac_parcel_create();
    enum pos_status status = parcel == NULL ? POS_ERR_MEMORY : POS_OK;
    if (status == POS_OK)
        status = pos_hsm_session_open(keys->options.hsm, &session);
    if (status == POS_OK)
        status = pos_hsm_fetch_mac_key(session, &keys->mac.row.key, POS_MAC_ZONE, parcel);
    if (status == POS_OK)
        status = pos_hsm_take_mac_key(keys->session, parcel);
    pos_hsm_session_close(session);
    pos_mac_parcel_destroy(parcel);
    return status;
}

static enum pos_status open_session(struct pos_host_keys *keys, struct pos_error *error)
{
    if (!pos_host_keys_for_macs(keys))
        return POS_OK;
    enum pos_status status = pos_hsm_session_open_local(keys->options.hsm, &keys->session);
    if (status == POS_OK && keys->options.room != NULL)
        status = fetch_first(keys);
    if (status != POS_OK)
        return pos_error_set(error, status,
                             "upstream %s: the security module has no use for the "
                             "ZAK %s: %s",
                             keys->options.settings->name, keys->options.settings->mac_key,
                             pos_status_text(status));
    return POS_OK;
}

enum pos_status pos_host_keys_open(const struct pos_host_keys_options *options,
                                   struct pos_host_keys *keys, struct pos_error *error)
{
    *keys = (struct pos_host_keys){.options = *options};
    enum pos_status status = find_both(options->settings, options->library, &keys->pin.row,
                                       &keys->pin_format, &keys->mac.row, error);
    keys->pin_usable = keys->pin.row.key.size > 0;
    return status == POS_OK ? open_session(keys, error) : status;
}

void pos_host_keys_close(struct pos_host_keys *keys)
{
    pos_hsm_session_close(keys->session);
    keys->session = NULL;
}

/* ---- changes ---- */

static void tell(const struct pos_host_keys *keys, enum pos_key_usage usage,
                 const struct pos_link_row *row, bool usable)
{
    char kcv[POS_KCV_TEXT_SIZE];
    pos_kcv_text(&row->kcv, kcv);
    pos_log(usable ? POS_LOG_INFO : POS_LOG_ERROR,
            usable ? "host-key-changed" : "host-key-unusable", "host=%s usage=%s kcv=%s",
            keys->options.settings->name, pos_key_usage_name(usage), kcv);
}

static bool same_key(const struct pos_key *a, const struct pos_key *b)
{
    return a->size == b->size && a->algorithm == b->algorithm &&
           memcmp(a->data, b->data, a->size) == 0;
}

/* A key that the configuration has no use for is as good as none. */
static void take_pin_key(struct pos_host_keys *keys, const struct pos_link_row *found)
{
    keys->pin.row = *found;
    keys->pin_usable =
        found->key.size > 0 && choose_format(keys->options.settings->pin_format,
                                             found->key.algorithm, &keys->pin_format) == POS_OK;
    tell(keys, POS_USAGE_ZPK, found, keys->pin_usable);
}

static void zak_is_here(struct pos_post *post)
{
    struct pos_host_keys *keys =
        (struct pos_host_keys *)(void *)((char *)post - offsetof(struct pos_host_keys, fetched));
    pos_strongroom_hand_over(keys->options.room, &keys->fetch, keys->session);
    keys->mac.asked = false;
    if (keys->fetch.status != POS_OK) /* the next look tries again */
        return;
    keys->mac.row = keys->mac.found;
    tell(keys, POS_USAGE_ZAK, &keys->mac.row, true);
}

static void zak_fetched(struct pos_strong_job *job)
{
    struct pos_host_keys *keys =
        (struct pos_host_keys *)(void *)((char *)job - offsetof(struct pos_host_keys, fetch));
    keys->fetched.run = zak_is_here;
    pos_loop_post(keys->options.loop, &keys->fetched);
}

/* The old one is good until the new one is with the loop's session. True: it will be. */
static bool fetch_mac_key(struct pos_host_keys *keys)
{
    keys->fetch =
        (struct pos_strong_job){.work = POS_STRONG_FETCH,
                                .fetch = {.key = &keys->mac.found.key, .purpose = POS_MAC_ZONE},
                                .done = zak_fetched};
    return pos_strongroom_submit(keys->options.room, &keys->fetch) == POS_OK;
}

/* True while it goes on. */
static bool take_mac_key(struct pos_host_keys *keys, const struct pos_link_row *found)
{
    if (found->key.size > 0 && keys->options.room != NULL)
        return fetch_mac_key(keys);
    keys->mac.row = *found;
    tell(keys, POS_USAGE_ZAK, found, found->key.size > 0);
    return false;
}

/* What could not be read is as it was. */
static bool has_changed(struct pos_host_key_watch *watch)
{
    if (watch->job.status == POS_ERR_NOT_FOUND)
        watch->found = (struct pos_link_row){.key = {.size = 0}};
    else if (watch->job.status != POS_OK)
        return false;
    return !same_key(&watch->row.key, &watch->found.key);
}

static void pin_key_found(struct pos_post *post)
{
    struct pos_host_keys *keys =
        (struct pos_host_keys *)(void *)((char *)post - offsetof(struct pos_host_keys, pin.post));
    keys->pin.asked = false;
    if (has_changed(&keys->pin))
        take_pin_key(keys, &keys->pin.found);
}

static void mac_key_found(struct pos_post *post)
{
    struct pos_host_keys *keys =
        (struct pos_host_keys *)(void *)((char *)post - offsetof(struct pos_host_keys, mac.post));
    keys->mac.asked = has_changed(&keys->mac) && take_mac_key(keys, &keys->mac.found);
}

static void pin_job_done(struct pos_clerk_job *job)
{
    struct pos_host_keys *keys =
        (struct pos_host_keys *)(void *)((char *)job - offsetof(struct pos_host_keys, pin.job));
    keys->pin.post.run = pin_key_found;
    pos_loop_post(keys->options.loop, &keys->pin.post);
}

static void mac_job_done(struct pos_clerk_job *job)
{
    struct pos_host_keys *keys =
        (struct pos_host_keys *)(void *)((char *)job - offsetof(struct pos_host_keys, mac.job));
    keys->mac.post.run = mac_key_found;
    pos_loop_post(keys->options.loop, &keys->mac.post);
}

static void look(struct pos_host_keys *keys, struct pos_host_key_watch *watch,
                 enum pos_key_usage usage, void (*done)(struct pos_clerk_job *job))
{
    const char *name = wanted_name(keys->options.settings, usage);
    if (name[0] == '\0' || watch->asked)
        return;
    watch->found = (struct pos_link_row){.key = {.usage = usage}};
    memcpy(watch->found.name, name, strlen(name) + 1);
    watch->job =
        (struct pos_clerk_job){.work = POS_CLERK_LINK, .done = done, .link = &watch->found};
    watch->asked = pos_clerk_submit(keys->options.clerk, &watch->job) == POS_OK;
}

void pos_host_keys_look(struct pos_host_keys *keys)
{
    look(keys, &keys->pin, POS_USAGE_ZPK, pin_job_done);
    look(keys, &keys->mac, POS_USAGE_ZAK, mac_job_done);
}

/* ---- use ---- */

bool pos_host_keys_for_macs(const struct pos_host_keys *keys)
{
    return keys->options.settings->mac_key[0] != '\0';
}

enum pos_status pos_host_keys_make_mac(struct pos_host_keys *keys, struct pos_bytes message,
                                       uint8_t mac[POS_MAC_SIZE])
{
    if (keys->mac.row.key.size == 0)
        return POS_ERR_NOT_FOUND;
    return pos_hsm_make_mac(keys->session, &keys->mac.row.key, POS_MAC_ZONE, message, mac);
}

enum pos_status pos_host_keys_verify_mac(struct pos_host_keys *keys, struct pos_bytes message,
                                         const uint8_t mac[POS_MAC_SIZE])
{
    if (keys->mac.row.key.size == 0)
        return POS_ERR_NOT_FOUND;
    return pos_hsm_verify_mac(keys->session, &keys->mac.row.key, POS_MAC_ZONE, message, mac);
}
