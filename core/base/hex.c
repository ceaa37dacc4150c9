#include "core/base/hex.h"

void pos_hex_encode(struct pos_bytes bytes, char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    text[2 * bytes.size] = '\0';
}

int pos_hex_digit(uint8_t character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return -1;
}

enum pos_status pos_hex_decode(struct pos_bytes text, uint8_t *out, size_t out_size)
{
    if (text.size != 2 * out_size)
        return POS_ERR_FORMAT;
    for (size_t i = 0; i < out_size; i++) {
        int high = pos_hex_digit(text.data[2 * i]);
        int low = pos_hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return POS_ERR_FORMAT;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return POS_OK;
}
