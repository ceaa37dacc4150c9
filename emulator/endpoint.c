#include "emulator/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/hex.h"

enum pos_status pos_number_parse(const char *text, uint64_t minimum, uint64_t maximum,
                                 uint64_t *number, struct pos_error *error)
{
    uint64_t value = 0;
    bool digits = text[0] != '\0' && strlen(text) <= 18;
    for (const char *c = text; digits && *c != '\0'; c++) {
        digits = *c >= '0' && *c <= '9';
        value = value * 10 + (uint64_t)(*c - '0');
    }
    if (!digits || value < minimum || value > maximum)
        return pos_error_set(error, POS_ERR_USAGE, "'%.32s' is not a number from %llu to %llu",
                             text, (unsigned long long)minimum, (unsigned long long)maximum);
    *number = value;
    return POS_OK;
}

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
    uint64_t port = 0;
    enum pos_status status = pos_number_parse(colon + 1, 0, UINT16_MAX, &port, error);
    if (status != POS_OK)
        return pos_error_prefix(error, "port of '%.64s'", text);
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
