/*
 * What an operator can set for posgate-gateway: one struct, filled from one file.
 *
 * Every member here is read by the gateway, and every key of the file is a member here; names,
 * defaults, units and ranges stand in settings.c alone, and conf/gateway.conf is checked against
 * them. Relative paths are relative to the folder the gateway was started in.
 */
#ifndef POS_GATEWAY_SETTINGS_H
#define POS_GATEWAY_SETTINGS_H

#include "core/base/log.h"
#include "core/config/config.h"
#include "core/hsm/hsm.h"
#include "core/wire/frame.h"

enum {
    POS_UPSTREAM_COUNT_MAX = 8,
    POS_SETTING_NAME_SIZE = 32,         /* bytes with NUL: of an upstream, a dialect */
    POS_SETTINGS_DUMP_SIZE_MAX = 16384, /* bytes that pos_gateway_settings_dump may write */
};

/* What a terminal must show to register on a listener. */
enum pos_registration_mode {
    POS_REGISTRATION_PROOF, /* a MAC under a key that comes from its TMK */
    POS_REGISTRATION_OPEN,  /* its SMN alone: the patent as written */
};

/* What every later request must carry. */
enum pos_authentication_mode {
    POS_AUTHENTICATION_MAC, /* the SMN and a MAC under the TAK */
    POS_AUTHENTICATION_SMN, /* the SMN alone: the patent as written */
};

/* Whether a sign-on may come without its MAC. */
enum pos_sign_on_mode {
    POS_SIGN_ON_MAC_REQUIRED,
    POS_SIGN_ON_MAC_ABSENT, /* as installed terminals send it; one that is there must be good */
};

/* How MACs under a TDES TAK are made. */
enum pos_mac_mode {
    POS_MAC_MODE_ISO,     /* ISO 9797-1 algorithm 3 */
    POS_MAC_MODE_CUP_ECB, /* UnionPay's ECB MAC, for terminals that have no other */
};

/* Which PIN blocks a host gets. */
enum pos_pin_mode {
    POS_PIN_MODE_BY_KEY, /* format 0 under a TDES key, 4 under an AES one */
    POS_PIN_MODE_0,
    POS_PIN_MODE_3,
    POS_PIN_MODE_4,
};

/* How a terminal gets its TID and MID. */
enum pos_binding_mode {
    POS_BINDING_FIRST_USE,   /* those of its first financial message that verifies */
    POS_BINDING_PROVISIONED, /* the operator's `posgatectl terminal bind` */
};

/* Where a request's row comes from. */
enum pos_lookup_mode {
    POS_LOOKUP_EACH,       /* RocksDB, every time */
    POS_LOOKUP_REMEMBERED, /* the loop's memory, while it did not change */
};

enum pos_log_format { POS_LOG_FORMAT_TEXT, POS_LOG_FORMAT_JSON };

struct pos_listener_settings {
    uint32_t line; /* where it stands in the file; 0: the default one */
    char address[POS_ADDRESS_SIZE_MAX];
    uint16_t port; /* 0: any free one */
    char dialect_name[POS_SETTING_NAME_SIZE];
    const struct pos_dialect *dialect; /* of that name; never NULL after a good read */
    enum pos_registration_mode registration;
    enum pos_authentication_mode authentication;
    enum pos_sign_on_mode sign_on_mac;
    enum pos_mac_mode mac;
};

struct pos_upstream_settings {
    uint32_t line;
    char name[POS_SETTING_NAME_SIZE];
    char address[POS_ADDRESS_SIZE_MAX];
    uint16_t port;
    char dialect_name[POS_SETTING_NAME_SIZE];
    const struct pos_dialect *dialect;    /* of that name; never NULL after a good read */
    char tpdu[2 * POS_TPDU_SIZE + 1];     /* hexadecimal */
    char header[2 * POS_HEADER_SIZE + 1]; /* likewise */
    struct pos_route route;               /* of these two; sent where the dialect has them */
    uint32_t connect_timeout_ms;
    uint32_t reply_timeout_ms; /* later than that is 68 */
    uint32_t window;           /* requests under way; full is 91 */
    uint32_t reconnect_min_ms; /* doubled after each failure up to the next */
    uint32_t reconnect_max_ms;
    uint32_t echo_interval_ms; /* 0: no echoes */
    /* names of the link's keys in the key library; "": none */
    char pin_key[POS_KEY_NAME_SIZE_MAX + 1]; /* ZPK */
    char mac_key[POS_KEY_NAME_SIZE_MAX + 1]; /* ZAK */
    enum pos_pin_mode pin_format;
};

struct pos_gateway_settings {
    struct pos_listener_settings listeners[POS_LISTENER_COUNT_MAX];
    uint32_t listener_count; /* at least 1 */
    uint32_t loops;          /* threads; 0: one per core */

    struct {
        char path[POS_PATH_SIZE_MAX];
        uint32_t cache_mb;              /* MiB */
        uint32_t ballast_mb;            /* MiB; 0: none */
        uint32_t low_water_mb;          /* MiB; 0: no mark */
        uint32_t readers;               /* threads that wait for the disk */
        char anchor[POS_PATH_SIZE_MAX]; /* "": beside the folder */
    } database;

    struct {
        char path[POS_PATH_SIZE_MAX];
        uint32_t follow_interval_ms;
    } key_library;

    struct {
        enum pos_hsm_kind kind;
        char lmk_file[POS_PATH_SIZE_MAX];
        char credential_file[POS_PATH_SIZE_MAX];
        char module[POS_PATH_SIZE_MAX];
        char token[POS_PATH_SIZE_MAX];
        char lmk_label[POS_TOKEN_LABEL_SIZE];
        uint32_t token_sessions;
        uint32_t threads;          /* that may wait for it, where it makes one wait */
        uint32_t queue_timeout_ms; /* how long a request waits to be begun there */
    } security_module;

    enum pos_lookup_mode lookup;
    uint32_t remembered_rows; /* of each loop */
    enum pos_binding_mode binding;

    struct {
        uint32_t connections;               /* in all */
        uint32_t connections_per_address;   /* 0: no limit */
        uint32_t idle_timeout_ms;           /* 0: never */
        uint32_t message_timeout_ms;        /* from a frame's first byte to its last */
        uint32_t pipelined_requests;        /* unanswered, per connection */
        uint32_t write_queue_bytes;         /* owed to a peer before it is cut */
        uint32_t registrations_per_second;  /* per address; 0: no limit */
        uint32_t requests_per_second;       /* per address; 0: no limit */
        uint32_t pin_failures_per_terminal; /* in an hour; 0: no limit */
    } limits;

    struct pos_upstream_settings upstreams[POS_UPSTREAM_COUNT_MAX];
    uint32_t upstream_count; /* 0: no host, every transaction is 91 */

    struct {
        char socket[POS_PATH_SIZE_MAX];
        char metrics_address[POS_ADDRESS_SIZE_MAX];
        uint16_t metrics_port; /* 0: any free one */
    } admin;

    struct {
        enum pos_log_level level;
        enum pos_log_format format;
    } log;
};

/* The built-in defaults. */
void pos_gateway_settings_defaults(struct pos_gateway_settings *settings);

/* The defaults and the file over them. POS_ERR_CONFIG when the report holds a mistake; *settings
 * must not be used then. */
POS_MUST_USE enum pos_status pos_gateway_settings_read(const char *path,
                                                       struct pos_gateway_settings *settings,
                                                       struct pos_config_report *report);

/* As a commented configuration file: of the defaults, exactly conf/gateway.conf. At most
 * POS_SETTINGS_DUMP_SIZE_MAX bytes. */
void pos_gateway_settings_dump(const struct pos_gateway_settings *settings, struct pos_buffer *out);

#endif
