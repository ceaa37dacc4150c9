#include "core/base/smn.h"

#include <stdio.h>
#include <string.h>

static bool serial_character(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool pos_serial_valid(struct pos_bytes serial)
{
    if (serial.size != POS_SERIAL_SIZE)
        return false;
    for (size_t i = 0; i < serial.size; i++)
        if (!serial_character(serial.data[i]))
            return false;
    return true;
}

enum pos_status pos_smn_form(struct pos_bytes serial, uint64_t key_index, struct pos_smn *smn,
                             struct pos_error *error)
{
    if (serial.size != POS_SERIAL_SIZE)
        return pos_error_set(error, POS_ERR_FORMAT,
                             "serial has %zu characters; it must have exactly %d of A-Z and 0-9",
                             serial.size, POS_SERIAL_SIZE);
    if (!pos_serial_valid(serial))
        return pos_error_set(error, POS_ERR_FORMAT,
                             "serial has a character that is not A-Z or 0-9");
    if (key_index < POS_KEY_INDEX_MIN || key_index > POS_KEY_INDEX_MAX)
        return pos_error_set(error, POS_ERR_LENGTH, "key index %llu is not between %d and %d",
                             (unsigned long long)key_index, POS_KEY_INDEX_MIN, POS_KEY_INDEX_MAX);
    memcpy(smn->text, serial.data, POS_SERIAL_SIZE);
    (void)snprintf(smn->text + POS_SERIAL_SIZE, POS_KEY_INDEX_DIGITS + 1, "%08u",
                   (unsigned)key_index % 100000000u);
    return POS_OK;
}

enum pos_status pos_smn_parse(struct pos_bytes text, struct pos_smn *smn)
{
    if (text.size != POS_SMN_SIZE || !pos_serial_valid(pos_bytes(text.data, POS_SERIAL_SIZE)))
        return POS_ERR_FORMAT;
    for (size_t i = POS_SERIAL_SIZE; i < POS_SMN_SIZE; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return POS_ERR_FORMAT;
    memcpy(smn->text, text.data, POS_SMN_SIZE);
    smn->text[POS_SMN_SIZE] = '\0';
    return POS_OK;
}

uint32_t pos_smn_key_index(const struct pos_smn *smn)
{
    uint32_t index = 0;
    for (size_t i = POS_SERIAL_SIZE; i < POS_SMN_SIZE; i++)
        index = index * 10 + (uint32_t)(smn->text[i] - '0');
    return index;
}
