/*
 * The keys that a host link has in the key library: a ZPK for PINs and a ZAK for MACs. They must be
 * there when the gateway starts; then they are looked up again and again, so that a link's key can
 * be changed while it serves.
 *
 * One loop's view of one link; its thread, but for what says otherwise.
 */
#ifndef POS_GATEWAY_HOST_KEYS_H
#define POS_GATEWAY_HOST_KEYS_H

#include "core/net/net.h"
#include "gateway/clerk.h"
#include "gateway/settings.h"
#include "gateway/strongroom.h"

/* All links of the settings: are their keys there and of the right kind? Any thread; for --check
 * too. POS_ERR_CONFIG; *error says which and what to do. */
POS_MUST_USE enum pos_status pos_host_keys_check(const struct pos_gateway_settings *settings,
                                                 struct pos_key_library *library,
                                                 struct pos_error *error);

/* Everything is borrowed. */
struct pos_host_keys_options {
    struct pos_loop *loop;
    const struct pos_upstream_settings *settings;
    struct pos_key_library *library; /* for the opening */
    struct pos_clerk *clerk;
    struct pos_hsm *hsm;
    struct pos_strongroom *room; /* NULL where the module does not wait */
};

/* A key as it is now, and the look-up that is under way. */
struct pos_host_key_watch {
    struct pos_link_row row; /* as it was seen last; key.size 0: gone */
    struct pos_link_row found;
    struct pos_clerk_job job;
    struct pos_post post;
    bool asked;
};

struct pos_host_keys {
    struct pos_host_keys_options options;
    struct pos_host_key_watch pin, mac;
    bool pin_usable; /* the ZPK is there and goes with the configuration */
    enum pos_pin_format pin_format;
    struct pos_hsm_session *session; /* for MACs with the host; local, so it never waits */
    struct pos_strong_job fetch;     /* brings a new ZAK to that session */
    struct pos_post fetched;
};

/* Looks the keys up and fetches the ZAK; waits for the module, so before the loop runs. */
POS_MUST_USE enum pos_status pos_host_keys_open(const struct pos_host_keys_options *options,
                                                struct pos_host_keys *keys,
                                                struct pos_error *error);
/* After the loop, the clerk and the strongroom have ended. */
void pos_host_keys_close(struct pos_host_keys *keys);

/* Looks for changes, on another thread; they are taken over in a later turn. */
void pos_host_keys_look(struct pos_host_keys *keys);

/* The link carries MACs; whether or not the key is there now. */
bool pos_host_keys_for_macs(const struct pos_host_keys *keys);

/* Under the ZAK. POS_ERR_NOT_FOUND: it is gone. */
POS_MUST_USE enum pos_status pos_host_keys_make_mac(struct pos_host_keys *keys,
                                                    struct pos_bytes message,
                                                    uint8_t mac[POS_MAC_SIZE]);
POS_MUST_USE enum pos_status pos_host_keys_verify_mac(struct pos_host_keys *keys,
                                                      struct pos_bytes message,
                                                      const uint8_t mac[POS_MAC_SIZE]);

#endif
