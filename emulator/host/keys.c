#include "emulator/host/keys.h"

#include <string.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"

struct pos_host_keys {
    enum pos_algorithm zpk_algorithm; /* NONE: there is no ZPK */
    uint8_t zpk[POS_KEY_SIZE_MAX];
    struct pos_mac *mac; /* NULL: there is no ZAK */
};

/* ---- files ---- */

/* "T2 0123...", with or without a line end. */
static bool parse_key(struct pos_bytes text, enum pos_algorithm *algorithm, uint8_t *key)
{
    struct pos_bytes digits = pos_bytes_without_line_end(text);
    *algorithm = pos_algorithm_parse(pos_bytes_split(&digits, ' '));
    return *algorithm != POS_ALGORITHM_NONE &&
           pos_hex_decode(digits, key, pos_algorithm_key_size(*algorithm)) == POS_OK;
}

static enum pos_status read_key(const char *path, enum pos_algorithm *algorithm, uint8_t *key,
                                struct pos_error *error)
{
    enum { FILE_SIZE_MAX = 128 };
    uint8_t *data;
    size_t size;
    enum pos_status status = pos_file_read_secret(path, FILE_SIZE_MAX, &data, &size, error);
    if (status != POS_OK)
        return status;
    bool good = parse_key(pos_bytes(data, size), algorithm, key);
    pos_secret_destroy(data, size + 1);
    if (good)
        return POS_OK;
    return pos_error_set(error, POS_ERR_FORMAT,
                         "%s is not one line of algorithm (T2, T3, A128, A256 or SM4), a space and "
                         "the key's hexadecimal digits",
                         path);
}

static enum pos_status read_zak(const char *path, struct pos_host_keys *keys,
                                struct pos_error *error)
{
    enum pos_algorithm algorithm;
    uint8_t key[POS_KEY_SIZE_MAX];
    enum pos_status status = read_key(path, &algorithm, key, error);
    if (status != POS_OK)
        return status;
    status = pos_mac_create(algorithm == POS_ALGORITHM_T2 ? POS_MAC_RETAIL : POS_MAC_CMAC,
                            algorithm, key, &keys->mac);
    pos_secret_wipe(key, sizeof key);
    return status == POS_OK ? status
                            : pos_error_set(error, status, "%s: %s", path, pos_status_text(status));
}

enum pos_status pos_host_keys_open(const char *zpk_path, const char *zak_path,
                                   struct pos_host_keys **keys, struct pos_error *error)
{
    struct pos_host_keys *opened = pos_secret_create(sizeof *opened);
    enum pos_status status = POS_OK;
    *keys = NULL;
    if (opened == NULL)
        return pos_error_set(error, POS_ERR_MEMORY, "no locked memory for the host's keys");
    if (zpk_path != NULL)
        status = read_key(zpk_path, &opened->zpk_algorithm, opened->zpk, error);
    if (status == POS_OK && zak_path != NULL)
        status = read_zak(zak_path, opened, error);
    if (status == POS_OK)
        *keys = opened;
    else
        pos_host_keys_close(opened);
    return status;
}

void pos_host_keys_close(struct pos_host_keys *keys)
{
    if (keys == NULL)
        return;
    pos_mac_destroy(keys->mac);
    pos_secret_destroy(keys, sizeof *keys);
}

/* ---- PINs ---- */

/* UnionPay's field 53 begins with 1 for a block without a PAN in it and 2 for one with; elsewhere
 * its first two digits are the format; without it, 0. */
static enum pos_pin_format format_of(const struct pos_message *message)
{
    char text[16];
    struct pos_bytes value = pos_message_value(message, 53, text, sizeof text);
    if (value.size < 2)
        return POS_PIN_FORMAT_0;
    if (message->dialect->bare_keys && text[0] == '1')
        return POS_PIN_FORMAT_1;
    if (message->dialect->bare_keys)
        return text[0] == '2' ? POS_PIN_FORMAT_0 : POS_PIN_FORMAT_COUNT;
    if (text[0] != '0' || text[1] < '0' || text[1] >= '0' + POS_PIN_FORMAT_COUNT)
        return POS_PIN_FORMAT_COUNT;
    return (enum pos_pin_format)(text[1] - '0');
}

/* Field 59 is a run of tag (2), length (3 digits) and value; empty without an A1. */
static struct pos_bytes find_tag_a1(struct pos_bytes field)
{
    while (field.size >= 5) {
        size_t size = 0;
        for (size_t i = 2; i < 5; i++) {
            if (field.data[i] < '0' || field.data[i] > '9')
                return pos_bytes(NULL, 0);
            size = size * 10 + (size_t)(field.data[i] - '0');
        }
        if (size > field.size - 5)
            return pos_bytes(NULL, 0);
        if (memcmp(field.data, "A1", 2) == 0)
            return pos_bytes(field.data + 5, size);
        field = pos_bytes(field.data + 5 + size, field.size - 5 - size);
    }
    return pos_bytes(NULL, 0);
}

/* The block and its size; 0 when there is none. */
static size_t find_block(const struct pos_message *message, uint8_t block[POS_PIN_BLOCK_SIZE_MAX],
                         enum pos_pin_format *format)
{
    if (pos_message_has(message, 52)) {
        *format = format_of(message);
        return pos_message_value(message, 52, block, POS_PIN_BLOCK_SIZE_MAX).size;
    }
    struct pos_bytes digits = find_tag_a1(pos_message_raw(message, 59));
    *format = POS_PIN_FORMAT_4;
    if (digits.size != 2 * POS_PIN_BLOCK_SIZE_MAX ||
        pos_hex_decode(digits, block, POS_PIN_BLOCK_SIZE_MAX) != POS_OK)
        return 0;
    return POS_PIN_BLOCK_SIZE_MAX;
}

/* The card number, from field 2 or from the front of field 35. */
static struct pos_bytes find_pan(const struct pos_message *message, char text[40])
{
    struct pos_bytes value = pos_message_value(message, 2, text, 39);
    if (value.size == 0)
        value = pos_message_value(message, 35, text, 39);
    size_t size = 0;
    while (size < value.size && text[size] != '=')
        size++;
    return pos_bytes(text, size);
}

enum pos_host_pin pos_host_keys_open_pin(const struct pos_host_keys *keys,
                                         const struct pos_message *message, struct pos_pin *pin,
                                         enum pos_pin_format *format)
{
    uint8_t block[POS_PIN_BLOCK_SIZE_MAX];
    char pan[40];
    *pin = (struct pos_pin){0};
    if (keys == NULL || keys->zpk_algorithm == POS_ALGORITHM_NONE)
        return POS_HOST_PIN_NONE;
    size_t size = find_block(message, block, format);
    if (size == 0)
        return POS_HOST_PIN_NONE;
    enum pos_status status =
        pos_pin_block_open(*format, keys->zpk_algorithm, keys->zpk, find_pan(message, pan),
                           pos_bytes(block, size), pin);
    return status == POS_OK ? POS_HOST_PIN_OPENED : POS_HOST_PIN_WRONG;
}

/* ---- MACs ---- */

bool pos_host_keys_have_mac(const struct pos_host_keys *keys)
{
    return keys != NULL && keys->mac != NULL;
}

bool pos_host_keys_mac_is_good(const struct pos_host_keys *keys, const struct pos_message *message)
{
    struct pos_bytes covered;
    uint8_t got[POS_MAC_SIZE], expected[POS_MAC_FULL_SIZE_MAX];
    return pos_message_mac(message, &covered, got) == POS_OK &&
           pos_mac_compute(keys->mac, covered, expected) == POS_OK &&
           pos_secret_equal(got, expected, POS_MAC_SIZE);
}

enum pos_status pos_host_keys_put_mac(const struct pos_host_keys *keys,
                                      const struct pos_encoded *encoded)
{
    uint8_t mac[POS_MAC_FULL_SIZE_MAX];
    enum pos_status status = pos_mac_compute(keys->mac, encoded->covered, mac);
    if (status == POS_OK)
        pos_encoded_set_mac(encoded, mac);
    return status;
}
