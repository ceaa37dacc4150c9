/* posgate-keymgmt's settings: conf/keymgmt.conf, read when a command needs them. */
#ifndef POS_KEYMGMT_SETTINGS_H
#define POS_KEYMGMT_SETTINGS_H

#include "core/config/config.h"
#include "core/hsm/hsm.h"
#include "keymgmt/template.h"

enum {
    POS_FORMAT_COUNT_MAX = 16,
    POS_FORMAT_NAME_SIZE = 17,             /* with NUL */
    POS_KEYMGMT_DUMP_SIZE_MAX = 16 * 1024, /* what the settings never exceed as a file */
};

enum pos_line_end { POS_LINE_END_LF, POS_LINE_END_CRLF };

/* How a recipient wants its keys. */
struct pos_format {
    char name[POS_FORMAT_NAME_SIZE];
    char header[POS_TEMPLATE_SIZE_MAX]; /* "": no such line */
    char key[POS_TEMPLATE_SIZE_MAX];
    char trailer[POS_TEMPLATE_SIZE_MAX];
    uint32_t kcv_digits;
    enum pos_line_end line_end;
    uint32_t line; /* in the file */
};

struct pos_keymgmt_settings {
    char anchor[POS_PATH_SIZE_MAX]; /* "": HOME/anchor */
    struct {
        enum pos_hsm_kind kind;
        char module[POS_PATH_SIZE_MAX];
        char token[POS_PATH_SIZE_MAX];
        char lmk_label[POS_TOKEN_LABEL_SIZE];
    } security_module;
    struct pos_format formats[POS_FORMAT_COUNT_MAX];
    uint32_t format_count;
};

void pos_keymgmt_settings_defaults(struct pos_keymgmt_settings *settings);
/* POS_ERR_CONFIG: report says what is wrong, with lines. */
POS_MUST_USE enum pos_status pos_keymgmt_settings_read(const char *path,
                                                       struct pos_keymgmt_settings *settings,
                                                       struct pos_config_report *report);
/* As a file; `out` has POS_KEYMGMT_DUMP_SIZE_MAX bytes of room. */
void pos_keymgmt_settings_dump(const struct pos_keymgmt_settings *settings, struct pos_buffer *out);

/* The format of this name; NULL when there is none. */
const struct pos_format *pos_format_find(const struct pos_keymgmt_settings *settings,
                                         const char *name);

#endif
