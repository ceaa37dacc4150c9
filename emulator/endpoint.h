/* HOST:PORT and other values as they are written on a command line. */
#ifndef POS_EMULATOR_ENDPOINT_H
#define POS_EMULATOR_ENDPOINT_H

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/wire/dialect.h"

struct pos_endpoint {
    char host[POS_ADDRESS_SIZE_MAX]; /* "127.0.0.1", "::1" (written [::1]) */
    uint16_t port;
};

/* Numeric addresses only: nothing here waits for a name service. POS_ERR_USAGE. */
POS_MUST_USE enum pos_status pos_endpoint_parse(const char *text, struct pos_endpoint *address,
                                                struct pos_error *error);

/* A dialect's name. POS_ERR_USAGE says which there are. */
POS_MUST_USE enum pos_status pos_dialect_parse(const char *text, const struct pos_dialect **dialect,
                                               struct pos_error *error);

/* Exactly 2 * size hexadecimal digits. POS_ERR_USAGE. */
POS_MUST_USE enum pos_status pos_bytes_parse(const char *text, size_t size, uint8_t *bytes,
                                             struct pos_error *error);

#endif
