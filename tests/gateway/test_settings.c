/* The gateway's settings: the sample file says what the program does, and bad files are refused. */
#include <assert.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "gateway/settings.h"

#define SAMPLE POSGATE_SOURCE_DIR "/conf/gateway.conf"

static struct pos_gateway_settings settings;
static struct pos_config_report report;

/* To be given back with free(). */
static char *sample_text(void)
{
    uint8_t *text;
    size_t size;
    cr_assert_eq(pos_file_read(SAMPLE, POS_CONFIG_FILE_SIZE_MAX, &text, &size, NULL), POS_OK);
    return (char *)text;
}

static const char *dump(const struct pos_gateway_settings *from)
{
    static char text[POS_SETTINGS_DUMP_SIZE_MAX + 1];
    struct pos_buffer out = pos_buffer(text, sizeof text - 1);
    pos_gateway_settings_dump(from, &out);
    cr_assert(!out.overflow);
    text[out.size] = '\0';
    return text;
}

static enum pos_status read_text(const char *text)
{
    char path[] = "/tmp/posgate-settings-XXXXXX";
    int file = mkstemp(path);
    assert(file >= 0);
    ssize_t written = write(file, text, strlen(text));
    assert(written == (ssize_t)strlen(text));
    (void)close(file);
    enum pos_status status = pos_gateway_settings_read(path, &settings, &report);
    (void)unlink(path);
    return status;
}

Test(settings, the_sample_file_is_the_defaults)
{
    static struct pos_gateway_settings defaults;
    pos_gateway_settings_defaults(&defaults);
    cr_assert_eq(pos_gateway_settings_read(SAMPLE, &settings, &report), POS_OK, "%s",
                 report.mistakes[0].text);
    settings.listeners[0].line = 0; /* the one thing that only a file can give */
    cr_expect_eq(memcmp(&settings, &defaults, sizeof settings), 0);
    char *sample = sample_text();
    cr_expect_str_eq(sample, dump(&defaults),
                     "conf/gateway.conf is not what --dump-defaults writes");
    free(sample);
}

/* The sample's "#:" lines show an upstream; taken in, they must be as good as the rest. */
Test(settings, the_example_in_the_sample_can_be_used)
{
    char text[POS_SETTINGS_DUMP_SIZE_MAX];
    struct pos_buffer out = pos_buffer(text, sizeof text - 1);
    char *source = sample_text(), *rest = source, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        if (strcmp(line, "upstreams = ( );") != 0)
            pos_buffer_format(&out, "%s\n", strncmp(line, "#:", 2) == 0 ? line + 2 : line);
    text[out.size] = '\0';
    free(source);
    cr_assert_eq(read_text(text), POS_OK, "%s", report.mistakes[0].text);
    cr_assert_eq(settings.upstream_count, 1);
    cr_expect_str_eq(settings.upstreams[0].name, "host");
    cr_expect_eq(settings.upstreams[0].port, 6583);
    cr_expect_eq(settings.upstreams[0].window, 1024);
    cr_expect_eq(settings.upstreams[0].dialect, &pos_dialect_iso87b);
}

Test(settings, every_listener_gets_its_dialect)
{
    cr_assert_eq(read_text("listeners = ( { port = 1; }, { port = 2; registration = \"open\";\n"
                           "authentication = \"smn\"; dialect = \"iso87b\"; } );"),
                 POS_OK, "%s", report.mistakes[0].text);
    cr_assert_eq(settings.listener_count, 2);
    cr_expect_eq(settings.listeners[0].dialect, &pos_dialect_iso87b);
    cr_expect_eq(settings.listeners[0].registration, POS_REGISTRATION_PROOF);
    cr_expect_eq(settings.listeners[0].authentication, POS_AUTHENTICATION_MAC);
    cr_expect_eq(settings.listeners[1].dialect, &pos_dialect_iso87b);
    cr_expect_eq(settings.listeners[1].registration, POS_REGISTRATION_OPEN);
    cr_expect_eq(settings.listeners[1].authentication, POS_AUTHENTICATION_SMN);
}

Test(settings, every_host_gets_its_dialect_and_its_way)
{
    static const uint8_t tpdu[] = {0x60, 0x12, 0x34, 0xab, 0xcd}, usual[] = {0x60, 0, 1, 0, 0};
    static const uint8_t header[] = {1, 2, 3, 4, 5, 6};
    cr_assert_eq(read_text("upstreams = ( { dialect = \"cup\"; tpdu = \"601234abCD\";\n"
                           "header = \"010203040506\"; },\n"
                           "{ name = \"other\"; dialect = \"iso87x\"; } );"),
                 POS_OK, "%s", report.mistakes[0].text);
    cr_expect_eq(settings.upstreams[0].dialect, &pos_dialect_cup);
    cr_expect_arr_eq(settings.upstreams[0].route.tpdu, tpdu, sizeof tpdu);
    cr_expect_arr_eq(settings.upstreams[0].route.header, header, sizeof header);
    cr_expect_eq(settings.upstreams[1].dialect, &pos_dialect_iso87x);
    cr_expect_arr_eq(settings.upstreams[1].route.tpdu, usual, sizeof usual);
}

static void expect_mistake(const char *text, const char *said)
{
    cr_expect_eq(read_text(text), POS_ERR_CONFIG, "%s", text);
    cr_expect_eq(report.count, 1, "%s: %zu mistakes", text, report.count);
    cr_expect(report.count > 0 && strstr(report.mistakes[0].text, said) != NULL, "%s: \"%s\"", text,
              report.mistakes[0].text);
}

Test(settings, a_sign_on_without_mac_is_for_installed_terminals_alone)
{
    cr_assert_eq(read_text("listeners = ( { dialect = \"cup\"; } );"), POS_OK);
    cr_expect_eq(settings.listeners[0].sign_on_mac, POS_SIGN_ON_MAC_REQUIRED);
    cr_assert_eq(read_text("listeners = ( { dialect = \"cup\"; registration = \"open\";\n"
                           "sign_on_mac = \"absent\"; } );"),
                 POS_OK, "%s", report.mistakes[0].text);
    cr_expect_eq(settings.listeners[0].sign_on_mac, POS_SIGN_ON_MAC_ABSENT);
    expect_mistake("listeners = ( { registration = \"open\"; sign_on_mac = \"absent\"; } );",
                   "is for the dialect cup; iso87b terminals");
    expect_mistake("listeners = ( { dialect = \"cup\"; sign_on_mac = \"absent\"; } );",
                   "needs registration = \"open\"");
    expect_mistake("listeners = ( { }, { port = 1; dialect = \"iso87a\";\n"
                   "sign_on_mac = \"absent\"; } );",
                   "listeners[1].sign_on_mac");
}

Test(settings, the_ECB_mac_is_for_the_dialect_that_has_it)
{
    cr_assert_eq(read_text("listeners = ( { dialect = \"cup\"; } );"), POS_OK);
    cr_expect_eq(settings.listeners[0].mac, POS_MAC_MODE_ISO);
    cr_assert_eq(read_text("listeners = ( { dialect = \"cup\"; mac = \"cup-ecb\"; } );"), POS_OK,
                 "%s", report.mistakes[0].text);
    cr_expect_eq(settings.listeners[0].mac, POS_MAC_MODE_CUP_ECB);
    expect_mistake("listeners = ( { mac = \"cup-ecb\"; } );",
                   "is for the dialect cup; iso87b terminals");
    expect_mistake("listeners = ( { dialect = \"cup\"; mac = \"ecb\"; } );", "cup-ecb");
}

Test(settings, the_keys_of_a_host_link)
{
    cr_assert_eq(read_text("upstreams = ( { pin_key = \"HOST1\"; mac_key = \"HOST2\"; } );"),
                 POS_OK, "%s", report.mistakes[0].text);
    cr_expect_str_eq(settings.upstreams[0].pin_key, "HOST1");
    cr_expect_str_eq(settings.upstreams[0].mac_key, "HOST2");
    cr_expect_eq(settings.upstreams[0].pin_format, POS_PIN_MODE_BY_KEY);
    cr_assert_eq(read_text("upstreams = ( { pin_key = \"HOST1\"; pin_format = \"4\"; } );"),
                 POS_OK);
    cr_expect_eq(settings.upstreams[0].pin_format, POS_PIN_MODE_4);
    expect_mistake("upstreams = ( { pin_key = \"host1\"; } );", "A-Z and 0-9");
    expect_mistake("upstreams = ( { pin_format = \"3\"; } );", "of no use without pin_key");
    expect_mistake("upstreams = ( { pin_key = \"HOST1\"; pin_format = \"1\"; } );", "by-key");
    expect_mistake("upstreams = ( { pin_key = \"HOST1\"; pin_format = \"3\"; "
                   "dialect = \"cup\"; } );",
                   "cannot be told to a host of the dialect cup");
}

Test(settings, rules_between_keys)
{
    static const struct {
        const char *name, *text;
        size_t mistakes;
    } rows[] = {
        {"same port twice", "listeners = ( { }, { } );", 1},
        {"any free port twice", "listeners = ( { port = 0; }, { port = 0; } );", 0},
        {"same port, other address", "listeners = ( { }, { address = \"127.0.0.2\"; } );", 0},
        {"no listener", "listeners = ( );", 1},
        {"address is a name", "listeners = ( { address = \"localhost\"; } );", 1},
        {"address of version 6", "listeners = ( { address = \"::1\"; } );", 0},
        {"no such dialect", "listeners = ( { dialect = \"iso87q\"; } );", 1},
        {"no such dialect of a host", "upstreams = ( { dialect = \"iso87q\"; } );", 1},
        {"TPDU too short", "upstreams = ( { tpdu = \"60000100\"; } );", 1},
        {"TPDU with an odd digit", "upstreams = ( { tpdu = \"60000100000\"; } );", 1},
        {"TPDU that is not hexadecimal", "upstreams = ( { tpdu = \"600001000g\"; } );", 1},
        {"header too long", "upstreams = ( { header = \"60310000000000\"; } );", 1},
        {"header in lower case", "upstreams = ( { header = \"603abc000000\"; } );", 0},
        {"registers whom it refuses", "listeners = ( { authentication = \"smn\"; } );", 1},
        {"the patent as written",
         "listeners = ( { registration = \"open\"; authentication = \"smn\"; } );", 0},
        {"same host twice", "upstreams = ( { }, { } );", 1},
        {"two hosts", "upstreams = ( { }, { name = \"other\"; } );", 0},
        {"host name with a space", "upstreams = ( { name = \"a b\"; } );", 1},
        {"pauses the wrong way round",
         "upstreams = ( { reconnect_min_ms = 500; reconnect_max_ms = 499; } );", 1},
        {"pauses alike", "upstreams = ( { reconnect_min_ms = 500; reconnect_max_ms = 500; } );", 0},
        {"follows too slowly", "key_library = { follow_interval_ms = 1001; };", 1},
        {"follows slowly", "key_library = { follow_interval_ms = 1000; };", 0},
        {"a token", "security_module = { kind = \"pkcs11\"; module = \"/lib/x.so\"; };", 0},
        {"a token without its library", "security_module = { kind = \"pkcs11\"; };", 1},
        {"a kind of module there is not", "security_module = { kind = \"hardware\"; };", 1},
        {"a token by its serial", "security_module = { token = \"pkcs11:serial=1234\"; };", 0},
        {"a token by nothing", "security_module = { token = \"pkcs11:\"; };", 1},
        {"not a URI of a token", "security_module = { token = \"token=posgate\"; };", 1},
        {"a URI with a PIN", "security_module = { token = \"pkcs11:token=a?pin-value=1\"; };", 1},
        {"too many sessions with a token", "security_module = { token_sessions = 257; };", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum pos_status status = read_text(rows[i].text);
        cr_expect_eq(report.count, rows[i].mistakes, "%s: %zu mistakes, %s", rows[i].name,
                     report.count, report.count > 0 ? report.mistakes[0].text : "");
        cr_expect_eq(status, rows[i].mistakes == 0 ? POS_OK : POS_ERR_CONFIG, "%s", rows[i].name);
    }
}

/* The enums of settings.h and log.h are stored by place: their order must be that of the words. */
Test(settings, words_and_enums_agree)
{
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    for (size_t i = 0; i < POS_LOG_LEVELS; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "log = { level = \"%s\"; };", levels[i]);
        cr_assert_eq(read_text(text), POS_OK);
        cr_expect_eq((int)settings.log.level, pos_log_level_parse(levels[i]));
    }
    cr_assert_eq(read_text("binding = \"provisioned\"; log = { format = \"json\"; };"), POS_OK);
    cr_expect_eq(settings.binding, POS_BINDING_PROVISIONED);
    cr_expect_eq(settings.log.format, POS_LOG_FORMAT_JSON);
    cr_assert_eq(read_text("binding = \"first-use\"; log = { format = \"text\"; };"), POS_OK);
    cr_expect_eq(settings.binding, POS_BINDING_FIRST_USE);
    cr_expect_eq(settings.log.format, POS_LOG_FORMAT_TEXT);
}

/* The ceilings of core/base/limits.h: the last value that is taken, and the first that is not. */
Test(settings, limits_that_an_operator_may_raise_end_where_limits_h_says)
{
    const struct {
        const char *before, *behind; /* the number */
        unsigned max;
    } rows[] = {
        {"loops = ", ";", POS_LOOP_COUNT_MAX},
        {"limits = { connections = ", "; };", POS_CONNECTION_COUNT_MAX},
        {"limits = { connections_per_address = ", "; };", POS_CONNECTION_COUNT_MAX},
        {"limits = { pipelined_requests = ", "; };", POS_PIPELINE_COUNT_MAX},
        {"limits = { write_queue_bytes = ", "; };", POS_WRITE_QUEUE_SIZE_MAX},
        {"upstreams = ( { name = \"a\"; window = ", "; } );", POS_UPSTREAM_WINDOW_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s%u%s", rows[i].before, rows[i].max, rows[i].behind);
        cr_expect_eq(read_text(text), POS_OK, "%s: %s", text, report.mistakes[0].text);
        (void)snprintf(text, sizeof text, "%s%u%s", rows[i].before, rows[i].max + 1,
                       rows[i].behind);
        cr_expect_eq(read_text(text), POS_ERR_CONFIG, "%s", text);
    }
}

static enum pos_status read_listeners(unsigned count)
{
    static char text[64 * (POS_LISTENER_COUNT_MAX + 4)];
    struct pos_buffer out = pos_buffer(text, sizeof text - 1);
    pos_buffer_put_text(&out, "listeners = (");
    for (unsigned i = 0; i < count; i++)
        pos_buffer_format(&out, "%s{ port = %u; }", i == 0 ? "" : ", ", 10000 + i);
    pos_buffer_put_text(&out, ");");
    cr_assert(!out.overflow);
    text[out.size] = '\0';
    return read_text(text);
}

Test(settings, so_many_listeners_and_no_more)
{
    cr_expect_eq(read_listeners(POS_LISTENER_COUNT_MAX), POS_OK, "%s", report.mistakes[0].text);
    cr_expect_eq(read_listeners(POS_LISTENER_COUNT_MAX + 1), POS_ERR_CONFIG);
}
