#include "core/hsm/component_text.h"

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"

enum { COMPONENT_FILE_SIZE_MAX = 256 };

enum pos_status pos_component_parse(struct pos_bytes text, enum pos_algorithm algorithm,
                                    struct pos_component *component, struct pos_error *error)
{
    size_t digits_due = 2 * pos_algorithm_key_size(algorithm), digits = 0;
    *component = (struct pos_component){.size = (uint8_t)(digits_due / 2)};
    text = pos_bytes_without_line_end(text);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ')
            continue;
        int value = pos_hex_digit(text.data[i]);
        if (value < 0)
            return pos_error_set(error, POS_ERR_USAGE,
                                 "character %zu is not a hex digit (0-9, A-F)", i + 1);
        if (digits < digits_due)
            component->data[digits / 2] =
                (uint8_t)(component->data[digits / 2] << 4 | (uint8_t)value);
        digits++;
    }
    if (digits != digits_due)
        return pos_error_set(error, POS_ERR_USAGE, "%zu hex digits, a component of %s has %zu",
                             digits, pos_algorithm_name(algorithm), digits_due);
    return POS_OK;
}

enum pos_status pos_component_read(const char *path, enum pos_algorithm algorithm,
                                   struct pos_component *component, struct pos_error *error)
{
    uint8_t *data;
    size_t size;
    enum pos_status status =
        pos_file_read_secret(path, COMPONENT_FILE_SIZE_MAX, &data, &size, error);
    if (status != POS_OK)
        return status;
    status = pos_component_parse(pos_bytes(data, size), algorithm, component, error);
    pos_secret_destroy(data, size + 1);
    return status == POS_OK ? POS_OK : pos_error_prefix(error, "component file %s", path);
}

const char *pos_component_parity(const struct pos_component *component,
                                 enum pos_algorithm algorithm)
{
    size_t odd = 0;
    if (algorithm != POS_ALGORITHM_T2 && algorithm != POS_ALGORITHM_T3)
        return "-";
    for (size_t i = 0; i < component->size; i++)
        odd += (size_t)__builtin_parity(component->data[i]);
    if (odd == component->size)
        return "odd";
    return odd == 0 ? "even" : "mixed";
}
