/* A small table of every kind of key, and a file to read it from. */
#ifndef POS_TESTS_CONFIG_SAMPLE_H
#define POS_TESTS_CONFIG_SAMPLE_H

#include "core/config/config.h"

enum colour { COLOUR_RED, COLOUR_GREEN };
enum { SAMPLE_ITEM_COUNT_MAX = 3 };

struct sample_item {
    uint32_t line;
    char name[8];
    uint16_t port;
};

struct sample {
    uint32_t timeout_ms;
    uint16_t port;
    char title[16];
    enum colour colour;
    char note[8]; /* may be empty */
    struct {
        uint32_t depth;
    } inner;
    struct sample_item items[SAMPLE_ITEM_COUNT_MAX];
    uint32_t item_count;
};

extern const struct pos_config_key sample_keys[];

/* Reads `text` as a file. */
enum pos_status sample_read(const char *text, struct sample *sample,
                            struct pos_config_report *report);

#endif
