#include "gateway/settings_check.h"

#include <string.h>

/* A row that proved its key is refused where MACs are not asked for: so such a listener would
 * register terminals that it never serves. */
static void check_strength(const struct pos_listener_settings *listener, uint32_t i,
                           struct pos_config_report *report)
{
    if (listener->registration == POS_REGISTRATION_PROOF &&
        listener->authentication == POS_AUTHENTICATION_SMN)
        pos_config_mistake(report, listener->line,
                           "listeners[%u]: registration = \"proof\" with authentication = \"smn\" "
                           "registers terminals and then refuses them; use \"mac\", or "
                           "registration = \"open\"",
                           i);
}

/* A sign-on's MAC is made under the key that proves a registration: who can do the one can do the
 * other. And a terminal that has proved its key is refused where less is asked, so it could not
 * sign on here. */
static void check_sign_on(const struct pos_listener_settings *listener, uint32_t i,
                          struct pos_config_report *report)
{
    if (listener->sign_on_mac != POS_SIGN_ON_MAC_ABSENT || listener->dialect == NULL)
        return;
    if (!listener->dialect->sign_on_without_mac)
        pos_config_mistake(report, listener->line,
                           "listeners[%u].sign_on_mac = \"absent\" is for the dialect cup; %s "
                           "terminals sign on with a MAC",
                           i, listener->dialect->name);
    else if (listener->registration != POS_REGISTRATION_OPEN)
        pos_config_mistake(
            report, listener->line,
            "listeners[%u].sign_on_mac = \"absent\" needs registration = \"open\": a "
            "terminal that proves its key to register can sign on with a MAC",
            i);
}

/* The ECB MAC is malleable by design. */
static void check_mac(const struct pos_listener_settings *listener, uint32_t i,
                      struct pos_config_report *report)
{
    if (listener->mac == POS_MAC_MODE_CUP_ECB && listener->dialect != NULL &&
        !listener->dialect->ecb_mac)
        pos_config_mistake(report, listener->line,
                           "listeners[%u].mac = \"cup-ecb\" is for the dialect cup; %s terminals "
                           "make the MACs of ISO 9797-1 or CMACs",
                           i, listener->dialect->name);
}

/* Two listeners may share a port on different addresses only. */
static void check_listeners(const struct pos_gateway_settings *settings,
                            struct pos_config_report *report)
{
    for (uint32_t i = 0; i < settings->listener_count; i++) {
        const struct pos_listener_settings *listener = &settings->listeners[i];
        check_sign_on(listener, i, report);
        check_strength(listener, i, report);
        check_mac(listener, i, report);
        for (uint32_t j = 0; j < i; j++)
            if (listener->port != 0 && listener->port == settings->listeners[j].port &&
                strcmp(listener->address, settings->listeners[j].address) == 0)
                pos_config_mistake(report, listener->line,
                                   "listeners[%u] has the address and port of listeners[%u]", i, j);
    }
}

/* In the group, whose line nobody keeps. */
static void check_security_module(const struct pos_gateway_settings *settings,
                                  struct pos_config_report *report)
{
    if (settings->security_module.kind == POS_HSM_PKCS11 &&
        settings->security_module.module[0] == '\0')
        pos_config_mistake(report, 0,
                           "security_module.kind = \"pkcs11\" needs security_module.module, the "
                           "path of the vendor's library");
}

/* Field 53 in UnionPay's meaning has no word for format 3. */
static void check_pin(const struct pos_upstream_settings *upstream, uint32_t i,
                      struct pos_config_report *report)
{
    if (upstream->pin_format == POS_PIN_MODE_3 && upstream->dialect != NULL &&
        upstream->dialect->bare_keys)
        pos_config_mistake(report, upstream->line,
                           "upstreams[%u].pin_format = \"3\" cannot be told to a host of the "
                           "dialect %s; use \"0\" or \"4\"",
                           i, upstream->dialect->name);
    if (upstream->pin_format != POS_PIN_MODE_BY_KEY && upstream->pin_key[0] == '\0')
        pos_config_mistake(report, upstream->line,
                           "upstreams[%u].pin_format is of no use without pin_key", i);
}

static void check_upstreams(const struct pos_gateway_settings *settings,
                            struct pos_config_report *report)
{
    for (uint32_t i = 0; i < settings->upstream_count; i++) {
        const struct pos_upstream_settings *upstream = &settings->upstreams[i];
        if (upstream->reconnect_min_ms > upstream->reconnect_max_ms)
            pos_config_mistake(report, upstream->line,
                               "upstreams[%u].reconnect_min_ms is above its reconnect_max_ms", i);
        check_pin(upstream, i, report);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(upstream->name, settings->upstreams[j].name) == 0)
                pos_config_mistake(report, upstream->line,
                                   "upstreams[%u] has the name of upstreams[%u]", i, j);
    }
}

void pos_gateway_settings_check(const struct pos_gateway_settings *settings,
                                struct pos_config_report *report)
{
    check_listeners(settings, report);
    check_security_module(settings, report);
    check_upstreams(settings, report);
}
