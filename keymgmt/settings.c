/*
 * The one place for names, defaults, units and ranges of the settings. Adding one: a member in
 * settings.h, a row here, a fresh conf/keymgmt.conf (posgate-keymgmt --dump-defaults).
 */
#include "keymgmt/settings.h"

#include <assert.h>
#include <string.h>

_Static_assert(sizeof(enum pos_hsm_kind) == sizeof(uint32_t), "a choice is stored as 32 bits");
_Static_assert(sizeof(enum pos_line_end) == sizeof(uint32_t), "a choice is stored as 32 bits");

static const char *const module_kinds[] = {"software", "pkcs11", NULL};
static const char *const line_ends[] = {"lf", "crlf", NULL};

static bool accept_file_line(const char *text, struct pos_buffer *reason)
{
    return pos_template_valid(text, POS_TEMPLATE_FILE, reason);
}

/* A line from which nobody can tell which key it is, or that holds none, is of no use. */
static bool accept_key_line(const char *text, struct pos_buffer *reason)
{
    if (!pos_template_valid(text, POS_TEMPLATE_KEY, reason))
        return false;
    if (pos_template_has(text, 'i') && (pos_template_has(text, 'c') || pos_template_has(text, 'b')))
        return true;
    pos_buffer_put_text(reason, "must have the index (%i) and the key (%c or %b)");
    return false;
}

#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* One row a key. */
#define HOLDER struct pos_format
static const struct pos_config_key format_keys[] = {
    {.name = "name",
     POS_CONFIG_MEMBER_TEXT(HOLDER, name, "bare", pos_config_accept_name,
                            "What export --format calls it; up to 16 letters, digits, - and _")},
    {.name = "header",
     POS_CONFIG_MEMBER_TEXT(HOLDER, header, "", accept_file_line,
                            "First line; \"\": none. %B batch, %n count, %f and %l first and last "
                            "index, %m mother POS, %d and %t date and time in UTC, %% a percent "
                            "sign"),
     .may_be_empty = true},
    {.name = "key",
     POS_CONFIG_MEMBER_TEXT(HOLDER, key, "%i%c%k", accept_key_line,
                            "Line of one key. %i its index, %c the key in ECB mode under the KTK "
                            "in hexadecimal, %b its key block, %k its check value; and those of "
                            "the header")},
    {.name = "trailer",
     POS_CONFIG_MEMBER_TEXT(HOLDER, trailer, "", accept_file_line,
                            "Last line; \"\": none. As the header"),
     .may_be_empty = true},
    {.name = "kcv_digits",
     POS_CONFIG_MEMBER_NUMBER(HOLDER, kcv_digits, 6, POS_TEMPLATE_KCV_DIGITS_MIN,
                              POS_TEMPLATE_KCV_DIGITS_MAX, "digits", "How much of it %k shows")},
    {.name = "line_end",
     POS_CONFIG_MEMBER_CHOICE(HOLDER, line_end, "lf", line_ends, "What ends each line")},
    END,
};
#undef HOLDER

#define HOLDER struct pos_keymgmt_settings
static const struct pos_config_key module_keys[] = {
    {.name = "kind",
     POS_CONFIG_MEMBER_CHOICE(HOLDER, security_module.kind, "software", module_kinds,
                              "Kind of module; pkcs11: a token. The LMK of both is made by "
                              "ceremony lmk")},
    {.name = "module",
     POS_CONFIG_MEMBER_TEXT(HOLDER, security_module.module, "", NULL,
                            "pkcs11: path of the vendor's library. The credential file holds the "
                            "token's user PIN"),
     .may_be_empty = true},
    {.name = "token",
     POS_CONFIG_MEMBER_TEXT(HOLDER, security_module.token, "pkcs11:token=posgate",
                            pos_hsm_accept_token,
                            "pkcs11: URI that names one token (RFC 7512), without a PIN")},
    {.name = "lmk_label",
     POS_CONFIG_MEMBER_TEXT(HOLDER, security_module.lmk_label, POS_TOKEN_LMK_LABEL, NULL,
                            "pkcs11: label of the LMK on the token")},
    END,
};

static const struct pos_config_key keymgmt_keys[] = {
    {.name = "anchor",
     POS_CONFIG_MEMBER_TEXT(
         HOLDER, anchor, "", NULL,
         "File that says a second time where the key library stands, so that a "
         "restored old copy is noticed; best on another disk. \"\": HOME/anchor"),
     .may_be_empty = true},
    {
        .name = "security_module",
        .kind = POS_CONFIG_GROUP,
        .keys = module_keys,
        .about = "Where keys are clear. The gateway's settings must name the same",
    },
    {
        .name = "formats",
        .kind = POS_CONFIG_LIST,
        .keys = format_keys,
        .offset = offsetof(HOLDER, formats),
        .size = sizeof(struct pos_format),
        .count_offset = offsetof(HOLDER, format_count),
        .line_offset = offsetof(struct pos_format, line),
        .default_count = 0,
        .count_min = 0,
        .count_max = POS_FORMAT_COUNT_MAX,
        .about = "Formats of recipients that do not read posgate's key file. Their files have no "
                 "protection against changes",
    },
    END,
};
#undef HOLDER

void pos_keymgmt_settings_defaults(struct pos_keymgmt_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    pos_config_defaults(keymgmt_keys, settings);
}

static void check_names(const struct pos_keymgmt_settings *settings,
                        struct pos_config_report *report)
{
    for (uint32_t i = 1; i < settings->format_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(settings->formats[i].name, settings->formats[j].name) == 0)
                pos_config_mistake(report, settings->formats[i].line,
                                   "formats[%u] has the name of formats[%u]", i, j);
}

static void check_module(const struct pos_keymgmt_settings *settings,
                         struct pos_config_report *report)
{
    if (settings->security_module.kind == POS_HSM_PKCS11 &&
        settings->security_module.module[0] == '\0')
        pos_config_mistake(report, 0,
                           "security_module.kind = \"pkcs11\" needs security_module.module, the "
                           "path of the vendor's library");
}

enum pos_status pos_keymgmt_settings_read(const char *path, struct pos_keymgmt_settings *settings,
                                          struct pos_config_report *report)
{
    memset(settings, 0, sizeof *settings);
    enum pos_status status = pos_config_read(path, keymgmt_keys, settings, report);
    check_names(settings, report);
    check_module(settings, report);
    return status == POS_OK && report->count > 0 ? POS_ERR_CONFIG : status;
}

void pos_keymgmt_settings_dump(const struct pos_keymgmt_settings *settings, struct pos_buffer *out)
{
    assert(out->capacity - out->size >= POS_KEYMGMT_DUMP_SIZE_MAX);
    pos_buffer_put_text(
        out, "# Configuration of posgate-keymgmt: every key with its default.\n"
             "# What is left out has its default. It is read from HOME/keymgmt.conf, or from the\n"
             "# file that --config names.\n\n");
    pos_config_dump(keymgmt_keys, settings, out);
}

const struct pos_format *pos_format_find(const struct pos_keymgmt_settings *settings,
                                         const char *name)
{
    for (uint32_t i = 0; i < settings->format_count; i++)
        if (strcmp(settings->formats[i].name, name) == 0)
            return &settings->formats[i];
    return NULL;
}
