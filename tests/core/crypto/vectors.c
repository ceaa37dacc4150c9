#include "tests/core/crypto/vectors.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/base/hex.h"

struct vector vector_hex(const char *text)
{
    struct vector made = {.size = strlen(text) / 2};
    cr_assert(made.size <= VECTOR_SIZE_MAX);
    cr_assert(pos_hex_decode(pos_bytes_text(text), made.data, made.size) == POS_OK, "%s", text);
    return made;
}

struct pos_bytes vector_view(const struct vector *vector)
{
    return pos_bytes(vector->data, vector->size);
}

json_t *vectors_load(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/%s", POSGATE_SOURCE_DIR, name);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    cr_assert(root != NULL, "%s: %s", path, error.text);
    return root;
}

const char *vectors_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    cr_assert(text != NULL, "no %s", key);
    return text;
}
