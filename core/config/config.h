/*
 * Configuration files: a table says which keys there are, and the reader does the rest.
 *
 * One table of struct pos_config_key per group of a file serves four uses, so they cannot disagree:
 * it fills the defaults, reads and checks a file, and writes the commented sample. Every mistake in
 * a file is reported, each with its line: unknown keys with the nearest valid name, wrong types,
 * numbers out of range, values that are none of the allowed ones. The one exception is a syntax
 * error: what follows it cannot be understood, and the report says so.
 */
#ifndef POS_CONFIG_CONFIG_H
#define POS_CONFIG_CONFIG_H

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/limits.h"

enum {
    POS_CONFIG_MISTAKE_COUNT_MAX = 64, /* kept; the rest is counted */
    POS_CONFIG_MISTAKE_TEXT_SIZE = 320,
};

struct pos_config_mistake {
    uint32_t line; /* 0: the file as a whole */
    char text[POS_CONFIG_MISTAKE_TEXT_SIZE];
};

/* What is wrong with a file, in order of lines. About 20 KB: not for the stack of a small thread.
 */
struct pos_config_report {
    char path[POS_PATH_SIZE_MAX];
    size_t count; /* of all mistakes; those from POS_CONFIG_MISTAKE_COUNT_MAX on are not kept */
    struct pos_config_mistake mistakes[POS_CONFIG_MISTAKE_COUNT_MAX];
};

enum pos_config_kind {
    POS_CONFIG_NUMBER, /* uint16_t or uint32_t, by `size` */
    POS_CONFIG_TEXT,   /* char[size] */
    POS_CONFIG_CHOICE, /* an enum: the place of the text in `choices` */
    POS_CONFIG_GROUP,  /* keys in braces, in the same struct */
    POS_CONFIG_LIST,   /* groups in parentheses: an array of structs and its count */
};

/* One key of a group; a table ends with a NULL name. Made by the macros below. */
struct pos_config_key {
    const char *name;
    enum pos_config_kind kind;
    size_t offset; /* of the member in the group's struct; of the array for LIST */
    size_t size;   /* of the member, or of one element for LIST */
    const char *about;
    /* NUMBER */
    uint32_t number, minimum, maximum;
    const char *unit; /* "ms", "bytes"; "" for a bare count */
    /* TEXT and CHOICE: the default */
    const char *text;
    /* TEXT: false with a reason, behind the setting's name, when the text is not acceptable; may be
     * NULL */
    bool (*accept)(const char *text, struct pos_buffer *reason);
    bool may_be_empty;          /* TEXT: "" is a value, and not asked about */
    const char *const *choices; /* CHOICE; NULL ends */
    /* GROUP and LIST */
    const struct pos_config_key *keys;
    /* LIST */
    size_t count_offset; /* of a uint32_t: how many elements there are */
    size_t line_offset;  /* in an element, of a uint32_t: its line in the file, 0 for a default */
    uint32_t default_count, count_min, count_max;
};

/* `holder` is the struct that the table fills. */
#define POS_CONFIG_MEMBER_NUMBER(holder, member, standard, from, to, of, words)                    \
    .kind = POS_CONFIG_NUMBER, .offset = offsetof(holder, member),                                 \
    .size = sizeof(((holder *)0)->member), .number = (standard), .minimum = (from),                \
    .maximum = (to), .unit = (of), .about = (words)
#define POS_CONFIG_MEMBER_TEXT(holder, member, standard, check, words)                             \
    .kind = POS_CONFIG_TEXT, .offset = offsetof(holder, member),                                   \
    .size = sizeof(((holder *)0)->member), .text = (standard), .accept = (check), .about = (words)
#define POS_CONFIG_MEMBER_CHOICE(holder, member, standard, from, words)                            \
    .kind = POS_CONFIG_CHOICE, .offset = offsetof(holder, member),                                 \
    .size = sizeof(((holder *)0)->member), .text = (standard), .choices = (from), .about = (words)

/* Fills *settings, which the top table describes, with the defaults. */
void pos_config_defaults(const struct pos_config_key *keys, void *settings);

/*
 * Defaults, then the file over them. POS_ERR_CONFIG when report->count is not 0; *settings then
 * holds what could be read and must not be used. A file that cannot be opened is a mistake too.
 */
POS_MUST_USE enum pos_status pos_config_read(const char *path, const struct pos_config_key *keys,
                                             void *settings, struct pos_config_report *report);

/* Adds a mistake, kept in order of lines: for rules between keys, which a table cannot say. */
void pos_config_mistake(struct pos_config_report *report, uint32_t line, const char *format, ...)
    POS_PRINTF(3, 4);

/* "FILE:LINE: text" and a newline for each mistake, and how many were left out. */
void pos_config_report_format(const struct pos_config_report *report, struct pos_buffer *out);

/* Writes *settings as a file with each key's meaning, unit, range and default as comments. A list
 * without elements is followed by a commented example of one. */
void pos_config_dump(const struct pos_config_key *keys, const void *settings,
                     struct pos_buffer *out);

/* For `accept`: letters, digits, - and _, which may go into logs, records and labels as they are.
 */
bool pos_config_accept_name(const char *text, struct pos_buffer *reason);

#endif
