/* Known answers, from the files of tests/vectors and from text in the tests. */
#ifndef TESTS_CORE_CRYPTO_VECTORS_H
#define TESTS_CORE_CRYPTO_VECTORS_H

#include <jansson.h>

#include "core/base/bytes.h"

enum { VECTOR_SIZE_MAX = 512 };

struct vector {
    size_t size;
    uint8_t data[VECTOR_SIZE_MAX];
};

/* The test ends when the text is not hexadecimal or too long. */
struct vector vector_hex(const char *text);
struct pos_bytes vector_view(const struct vector *vector);

/* The file "tests/vectors/<name>"; the caller's to json_decref. */
json_t *vectors_load(const char *name);
const char *vectors_text(const json_t *object, const char *key);

#endif
