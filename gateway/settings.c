/*
 * The one place for names, defaults, units and ranges of the gateway's settings. Adding one: a
 * member in settings.h, a row here, a fresh conf/gateway.conf (posgate-gateway --dump-defaults).
 */
#include "gateway/settings.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "core/base/hex.h"
#include "gateway/remembered.h"
#include "gateway/settings_check.h"

_Static_assert(sizeof(enum pos_binding_mode) == sizeof(uint32_t), "a choice is stored as 32 bits");

static const char *const registration_modes[] = {"proof", "open", NULL};
static const char *const authentication_modes[] = {"mac", "smn", NULL};
static const char *const sign_on_modes[] = {"required", "absent", NULL};
static const char *const mac_modes[] = {"iso", "cup-ecb", NULL};
static const char *const pin_modes[] = {"by-key", "0", "3", "4", NULL};
static const char *const binding_modes[] = {"first-use", "provisioned", NULL};
static const char *const lookup_modes[] = {"each", "remembered", NULL};
static const char *const module_kinds[] = {"software", "pkcs11", NULL};
static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

static bool accept_address(const char *text, struct pos_buffer *reason)
{
    struct in6_addr address;
    if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
        return true;
    pos_buffer_format(reason, "= \"%.40s\" is not an IPv4 or IPv6 address", text);
    return false;
}

static bool accept_dialect(const char *text, struct pos_buffer *reason)
{
    if (pos_dialect_find(pos_bytes_text(text)) != NULL)
        return true;
    pos_buffer_format(reason, "= \"%.32s\" is not a dialect; there are: ", text);
    pos_dialect_names(reason);
    return false;
}

static bool accept_hex(const char *text, size_t size, struct pos_buffer *reason)
{
    uint8_t bytes[POS_HEADER_SIZE];
    assert(size <= sizeof bytes);
    if (pos_hex_decode(pos_bytes_text(text), bytes, size) == POS_OK)
        return true;
    pos_buffer_format(reason, "= \"%.40s\" is not %zu hexadecimal digits", text, 2 * size);
    return false;
}

static bool accept_tpdu(const char *text, struct pos_buffer *reason)
{
    return accept_hex(text, POS_TPDU_SIZE, reason);
}

static bool accept_header(const char *text, struct pos_buffer *reason)
{
    return accept_hex(text, POS_HEADER_SIZE, reason);
}

static bool accept_key_name(const char *text, struct pos_buffer *reason)
{
    if (pos_key_name_valid(pos_bytes_text(text)))
        return true;
    pos_buffer_format(reason, "= \"%.40s\" is not 1 to %d characters A-Z and 0-9", text,
                      POS_KEY_NAME_SIZE_MAX);
    return false;
}

#define NUMBER(holder, key, member, ...)                                                           \
    {                                                                                              \
        .name = key, POS_CONFIG_MEMBER_NUMBER(holder, member, __VA_ARGS__)                         \
    }
#define TEXT(holder, key, member, ...)                                                             \
    {                                                                                              \
        .name = key, POS_CONFIG_MEMBER_TEXT(holder, member, __VA_ARGS__)                           \
    }
#define CHOICE(holder, key, member, ...)                                                           \
    {                                                                                              \
        .name = key, POS_CONFIG_MEMBER_CHOICE(holder, member, __VA_ARGS__)                         \
    }
#define KEY_NAME(holder, key, member, ...)                                                         \
    {                                                                                              \
        .name = key, POS_CONFIG_MEMBER_TEXT(holder, member, "", accept_key_name, __VA_ARGS__),     \
        .may_be_empty = true                                                                       \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* One row a key. */
#define HOLDER struct pos_listener_settings
static const struct pos_config_key listener_keys[] = {
    TEXT(HOLDER, "address", address, "127.0.0.1", accept_address, "Address to listen on"),
    NUMBER(HOLDER, "port", port, 8583, 0, 65535, "",
           "TCP port; 0: any free one, the log says which"),
    TEXT(HOLDER, "dialect", dialect_name, "iso87b", accept_dialect, "How messages are encoded"),
    CHOICE(HOLDER, "registration", registration, "proof", registration_modes,
           "What a terminal shows to register: a proof of its key, or its SMN alone"),
    CHOICE(HOLDER, "authentication", authentication, "mac", authentication_modes,
           "What a later request carries: SMN and MAC, or its SMN alone"),
    CHOICE(HOLDER, "sign_on_mac", sign_on_mac, "required", sign_on_modes,
           "Whether a sign-on has a MAC; absent is for terminals of the dialect cup that were "
           "installed before, with registration open"),
    CHOICE(HOLDER, "mac", mac, "iso", mac_modes,
           "How MACs under a TDES TAK are made; cup-ecb, which can be forged, is for terminals of "
           "the dialect cup that have no other"),
    END,
};
#undef HOLDER

#define HOLDER struct pos_upstream_settings
static const struct pos_config_key upstream_keys[] = {
    TEXT(HOLDER, "name", name, "host", pos_config_accept_name, "Its name in logs and metrics"),
    TEXT(HOLDER, "address", address, "127.0.0.1", accept_address, "Address of the acquirer host"),
    NUMBER(HOLDER, "port", port, 6583, 1, 65535, "", "TCP port"),
    TEXT(HOLDER, "dialect", dialect_name, "iso87b", accept_dialect, "How messages are encoded"),
    TEXT(HOLDER, "tpdu", tpdu, "6000010000", accept_tpdu,
         "TPDU of requests in the dialect cup: 60, destination, source; hexadecimal"),
    TEXT(HOLDER, "header", header, "603100000000", accept_header,
         "Header of requests in the dialect cup; hexadecimal"),
    NUMBER(HOLDER, "connect_timeout_ms", connect_timeout_ms, 3000, 10, 60000, "ms",
           "Time to connect"),
    NUMBER(HOLDER, "reply_timeout_ms", reply_timeout_ms, 15000, 10, 300000, "ms",
           "Time to answer; a later answer is dropped and the terminal gets 68"),
    NUMBER(HOLDER, "window", window, 1024, 1, POS_UPSTREAM_WINDOW_MAX, "requests",
           "Requests under way at once, per loop; a further one gets 91"),
    NUMBER(HOLDER, "reconnect_min_ms", reconnect_min_ms, 200, 10, 60000, "ms",
           "Pause before the first attempt to connect again; doubled after each"),
    NUMBER(HOLDER, "reconnect_max_ms", reconnect_max_ms, 10000, 10, 600000, "ms",
           "The longest such pause"),
    NUMBER(HOLDER, "echo_interval_ms", echo_interval_ms, 30000, 0, 3600000, "ms",
           "Time between echo messages on a quiet connection; 0: none"),
    KEY_NAME(HOLDER, "pin_key", pin_key,
             "Its ZPK in the key library, for PINs; \"\": none, a PIN gets 99"),
    CHOICE(HOLDER, "pin_format", pin_format, "by-key", pin_modes,
           "PIN blocks it gets; by-key: format 0 under a TDES key, 4 under an AES one"),
    KEY_NAME(HOLDER, "mac_key", mac_key,
             "Its ZAK in the key library: requests and replies carry a MAC; \"\": none do"),
    END,
};
#undef HOLDER

#define HOLDER struct pos_gateway_settings
static const struct pos_config_key database_keys[] = {
    TEXT(HOLDER, "path", database.path, "/var/lib/posgate/terminals", NULL,
         "Folder of the terminal table"),
    NUMBER(HOLDER, "cache_mb", database.cache_mb, 256, 8, 1048576, "MiB",
           "Block cache; 140 for each million terminals keep all look-ups in memory"),
    NUMBER(HOLDER, "readers", database.readers, 2, 1, POS_READER_THREAD_COUNT_MAX, "threads",
           "That read the disk for what the cache does not hold, so that the loops need not"),
    NUMBER(HOLDER, "ballast_mb", database.ballast_mb, 384, 0, 1048576, "MiB",
           "A file in that folder that is given up when a start finds no room; 0: none"),
    NUMBER(HOLDER, "low_water_mb", database.low_water_mb, 512, 0, 1048576, "MiB",
           "With less room than this on its disk nothing is written for terminals; 0: no mark"),
    {.name = "anchor",
     POS_CONFIG_MEMBER_TEXT(
         HOLDER, database.anchor, "", NULL,
         "File that tells an old copy of the table, best on another disk; \"\": beside the folder, "
         "its name and .anchor"),
     .may_be_empty = true},
    END,
};

static const struct pos_config_key key_library_keys[] = {
    TEXT(HOLDER, "path", key_library.path, "/var/lib/posgate/keymgmt/library", NULL,
         "Folder of the key library, which posgate-keymgmt writes and the gateway follows"),
    NUMBER(HOLDER, "follow_interval_ms", key_library.follow_interval_ms, 500, 20, 1000, "ms",
           "Time between looks at what was written since"),
    END,
};

static const struct pos_config_key security_module_keys[] = {
    CHOICE(HOLDER, "kind", security_module.kind, "software", module_kinds,
           "Kind of module; pkcs11: a token. The LMK of both is made by posgate-keymgmt ceremony "
           "lmk"),
    TEXT(HOLDER, "lmk_file", security_module.lmk_file, "/var/lib/posgate/keymgmt/lmk.sealed", NULL,
         "software: the sealed LMK"),
    TEXT(HOLDER, "credential_file", security_module.credential_file, "/etc/posgate/credential",
         NULL, "The secret that opens it, or the token's user PIN; mode 600"),
    {.name = "module",
     POS_CONFIG_MEMBER_TEXT(HOLDER, security_module.module, "", NULL,
                            "pkcs11: path of the vendor's library"),
     .may_be_empty = true},
    TEXT(HOLDER, "token", security_module.token, "pkcs11:token=posgate", pos_hsm_accept_token,
         "pkcs11: URI that names one token (RFC 7512), without a PIN"),
    TEXT(HOLDER, "lmk_label", security_module.lmk_label, POS_TOKEN_LMK_LABEL, NULL,
         "pkcs11: label of the LMK on the token"),
    NUMBER(HOLDER, "token_sessions", security_module.token_sessions, 16, 1,
           POS_TOKEN_SESSION_COUNT_MAX, "sessions", "pkcs11: open at once with the token"),
    NUMBER(HOLDER, "threads", security_module.threads, 4, 1, POS_STRONGROOM_THREAD_COUNT_MAX,
           "threads", "pkcs11: that wait for the token, so that the loops need not"),
    NUMBER(HOLDER, "queue_timeout_ms", security_module.queue_timeout_ms, 5000, 100, 60000, "ms",
           "pkcs11: what waits longer for one of them gets 96"),
    END,
};

static const struct pos_config_key limit_keys[] = {
    NUMBER(HOLDER, "connections", limits.connections, 12000, 1, POS_CONNECTION_COUNT_MAX,
           "connections", "Open at once, in all"),
    NUMBER(HOLDER, "connections_per_address", limits.connections_per_address, 0, 0,
           POS_CONNECTION_COUNT_MAX, "connections", "Open at once from one address; 0: no limit"),
    NUMBER(HOLDER, "idle_timeout_ms", limits.idle_timeout_ms, 300000, 0, 86400000, "ms",
           "A connection that sends nothing for so long is closed; 0: never"),
    NUMBER(HOLDER, "message_timeout_ms", limits.message_timeout_ms, 10000, 10, 600000, "ms",
           "A message must be whole so long after its first byte"),
    NUMBER(HOLDER, "pipelined_requests", limits.pipelined_requests, 128, 1, POS_PIPELINE_COUNT_MAX,
           "requests", "Unanswered requests of one connection"),
    NUMBER(HOLDER, "write_queue_bytes", limits.write_queue_bytes, POS_WRITE_QUEUE_SIZE_MAX, 8192,
           POS_WRITE_QUEUE_SIZE_MAX, "bytes", "Owed to one connection before it is cut"),
    NUMBER(HOLDER, "registrations_per_second", limits.registrations_per_second, 0, 0, 1000000,
           "requests", "From one address; more get 96; 0: no limit"),
    NUMBER(HOLDER, "requests_per_second", limits.requests_per_second, 0, 0, 1000000, "requests",
           "From one address; more get 96; 0: no limit"),
    NUMBER(HOLDER, "pin_failures_per_terminal", limits.pin_failures_per_terminal, 20, 0, 1000000,
           "PIN blocks", "That may fail in an hour; then all get 99 until it ends; 0: no limit"),
    END,
};

static const struct pos_config_key admin_keys[] = {
    TEXT(HOLDER, "socket", admin.socket, "/run/posgate/gateway.sock", NULL,
         "Unix socket for posgatectl"),
    TEXT(HOLDER, "metrics_address", admin.metrics_address, "127.0.0.1", accept_address,
         "Address for /metrics, /livez and /readyz"),
    NUMBER(HOLDER, "metrics_port", admin.metrics_port, 9583, 0, 65535, "",
           "TCP port; 0: any free one, the log says which"),
    END,
};

static const struct pos_config_key log_keys[] = {
    CHOICE(HOLDER, "level", log.level, "info", log_levels, "The least that is logged"),
    CHOICE(HOLDER, "format", log.format, "text", log_formats, "key=value pairs, or JSON"),
    END,
};

#define GROUP(key, rows, words)                                                                    \
    {                                                                                              \
        .name = key, .kind = POS_CONFIG_GROUP, .keys = rows, .about = words                        \
    }

static const struct pos_config_key gateway_keys[] = {
    {
        .name = "listeners",
        .kind = POS_CONFIG_LIST,
        .keys = listener_keys,
        .offset = offsetof(HOLDER, listeners),
        .size = sizeof(struct pos_listener_settings),
        .count_offset = offsetof(HOLDER, listener_count),
        .line_offset = offsetof(struct pos_listener_settings, line),
        .default_count = 1,
        .count_min = 1,
        .count_max = POS_LISTENER_COUNT_MAX,
        .about = "Where terminals connect",
    },
    NUMBER(HOLDER, "loops", loops, 0, 0, POS_LOOP_COUNT_MAX, "threads",
           "Event loops; 0: one per processor core"),
    GROUP("database", database_keys, "The terminal table, which the gateway owns"),
    GROUP("key_library", key_library_keys, "The key library, which the gateway reads"),
    GROUP("security_module", security_module_keys, "Where keys are clear"),
    CHOICE(HOLDER, "lookup", lookup, "each", lookup_modes,
           "Where a request's row comes from: RocksDB each time, or the loop's memory while it is "
           "unchanged"),
    NUMBER(HOLDER, "remembered_rows", remembered_rows, 65536, POS_REMEMBERED_COUNT_MIN,
           POS_REMEMBERED_COUNT_MAX, "rows",
           "With lookup = \"remembered\", of each loop; half a KiB of memory each"),
    CHOICE(HOLDER, "binding", binding, "first-use", binding_modes,
           "How a terminal gets its TID and MID: from its first transaction, or from posgatectl"),
    GROUP("limits", limit_keys, "What one gateway and one peer may use"),
    {
        .name = "upstreams",
        .kind = POS_CONFIG_LIST,
        .keys = upstream_keys,
        .offset = offsetof(HOLDER, upstreams),
        .size = sizeof(struct pos_upstream_settings),
        .count_offset = offsetof(HOLDER, upstream_count),
        .line_offset = offsetof(struct pos_upstream_settings, line),
        .default_count = 0,
        .count_min = 0,
        .count_max = POS_UPSTREAM_COUNT_MAX,
        .about = "Acquirer hosts that transactions go to, in turn; without one each gets 91",
    },
    GROUP("admin", admin_keys, "For operators and monitoring"),
    GROUP("log", log_keys, "What goes to standard error"),
    END,
};
#undef HOLDER

/* Texts that stand for something else; what was refused as a text is left as it is. */
static void resolve_upstream(struct pos_upstream_settings *upstream)
{
    struct pos_route *route = &upstream->route;
    upstream->dialect = pos_dialect_find(pos_bytes_text(upstream->dialect_name));
    if (pos_hex_decode(pos_bytes_text(upstream->tpdu), route->tpdu, sizeof route->tpdu) != POS_OK)
        memset(route->tpdu, 0, sizeof route->tpdu);
    if (pos_hex_decode(pos_bytes_text(upstream->header), route->header, sizeof route->header) !=
        POS_OK)
        memset(route->header, 0, sizeof route->header);
}

static void resolve(struct pos_gateway_settings *settings)
{
    for (size_t i = 0; i < POS_UPSTREAM_COUNT_MAX; i++)
        resolve_upstream(&settings->upstreams[i]);
    for (size_t i = 0; i < POS_LISTENER_COUNT_MAX; i++) {
        struct pos_listener_settings *listener = &settings->listeners[i];
        listener->dialect = pos_dialect_find(pos_bytes_text(listener->dialect_name));
    }
}

void pos_gateway_settings_defaults(struct pos_gateway_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    pos_config_defaults(gateway_keys, settings);
    resolve(settings);
}

enum pos_status pos_gateway_settings_read(const char *path, struct pos_gateway_settings *settings,
                                          struct pos_config_report *report)
{
    memset(settings, 0, sizeof *settings);
    enum pos_status status = pos_config_read(path, gateway_keys, settings, report);
    resolve(settings);
    pos_gateway_settings_check(settings, report);
    if (status == POS_OK && report->count > 0)
        status = POS_ERR_CONFIG;
    return status;
}

void pos_gateway_settings_dump(const struct pos_gateway_settings *settings, struct pos_buffer *out)
{
    assert(out->capacity - out->size >= POS_SETTINGS_DUMP_SIZE_MAX);
    pos_buffer_put_text(out,
                        "# Configuration of posgate-gateway: every key with its default.\n"
                        "# What is left out has its default. Check with posgate-gateway --check -c "
                        "FILE.\n\n");
    pos_config_dump(gateway_keys, settings, out);
}
