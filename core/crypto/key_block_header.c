#include "core/crypto/key_block_header.h"

#include <assert.h>
#include <string.h>

#include "core/base/hex.h"

enum {
    ID_SIZE = 2,
    LENGTH_SIZE = 2,
    BLOCK_HEAD_SIZE = ID_SIZE + LENGTH_SIZE,
    METHOD_SIZE = 2,
    BLOCK_LENGTH_SIZE = 4, /* digits of a block's length, and of its count of optional blocks */
    BLOCK_COUNT_SIZE = 2,
    /* Of the shortest block, version A: a header, two blocks of data and 4 bytes of MAC. */
    CHARACTERS_MIN = POS_KEY_BLOCK_HEADER_SIZE + 2 * 2 * 8 + 2 * 4,
};

static const struct pos_key_block_version versions[] = {
    {.letter = 'A', .tdes = true, .variant = true, .block_size = 8, .mac_size = 4},
    {.letter = 'B', .tdes = true, .variant = false, .block_size = 8, .mac_size = 8},
    {.letter = 'C', .tdes = true, .variant = true, .block_size = 8, .mac_size = 4},
    {.letter = 'D',
     .tdes = false,
     .variant = false,
     .block_size = 16,
     .mac_size = POS_KEY_BLOCK_D_MAC_SIZE},
};

const struct pos_key_block_version *pos_key_block_version(char letter)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (versions[i].letter == letter)
            return &versions[i];
    return NULL;
}

/* ---- reading ---- */

static int upper_hex_digit(uint8_t character)
{
    return character >= 'a' ? -1 : pos_hex_digit(character);
}

/* Decimal for digit_base 10, upper-case hexadecimal for 16; -1 when it is not a number. */
static int read_number(struct pos_bytes text, int digit_base)
{
    int value = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = upper_hex_digit(text.data[i]);
        if (digit < 0 || digit >= digit_base)
            return -1;
        value = value * digit_base + digit;
    }
    return text.size == 0 ? -1 : value;
}

static bool all_upper_hex(struct pos_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (upper_hex_digit(text.data[i]) < 0)
            return false;
    return true;
}

static bool all_printable(struct pos_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7E)
            return false;
    return true;
}

/* KC: method 00 (zeros encrypted) or 01 (CMAC), then the value, 3 to 5 bytes. */
static bool read_check_value(struct pos_bytes content, struct pos_kcv *kcv)
{
    if (content.size < METHOD_SIZE || !all_upper_hex(content))
        return false;
    int method = read_number(pos_bytes(content.data, METHOD_SIZE), 16);
    size_t size = (content.size - METHOD_SIZE) / 2;
    if (method > 1 || size < POS_KCV_SIZE_MIN || size > POS_KCV_SIZE_MAX)
        return false;
    kcv->method = method == 0 ? POS_KCV_ZEROS : POS_KCV_CMAC;
    kcv->size = (uint8_t)size;
    return pos_hex_decode(pos_bytes(content.data + METHOD_SIZE, content.size - METHOD_SIZE),
                          kcv->data, size) == POS_OK;
}

/* The length of an optional block counts its ID and itself. 00 announces the long form: the count
 * of length bytes (01 or 02), then the length. -1 when it is neither. */
static int read_block_length(struct pos_cursor *rest)
{
    int length = read_number(pos_cursor_take(rest, LENGTH_SIZE), 16);
    if (length != 0)
        return length;
    int byte_count = read_number(pos_cursor_take(rest, LENGTH_SIZE), 16);
    if (byte_count != 1 && byte_count != 2)
        return -1;
    return read_number(pos_cursor_take(rest, 2 * (size_t)byte_count), 16);
}

/* KC and KP come once at the most: of two, the one that is not looked at could say anything. */
static bool take_optional_block(struct pos_bytes id, struct pos_bytes content,
                                struct pos_key_block_parts *parts)
{
    struct pos_kcv *kcv = pos_bytes_equal_text(id, "KC")   ? &parts->kc
                          : pos_bytes_equal_text(id, "KP") ? &parts->kp
                                                           : NULL;
    if (kcv == NULL)
        return true;
    return kcv->method == POS_KCV_NONE && read_check_value(content, kcv);
}

static bool read_optional_block(struct pos_cursor *rest, struct pos_bytes *id,
                                struct pos_key_block_parts *parts)
{
    size_t start = rest->offset;
    *id = pos_cursor_take(rest, ID_SIZE);
    if (!all_printable(*id))
        *id = pos_bytes(NULL, 0);
    int length = read_block_length(rest);
    size_t head_size = rest->offset - start;
    if (rest->failed || length < 0 || (size_t)length < head_size || id->size == 0)
        return false;
    struct pos_bytes content = pos_cursor_take(rest, (size_t)length - head_size);
    return !rest->failed && all_printable(content) && take_optional_block(*id, content, parts);
}

static enum pos_status read_optional_blocks(struct pos_cursor *rest, size_t count,
                                            struct pos_key_block_parts *parts,
                                            struct pos_error *error)
{
    size_t start = rest->offset;
    for (size_t i = 0; i < count; i++) {
        struct pos_bytes id;
        if (!read_optional_block(rest, &id, parts))
            return pos_error_set(
                error, POS_ERR_FORMAT, "key block: optional block %zu, %.*s, is not well formed",
                i + 1, id.size == 0 ? 1 : (int)id.size, id.size == 0 ? "?" : (const char *)id.data);
    }
    size_t alignment = parts->version->block_size;
    if ((rest->offset - start) % alignment != 0)
        return pos_error_set(
            error, POS_ERR_FORMAT,
            "key block: optional blocks do not end at a multiple of %zu characters", alignment);
    return POS_OK;
}

/* Reads the 16 characters; *count is that of the optional blocks. */
static enum pos_status read_header(struct pos_cursor *rest, struct pos_key_block_parts *parts,
                                   size_t *count, struct pos_error *error)
{
    size_t size = rest->bytes.size;
    struct pos_bytes header = pos_cursor_take(rest, POS_KEY_BLOCK_HEADER_SIZE);
    if (size < CHARACTERS_MIN || size > POS_KEY_BLOCK_SIZE_MAX)
        return pos_error_set(error, POS_ERR_FORMAT,
                             "key block: length of %zu characters, %d to %d are possible", size,
                             CHARACTERS_MIN, POS_KEY_BLOCK_SIZE_MAX);
    const uint8_t *h = header.data;
    parts->version = pos_key_block_version((char)h[0]);
    if (!all_printable(header) || parts->version == NULL)
        return pos_error_set(error, POS_ERR_FORMAT,
                             "key block: not of version A, B, C or D, which are read");
    if (read_number(pos_bytes(h + 1, 4), 10) != (int)size)
        return pos_error_set(error, POS_ERR_FORMAT,
                             "key block: length in its header is not %zu characters", size);
    int block_count = read_number(pos_bytes(h + 12, 2), 10);
    if (block_count < 0)
        return pos_error_set(error, POS_ERR_FORMAT, "key block: count of optional blocks");
    if (h[14] != '0' || h[15] != '0')
        return pos_error_set(error, POS_ERR_FORMAT, "key block: reserved characters are not 00");
    *count = (size_t)block_count;
    parts->attributes = (struct pos_key_block_attributes){
        .usage = {(char)h[5], (char)h[6]},
        .algorithm = (char)h[7],
        .mode = (char)h[8],
        .version = {(char)h[9], (char)h[10]},
        .exportable = (char)h[11],
    };
    return POS_OK;
}

static enum pos_status read_encrypted_part(struct pos_cursor *rest,
                                           struct pos_key_block_parts *parts,
                                           struct pos_error *error)
{
    size_t left = rest->bytes.size - rest->offset;
    size_t mac_digits = 2 * parts->version->mac_size;
    size_t digits = left < mac_digits ? 0 : left - mac_digits;
    parts->ciphertext = pos_cursor_take(rest, digits);
    parts->mac = pos_cursor_take(rest, mac_digits);
    if (digits == 0 || digits % (2 * parts->version->block_size) != 0 ||
        !all_upper_hex(parts->ciphertext))
        return pos_error_set(error, POS_ERR_FORMAT,
                             "key block: encrypted part is not whole blocks of upper-case "
                             "hexadecimal");
    if (!all_upper_hex(parts->mac))
        return pos_error_set(error, POS_ERR_FORMAT, "key block: MAC is not upper-case hexadecimal");
    return POS_OK;
}

enum pos_status pos_key_block_split(struct pos_bytes block, struct pos_key_block_parts *parts,
                                    struct pos_error *error)
{
    *parts = (struct pos_key_block_parts){0};
    struct pos_cursor rest = pos_cursor(block);
    size_t count = 0;
    enum pos_status status = read_header(&rest, parts, &count, error);
    if (status == POS_OK)
        status = read_optional_blocks(&rest, count, parts, error);
    if (status != POS_OK)
        return status;
    parts->clear = pos_bytes(block.data, rest.offset);
    return read_encrypted_part(&rest, parts, error);
}

/* ---- writing ---- */

static size_t check_value_block_size(const struct pos_kcv *kcv)
{
    return kcv == NULL ? 0 : BLOCK_HEAD_SIZE + METHOD_SIZE + 2 * (size_t)kcv->size;
}

static void put_check_value(struct pos_buffer *out, const char *id, const struct pos_kcv *kcv)
{
    if (kcv == NULL)
        return;
    assert(kcv->method != POS_KCV_NONE && kcv->size <= POS_KCV_SIZE_MAX);
    char digits[2 * POS_KCV_SIZE_MAX + 1];
    pos_hex_encode(pos_bytes(kcv->data, kcv->size), digits);
    pos_buffer_format(out, "%s%02zX%s%s", id, check_value_block_size(kcv),
                      kcv->method == POS_KCV_ZEROS ? "00" : "01", digits);
}

/* Characters of PB that bring `size` to the alignment: none, or room for its own head at least. */
static size_t padding_block_size(size_t size, size_t alignment)
{
    size_t missing = (alignment - size % alignment) % alignment;
    return missing == 0 || missing >= BLOCK_HEAD_SIZE ? missing : missing + alignment;
}

static void put_padding(struct pos_buffer *out, size_t size)
{
    if (size == 0)
        return;
    pos_buffer_format(out, "PB%02zX", size);
    for (size_t i = BLOCK_HEAD_SIZE; i < size; i++)
        pos_buffer_put_u8(out, '0');
}

static void put_number(struct pos_buffer *out, size_t digit_count, size_t number)
{
    uint8_t digits[BLOCK_LENGTH_SIZE];
    assert(digit_count <= sizeof digits);
    for (size_t i = digit_count; i > 0; i--) {
        digits[i - 1] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    assert(number == 0);
    pos_buffer_put(out, pos_bytes(digits, digit_count));
}

/* Digit by digit: every key at rest has its header made again, and formatting it by printf took as
 * long as the ciphers. */
void pos_key_block_put_header(struct pos_buffer *out, const struct pos_key_block_version *version,
                              const struct pos_key_block_attributes *attributes,
                              const struct pos_key_block_optional *optional, size_t encrypted_size)
{
    static const struct pos_key_block_optional none;
    const struct pos_key_block_optional *o = optional == NULL ? &none : optional;
    size_t values_size = check_value_block_size(o->kc) + check_value_block_size(o->kp);
    size_t padding_size = padding_block_size(values_size, version->block_size);
    size_t total = POS_KEY_BLOCK_HEADER_SIZE + values_size + padding_size + encrypted_size;
    size_t count = (size_t)(o->kc != NULL) + (o->kp != NULL) + (padding_size > 0);
    const struct pos_key_block_attributes *a = attributes;
    pos_buffer_put_u8(out, (uint8_t)version->letter);
    put_number(out, BLOCK_LENGTH_SIZE, total);
    pos_buffer_put(out, pos_bytes(a->usage, sizeof a->usage));
    pos_buffer_put_u8(out, (uint8_t)a->algorithm);
    pos_buffer_put_u8(out, (uint8_t)a->mode);
    pos_buffer_put(out, pos_bytes(a->version, sizeof a->version));
    pos_buffer_put_u8(out, (uint8_t)a->exportable);
    put_number(out, BLOCK_COUNT_SIZE, count);
    pos_buffer_put_text(out, "00");
    put_check_value(out, "KC", o->kc);
    put_check_value(out, "KP", o->kp);
    put_padding(out, padding_size);
}
