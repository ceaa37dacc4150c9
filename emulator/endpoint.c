#include "emulator/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/base/option.h"

static bool numeric(const char *host)
{
    struct in6_addr room;
    return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1;
}

enum pos_status pos_endpoint_parse(const char *text, struct pos_endpoint *address,
                                   struct pos_error *error)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    const char *host = text;
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
        host++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof address->host)
        return pos_error_set(error, POS_ERR_USAGE, "'%.64s' is not ADDRESS:PORT", text);
    memcpy(address->host, host, size);
    address->host[size] = '\0';
    if (!numeric(address->host))
        return pos_error_set(error, POS_ERR_USAGE, "'%s' is not an IP address", address->host);
    uint64_t port;
    if (!pos_number_parse(colon + 1, &port) || port > UINT16_MAX)
        return pos_error_set(error, POS_ERR_USAGE, "'%.64s' has no port of 0 to %d", text,
                             UINT16_MAX);
    address->port = (uint16_t)port;
    return POS_OK;
}

enum pos_status pos_dialect_parse(const char *text, const struct pos_dialect **dialect,
                                  struct pos_error *error)
{
    char memory[128];
    struct pos_buffer names = pos_buffer(memory, sizeof memory);
    *dialect = pos_dialect_find(pos_bytes_text(text));
    if (*dialect != NULL)
        return POS_OK;
    pos_dialect_names(&names);
    return pos_error_set(error, POS_ERR_USAGE, "there is no dialect '%.32s'; there are %.*s", text,
                         (int)names.size, memory);
}

enum pos_status pos_bytes_parse(const char *text, size_t size, uint8_t *bytes,
                                struct pos_error *error)
{
    if (pos_hex_decode(pos_bytes_text(text), bytes, size) == POS_OK)
        return POS_OK;
    return pos_error_set(error, POS_ERR_USAGE, "'%.32s' is not %zu hexadecimal digits", text,
                         2 * size);
}
